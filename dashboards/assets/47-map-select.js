// Selection: a line drawn by hand, or corners clicked one by one; what lies inside as a count, by state, and by a metric.
'use strict';
IOC.MapSelect = class {
  constructor(city, side, tools) {
    Object.assign(this, {city, side, tools, ring: null, corners: [], metric: ''});
    city.on('update', IOC.paced(1000, () => { if (this.ring) this.draw(); })); city.on('choose', () => { if (this.ring) this.draw(); });
  }

  // Draw with the pointer held for a line; click for corners, and the first corner, a double click or Enter to close.
  begin() {
    const {map} = this.city, canvas = map.getCanvasContainer();
    this.corners = []; this.hint = IOC.make('div', 'map-hint', IOC.word('map.select_how')); this.city.element.append(this.hint);
    const view = IOC.make('button', 'tool-text', IOC.word('map.select_view')); view.type = 'button'; view.addEventListener('click', event => { event.stopPropagation(); this.view(); }); this.hint.append(view);
    map.dragPan.disable(); map.doubleClickZoom.disable(); canvas.style.cursor = 'crosshair'; map.getCanvas().style.cursor = 'crosshair';
    this.shape();
    let line = null;
    const at = event => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    this.down = event => { if (event.button === 0) { line = [at(event)]; canvas.setPointerCapture(event.pointerId); } };
    this.drag = event => { if (!line) return; const p = at(event), last = line[line.length - 1]; if (Math.hypot(p[0] - last[0], p[1] - last[1]) > 4) { line.push(p); this.trace(line); } };
    this.up = () => { const drawn = line; line = null; if (drawn && drawn.length > 8) { this.close(drawn.map(p => map.unproject(p).toArray())); this.swallow = performance.now() + 300; } };
    canvas.addEventListener('pointerdown', this.down); canvas.addEventListener('pointermove', this.drag); canvas.addEventListener('pointerup', this.up);
    this.enter = event => { if (event.key === 'Enter' && this.corners.length > 2) this.close(this.corners); }; document.addEventListener('keydown', this.enter);
  }

  end() {
    const {map} = this.city, canvas = map.getCanvasContainer();
    map.dragPan.enable(); setTimeout(() => map.doubleClickZoom.enable(), 300); canvas.style.cursor = ''; map.getCanvas().style.cursor = '';
    canvas.removeEventListener('pointerdown', this.down); canvas.removeEventListener('pointermove', this.drag); canvas.removeEventListener('pointerup', this.up); document.removeEventListener('keydown', this.enter);
    if (this.hint) { this.hint.remove(); this.hint = null; }
  }

  click(event) {
    if (performance.now() < (this.swallow || 0)) return true;
    const corner = event.lngLat.toArray(), first = this.corners[0] && this.city.map.project(this.corners[0]);
    if (this.corners.length > 2 && (Math.hypot(first.x - event.point.x, first.y - event.point.y) < 12 || event.originalEvent.detail > 1)) { this.close(this.corners); return true; }
    this.corners.push(corner); this.show(this.corners, false); return true;
  }

  view() { const b = this.city.map.getBounds(); this.close([[b.getWest(), b.getSouth()], [b.getEast(), b.getSouth()], [b.getEast(), b.getNorth()], [b.getWest(), b.getNorth()]]); }

  shape() {
    const map = this.city.map;
    if (map.getSource('selection')) return;
    map.addSource('selection', {type: 'geojson', data: IOC.Map.collection([])});
    map.addLayer({id: 'selection-fill', type: 'fill', source: 'selection', filter: ['==', ['geometry-type'], 'Polygon'], paint: {'fill-color': '#7cc4ff', 'fill-opacity': 0.08}});
    map.addLayer({id: 'selection-line', type: 'line', source: 'selection', paint: {'line-color': '#7cc4ff', 'line-width': 2, 'line-dasharray': [2, 1.5]}});
  }

  trace(line) { this.show(line.map(p => this.city.map.unproject(p).toArray()), false); }
  show(ring, closed) {
    this.shape();
    const geometry = closed ? {type: 'Polygon', coordinates: [[...ring, ring[0]]]} : {type: 'LineString', coordinates: ring.length > 1 ? ring : [ring[0], ring[0]]};
    this.city.map.getSource('selection').setData(IOC.Map.collection([{type: 'Feature', properties: {}, geometry}]));
  }

  close(ring) {
    this.end(); this.tools.done(); this.ring = ring; this.show(ring, true);
    this.body = IOC.make('div', 'selection'); this.side.show(this, IOC.word('map.selection'), this.body); this.metric = this.city.view.mode === 'state' ? this.metric : this.city.view.mode; this.draw();
  }
  closed() { this.ring = null; this.corners = []; const source = this.city.map && this.city.map.getSource('selection'); if (source) source.setData(IOC.Map.collection([])); }

  inside() {
    const p = IOC.live.points, ring = this.ring, found = [], lons = ring.map(c => c[0]), lats = ring.map(c => c[1]);
    const [w, e, s, n] = [Math.min(...lons), Math.max(...lons), Math.min(...lats), Math.max(...lats)];
    const test = i => { if (this.city.shown(i) && p.lon[i] >= w && p.lon[i] <= e && p.lat[i] >= s && p.lat[i] <= n && IOC.geo.inside(ring, p.lon[i], p.lat[i])) found.push(i); };
    this.city.points.grid.each(w, s, e, n, test); for (const i of p.moves) test(i);
    return found;
  }

  // count, by state, and mean, least and most of each metric of what is inside; old and doubtful values are left out.
  sum(list) {
    const p = IOC.live.points, live = IOC.live, states = new Uint32Array(7), metrics = new Map();
    for (const i of list) {
      const state = live.states[i]; states[state]++;
      for (const s of IOC.registry.slots(p, i)) {
        const key = p.slots.metric[s], v = live.slotValues[s], m = metrics.get(key) || {n: 0, of: 0, mean: 0, least: Infinity, most: -Infinity}; m.of++; metrics.set(key, m);
        if (!Number.isFinite(v) || state === 4 || state === 6) continue;
        m.n++; m.mean += v / m.n - m.mean / m.n; m.least = Math.min(m.least, v); m.most = Math.max(m.most, v);
      }
    }
    return {count: list.length, states: Array.from(states), metrics};
  }

  draw() {
    const list = this.inside(), found = this.found = this.sum(list), p = IOC.live.points, keys = [...found.metrics].sort((a, b) => b[1].of - a[1].of).map(([k]) => k);
    const chips = IOC.make('div', 'chips'); chips.append(...[3, 2, 5, 6, 4, 1, 0].filter(s => found.states[s]).map(s => { const c = IOC.make('span', 'chip ' + IOC.LOOK[s].name); c.append(IOC.make('i', 'dot ' + IOC.LOOK[s].name, IOC.LOOK[s].sign), IOC.make('b', 'num', IOC.number(found.states[s], 0)), IOC.make('span', '', IOC.word('state.' + s))); return c; }));
    const parts = [IOC.make('p', 'lead num', IOC.word('map.sensors', {n: IOC.number(found.count, 0)})), chips];
    if (!this.body.querySelector('select') || this.body.dataset.keys !== keys.join()) this.chooser = this.choice(keys);
    const key = p.metrics.findIndex(m => m.key === this.metric), m = found.metrics.get(key);
    if (keys.length) parts.push(this.chooser);
    if (m) parts.push(this.figures(m, p.metrics[key]));
    const slot = i => { for (const s of IOC.registry.slots(p, i)) if (p.slots.metric[s] === key) return s; return -1; };
    const rows = IOC.MapRows.worst(list, 60).slice(0, 60).map(i => { const s = m ? slot(i) : -1; return {i, more: s >= 0 ? IOC.reading(IOC.live.slotValues[s], p.metrics[key]) : undefined}; });
    parts.push(list.length ? IOC.MapRows.make(this.city, rows, 60, list.length) : IOC.make('p', 'quiet', IOC.word('map.selection_empty')));
    this.body.dataset.keys = keys.join();
    const scroll = this.side.box.scrollTop, focus = document.activeElement === (this.chooser && this.chooser.querySelector('select'));
    this.body.replaceChildren(...parts); this.side.box.scrollTop = scroll; if (focus) this.chooser.querySelector('select').focus();
  }

  choice(keys) {
    const p = IOC.live.points;
    if (!keys.some(k => p.metrics[k].key === this.metric)) this.metric = keys.length ? p.metrics[keys[0]].key : '';
    return this.tools.choice('map.metric', keys.map(k => [p.metrics[k].key, IOC.say(p.metrics[k].name) + ' · ' + IOC.number(this.found.metrics.get(k).of, 0)]), this.metric, metric => { this.metric = metric; this.draw(); });
  }

  figures(m, metric) {
    const box = IOC.make('div', 'figures'), one = (name, value) => { const f = IOC.make('div', 'reading'); f.append(IOC.make('span', 'label', name), IOC.make('b', 'num', m.n ? IOC.reading(value, {...metric, states: {}}) : '–')); return f; };
    box.append(one(IOC.word('map.mean'), m.mean), one(IOC.word('map.least'), m.least), one(IOC.word('map.most'), m.most), IOC.make('small', 'num', IOC.word('map.of_values', {n: IOC.number(m.n, 0), of: IOC.number(m.of, 0)})));
    return box;
  }
};
