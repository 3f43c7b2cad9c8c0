// The time machine's bar: any page as it was at a past minute of the city's clock, still or playing, clearly marked.
'use strict';
(() => {
  const SPEEDS = [1, 10, 60, 600], HOUR = 3600000, DAY = 86400000;
  let bar = null, input, play, speed, slider, chosen = 60;
  const live = () => IOC.live;

  function button(label, said, press) {
    const el = IOC.make('button', '', label);
    el.type = 'button'; el.title = said; el.setAttribute('aria-label', said);
    el.addEventListener('click', press);
    return el;
  }

  function build() {
    bar = IOC.make('section'); bar.id = 'time-bar'; bar.setAttribute('aria-label', IOC.word('time.machine'));
    input = IOC.make('input'); input.type = 'datetime-local'; input.step = 60; input.setAttribute('aria-label', IOC.word('time.moment'));
    input.addEventListener('change', () => { const at = IOC.instant(input.value); if (!isNaN(at)) go(at); });
    slider = IOC.make('input'); Object.assign(slider, {type: 'range', min: 0, max: 1440, step: 1}); slider.setAttribute('aria-label', IOC.word('time.of_day'));
    slider.addEventListener('change', () => go(midnight(now()) + slider.value * 60000));
    play = button('▶', IOC.word('time.play'), () => go(undefined, live().past && live().past.speed ? 0 : chosen));
    speed = IOC.make('select'); speed.setAttribute('aria-label', IOC.word('time.speed'));
    speed.append(...SPEEDS.map(n => new Option('×' + n, n, n === chosen, n === chosen)));
    speed.addEventListener('change', () => { chosen = +speed.value; if (live().past && live().past.speed) go(undefined, chosen); });
    bar.append(IOC.make('b', '', IOC.word('time.machine')), button('−1 ' + IOC.word('time.day'), IOC.word('time.back_day'), () => go(now() - DAY)), button('−1 h', IOC.word('time.back_hour'), () => go(now() - HOUR)),
      input, button('+1 h', IOC.word('time.on_hour'), () => go(now() + HOUR)), slider, play, speed, button(IOC.word('time.now'), IOC.word('time.now'), back));
    document.body.append(bar);
  }

  const now = () => live().now();
  const midnight = at => IOC.instant(IOC.minute(at).slice(0, 11) + '00:00');

  // To a moment, still or playing; the address keeps it, so that a link shows the same.
  function go(at, pace) {
    if (at !== undefined && at >= Date.now() + live().offset - 1000) return back();
    live().travel(at, pace === undefined ? live().past ? live().past.speed : 0 : pace);
    address(now());
  }

  function back() { live().travel(null); address(null); hide(); }

  function address(at) {
    const to = new URL(location.href);
    if (at === null) to.searchParams.delete('at'); else to.searchParams.set('at', new Date(at).toISOString().slice(0, 19) + 'Z');
    history.replaceState(history.state, '', to);
    for (const id of ['signal-alarms', 'signal-slow', 'signal-sensor']) if (document.getElementById('desk') && window.dash_clientside && dash_clientside.set_props) dash_clientside.set_props(id, {data: Date.now()});
  }

  function show() { if (!bar) build(); bar.hidden = false; document.body.classList.add('machine'); tick(); if (document.activeElement === document.body) input.focus(); }
  function hide() { if (bar) bar.hidden = true; document.body.classList.remove('machine'); }

  function tick() {
    const past = live().past;
    if (!bar || bar.hidden) return;
    if (document.activeElement !== input) input.value = IOC.minute(now());
    input.max = IOC.minute(Date.now() + live().offset);
    if (document.activeElement !== slider) slider.value = Math.round((now() - midnight(now())) / 60000);
    IOC.text(play, past && past.speed ? '❚❚' : '▶');
    if (past && past.speed && Math.floor(Date.now() / 1000) % 2 === 0) address(now());
  }

  document.addEventListener('DOMContentLoaded', () => {
    if (!document.getElementById('ioc-page')) return;
    document.addEventListener('keydown', event => {
      if (event.key === 't' && !event.ctrlKey && !event.metaKey && !event.altKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) { if (bar && !bar.hidden) hide(); else show(); }
    });
    document.addEventListener('click', event => { if (event.target.closest && event.target.closest('#time')) show(); });
    live().on('arrived', back);
    if (live().past) show();
    setInterval(tick, 1000);
  });
})();
