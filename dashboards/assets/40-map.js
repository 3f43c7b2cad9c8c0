// The city map: base map, areas by their worst state, points by state. An update restyles only what changed.
'use strict';
IOC.Map = class {
  static COLOUR = {0: '#51647a', 1: '#35a79c', 2: '#ffb833', 3: '#ff5c6c', 4: '#8291a6', 5: '#a9b8ff', 6: '#8291a6'};

  // onPick(index or null); domains: which points to show, empty for all; wall: labels sized to be read from afar.
  constructor(element, {onPick, onEvent, domains, wall}) {
    Object.assign(this, {element, onPick, onEvent, wall, domains: new Set(domains || []), ready: false, markers: new Map(), alarms: [], picked: null});
    this.areaWorst = []; this.events = new IOC.Events(this); element.city = this; this.start();
  }

  async start() {
    const fonts = ['400', '500', '600'].map(w => document.fonts.load(w + ' 16px "Be Vietnam Pro"', 'Sóc Trăng ướợ'));
    fonts.push(document.fonts.load('400 16px "Noto Sans Lao"', 'ລາວ'));
    const get = address => fetch(address).then(answer => { if (!answer.ok) throw new Error(address); return answer.json(); });
    let base, areas;
    while (!base) {
      try { await Promise.all(fonts); [base, areas] = await Promise.all([get('/api/basemap'), get('/api/areas')]); }
      catch (error) { await new Promise(done => setTimeout(done, 1500)); }
    }
    if (!this.element.isConnected) return;
    const view = IOC.facts.map, k = this.scale();
    this.areas = areas; this.areaIndex = new Map(areas.features.map((f, i) => [f.properties.key, i]));
    this.map = new maplibregl.Map({container: this.element, style: {version: 8, sources: {}, layers: [{id: 'ground', type: 'background', paint: {'background-color': '#08121d'}}]},
      center: view.center, zoom: view.zoom + Math.log2(k), attributionControl: false, fadeDuration: 0, dragRotate: false, pitchWithRotate: false,
      touchPitch: false, maxTileCacheSize: 64, interactive: true, renderWorldCopies: false, localIdeographFontFamily: false});
    this.fit(view.zoom + Math.log2(k));
    this.map.touchZoomRotate.disableRotation(); this.map.keyboard.disableRotation();
    if (!this.wall) this.map.addControl(new maplibregl.NavigationControl({showCompass: false}), 'top-right');
    this.map.getCanvas().setAttribute('aria-label', IOC.word('map.label'));
    this.map.on('load', () => {
      this.map.addSource('base', {type: 'geojson', data: base, tolerance: 0.2});
      this.map.addSource('areas', {type: 'geojson', data: areas});
      this.map.addSource('area-names', {type: 'geojson', data: IOC.Map.collection(areas.features.map(f => ({type: 'Feature', properties: f.properties, geometry: {type: 'Point', coordinates: IOC.Map.middle(f.geometry)}})))});
      for (const name of ['still', 'moving']) this.map.addSource(name, {type: 'geojson', data: IOC.Map.collection([]), tolerance: 0});
      this.layers(); this.ready = true;
      if (IOC.live.points) { this.registry(); this.update({whole: true}); }
      this.showAlarms(this.alarms); this.events.draw(); this.pointer();
    });
    new ResizeObserver(() => { if (this.map) { this.map.resize(); if (this.ready && this.scale() !== this.k) { this.unlayer(); this.layers(); } } }).observe(this.element);
  }

  // The whole city, however small its box; never closer than the city folder says.
  fit(closest) {
    const box = new maplibregl.LngLatBounds(), walk = x => typeof x[0] === 'number' ? box.extend(x) : x.forEach(walk);
    this.areas.features.forEach(f => walk(f.geometry.coordinates));
    if (box.isEmpty()) return;
    const {clientWidth: w, clientHeight: h} = this.element, foot = Math.min(h * 0.12, 60 * this.scale());
    const view = this.map.cameraForBounds(box, {padding: {top: h * 0.03, left: w * 0.03, right: w * 0.03, bottom: foot}});
    if (view && view.zoom < closest) this.map.jumpTo(view);
  }

  scale() { return this.wall && innerWidth >= 1000 ? Math.round(innerWidth / 19.2) / 100 : 1; }
  static collection(features) { return {type: 'FeatureCollection', features}; }

  // The centre of an area's largest ring: one name an area, however many tiles it lies in.
  static middle(geometry) {
    const rings = geometry.type === 'Polygon' ? [geometry.coordinates[0]] : geometry.coordinates.map(p => p[0]);
    const weigh = ring => ring.slice(1).reduce((sum, b, i) => { const a = ring[i], c = a[0] * b[1] - b[0] * a[1]; return [sum[0] + c, sum[1] + (a[0] + b[0]) * c, sum[2] + (a[1] + b[1]) * c]; }, [0, 0, 0]);
    const [area, x, y] = rings.map(weigh).sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]))[0];
    return area ? [x / (3 * area), y / (3 * area)] : rings[0][0];
  }

  unlayer() { for (const layer of this.map.getStyle().layers.reverse()) if (layer.id !== 'ground') this.map.removeLayer(layer.id); }

  layers() {
    const k = this.k = this.scale(), add = (layer) => this.map.addLayer(layer), only = name => ['==', ['get', 'layer'], name];
    const grow = (a, b) => ['interpolate', ['exponential', 1.4], ['zoom'], 8, a * k, 14, b * k];
    const state = ['coalesce', ['feature-state', 's'], 0], area = ['coalesce', ['feature-state', 's'], 0], C = IOC.Map.COLOUR;
    add({id: 'land', type: 'fill', source: 'areas', paint: {'fill-color': '#0f1d2c'}});
    for (const name of ['water', 'coast']) add({id: name, type: 'fill', source: 'base', filter: ['all', only(name), ['==', ['geometry-type'], 'Polygon']], paint: {'fill-color': '#07243c'}});
    add({id: 'shore', type: 'line', source: 'base', filter: only('coast'), paint: {'line-color': '#1c4f74', 'line-width': grow(1, 2)}});
    add({id: 'river', type: 'line', source: 'base', filter: only('river'), layout: {'line-cap': 'round', 'line-join': 'round'}, paint: {'line-color': '#0a3150', 'line-width': grow(2, 10)}});
    add({id: 'canal', type: 'line', source: 'base', filter: only('canal'), paint: {'line-color': '#0b2f4b', 'line-width': grow(1, 4)}});
    add({id: 'area-state', type: 'fill', source: 'areas', paint: {'fill-color': ['match', area, 3, C[3], 2, C[2], '#000000'], 'fill-opacity': ['match', area, 3, 0.2, 2, 0.085, 0]}});
    add({id: 'area-line', type: 'line', source: 'areas', paint: {'line-color': ['match', area, 3, C[3], 2, C[2], '#24405c'], 'line-opacity': ['match', area, 3, 0.75, 2, 0.3, 0.75], 'line-width': ['match', area, 3, 1.5 * k, 0.9 * k]}});
    add({id: 'street', type: 'line', source: 'base', minzoom: 11.5, filter: ['all', only('road'), ['==', ['get', 'ref'], 'street']], paint: {'line-color': '#2a445e', 'line-width': grow(0.5, 3)}});
    add({id: 'road', type: 'line', source: 'base', filter: ['all', only('road'), ['!=', ['get', 'ref'], 'street']], layout: {'line-cap': 'round', 'line-join': 'round'}, paint: {'line-color': '#33587c', 'line-width': grow(1.2, 4)}});
    const radius = (z, big) => ['match', state, 3, big * 1.7 * k, 2, big * 1.4 * k, 4, big * k, big * k];
    const size = ['interpolate', ['linear'], ['zoom'], 8, radius(8, 2.3), 11, radius(11, 3.6), 14, radius(14, 7)];
    const kinds = [['calm', s => s !== 2 && s !== 3], ['loud', s => s === 2 || s === 3]];
    for (const [kind, mine] of kinds) {
      if (kind === 'loud') { this.labels(k); this.events.layer(k); }
      const see = (table) => ['match', state, ...[1, 2, 3, 4, 5, 6].flatMap(s => [s, mine(s) ? table[s] : 0]), mine(0) ? table[0] : 0];
      for (const source of ['still', 'moving']) add({id: kind + '-' + source, type: 'circle', source, paint: {
        'circle-radius': size, 'circle-color': ['match', state, 1, C[1], 2, C[2], 3, C[3], 5, C[5], 6, C[6], '#08121d'],
        'circle-opacity': see({0: 0.2, 1: 0.78, 2: 0.97, 3: 1, 4: 0.25, 5: 0.85, 6: 0.4}),
        'circle-stroke-color': ['match', state, 0, C[0], 4, C[4], 6, '#d5deea', 5, '#e6eaff', 3, '#ffffff', source === 'moving' ? '#d7fff9' : '#08121d'],
        'circle-stroke-opacity': see({0: 0.7, 1: source === 'moving' ? 0.9 : 0, 2: 0.9, 3: 0.9, 4: 0.9, 5: 0.75, 6: 0.8}),
        'circle-stroke-width': ['match', state, 3, 1.4 * k, 1, source === 'moving' ? 1.2 * k : 0, 1.1 * k]}});
    }
    add({id: 'picked', type: 'circle', source: 'still', filter: ['==', ['id'], -1], paint: {'circle-radius': 13, 'circle-opacity': 0, 'circle-stroke-color': '#7dd3fc', 'circle-stroke-width': 2.5}});
    add({id: 'picked-moving', type: 'circle', source: 'moving', filter: ['==', ['id'], -1], paint: {'circle-radius': 13, 'circle-opacity': 0, 'circle-stroke-color': '#7dd3fc', 'circle-stroke-width': 2.5}});
    this.pick(this.picked, false);
  }

  labels(k) {
    const font = {'text-font': ['Be Vietnam Pro'], 'text-max-width': 7}, halo = {'text-halo-color': '#08121d', 'text-halo-width': 1.4 * k};
    this.map.addLayer({id: 'area-name', type: 'symbol', source: 'area-names', minzoom: 10.6 + Math.log2(k), layout: {...font, 'text-field': ['get', 'name'], 'text-size': 11.5 * k}, paint: {...halo, 'text-color': '#6f8ba6'}});
    this.map.addLayer({id: 'place', type: 'symbol', source: 'base', filter: ['==', ['get', 'layer'], 'place'], layout: {...font, 'text-field': ['get', 'name'], 'symbol-sort-key': ['coalesce', ['get', 'rank'], 9],
      'text-size': ['match', ['coalesce', ['get', 'rank'], 3], 1, 19 * k, 2, 14 * k, 12.5 * k], 'text-padding': 4 * k,
      'text-anchor': ['match', ['coalesce', ['get', 'rank'], 3], 1, 'bottom', 'top'], 'text-offset': ['match', ['coalesce', ['get', 'rank'], 3], 1, ['literal', [0, -1.15]], ['literal', [0, 0.55]]]}, paint: {...halo, 'text-color': ['match', ['coalesce', ['get', 'rank'], 3], 1, '#e6eef7', 2, '#b4c6d8', '#8fa5bb']}});
  }

  shown(i) { const p = IOC.live.points; return !this.domains.size || this.domains.has(p.domains[p.domain[i]]); }

  // The set of points, or the choice among them, is another: zoom, pan and selection stay.
  registry() {
    if (!this.ready || !IOC.live.points) return;
    const p = IOC.live.points, moving = new Set(p.moves), feature = {still: [], moving: []};
    this.moving = moving;
    for (let i = 0; i < p.id.length; i++) if (this.shown(i)) feature[moving.has(i) ? 'moving' : 'still'].push(
      {type: 'Feature', id: i, properties: {}, geometry: {type: 'Point', coordinates: [p.lon[i], p.lat[i]]}});
    for (const name of ['still', 'moving']) { this.map.removeFeatureState({source: name}); this.map.getSource(name).setData(IOC.Map.collection(feature[name])); }
    this.drawn = new Uint8Array(p.id.length).fill(255);
    if (this.pickedKey) this.pick(p.key.indexOf(this.pickedKey), false);
  }

  update({whole, index, moved}) {
    if (!this.ready || !this.moving) return;
    const states = IOC.live.states, count = whole || !index ? states.length : index.length;
    for (let i = 0; i < count; i++) {
      const p = whole || !index ? i : index[i];
      if (this.drawn[p] === states[p] || !this.shown(p)) continue;
      this.drawn[p] = states[p];
      this.map.setFeatureState({source: this.moving.has(p) ? 'moving' : 'still', id: p}, {s: states[p]});
    }
    if (moved && moved.length) this.move(moved);
    this.colourAreas();
  }

  move(moved) {
    const p = IOC.live.points, update = [];
    for (const i of moved) if (this.moving.has(i) && this.shown(i)) update.push({id: i, newGeometry: {type: 'Point', coordinates: [p.lon[i], p.lat[i]]}});
    if (update.length) this.map.getSource('moving').updateData({update});
  }

  colourAreas() {
    const p = IOC.live.points, worst = new Uint8Array(this.areas.features.length), to = p.areas.map(key => this.areaIndex.has(key) ? this.areaIndex.get(key) : -1);
    for (let i = 0; i < p.id.length; i++) { const s = IOC.live.states[i], a = to[p.area[i]]; if ((s === 2 || s === 3) && a >= 0 && s > worst[a] && this.shown(i)) worst[a] = s; }
    for (let a = 0; a < worst.length; a++) if (this.areaWorst[a] !== worst[a]) { this.areaWorst[a] = worst[a]; this.map.setFeatureState({source: 'areas', id: a}, {s: worst[a]}); }
  }

  // Another choice of domains: points, areas, signs and events follow; zoom, pan and selection stay.
  choose(domains) {
    this.domains = new Set(domains); this.areaWorst = this.areaWorst.map(() => -1);
    this.registry(); if (this.ready && IOC.live.points) this.update({whole: true});
    this.showAlarms(this.alarms); this.events.draw();
  }

  // What the legend says: points by state, but alarms themselves for the two states that only alarms make.
  tally() {
    const live = IOC.live, found = {0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, event: this.events.shown().length}, said = live.texts.alarms;
    for (let i = 0; i < live.states.length; i++) if (this.shown(i)) found[live.states[i]]++;
    found[2] = found[3] = 0;
    for (const [domain, states] of Object.entries(said ? said.counts : {})) if (!this.domains.size || this.domains.has(domain))
      for (const s of [2, 3]) found[s] += states[s] || 0;
    return found;
  }

  legend(box) {
    box.replaceChildren(...[1, 5, 2, 3, 6, 4, 0, 'event'].map(s => {
      const look = IOC.LOOK[s], item = IOC.make('span', 'item'), number = IOC.make('b', 'num', '–');
      number.id = 'count-' + s;
      item.title = IOC.word('legend.' + s);
      item.append(IOC.make('i', 'dot ' + look.name, look.sign), IOC.make('span', '', IOC.word('state.' + s)), number);
      return item;
    }));
  }

  count() {
    if (!IOC.live.points || !document.getElementById('count-1')) return;
    for (const [s, n] of Object.entries(this.tally())) {
      const number = document.getElementById('count-' + s);
      IOC.text(number, IOC.number(n, 0)); number.parentNode.hidden = !n && ['0', '6', 'event'].includes(s); // what there is not needs no room
    }
  }

  // The forty worst alarms get a sign of their own; a new one pulses for ten seconds, no longer.
  showAlarms(alarms) {
    this.alarms = alarms;
    if (!this.ready) return;
    const seen = new Set();
    for (const a of alarms.filter(x => x.lat !== null && x.condition !== 'false' && (!this.domains.size || this.domains.has(x.domain))).slice(0, 40)) {
      seen.add(a.id);
      if (this.markers.has(a.id)) { this.markers.get(a.id).setLngLat([a.lon, a.lat]); continue; }
      const sign = IOC.make('button', 'ping ' + IOC.LOOK[a.state].name, IOC.LOOK[a.state].sign);
      sign.title = IOC.say(a.rule) + ' · ' + IOC.say(a.sensor); sign.type = 'button';
      if (this.wall) sign.tabIndex = -1;
      if (Date.now() + IOC.live.offset - a.opened < 10000) { sign.classList.add('new'); setTimeout(() => sign.classList.remove('new'), 10000); }
      sign.addEventListener('click', event => { event.stopPropagation(); const i = IOC.live.points.key.indexOf(a.sensor_key); if (this.onPick && i >= 0) this.pick(i, true); });
      this.markers.set(a.id, new maplibregl.Marker({element: sign}).setLngLat([a.lon, a.lat]).addTo(this.map));
    }
    for (const [id, marker] of this.markers) if (!seen.has(id)) { marker.remove(); this.markers.delete(id); }
  }

  pointer() {
    const layers = ['loud-still', 'loud-moving', 'calm-still', 'calm-moving'];
    const tip = IOC.make('div', 'tip'); tip.hidden = true; this.element.appendChild(tip);
    const near = point => { const r = 6; return this.map.queryRenderedFeatures([[point.x - r, point.y - r], [point.x + r, point.y + r]], {layers})
      .map(f => f.id).sort((a, b) => IOC.LOOK[IOC.live.states[b]].rank - IOC.LOOK[IOC.live.states[a]].rank)[0]; };
    const hit = point => { // as drawn: alarms over events over the rest
      const i = near(point), happening = this.events.near(point);
      return happening && (i === undefined || IOC.LOOK[IOC.live.states[i]].rank < 5) ? {happening} : {i};
    };
    const beside = event => {
      const left = event.point.x + 14 + tip.offsetWidth > this.element.clientWidth;
      tip.style.transform = `translate(${event.point.x + (left ? -14 - tip.offsetWidth : 14)}px, ${Math.max(0, event.point.y - 20)}px)`;
    };
    this.map.on('mousemove', event => {
      const {i, happening} = hit(event.point);
      tip.hidden = i === undefined && !happening; this.map.getCanvas().style.cursor = tip.hidden ? '' : 'pointer';
      if (tip.hidden) return;
      if (happening) { tip.replaceChildren(...this.events.tip(happening)); beside(event); return; }
      const p = IOC.live.points, s = IOC.live.states[i], metric = p.metrics[p.metric[i]];
      tip.replaceChildren(IOC.make('b', '', p.name[i]), IOC.make('span', '', metric.name + ': ' + IOC.reading(IOC.live.values[i], metric)),
        IOC.make('span', 'state ' + IOC.LOOK[s].name, IOC.word('state.' + s) + (IOC.live.times[i] ? ' · ' + IOC.age(IOC.live.now() / 1000 - IOC.live.times[i]) : '')));
      beside(event);
    });
    this.map.on('mouseout', () => { tip.hidden = true; });
    this.map.on('click', event => { const {i, happening} = hit(event.point);
      if (happening && this.onEvent) { this.pick(null, false); this.onEvent(happening.id); } else if (this.onPick && i !== undefined) this.pick(i, true); });
  }

  pick(i, tell) {
    this.picked = i; this.pickedKey = i === null || i < 0 ? null : IOC.live.points.key[i];
    const filter = ['==', ['id'], i === null ? -1 : i];
    if (this.map && this.map.getLayer('picked')) { this.map.setFilter('picked', filter); this.map.setFilter('picked-moving', filter); }
    if (tell && this.onPick) this.onPick(i);
  }

  fly(i) { const p = IOC.live.points; this.map.easeTo({center: [p.lon[i], p.lat[i]], zoom: Math.max(this.map.getZoom(), 12.5), duration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 600}); }
};
