// The wall: fills the frame of wall.html with figures, alarms, a chart and the map, and changes scenes.
'use strict';
(() => {
  const COLOUR = {0: '#5d7088', 1: '#3fc5b6', 2: '#ffb833', 3: '#ff5c6c', 4: '#8291a6', 5: '#a9b8ff', 6: '#8291a6'};
  const $ = id => document.getElementById(id);
  let scene = null, map = null, turned = 0;

  function start() {
    if (!$('wall')) return;
    const scenes = Object.keys(IOC.facts.scenes);
    scene = IOC.facts.scene || scenes[0] || null;
    map = new IOC.Map($('map'), {wall: true, domains: scene ? IOC.facts.scenes[scene].domains : []});
    map.legend($('legend')); tabs(scenes); show();
    IOC.live.on('registry', () => { map.registry(); map.count(); });
    IOC.live.on('points', change => { map.update(change); map.count(); });
    IOC.live.on('events', message => { map.events.show(message.events); map.count(); });
    IOC.live.on('board', () => figures());
    IOC.live.on('traces', () => { sparks(); chart(); });
    IOC.live.on('alarms', alarms);
    IOC.live.on('feeds', feeds);
    setInterval(ages, 1000); setInterval(rotate, 1000);
    new ResizeObserver(() => { chart(); if (IOC.live.texts.alarms) alarms(IOC.live.texts.alarms); }).observe(document.body);
  }

  function tabs(scenes) {
    if (scenes.length < 2) return;
    $('scenes').replaceChildren(...scenes.map(key => {
      const tab = IOC.make('a', '', IOC.say(IOC.facts.scenes[key].title));
      tab.href = '/wall/' + encodeURIComponent(key); tab.dataset.scene = key;
      tab.addEventListener('click', event => { event.preventDefault(); go(key); history.replaceState(null, '', tab.href); IOC.facts.scene = key; });
      return tab;
    }));
  }

  function go(key) {
    scene = key; turned = performance.now();
    map.choose(IOC.facts.scenes[key].domains);
    show();
  }

  function show() {
    turned = performance.now();
    for (const tab of $('scenes').children) tab.toggleAttribute('aria-current', tab.dataset.scene === scene);
    $('wall').classList.toggle('no-chart', !scene || !IOC.facts.scenes[scene].chart);
    $('wall').classList.toggle('no-figures', !scene || !IOC.facts.scenes[scene].tiles);
    $('figures').replaceChildren();
    figures(); sparks(); chart(); map.count();
    if (IOC.live.texts.alarms) alarms(IOC.live.texts.alarms);
  }

  // A wall opened as /wall turns by itself; one opened as /wall/scene stays.
  function rotate() {
    const scenes = Object.keys(IOC.facts.scenes), every = scene && IOC.facts.scenes[scene].rotate;
    if (IOC.facts.scene || !every || scenes.length < 2 || performance.now() - turned < every * 1000) return;
    go(scenes[(scenes.indexOf(scene) + 1) % scenes.length]);
  }

  function tile(i) {
    const el = IOC.make('section', 'panel figure');
    el.append(IOC.make('h2', 'label'), IOC.make('span', 'word'), IOC.make('div', 'value num'), document.createElementNS('http://www.w3.org/2000/svg', 'svg'), IOC.make('div', 'note'));
    el.children[2].append(document.createTextNode(''), IOC.make('small'));
    el.children[3].setAttribute('aria-hidden', 'true');
    el.dataset.i = i;
    return el;
  }

  function figures() {
    const board = IOC.live.texts.board, found = board && scene ? board.scenes[scene] || [] : [], box = $('figures');
    while (box.children.length > found.length) box.lastChild.remove();
    while (box.children.length < found.length) box.append(tile(box.children.length));
    box.classList.toggle('many', found.length > 7);
    found.forEach((f, i) => {
      const el = box.children[i], [label, word, value, , note] = el.children, look = IOC.LOOK[f.state];
      el.className = 'panel figure ' + look.name;
      IOC.text(label, IOC.say(f.title));
      IOC.text(word, (look.sign ? look.sign + ' ' : '') + IOC.word('state.' + f.state));
      const shown = f.said ? IOC.say(f.said) : IOC.number(f.value, f.decimals);
      if (value.firstChild.nodeValue !== shown) value.firstChild.nodeValue = shown;
      IOC.text(value.lastChild, f.said ? '' : f.unit);
      IOC.text(note, under(f));
      if (el.dataset.state !== String(f.state)) { el.dataset.state = f.state; spark(i); }
    });
  }

  function under(f) {
    if (f.state === 4 || f.state === 6 || f.state === 0) return f.time ? IOC.word('figure.last', {time: IOC.clock(f.time * 1000), age: IOC.age(IOC.live.now() / 1000 - f.time)}) : IOC.word('figure.none');
    const parts = [];
    if (f.level) parts.push(IOC.say(f.level.name) + ': ' + IOC.number(f.level.value, f.decimals) + (f.unit ? ' ' + f.unit : ''));
    if (IOC.say(f.note)) parts.push(IOC.say(f.note));
    if (f.of > 1 && parts.length < 2) parts.push(IOC.word('figure.of', {fresh: IOC.number(f.fresh, 0), of: IOC.number(f.of, 0)}));
    return parts.join(' · ');
  }

  function spark(i) {
    const traces = IOC.live.texts.traces, el = $('figures').children[i];
    const points = traces && scene && traces.scenes[scene] ? traces.scenes[scene].sparks[i] || [] : [];
    if (el) IOC.draw.spark(el.children[3], points, COLOUR[el.dataset.state || 1]);
  }
  const sparks = () => { for (let i = 0; i < $('figures').children.length; i++) spark(i); };

  function chart() {
    const traces = IOC.live.texts.traces, data = traces && scene && traces.scenes[scene] && traces.scenes[scene].chart;
    if (!data) { $('plot').replaceChildren(); return; }
    IOC.text('chart-title', IOC.say(data.title) + (data.unit ? ' (' + data.unit + ')' : ''));
    IOC.draw.key($('chart-key'), data.lines.length > 1 ? data.lines : []);
    IOC.draw.chart($('plot'), data, IOC.live.now());
  }

  function alarms(message) {
    const mine = scene ? new Set(IOC.facts.scenes[scene].domains) : new Set(), list = $('alarm-list');
    const active = message.alarms.filter(a => a.condition !== 'false').concat(message.alarms.filter(a => a.condition === 'false'));
    const sum = s => Object.values(message.counts).reduce((n, states) => n + (states[s] || 0), 0), crit = sum(3), warn = sum(2);
    const said = crit + warn ? [IOC.word('alarms.count', {crit: IOC.number(crit, 0), warn: IOC.number(warn, 0)})] : [];
    if (message.aside) said.push(IOC.word('alarms.aside', {n: IOC.number(message.aside, 0)}));
    IOC.text('alarm-count', said.join(' · '));
    const row = parseFloat(getComputedStyle(document.documentElement).fontSize) * 4.35, phone = innerWidth < 1000;
    const room = phone ? 30 : Math.max(1, Math.floor(list.clientHeight / row) - (active.length * row > list.clientHeight ? 1 : 0));
    const rows = active.slice(0, room).map(a => alarm(a, mine));
    if (!active.length) rows.push(IOC.make('li', 'quiet', IOC.word('alarms.none')));
    if (active.length > room) rows.push(IOC.make('li', 'more', IOC.word('alarms.more', {n: IOC.number(message.total - room, 0)})));
    list.replaceChildren(...rows);
    ages();
    if (map) { map.showAlarms(message.alarms); map.count(); }
  }

  function alarm(a, mine) {
    const over = a.condition === 'false', look = over ? {sign: '✓', name: 'over'} : a.condition !== 'true' ? {sign: '?', name: 'old'} : IOC.LOOK[a.state];
    const el = IOC.make('li', 'alarm ' + look.name + (a.acked ? ' acked' : '') + (mine.size && !mine.has(a.domain) ? ' other' : ''));
    const value = a.said ? IOC.say(a.said) : a.value === null || a.value === undefined ? '' : IOC.number(a.value, a.decimals || 0) + (a.unit ? ' ' + a.unit : '');
    const ago = IOC.make('span', 'ago num'); ago.dataset.at = a.opened;
    const domain = IOC.facts.domains[a.domain];
    el.append(IOC.make('span', 'sign', look.sign), IOC.make('b', 'what', IOC.say(a.rule)), ago,
      IOC.make('span', 'where', [value, IOC.say(a.sensor) || IOC.say(a.feed)].filter(Boolean).join(' · ')),
      IOC.make('span', 'field', a.acked ? IOC.word('alarms.acked') : domain ? IOC.say(domain.name) : ''));
    return el;
  }

  function ages() {
    const now = IOC.live.now();
    for (const el of document.querySelectorAll('.ago')) IOC.text(el, IOC.age((now - el.dataset.at) / 1000));
  }

  function feeds(message) {
    const now = IOC.live.now() * 1000, heard = message.feeds.filter(f => f.heard), silent = message.feeds.filter(f => !f.heard || (f.silent_after && now - f.heard > f.silent_after * 1e6));
    const ingest = message.processes.find(p => p.name.startsWith('ingest')), alive = ingest && now - ingest.beat < 30e6;
    $('heart').dataset.state = silent.length || (ingest && !alive) ? 'warn' : 'ok';
    IOC.text('heart-text', ingest && !alive ? IOC.word('feeds.stopped') : IOC.word('feeds.heard', {n: IOC.number(message.feeds.length - silent.length, 0), of: IOC.number(message.feeds.length, 0)}));
    $('heart').title = silent.map(f => IOC.say(f.name)).join(', ') || (heard.length ? '' : '–');
  }

  document.addEventListener('DOMContentLoaded', start);
})();
