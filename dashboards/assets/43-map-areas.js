// Wards: by their worst alarm, by the mean of a metric, or by how many of their sensors are in alarm (k of n).
'use strict';
IOC.MapAreas = class {
  constructor(city) { Object.assign(this, {city, told: [], texts: ''}); this.later = IOC.paced(1000, () => { if (this.city.ready && this.of) this.colour(); }); }

  sources(areas) {
    const map = this.city.map;
    map.addSource('areas', {type: 'geojson', data: areas, tolerance: 0.2});
    map.addSource('area-names', {type: 'geojson', data: this.labels()});
  }

  // The areas of another day: the same layers, other shapes.
  replace(areas) {
    this.told = []; this.city.map.removeFeatureState({source: 'areas'});
    this.city.map.getSource('areas').setData(areas); this.texts = ''; this.build(); this.recolour();
  }

  labels(values) {
    const points = this.city.areas.features.map((f, i) => ({type: 'Feature', properties: {name: f.properties.name, value: values ? values[i] : ''}, geometry: {type: 'Point', coordinates: IOC.Map.middle(f.geometry)}}));
    return IOC.Map.collection(points);
  }

  layers(k) {
    const add = layer => this.city.map.addLayer(layer), state = (name, otherwise) => ['coalesce', ['feature-state', name], otherwise];
    add({id: 'area-state', type: 'fill', source: 'areas', paint: {'fill-color': state('c', '#000000'), 'fill-opacity': state('o', 0)}});
    add({id: 'area-line', type: 'line', source: 'areas', paint: {'line-color': state('l', '#28465f'), 'line-opacity': state('v', 0.7), 'line-width': ['*', k, state('w', 0.9)]}});
    this.told = [];
    if (IOC.live.points && this.of) this.recolour();
  }

  names(k) {
    this.city.map.addLayer({id: 'area-name', type: 'symbol', source: 'area-names', minzoom: (this.city.view.areas === 'mean' || this.city.view.areas === 'share' ? 8.8 : 10.6) + Math.log2(k), layout: {'text-font': ['Be Vietnam Pro'], 'text-max-width': 8,
      'text-field': ['case', ['==', ['get', 'value'], ''], ['get', 'name'], ['format', ['get', 'name'], {'font-scale': 0.88}, '\n', {}, ['get', 'value'], {'font-scale': 1.15}]], 'text-size': 11.5 * k, 'text-padding': 3 * k},
      paint: {'text-halo-color': '#08121d', 'text-halo-width': 1.5 * k, 'text-color': ['case', ['==', ['get', 'value'], ''], '#93abc1', '#f0f6fc']}});
  }

  // Which area each point is in: as the store says today, or by the shapes of the day that is shown.
  build() {
    const p = IOC.live.points, members = this.city.areas.members;
    const to = p.areas.map(key => this.city.areaIndex.has(key) ? this.city.areaIndex.get(key) : -1);
    const known = members ? new Map(members.map(([id, a]) => [id, a])) : null;
    this.of = new Int32Array(p.count);
    for (let i = 0; i < p.count; i++) this.of[i] = known ? (known.has(p.id[i]) ? known.get(p.id[i]) : -1) : to[p.area[i]] === undefined ? -1 : to[p.area[i]];
    this.recolour();
  }

  metric() { const p = IOC.live.points, key = this.city.view.areaMetric || this.city.view.mode; return p.metrics.findIndex(m => m.key === key); }

  change(change) {
    if (this.city.view.areas !== 'worst') this.later();
    else if (change.whole || change.states && change.states.length) this.colour();
  }

  recolour() { if (this.city.ready && this.of) { this.scale = null; this.colour(); if (this.city.map.getLayer('area-name')) this.city.map.setLayerZoomRange('area-name', (this.city.view.areas === 'mean' || this.city.view.areas === 'share' ? 8.8 : 10.6) + Math.log2(this.city.k), 24); } }

  colour() {
    const found = this[{worst: 'worst', mean: 'mean', share: 'share'}[this.city.view.areas] || 'none']();
    found.forEach((paint, a) => {
      const key = JSON.stringify(paint);
      if (this.told[a] !== key) { this.told[a] = key; this.city.map.setFeatureState({source: 'areas', id: a}, paint); }
    });
    const values = found.map(f => f.text || ''), text = values.join('|');
    if (text !== this.texts) { this.texts = text; this.city.map.getSource('area-names').setData(this.labels(values)); }
    this.figures = found;
  }

  static CALM = {c: '#000000', o: 0, l: '#28465f', v: 0.7, w: 0.9};
  none() { return this.city.areas.features.map(() => IOC.MapAreas.CALM); }

  each(tell) { for (let i = 0; i < this.of.length; i++) if (this.of[i] >= 0 && this.city.points.seen[i]) tell(i, this.of[i]); }

  worst() {
    const worst = new Uint8Array(this.city.areas.features.length), C = IOC.Map.COLOUR;
    this.each((i, a) => { const s = IOC.live.states[i]; if ((s === 2 || s === 3) && s > worst[a]) worst[a] = s; });
    return Array.from(worst, s => s === 3 ? {c: C[3], o: 0.2, l: C[3], v: 0.8, w: 1.5, s} : s === 2 ? {c: C[2], o: 0.085, l: C[2], v: 0.32, w: 0.9, s} : {...IOC.MapAreas.CALM, s: 0});
  }

  // Means of fresh values only.
  mean() {
    const p = IOC.live.points, live = IOC.live, metric = this.metric(), n = this.city.areas.features.length, sum = new Float64Array(n), count = new Uint32Array(n);
    if (metric < 0) return this.none();
    for (let s = 0; s < p.slots.point.length; s++) {
      const i = p.slots.point[s], a = p.slots.metric[s] === metric && this.city.points.seen[i] ? this.of[i] : -1, v = live.slotValues[s], state = live.states[i];
      if (a >= 0 && Number.isFinite(v) && state !== 4 && state !== 6 && state !== 0) { count[a]++; sum[a] += (v - sum[a]) / count[a]; }
    }
    const values = Array.from(sum).filter((_, a) => count[a]);
    if (!this.scale || this.scaleKey !== p.metrics[metric].key) { this.scale = new IOC.MapScale(p.metrics[metric], values); this.scaleKey = p.metrics[metric].key; }
    return Array.from(sum, (v, a) => count[a] ? {c: this.scale.css(v), o: 0.62, l: '#08121d', v: 0.9, w: 1, text: IOC.number(v, p.metrics[metric].decimals), n: count[a]} : {...IOC.MapAreas.CALM, n: 0});
  }

  share() {
    const n = this.city.areas.features.length, loud = new Uint32Array(n), all = new Uint32Array(n);
    this.each((i, a) => { all[a]++; const s = IOC.live.states[i]; if (s === 2 || s === 3) loud[a]++; });
    return Array.from(all, (count, a) => {
      if (!count) return {...IOC.MapAreas.CALM, n: 0};
      const part = loud[a] / count, bin = loud[a] ? Math.min(3, 1 + Math.floor(part * 10)) : 0;
      return {c: ['#14334a', '#7a4a12', '#b8741a', '#f0a63a'][bin], o: bin ? 0.62 : 0.5, l: '#08121d', v: 0.9, w: 1, text: IOC.word('map.k_of_n', {k: IOC.number(loud[a], 0), n: IOC.number(count, 0)}), n: count, k: loud[a]};
    });
  }

  at(point) {
    if (!this.city.shows('areas') || !this.city.map.getLayer('area-state')) return -1;
    const found = this.city.map.queryRenderedFeatures([point.x, point.y], {layers: ['area-state']})[0];
    return found ? found.id : -1;
  }

  // What a ward says under the pointer; nothing while wards are only a background.
  tip(point) {
    const how = this.city.view.areas;
    if (how !== 'mean' && how !== 'share') return null;
    const a = this.at(point), f = a >= 0 ? this.figures[a] : null;
    if (!f) return null;
    const p = IOC.live.points, metric = how === 'mean' ? p.metrics[this.metric()] : null;
    const said = how === 'mean' ? (f.n ? IOC.say(metric.name) + ' ' + IOC.word('map.mean') + ': ' + f.text + (metric.unit ? ' ' + IOC.unit(metric.unit) : '') + ' · ' + IOC.word('map.sensors', {n: IOC.number(f.n, 0)}) : IOC.word('state.0')) : f.n ? IOC.word('map.share_said', {k: IOC.number(f.k, 0), n: IOC.number(f.n, 0)}) : IOC.word('map.empty_area');
    return [IOC.make('b', '', this.city.areas.features[a].properties.name), IOC.make('span', '', said)];
  }
};
