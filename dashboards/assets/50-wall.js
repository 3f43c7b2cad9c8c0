// The wall: shows one scene's widgets on its grid, turns the scenes by the server's clock, and looks after itself.
'use strict';
(() => {
  const MEMORY = 700e6, REST = 600000; // bytes of scripts above which a wall loads itself anew, at most every ten minutes
  const TURN = 45, DAY = 86400000; // seconds that a chosen scene is shown which does not say itself; ms
  const $ = id => document.getElementById(id), began = performance.now();
  let scene = null, boxes = [], wanted = null, part = 0;
  let order = null, picked = null, loaded = null; // of a paired screen: what an administrator chose; who pressed a tab meanwhile

  function start() {
    if (!$('wall')) return;
    wanted = IOC.facts.scene || null;
    order = IOC.facts.display || null; loaded = order && order.reloads;
    tabs(Object.keys(IOC.facts.scenes));
    turn();
    IOC.live.on('widget', draw);
    IOC.live.on('trace', traced);
    IOC.live.on('ahead', traced);
    IOC.live.on('alarms', () => { turn(); banner(); });
    IOC.live.on('feeds', feeds);
    IOC.live.on('travel', past => { if (past && past.scene !== scene) IOC.live.travel(undefined, past.speed, scene); lay(); });
    IOC.live.on('show', told);
    IOC.live.on('open', report);
    IOC.live.on('closed', closed => { if (closed.code === 4401 || closed.long) keep(); });
    addEventListener('resize', IOC.paced(1000, report));
    setInterval(keep, DAY);
    setInterval(second, 1000);
    setInterval(memory, 60000);
  }

  function second() {
    turn(); banner();
    IOC.nodes.count($('grid'));
    for (const el of $('grid').querySelectorAll('.clock-face')) el.ticks();
  }

  function tabs(scenes) {
    if (scenes.length < 2) return;
    $('scenes').replaceChildren(...scenes.map(key => {
      const tab = IOC.make('a', '', IOC.say(IOC.facts.scenes[key].title));
      tab.title = tab.textContent;
      tab.href = '/wall/' + encodeURIComponent(key); tab.dataset.scene = key;
      tab.addEventListener('click', event => { event.preventDefault(); picked = wanted = key; history.replaceState(null, '', tab.href + location.search); turn(); });
      return tab;
    }));
  }

  // Which scene is on: the one that was chosen or asked for; else that of a new critical alarm; else whose turn it is. All by
  // the server's clock, so that the screens of a wall turn together and a wall that was off comes back in step.
  function due() {
    const scenes = IOC.facts.scenes, some = chosen(), keys = some && some.length ? some : Object.keys(scenes), lasts = key => scenes[key].rotate || (some && some.length ? TURN : 0);
    const one = picked || (some ? some.length === 1 && some[0] : wanted);
    if (one) return one;
    if (IOC.live.past && scene) return scene;
    const alarm = urgent(), own = alarm && keys.find(key => scenes[key].domains.includes(alarm.domain));
    if (own) return own;
    const turning = keys.filter(key => lasts(key) > 0), whole = turning.reduce((sum, key) => sum + lasts(key), 0);
    if (!whole || IOC.live.generation < 0) return keys.includes(scene) ? scene : keys[0] || null;
    let at = IOC.live.now() / 1000 % whole;
    return turning.find(key => (at -= lasts(key)) < 0) || turning[0];
  }

  // What an administrator chose of the scenes that are there: one, several in turn, all in turn (none); null: nothing.
  function chosen() {
    const there = order && order.shows && order.shows.filter(key => IOC.facts.scenes[key]);
    return there && (there.length || !order.shows.length) ? there : null;
  }

  function told(message) {
    if (loaded === null) loaded = message.reloads;
    if (message.reloads > loaded) { loaded = message.reloads; location.reload(); return; }
    const heard = order && String([order.shows, order.screen]) === String([message.shows, message.screen]);
    order = message;
    if (heard) return;
    picked = null; wanted = IOC.facts.scene || null;
    const before = scene;
    turn();
    if (scene === before) lay();
  }

  // A paired screen's word of itself; nobody listens to another's.
  function report() {
    const ratio = window.devicePixelRatio || 1;
    IOC.live.say({type: 'showing', scene: scene || '', screen: part, width: Math.round(innerWidth * ratio), height: Math.round(innerHeight * ratio), build: IOC.facts.build});
  }

  // Does the key still hold? Only a server that says plainly that it does not, makes this the page of a screen without one.
  function keep() {
    fetch('/pair/keep', {method: 'POST'}).then(answer => { if (answer.status === 401) location.replace('/pair?next=' + encodeURIComponent(location.pathname + location.search)); }).catch(() => {});
  }

  // The newest critical alarm nobody has acknowledged, while it is new.
  function urgent() {
    const message = IOC.live.texts.alarms, now = IOC.live.now();
    const fresh = message ? message.alarms.filter(a => a.state === 3 && !a.acked && a.condition === 'true' && Math.abs(now - a.opened) < IOC.facts.jump * 1000) : [];
    return fresh.sort((a, b) => b.opened - a.opened)[0] || null;
  }

  function banner() {
    const alarm = urgent(), strip = $('urgent');
    strip.hidden = !alarm;
    if (!alarm) return;
    IOC.text('urgent-what', IOC.say(alarm.rule));
    IOC.text('urgent-where', [alarm.said ? IOC.say(alarm.said) : alarm.value === null ? '' : IOC.quantity(alarm.value, alarm.decimals || 0, alarm.unit), IOC.say(alarm.sensor) || IOC.say(alarm.feed)].filter(Boolean).join(' · '));
    for (const id of ['urgent-what', 'urgent-where']) if ($(id).title !== $(id).textContent) $(id).title = $(id).textContent;
    IOC.text('urgent-ago', IOC.age((IOC.live.now() - alarm.opened) / 1000));
  }

  function turn() {
    const key = due();
    if (key === scene) return;
    scene = key;
    if (IOC.live.past && IOC.live.past.scene !== key) IOC.live.travel(undefined, IOC.live.past.speed, key);
    for (const tab of $('scenes').children) tab.toggleAttribute('aria-current', tab.dataset.scene === scene);
    lay();
  }

  // One screen of a wall of several shows its part of the whole grid; without ?screen the whole is shown, small.
  function lay() {
    const grid = $('grid'), about = scene ? IOC.facts.scenes[scene] : null;
    if (!about) { part = 0; report(); grid.replaceChildren(IOC.make('p', 'nothing', IOC.word('wall.empty'))); return; }
    const [across, down] = about.screens, number = chosen() && !picked ? order.screen : +new URLSearchParams(location.search).get('screen');
    const one = number >= 1 && number <= across * down, x = one ? (number - 1) % across : 0, y = one ? Math.floor((number - 1) / across) : 0;
    grid.style.setProperty('--columns', about.columns * across); grid.style.setProperty('--rows', about.rows * down);
    grid.style.setProperty('--across', across); grid.style.setProperty('--down', down);
    grid.style.setProperty('--x', x); grid.style.setProperty('--y', y);
    grid.style.setProperty('--zoom', one ? 1 : 1 / Math.max(across, down));
    part = one ? number : 0;
    report();
    boxes = about.widgets.map((widget, i) => {
      const [column, row, width, height] = widget.at, box = IOC.make('section', 'panel widget w-' + widget.kind.replace(/[^a-z0-9_-]/g, ''));
      box.style.gridArea = `${row} / ${column} / span ${height} / span ${width}`;
      box.dataset.name = scene + '/' + i;
      return box;
    });
    grid.replaceChildren(...boxes);
    for (const box of boxes) { const message = IOC.live.texts['widget/' + box.dataset.name]; if (message) draw(message); }
  }

  function draw(message) {
    const name = message.type.slice('widget/'.length), box = boxes.find(b => b.dataset.name === name), context = {name};
    if (!box) return;
    if (box.firstChild) IOC.nodes.patch(box.firstChild, message.drawn, context); else box.append(IOC.nodes.make(message.drawn, context));
    if (box.firstChild.redraw) box.firstChild.redraw();
    for (const el of box.querySelectorAll('*')) if (el.redraw && !el.fitted) { el.fitted = true; el.redraw(); }
    IOC.nodes.whole(box);
    const look = Object.values(IOC.LOOK).map(l => l.name).find(name => box.firstChild.classList.contains(name)) || '';
    if (box.dataset.look !== look) { box.classList.remove(box.dataset.look || 'plain'); box.classList.add(look || 'plain'); box.dataset.look = look; }
  }

  function traced(message) {
    const name = message.type.slice(message.type.indexOf('/') + 1), box = boxes.find(b => b.dataset.name === name);
    if (box) for (const el of box.querySelectorAll('*')) if (el.traced) el.traced();
  }

  function feeds(message) {
    const now = IOC.live.now() * 1000, heard = message.feeds.filter(f => f.heard), silent = message.feeds.filter(f => !f.heard || (f.silent_after && now - f.heard > f.silent_after * 1e6));
    const ingest = message.processes.find(p => p.name.startsWith('ingest')), alive = ingest && now - ingest.beat < 30e6;
    $('heart').dataset.state = silent.length || (ingest && !alive) ? 'warn' : 'ok';
    IOC.text('heart-text', ingest && !alive ? IOC.word('feeds.stopped') : IOC.word('feeds.heard', {n: IOC.number(message.feeds.length - silent.length, 0), of: IOC.number(message.feeds.length, 0)}));
    $('heart').title = silent.map(f => IOC.say(f.name)).join(', ') || (heard.length ? '' : '–');
  }

  // A wall runs for months: one that needs too much memory begins afresh, from a server that answers.
  function memory() {
    if (performance.memory && performance.memory.usedJSHeapSize > MEMORY && performance.now() - began > REST)
      fetch('/healthz').then(answer => { if (answer.ok) location.reload(); }).catch(() => {});
  }

  document.addEventListener('DOMContentLoaded', start);
})();
