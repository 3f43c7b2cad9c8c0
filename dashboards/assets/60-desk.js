// Desk pages: puts the map into the page that has a place for it, and tells Dash what was picked and what was pushed.
'use strict';
(() => {
  let map = null, home = null, signalled = 0, dirty = false;
  const $ = id => document.getElementById(id);
  const set = (id, props) => { if ($('desk') && window.dash_clientside && dash_clientside.set_props) dash_clientside.set_props(id, props); };

  // Which page we are on, for the eye and for screen readers.
  function mark() {
    for (const link of document.querySelectorAll('#bar nav a.page')) {
      const path = new URL(link.href).pathname, here = path === '/' ? location.pathname === '/' : location.pathname.startsWith(path);
      link.classList.toggle('here', here);
      if (here) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
    }
    for (const link of document.querySelectorAll('#languages a')) link.search = '?next=' + encodeURIComponent(location.pathname + location.search);
  }

  function look() {
    mark();
    const place = $('map');
    if (place === home) return;
    if (map) map.remove();
    home = place; map = null;
    if (!place) return;
    const live = place.classList.contains('live');
    map = new IOC.Map(place, {onEvent: live ? happening : null, onPick: live ? picked : i => { location.href = '/?sensor=' + encodeURIComponent(IOC.live.points.key[i]); },
      tools: live ? {tools: $('tools'), side: $('map-side')} : null});
    map.onPlaceless = sensor => { set('picked', {data: {id: sensor.id, key: sensor.key}}); history.replaceState(history.state, '', '/?sensor=' + encodeURIComponent(sensor.key)); $('map-page').classList.add('picked'); };
    if (live) map.legend($('legend'));
    if (IOC.live.texts.alarms) map.showAlarms(IOC.live.texts.alarms.alarms);
    if (IOC.live.texts.events) map.events.show(IOC.live.texts.events.events);
    map.count();
    const ready = setInterval(() => { if (!map || !(map.ready || map.plain) || !IOC.live.points) return; clearInterval(ready); wanted(); }, 100);
  }

  // A sensor named in the address, or by an alarm's page, is picked and shown.
  function wanted() {
    const event = +new URLSearchParams(location.search).get('event');
    if (event && home.classList.contains('live')) happening(event);
    const key = home.dataset.sensor || new URLSearchParams(location.search).get('sensor');
    const i = key ? IOC.registry.at(IOC.live.points, key) : -1;
    if (i >= 0) { map.pick(i, !home.dataset.sensor); map.fly(i); }
    else if (home.dataset.lat && map.map) map.map.jumpTo({center: [+home.dataset.lon, +home.dataset.lat], zoom: 12.5});
  }

  function picked(i) {
    const points = IOC.live.points;
    set('picked', {data: i === null ? null : {id: points.id[i], key: points.key[i]}});
    const address = i === null ? '/' : '/?sensor=' + encodeURIComponent(points.key[i]);
    history.replaceState(history.state, '', address);
    $('map-page').classList.toggle('picked', i !== null);
    setTimeout(() => map.map && map.map.resize(), 50);
  }

  // An event was picked: its panel, at its own address.
  function happening(id) {
    set('picked', {data: {event: id}});
    history.replaceState(history.state, '', '/?event=' + id);
    $('map-page').classList.add('picked');
  }

  IOC.live.on('registry', () => { if (map) { map.registry(); map.count(); } });
  IOC.live.on('events', message => { if (map) { map.events.show(message.events); map.count(); } });
  IOC.live.on('points', change => {
    if (!map) return;
    map.update(change); map.count();
    if (map.picked !== null && (change.whole || !change.index || change.index.includes(map.picked))) dirty = true;
  });
  IOC.live.on('alarms', message => { if (map) { map.showAlarms(message.alarms); map.count(); } set('signal-alarms', {data: Date.now()}); });
  IOC.live.on('feeds', () => set('signal-slow', {data: Date.now()}));

  // The panel follows its sensor at most every three seconds, and its ages at least every fifteen.
  setInterval(() => {
    const now = performance.now();
    if (!map || map.picked === null || document.hidden || !(dirty && now - signalled > 3000 || now - signalled > 15000)) return;
    signalled = now; dirty = false; set('signal-sensor', {data: Date.now()});
  }, 500);

  document.addEventListener('DOMContentLoaded', () => {
    if (document.getElementById('wall') || !document.getElementById('ioc-page')) return;
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
    document.addEventListener('click', event => { if (event.target.id === 'unpick') { map.pick(null, true); } });
    document.addEventListener('keydown', event => { if (event.key === 'Escape' && map && $('unpick')) map.pick(null, true); });
    look();
  });
})();
