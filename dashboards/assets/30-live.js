// The push channel: one socket, never given up; holds every point's newest state, and says how old the picture is.
'use strict';
IOC.live = (() => {
  const CUT = 2500, CLOSED = 1000, RELOAD = 300000, LEAST = 400, MOST = 4000; // ms
  // Of each point: states, values (of its headline), times (of its newest value, s), seen (ms, when a moving one was there).
  // Of each slot, one metric of one point: slotValues, slotTimes.
  const live = {points: null, states: null, values: null, times: null, seen: null, slotValues: null, slotTimes: null,
    generation: -1, revision: -1, texts: {}, away: false, offset: 0, data: 0, heard: 0, opened: false, painted: 0};
  const listeners = {};
  let socket = null, pause = LEAST, sequence = -1, loading = false, greyed = false;

  live.on = (kind, listener) => { (listeners[kind] = listeners[kind] || []).push(listener); if (live.texts[kind]) listener(live.texts[kind]); };
  const tell = (kind, value) => (listeners[kind] || []).forEach(listener => listener(value));
  live.now = () => live.past ? live.past.base + (Date.now() - live.past.stamp) * live.past.speed : Date.now() + live.offset;
  live.cut = () => performance.now() - live.heard > CUT;
  live.age = () => live.data ? Math.max(0, (live.now() - live.data) / 1000) : Infinity;
  // live, late, dead: by the data's own time; cut, away: where the chain is broken.
  live.state = () => {
    if (live.past) return {link: live.cut() ? 'cut' : 'past', age: live.age(), level: live.cut() ? 'late' : 'past'};
    const age = live.age(), by_age = age < IOC.facts.late ? 'live' : age < IOC.facts.dead ? 'late' : 'dead';
    if (live.cut()) return {link: 'cut', age, level: by_age === 'live' ? 'late' : by_age};
    if (live.away) return {link: 'away', age, level: by_age === 'live' ? 'late' : by_age};
    return {link: 'ok', age, level: by_age};
  };

  function connect() {
    socket = new WebSocket((location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + (live.past ? '/ws/then' : '/ws/live'));
    socket.binaryType = 'arraybuffer';
    const mine = socket, began = performance.now();
    mine.onopen = () => { if (live.past) ask({at: live.past.base, speed: live.past.speed, scene: live.past.scene || ''}); tell('open'); };
    const patience = setInterval(() => { if (performance.now() - Math.max(live.heard, began) > 8000 && mine.readyState < 2) mine.close(); }, 2000);
    mine.onmessage = event => {
      if (mine !== socket) return;
      live.heard = performance.now(); pause = LEAST; live.opened = true;
      if (typeof event.data === 'string') { const message = JSON.parse(event.data); if (message.type === 'set') { IOC.registry.apply(live, message, tell); return; } live.texts[message.type] = message; tell(message.type.split('/')[0], message); }
      else binary(event.data);
    };
    mine.onclose = event => {
      clearInterval(patience);
      if (mine !== socket) return;
      live.heard = Math.min(live.heard, performance.now() - CUT + CLOSED); // known to be closed: said a second later, unless it is back by then
      setTimeout(connect, pause * (0.7 + 0.6 * Math.random()));
      pause = Math.min(pause * 1.6, MOST);
      tell('closed', {code: event.code, long: pause === MOST});
      if ((pause === MOST || event.code === 4401) && !document.getElementById('wall')) fetch('/api/city').then(answer => { if (answer.status === 401) location.reload(); }).catch(() => {});
    };
  }

  function binary(buffer) {
    const head = new DataView(buffer), u32 = at => head.getUint32(at, true), kind = head.getUint8(0), number = u32(12);
    live.away = head.getUint8(1) === 1;
    if (live.past) { live.past.base = head.getFloat64(32, true); live.past.stamp = Date.now(); } else live.offset = head.getFloat64(32, true) - Date.now();
    live.data = head.getFloat64(40, true);
    if (u32(4) !== live.generation || u32(8) !== live.revision) { load(); tick(); return; }
    if (kind === 2 && number <= sequence) { tick(); return; } // older than the whole picture we have, or a heartbeat
    sequence = number;
    const began = performance.now();
    const change = (kind === 1 ? IOC.registry.whole : IOC.registry.changed)(live, buffer, [u32(16), u32(20), u32(24), u32(28)], head.getFloat64(32, true));
    tell('points', change);
    live.painted++; live.spent = performance.now() - began;
    tick();
  }

  // The set of points is another, or is not known yet: fetch it, then ask for everything.
  async function load() {
    if (loading) return;
    loading = true;
    try {
      const answer = await fetch('/api/points');
      if (!answer.ok) throw new Error(answer.status);
      IOC.registry.take(live, await answer.json());
      sequence = -1;
      tell('registry', live.points);
      if (socket.readyState === 1) { if (live.past) ask({}); else socket.send('again'); }
      loading = false;
    } catch (error) { setTimeout(() => { loading = false; if (socket.readyState === 1) { if (live.past) ask({}); else socket.send('again'); } }, 1000); }
  }

  const ask = about => { if (socket && socket.readyState === 1) socket.send(JSON.stringify(about)); };
  live.say = ask; // lost where there is no socket: 'open' is told when there is one again
  // Into the past, about in it, and back: the same screens, fed from another moment. at: ms; speed: 0 stands still.
  live.travel = (at, speed, scene) => {
    const before = live.past;
    live.past = at === null ? null : {base: at === undefined ? live.now() : at, stamp: Date.now(), speed: speed || 0, scene: scene === undefined ? before && before.scene : scene};
    document.body.classList.toggle('past', !!live.past);
    if (live.past && before) ask({at: at === undefined ? undefined : at, speed: live.past.speed, scene: live.past.scene || ''});
    else if (!live.past !== !before) { sequence = -1; live.texts = {}; live.heard = performance.now(); pause = LEAST; const old = socket; connect(); if (old) old.close(); }
    tell('travel', live.past);
    tick();
  };

  function tick() {
    const state = live.state(), pill = document.getElementById('pill');
    const key = state.link === 'ok' ? state.level : state.link;
    if (pill && pill.dataset.state !== key) { pill.dataset.state = key; pill.className = 'pill ' + (state.link === 'cut' ? 'dead' : state.level); }
    const shown = isFinite(state.age) ? (state.age < 10 ? IOC.word('age.seconds', {n: IOC.number(state.age, 1)}) : IOC.age(state.age)) : '–';
    IOC.text('pill-text', IOC.word('pill.' + key) + ' · ' + (key === 'past' ? IOC.date(live.now()) + ' ' + IOC.clock(live.now(), true) : shown));
    const grey = state.level === 'dead' && live.opened, broken = (state.link !== 'ok' && state.link !== 'past') || grey;
    document.body.classList.toggle('grey', grey);
    document.body.classList.toggle('broken', broken && (live.opened || performance.now() > 6000));
    if (broken) IOC.text('broken-text', IOC.word('broken.' + (state.link === 'ok' ? 'dead' : state.link), {
      time: live.data ? IOC.clock(live.data, true) : '–', age: shown}));
    if (grey !== greyed) { greyed = grey; tell('grey', grey); }
    const now = live.now();
    IOC.text('clock', IOC.clock(now, true)); IOC.text('date', IOC.date(now, true));
  }

  // A picture that stays dead for five minutes is loaded anew, but only from a server that answers, and went on answering
  // while the socket had time to come back by itself: after a long cut nothing needs to be loaded again.
  let answered = 0;
  function watchdog() {
    const now = performance.now();
    if (now - live.heard <= RELOAD) { answered = 0; return; }
    fetch('/healthz').then(answer => { if (!answer.ok) answered = 0; else if (!answered) answered = now; else location.reload(); }).catch(() => { answered = 0; });
  }

  live.on('hello', hello => { if (document.getElementById('wall') && hello.build !== IOC.facts.build) location.reload(); });
  live.start = () => {
    const at = IOC.instant(new URLSearchParams(location.search).get('at') || '');
    if (!isNaN(at)) live.past = {base: at, stamp: Date.now(), speed: 0, scene: IOC.facts.scene || ''};
    document.body.classList.toggle('past', !!live.past);
    live.heard = performance.now(); connect(); setInterval(tick, 250); setInterval(watchdog, 30000); tick(); };
  return live;
})();
document.addEventListener('DOMContentLoaded', () => { if (document.getElementById('ioc-page')) IOC.live.start(); });
