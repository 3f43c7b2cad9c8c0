// Where points are too many to tell apart: circles that say how many and show the worst state inside by colour, shape and sign.
'use strict';
IOC.MapClusters = class {
  static CELL = 58; // pixels a circle stands for
  static FEW = 3; // fewer points than this stay points

  constructor(city) { Object.assign(this, {city, on: false, level: null, list: [], of: null, due: 0, timer: null}); }

  layers(k) {
    const map = this.city.map;
    for (const state of [0, 1, 2, 3, 4, 5, 6]) for (const size of [0, 1, 2]) {
      const name = 'cluster-' + state + '-' + size;
      if (map.hasImage(name)) map.removeImage(name);
      map.addImage(name, IOC.MapClusters.image(state, size, 2 * k), {pixelRatio: 2});
    }
    if (!map.getSource('clusters')) map.addSource('clusters', {type: 'geojson', data: IOC.Map.collection([])});
    map.addLayer({id: 'clusters', type: 'symbol', source: 'clusters', layout: {'icon-image': ['concat', 'cluster-', ['get', 's'], '-', ['get', 'z']], 'icon-allow-overlap': true, 'icon-ignore-placement': true,
      'text-field': ['get', 'text'], 'text-font': ['Be Vietnam Pro'], 'text-size': ['match', ['get', 'z'], 0, 11.5 * k, 1, 12.5 * k, 14 * k], 'text-allow-overlap': true, 'text-ignore-placement': true, 'symbol-sort-key': ['get', 'rank']},
      paint: {'text-color': '#f2f7fc', 'text-halo-color': '#08121d', 'text-halo-width': 0.8 * k}});
    this.send();
  }

  // Round while calm, a triangle's badge for warnings, a square's for critical: readable without colour.
  static image(state, size, k) {
    const r = [15, 18.5, 23][size] * k, box = Math.ceil(2 * r + 14 * k), canvas = document.createElement('canvas'), c = canvas.getContext('2d'), m = box / 2, colour = IOC.Map.COLOUR[state];
    canvas.width = canvas.height = box;
    c.beginPath(); c.arc(m, m, r, 0, 7); c.fillStyle = '#0a1826ee'; c.fill();
    c.lineWidth = (state === 3 ? 3.4 : state === 2 ? 3 : 2) * k; c.strokeStyle = colour; if (state === 4 || state === 0) c.setLineDash([4 * k, 3 * k]); c.stroke(); c.setLineDash([]);
    if (state === 3) { c.beginPath(); c.arc(m, m, r + 2.6 * k, 0, 7); c.lineWidth = 1.2 * k; c.strokeStyle = '#ffffff'; c.stroke(); }
    const sign = IOC.LOOK[state].sign;
    if (!sign || state === 0) return c.getImageData(0, 0, box, box);
    const x = m + r * 0.72, y = m - r * 0.72, b = 7 * k;
    c.beginPath();
    if (state === 2) { c.moveTo(x, y - b * 1.1); c.lineTo(x + b * 1.1, y + b * 0.85); c.lineTo(x - b * 1.1, y + b * 0.85); c.closePath(); } else if (state === 3) c.roundRect(x - b, y - b, 2 * b, 2 * b, 2 * k); else c.arc(x, y, b * 0.9, 0, 7);
    c.fillStyle = colour; c.fill(); c.lineWidth = 1.5 * k; c.strokeStyle = '#08121d'; c.stroke();
    c.fillStyle = '#08121d'; c.font = `800 ${(state === 3 ? 9.5 : 9) * k}px Inter, sans-serif`; c.textAlign = 'center'; c.textBaseline = 'middle'; c.fillText(sign, x, y + (state === 2 ? 1.8 : 0.6) * k);
    return c.getImageData(0, 0, box, box);
  }

  // Whether the view holds more points than it has room for; a wide margin between on and off, so that nothing flickers.
  wanted() {
    const how = this.city.view.cluster, map = this.city.map;
    if (!this.city.element.clientWidth) return false; // put away: nothing to crowd
    if (how !== 'auto') return how === 'on' && map.getZoom() < 15.5;
    const b = map.getBounds(), box = this.city.element, room = box.clientWidth * box.clientHeight / (100 * this.city.k ** 2); let n = 0;
    this.city.points.grid.each(b.getWest(), b.getSouth(), b.getEast(), b.getNorth(), () => { n++; });
    return n > room * (this.on ? 1.1 : 1.6) && map.getZoom() < 15.5;
  }

  view() {
    if (!this.city.ready || !this.city.points.grid) return;
    const on = this.wanted(), level = Math.round(this.city.map.getZoom() * 2) / 2;
    if (on !== this.on || on && level !== this.level) this.build();
  }

  build() {
    const points = this.city.points, p = IOC.live.points;
    if (!this.city.ready || !points.grid) return;
    const was = this.on; this.on = this.wanted(); this.level = Math.round(this.city.map.getZoom() * 2) / 2;
    if (!this.on) { if (was || this.list.length) { points.hidden.fill(0); this.list = []; this.of = null; points.reorder(); this.send(); this.city.signs.place(); } return; }
    const cell = IOC.MapClusters.CELL * this.city.k / (512 * 2 ** this.level), cells = new Map(), of = this.of = new Int32Array(p.count).fill(-1);
    points.hidden.fill(0); this.list = [];
    for (let i = 0; i < p.count; i++) {
      if (!points.seen[i] || points.moving[i]) continue;
      const x = points.place[2 * i], y = points.place[2 * i + 1], key = Math.floor(x / cell) * 1e6 + Math.floor(y / cell);
      let c = cells.get(key);
      if (c === undefined) { c = this.list.length; cells.set(key, c); this.list.push({n: 0, x: 0, y: 0, states: new Uint32Array(7), lon: 0, lat: 0}); }
      const one = this.list[c]; one.n++; one.lon += (p.lon[i] - one.lon) / one.n; one.lat += (p.lat[i] - one.lat) / one.n; one.states[IOC.live.states[i]]++; of[i] = c;
    }
    for (let i = 0; i < p.count; i++) { const c = of[i]; if (c >= 0 && this.list[c].n >= IOC.MapClusters.FEW) points.hidden[i] = 1; }
    this.kept = Uint8Array.from(IOC.live.states); points.reorder(); this.send(); this.city.signs.place();
  }

  // Only the circles whose points changed state are counted anew.
  change(change) {
    if (!this.on || !this.of) return;
    if (change.whole || !change.states) { this.build(); return; }
    let touched = false;
    for (const i of change.states) {
      const c = this.of[i], now = IOC.live.states[i];
      if (c < 0 || c === undefined || this.kept[i] === now) continue;
      this.list[c].states[this.kept[i]]--; this.list[c].states[now]++; this.kept[i] = now; touched = true;
    }
    if (touched && !this.timer) this.timer = setTimeout(() => { this.timer = null; this.send(); }, Math.max(0, this.due - performance.now()));
  }

  worst(c) { return [3, 2, 5, 6, 4, 1, 0].find(s => c.states[s]) || 0; }
  static short(n) { return n < 1000 ? String(n) : n < 9950 ? IOC.number(n / 1000, 1) + 'k' : IOC.number(n / 1000, 0) + 'k'; }

  send() {
    const source = this.city.map && this.city.map.getSource('clusters');
    if (!source) return;
    this.due = performance.now() + 700;
    const all = this.city.shows('points');
    source.setData(IOC.Map.collection(this.list.map((c, id) => ({c, id})).filter(({c}) => c.n >= IOC.MapClusters.FEW && (all || c.states[2] + c.states[3])).map(({c, id}) => {
      const s = this.worst(c), rank = IOC.LOOK[s].rank;
      return {type: 'Feature', id, properties: {s, z: c.n < 50 ? 0 : c.n < 500 ? 1 : 2, text: IOC.MapClusters.short(c.n), rank}, geometry: {type: 'Point', coordinates: [c.lon, c.lat]}};
    })));
  }

  near(point) {
    if (!this.on || !this.city.map.getLayer('clusters')) return null;
    const found = this.city.map.queryRenderedFeatures([point.x, point.y], {layers: ['clusters']})[0];
    return found ? this.list[found.id] : null;
  }

  tip(c) { return [IOC.make('b', '', IOC.word('map.sensors', {n: IOC.number(c.n, 0)})), ...[3, 2, 5, 6, 4, 1, 0].filter(s => c.states[s]).map(s => IOC.make('span', 'state ' + IOC.LOOK[s].name, (IOC.LOOK[s].sign ? IOC.LOOK[s].sign + ' ' : '') + IOC.word('state.' + s) + ': ' + IOC.number(c.states[s], 0)))]; }
  open(c) { const map = this.city.map; map.easeTo({center: [c.lon, c.lat], zoom: Math.min(16, map.getZoom() + 2), duration: IOC.Map.calm() ? 0 : 450}); }
};
