// The city map as one part for walls and desks: base map, areas, points, signs. An update restyles only what changed.
//
//   const map = new IOC.Map(element, {wall, domains, center, zoom, onPick(index or null), onEvent(id), tools, mode, areas, cluster});
//   map.registry()            the set of points is another           map.update(change)       values, states, places changed
//   map.showAlarms(list)      open alarms, worst first               map.events.show(list)    open events
//   map.choose(domains)       which points to show, [] for all       map.look({...})          what colours points and areas, which layers
//   map.pick(i, tell)         mark a point                           map.fly(i), map.to(lngLat)
//   map.legend(box), count()  the legend and its numbers             map.asOf(date or null)   the areas of that day
//   map.remove()              gives everything back
//
// Zoom, pan, selection and open panels outlive every one of them. Each concern has a file of its own, 41-map-*.js to 49-map-*.js.
'use strict';
IOC.Map = class {
  static COLOUR = {0: '#5c7087', 1: '#35a79c', 2: '#ffb833', 3: '#ff5c6c', 4: '#8291a6', 5: '#a9b8ff', 6: '#8291a6'};
  static LAYERS = ['areas', 'points', 'trails', 'events', 'alarms', 'names'];

  constructor(element, options) {
    const {onPick, onEvent, domains, wall, tools, mode, areas, cluster, center, zoom} = options || {};
    Object.assign(this, {element, onPick, onEvent, wall, domains: new Set(domains || []), ready: false, gone: false, picked: null, pickedKey: null, alarms: []});
    this.view = {mode: mode || 'state', areas: areas || 'worst', areaMetric: null, cluster: cluster || 'auto', off: new Set(tools ? [] : ['trails'])};
    this.start_at = center ? {center, zoom: zoom || IOC.facts.map.zoom} : null;
    element.city = this; element.classList.add('city-map');
    this.listeners = [];
    this.points = new IOC.MapPoints(this); this.wards = new IOC.MapAreas(this); this.events = new IOC.Events(this); this.signs = new IOC.MapSigns(this);
    this.clusters = new IOC.MapClusters(this); this.moves = new IOC.MapMoves(this); this.popup = new IOC.MapPopup(this);
    this.tools = tools ? new IOC.MapTools(this, tools) : null;
    this.start();
  }

  on(kind, listener) { (this.listeners[kind] = this.listeners[kind] || []).push(listener); }
  tell(kind, value) { (this.listeners[kind] || []).forEach(listener => listener(value)); }

  static webgl() { try { const c = document.createElement('canvas'); return !!c.getContext('webgl2'); } catch (error) { return false; } }

  async start() {
    if (!IOC.Map.webgl()) { this.plain = new IOC.MapPlain(this); if (this.tools) this.tools.start(); return; }
    const fonts = ['400', '500', '600'].map(w => document.fonts.load(w + ' 16px "Be Vietnam Pro"', 'Sóc Trăng ướợ'));
    fonts.push(document.fonts.load('400 16px "Noto Sans Lao"', 'ລາວ'));
    const get = address => fetch(address).then(answer => { if (!answer.ok) throw new Error(address); return answer.json(); });
    let base, areas;
    while (!base && !this.gone) {
      try { [base, areas] = await Promise.all([IOC.MapBase.load(get), get('/api/areas'), Promise.allSettled(fonts)]); }
      catch (error) { await new Promise(done => setTimeout(done, 1500)); }
    }
    if (this.gone || !this.element.isConnected) return;
    this.areas = areas; this.areaIndex = new Map(areas.features.map((f, i) => [f.properties.key, i]));
    const view = IOC.facts.map, k = this.scale();
    this.base = new IOC.MapBase(this, base);
    this.map = new maplibregl.Map({container: this.element, style: {version: 8, sources: {}, layers: [{id: 'ground', type: 'background', paint: {'background-color': '#07111b'}}]},
      center: view.center, zoom: view.zoom + Math.log2(k), attributionControl: false, fadeDuration: 0, dragRotate: false, pitchWithRotate: false, maxPitch: 0,
      touchPitch: false, maxTileCacheSize: 64, interactive: true, renderWorldCopies: false, localIdeographFontFamily: false, maxZoom: 19});
    this.fit(view.zoom + Math.log2(k));
    if (this.start_at) { this.home = {center: this.start_at.center, zoom: this.start_at.zoom + Math.log2(k)}; this.map.jumpTo(this.home); }
    this.map.touchZoomRotate.disableRotation(); this.map.keyboard.disableRotation();
    const canvas = this.map.getCanvas();
    canvas.setAttribute('aria-label', IOC.word('map.label') + '. ' + IOC.word('map.keys')); canvas.setAttribute('role', 'application');
    this.map.addControl(new maplibregl.ScaleControl({maxWidth: Math.round(110 * k), unit: 'metric'}), 'bottom-right');
    this.map.on('error', event => this.base.fault(event));
    canvas.addEventListener('webglcontextlost', () => this.tell('lost'));
    this.map.on('load', () => {
      this.base.sources(); this.wards.sources(areas);
      this.layers(); this.ready = true;
      if (IOC.live.points) { this.registry(); this.update({whole: true}); }
      this.showAlarms(this.alarms); this.events.draw(); this.pointer();
      if (this.tools) this.tools.start();
      this.tell('ready');
    });
    this.map.on('moveend', () => { this.clusters.view(); this.signs.place(); });
    this.watch = new ResizeObserver(() => { if (!this.map) return; this.map.resize(); if (this.ready) this.clusters.view(); if (this.ready && this.scale() !== this.k) { this.unlayer(); this.layers(); this.signs.place(); } });
    this.watch.observe(this.element);
  }

  remove() {
    this.gone = true;
    if (this.watch) this.watch.disconnect();
    if (this.plain) this.plain.remove();
    this.moves.stop(); this.popup.close();
    if (this.map) this.map.remove();
    this.map = null; this.ready = false; this.element.city = null;
  }

  // The whole city, however small its box; never closer than the city folder says.
  fit(closest) {
    const box = new maplibregl.LngLatBounds(), walk = x => typeof x[0] === 'number' ? box.extend(x) : x.forEach(walk);
    this.areas.features.forEach(f => walk(f.geometry.coordinates));
    if (box.isEmpty()) return;
    const {clientWidth: w, clientHeight: h} = this.element, foot = Math.min(h * 0.12, 60 * this.scale());
    const narrow = this.tools && w < 600; // a phone: search above, legend and tools below
    const view = this.map.cameraForBounds(box, {padding: {top: narrow ? 62 : h * 0.03, left: w * 0.03, right: w * 0.03, bottom: narrow ? 130 : foot}});
    if (view && view.zoom < closest) this.map.jumpTo(view);
    this.home = {center: this.map.getCenter(), zoom: this.map.getZoom()};
  }

  scale() { return this.wall && innerWidth >= 1000 ? Math.round(innerWidth / 19.2) / 100 : 1; }
  static collection(features) { return {type: 'FeatureCollection', features}; }

  // The centre of an area's largest ring: one name an area, however many tiles it lies in.
  static middle(geometry) {
    const rings = geometry.type === 'Polygon' ? [geometry.coordinates[0]] : geometry.coordinates.map(p => p[0]);
    const weigh = ring => { const [ox, oy] = ring[0]; return ring.slice(1).reduce((sum, b, i) => { const ax = ring[i][0] - ox, ay = ring[i][1] - oy, bx = b[0] - ox, by = b[1] - oy, c = ax * by - bx * ay; return [sum[0] + c, sum[1] + (ax + bx) * c, sum[2] + (ay + by) * c, ox, oy]; }, [0, 0, 0, ox, oy]); };
    const [area, x, y, ox, oy] = rings.map(weigh).sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]))[0];
    return area ? [ox + x / (3 * area), oy + y / (3 * area)] : rings[0][0];
  }

  unlayer() { for (const layer of this.map.getStyle().layers.reverse()) if (layer.id !== 'ground') this.map.removeLayer(layer.id); for (const id of ['points-calm', 'points-loud']) if (this.map.getLayer(id)) this.map.removeLayer(id); }

  // From the ground up: land, water, areas, roads, calm points, names, trails, events, clusters, points in alarm.
  layers() {
    const k = this.k = this.scale();
    this.base.under(k); this.wards.layers(k); this.base.over(k);
    this.map.addLayer(this.points.layer('points-calm'));
    this.moves.layers(k); this.wards.names(k); this.base.names(k); this.events.layer(k); this.clusters.layers(k);
    this.map.addLayer(this.points.layer('points-loud'));
    this.switched();
  }

  shows(layer) { return !this.view.off.has(layer); }
  shown(i) { const p = IOC.live.points; return !p.gone.has(i) && (!this.domains.size || this.domains.has(p.domains[p.domain[i]])); }

  // The set of points, or the choice among them, is another: zoom, pan and selection stay.
  registry() {
    if (this.plain) this.plain.dirty = true;
    if (!this.ready || !IOC.live.points) return;
    this.points.build(); this.moves.build(); this.wards.build(); this.clusters.build();
    if (this.pickedKey) this.pick(IOC.registry.at(IOC.live.points, this.pickedKey), false);
    this.tell('registry');
  }

  update(change) {
    if (this.plain) this.plain.dirty = true;
    if (!this.ready || !IOC.live.points) return;
    if (change.moved && change.moved.length) this.moves.moved(change.moved);
    if (change.whole || !change.index) this.points.restyle(); else this.points.change(change);
    this.clusters.change(change); this.wards.change(change); this.dated();
    this.tell('update', change);
  }

  // A past moment is shown with the areas of its day.
  dated() {
    const day = IOC.live.past && IOC.minute ? IOC.minute(IOC.live.now()).slice(0, 10) : null;
    if (day !== (this.day || null) && !this.asking) { this.asking = true; this.asOf(day).catch(() => { this.day = undefined; }).finally(() => { this.asking = false; }); }
  }

  // mode: 'state' or a metric's key; areas: 'off', 'worst', 'mean', 'share'; areaMetric; cluster: 'auto', 'on', 'off'; off: layers hidden.
  look(wanted) {
    Object.assign(this.view, wanted);
    if (this.ready && IOC.live.points) { this.points.rescale(); this.points.restyle(); this.wards.recolour(); this.clusters.build(); this.switched(); this.signs.place(); }
    this.tell('look'); this.count();
  }

  switched() {
    const see = (ids, on) => ids.forEach(id => { if (this.map.getLayer(id)) this.map.setLayoutProperty(id, 'visibility', on ? 'visible' : 'none'); });
    see(['area-state', 'area-line'], this.shows('areas')); see(['trails'], this.shows('trails')); see(['events'], this.shows('events')); see(['place', 'area-name'], this.shows('names'));
    this.points.reorder();
  }

  // Another choice of domains: points, areas, signs and events follow.
  choose(domains) {
    this.domains = new Set(domains);
    if (this.plain) { this.plain.dirty = true; this.plain.draw(); }
    this.registry(); if (this.ready && IOC.live.points) this.update({whole: true});
    this.showAlarms(this.alarms); this.events.draw(); this.count(); this.tell('choose');
  }

  // The areas as they were on a day of the city, 'YYYY-MM-DD'; null: today's.
  async asOf(day) {
    this.day = day;
    const areas = await fetch('/api/areas' + (day ? '?on=' + encodeURIComponent(day) : '')).then(answer => answer.json());
    this.areas = areas; this.areaIndex = new Map(areas.features.map((f, i) => [f.properties.key, i]));
    if (this.ready) this.wards.replace(areas);
  }

  legend(box) { this.box = new IOC.MapLegend(this, box); }
  count() { if (this.box) this.box.count(); }
  tally() { return IOC.MapLegend.tally(this); }

  showAlarms(alarms) { this.alarms = alarms; this.signs.show(alarms); }

  // What is under a pixel, as drawn: alarms over events over the rest.
  hit(point) {
    const cluster = this.clusters.near(point);
    const found = this.points.near(point, 7), i = found[0], happening = this.events.near(point);
    const loud = i !== undefined && IOC.LOOK[IOC.live.states[i]].rank >= 5;
    if (loud) return {i, found};
    if (cluster) return {cluster};
    return happening ? {happening} : {i, found};
  }

  pointer() {
    const tip = IOC.make('div', 'tip'); tip.hidden = true; this.element.appendChild(tip);
    const beside = event => {
      const left = event.point.x + 14 + tip.offsetWidth > this.element.clientWidth;
      tip.style.transform = `translate(${event.point.x + (left ? -14 - tip.offsetWidth : 14)}px, ${Math.max(0, event.point.y - 20)}px)`;
    };
    this.map.on('mousemove', event => {
      if (this.tools && this.tools.busy()) { tip.hidden = true; return; }
      const {i, happening, cluster} = this.hit(event.point), ward = i === undefined && !happening && !cluster ? this.wards.tip(event.point) : null;
      tip.hidden = i === undefined && !happening && !cluster && !ward; this.map.getCanvas().style.cursor = tip.hidden || ward ? '' : 'pointer';
      if (tip.hidden) return;
      tip.replaceChildren(...(cluster ? this.clusters.tip(cluster) : happening ? this.events.tip(happening) : ward || this.points.tip(i))); beside(event);
    });
    this.map.on('mouseout', () => { tip.hidden = true; });
    this.map.on('movestart', () => { tip.hidden = true; });
    this.map.on('click', event => {
      if (this.tools && this.tools.click(event)) return;
      const {i, found, happening, cluster} = this.hit(event.point);
      if (cluster) { this.clusters.open(cluster); return; }
      if (happening) { if (this.onEvent) { this.pick(null, false); this.onEvent(happening.id); } return; }
      if (i === undefined) return;
      const same = this.points.beside(found);
      if (same.length > 1 && this.onPick) this.popup.sensors(event.point, same); else if (this.onPick) this.pick(i, true);
    });
  }

  pick(i, tell) {
    this.picked = i === null || i < 0 ? null : i; this.pickedKey = this.picked === null ? null : IOC.live.points.key[i];
    this.points.mark(this.picked); this.moves.follow(this.picked);
    if (tell && this.tools) this.tools.picked(this.picked);
    if (tell && this.onPick) this.onPick(this.picked);
  }

  static calm() { return matchMedia('(prefers-reduced-motion: reduce)').matches; }
  fly(i) { const p = IOC.live.points; this.to([p.lon[i], p.lat[i]], 12.5); }
  to(lngLat, zoom) { if (this.map) this.map.easeTo({center: lngLat, zoom: Math.max(this.map.getZoom(), zoom || 12.5), duration: IOC.Map.calm() ? 0 : 600}); }
};
