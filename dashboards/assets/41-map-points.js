// Points of the map, drawn by the graphics card from two arrays: where they are, and how they look. 50,000 of them change in a millisecond.
'use strict';
IOC.MapPoints = class {
  // Shapes tell states apart without colour: disc, ring, crossed ring, diamond, triangle, square, half-filled ring.
  static SHAPE = {0: 1, 1: 0, 2: 4, 3: 5, 4: 2, 5: 3, 6: 6};
  static SIZE = {0: 0.85, 1: 1, 2: 1.9, 3: 2.15, 4: 1, 5: 1.35, 6: 1.15};
  static ALPHA = {0: 0.55, 1: 0.86, 2: 1, 3: 1, 4: 0.8, 5: 0.95, 6: 0.85};

  static VERTEX = `#version 300 es
    uniform vec4 u_view; uniform float u_size; uniform float u_least;
    in vec2 a_place; in vec4 a_colour; in vec4 a_kind;
    out vec4 v_colour; flat out float v_shape; flat out float v_moving; out float v_size;
    void main() {
      gl_Position = vec4(a_place * u_view.xy + u_view.zw, 0.0, 1.0);
      v_size = max(a_kind.y / 32.0 * u_size, u_least) + 2.0; gl_PointSize = v_size;
      v_colour = a_colour; v_shape = a_kind.x; v_moving = a_kind.z;
    }`;
  static FRAGMENT = `#version 300 es
    precision mediump float;
    in vec4 v_colour; flat in float v_shape; flat in float v_moving; in float v_size;
    out vec4 colour;
    void main() {
      vec2 p = (gl_PointCoord * 2.0 - 1.0) * v_size / 2.0; // pixels from the middle
      float r = v_size / 2.0 - 1.0, d, inner = 1.0;
      int shape = int(v_shape + 0.5);
      if (shape == 3) d = (abs(p.x) + abs(p.y) - r) * 0.7071;
      else if (shape == 4) { vec2 q = vec2(abs(p.x), p.y); d = max(q.y - r * 0.66, q.x * 0.857 - (q.y + r * 0.98) * 0.514); }
      else if (shape == 5) { vec2 q = abs(p); d = max(max(q.x, q.y) - r * 0.86, (q.x + q.y) * 0.7071 - r * 0.98); }
      else d = length(p) - r;
      float edge = shape == 5 ? max(1.6, r * 0.2) : v_moving > 0.5 ? max(1.2, r * 0.26) : shape == 1 || shape == 2 || shape == 6 ? max(1.2, r * 0.24) : max(0.8, r * 0.16);
      float cover = 1.0 - smoothstep(-0.6, 0.6, d), body = 1.0 - smoothstep(-0.6, 0.6, d + edge);
      vec3 dark = vec3(0.02, 0.055, 0.09), fill = v_colour.rgb, rim = dark;
      float alpha = v_colour.a;
      if (shape == 1 || shape == 2 || shape == 6) { // hollow: the rim carries the colour
        rim = v_colour.rgb; fill = dark;
        float cross = 1.0 - smoothstep(0.5, 1.5, abs(abs(p.x) - abs(p.y)) * 0.7071);
        if (shape == 2 && r > 2.5) fill = mix(dark, v_colour.rgb, cross);
        if (shape == 6 && p.x < 0.0) fill = v_colour.rgb;
      } else if (shape == 5) rim = vec3(1.0);
      else if (v_moving > 0.5) rim = vec3(0.9, 1.0, 0.985);
      vec3 c = mix(rim, fill, body);
      colour = vec4(c, 1.0) * cover * alpha;
    }`;

  constructor(city) { Object.assign(this, {city, count: 0, programs: new Map(), dirty: {place: true, look: true, order: true}, ranges: {calm: [0, 0], loud: [0, 0]}, scaleOf: null, picked: null}); }

  static mercator(lon, lat) { return [(lon + 180) / 360, 0.5 - Math.log(Math.tan(Math.PI / 4 + lat * Math.PI / 360)) / (2 * Math.PI)]; }

  // Another set of points, or another choice among them.
  build() {
    const p = IOC.live.points, n = this.count = p.count, view = IOC.facts.map.center;
    this.origin = view; this.o = IOC.MapPoints.mercator(view[0], view[1]);
    if (!this.place || this.place.length < 2 * n) { this.place = new Float32Array(2 * n + 256); this.look = new Uint8Array(8 * n + 1024); this.seen = new Uint8Array(n + 128); this.hidden = new Uint8Array(n + 128); }
    for (let i = 0; i < n; i++) { this.put(i, p.lon[i], p.lat[i]); this.seen[i] = this.city.shown(i) ? 1 : 0; }
    this.moving = new Uint8Array(n); for (const i of p.moves) this.moving[i] = 1;
    this.grid = new IOC.MapGrid(p, i => this.seen[i] && !this.moving[i]);
    this.rescale(); this.restyle();
  }

  put(i, lon, lat) {
    const [x, y] = IOC.MapPoints.mercator(lon, lat);
    this.place[2 * i] = x - this.o[0]; this.place[2 * i + 1] = y - this.o[1]; this.dirty.place = true;
  }

  // What the mode says about colour: nothing for states, a scale for a metric.
  rescale() {
    const live = IOC.live, p = live.points, metric = p.metrics.findIndex(m => m.key === this.city.view.mode);
    this.slotOf = null; this.scaleOf = null;
    if (metric < 0) return;
    this.slotOf = new Int32Array(p.count).fill(-1);
    for (let s = 0; s < p.slots.point.length; s++) if (p.slots.metric[s] === metric) this.slotOf[p.slots.point[s]] = s;
    const values = []; for (let i = 0; i < p.count; i++) if (this.seen[i] && this.slotOf[i] >= 0) values.push(live.slotValues[this.slotOf[i]]);
    this.scaleOf = new IOC.MapScale(p.metrics[metric], values);
  }

  restyle() { if (!this.look) return; for (let i = 0; i < this.count; i++) this.style(i); this.dirty.look = true; this.reorder(); }

  change(change) {
    if (!this.look) return;
    for (const i of this.scaleOf ? change.index : change.states || change.index) if (i < this.count) this.style(i);
    this.dirty.look = true; this.city.map.triggerRepaint();
    if (change.states && change.states.length) this.reorder();
  }

  style(i) {
    const S = IOC.MapPoints, state = IOC.live.states[i], at = 8 * i, look = this.look, loud = state === 2 || state === 3;
    let colour = S.RGB[state], shape = S.SHAPE[state], alpha = S.ALPHA[state];
    if (this.scaleOf && !loud) {
      const slot = this.slotOf[i], value = slot < 0 ? NaN : IOC.live.slotValues[slot];
      if (Number.isNaN(value)) { colour = S.RGB[0]; shape = 1; alpha = slot < 0 ? 0 : 0.5; } else { colour = this.scaleOf.rgb(value); shape = state === 4 || state === 0 ? 2 : state === 6 ? 6 : 0; alpha = 0.95; }
    }
    look[at] = colour[0]; look[at + 1] = colour[1]; look[at + 2] = colour[2]; look[at + 3] = alpha * 255;
    look[at + 4] = shape; look[at + 5] = Math.min(255, 32 * S.SIZE[state] * (this.moving[i] ? 1.35 : 1) * (this.scaleOf ? 1.1 : 1)); look[at + 6] = this.moving[i] && !loud ? 1 : 0;
  }

  reorder() { this.dirty.order = true; if (this.city.map) this.city.map.triggerRepaint(); }

  // Drawn in this order: what says least first, alarms last and above names and signs.
  order() {
    const all = this.city.shows('points'), n = this.count, states = IOC.live.states, rank = [0, 1, 4, 5, 0, 3, 2], counts = new Uint32Array(7), order = this.indices && this.indices.length >= n ? this.indices : (this.indices = new Uint32Array(n + 128));
    const inside = i => this.seen[i] && !this.hidden[i] && (all || rank[states[i]] > 3);
    for (let i = 0; i < n; i++) if (inside(i)) counts[rank[states[i]] + 1]++;
    for (let r = 0; r < 6; r++) counts[r + 1] += counts[r];
    const loud = counts[4], total = counts[6], next = counts.slice();
    for (let i = 0; i < n; i++) if (inside(i)) order[next[rank[states[i]]]++] = i;
    this.ranges = {calm: [0, loud], loud: [loud, total - loud]}; this.drawn = total;
  }

  layer(id) {
    const mine = this;
    return {id, type: 'custom', renderingMode: '2d', onAdd(map, gl) { mine.compile(gl, id); }, onRemove() { mine.forget(id); }, render(gl) { mine.draw(gl, id); }};
  }

  compile(gl, id) {
    const make = (type, text) => { const s = gl.createShader(type); gl.shaderSource(s, text); gl.compileShader(s); if (!gl.getShaderParameter(s, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(s)); return s; };
    const program = gl.createProgram();
    gl.attachShader(program, make(gl.VERTEX_SHADER, IOC.MapPoints.VERTEX)); gl.attachShader(program, make(gl.FRAGMENT_SHADER, IOC.MapPoints.FRAGMENT));
    gl.linkProgram(program);
    if (!this.buffers || this.gl !== gl) { this.gl = gl; this.buffers = {place: gl.createBuffer(), look: gl.createBuffer(), order: gl.createBuffer()}; }
    this.dirty = {place: true, look: true, order: true};
    const vao = gl.createVertexArray(), at = name => gl.getAttribLocation(program, name), uniform = name => gl.getUniformLocation(program, name);
    gl.bindVertexArray(vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.place); gl.enableVertexAttribArray(at('a_place')); gl.vertexAttribPointer(at('a_place'), 2, gl.FLOAT, false, 8, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.look);
    gl.enableVertexAttribArray(at('a_colour')); gl.vertexAttribPointer(at('a_colour'), 4, gl.UNSIGNED_BYTE, true, 8, 0);
    gl.enableVertexAttribArray(at('a_kind')); gl.vertexAttribPointer(at('a_kind'), 4, gl.UNSIGNED_BYTE, false, 8, 4);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers.order);
    gl.bindVertexArray(null);
    this.programs.set(id, {program, vao, view: uniform('u_view'), size: uniform('u_size'), least: uniform('u_least')});
  }

  forget(id) { const p = this.programs.get(id); if (p && this.gl) { this.gl.deleteProgram(p.program); this.gl.deleteVertexArray(p.vao); } this.programs.delete(id); }

  upload(gl) {
    const b = this.buffers, send = (kind, name, data, usage) => {
      gl.bindBuffer(kind, b[name]); gl.bufferData(kind, data, usage); // all of it anew: a part would wait for the picture that still reads it
    };
    if (this.dirty.place) send(gl.ARRAY_BUFFER, 'place', this.place, gl.DYNAMIC_DRAW);
    if (this.dirty.look) send(gl.ARRAY_BUFFER, 'look', this.look, gl.DYNAMIC_DRAW);
    if (this.dirty.order) { this.order(); gl.bindVertexArray(null); send(gl.ELEMENT_ARRAY_BUFFER, 'order', this.indices, gl.DYNAMIC_DRAW); gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, null); }
    this.dirty = {place: false, look: false, order: false};
  }

  // Half the width of a normal point, CSS pixels: grows with zoom, shrinks where tens of thousands are drawn.
  radius() {
    const z = this.city.map.getZoom() - Math.log2(this.city.k), steps = [[7, 1.7], [9.5, 2.7], [11, 3.4], [14, 6.2], [17, 9]];
    const j = Math.max(1, steps.findIndex(s => s[0] >= z) < 0 ? steps.length - 1 : steps.findIndex(s => s[0] >= z)), [a, b] = [steps[j - 1], steps[j]];
    const t = Math.min(1, Math.max(0, (z - a[0]) / (b[0] - a[0]))), crowd = this.drawn > 20000 && z < 12 ? 0.72 : this.drawn > 6000 && z < 12 ? 0.85 : this.drawn < 2500 ? 1.3 : 1;
    return (a[1] + t * (b[1] - a[1])) * this.city.k * crowd;
  }

  draw(gl, id) {
    if (!this.count || !this.look) return;
    const p = this.programs.get(id), map = this.city.map, canvas = map.getCanvas(), ratio = canvas.width / canvas.clientWidth;
    if (this.dirty.place || this.dirty.look || this.dirty.order) this.upload(gl);
    const [from, count] = this.ranges[id === 'points-calm' ? 'calm' : 'loud'];
    if (!count) return;
    const world = 512 * 2 ** map.getZoom(), w = canvas.clientWidth, h = canvas.clientHeight, o = map.project(this.origin);
    gl.useProgram(p.program); gl.bindVertexArray(p.vao);
    gl.uniform4f(p.view, 2 * world / w, -2 * world / h, 2 * o.x / w - 1, 1 - 2 * o.y / h);
    gl.uniform1f(p.size, 2 * this.radius() * ratio); gl.uniform1f(p.least, 2 * ratio);
    gl.enable(gl.BLEND); gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA); gl.disable(gl.DEPTH_TEST); gl.disable(gl.STENCIL_TEST);
    gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 4 * from);
    gl.bindVertexArray(null);
    this.frames = (this.frames || 0) + 1;
  }

  // Points within r pixels, the one that matters most first.
  near(point, r) {
    if (!this.grid || !this.city.shows('points') && !this.city.shows('alarms')) return [];
    const map = this.city.map, a = map.unproject([point.x - r, point.y + r]), b = map.unproject([point.x + r, point.y - r]), p = IOC.live.points, found = [];
    const test = i => { if (this.seen[i] && !this.hidden[i] && this.look[8 * i + 3]) { const q = map.project([p.lon[i], p.lat[i]]), d = Math.hypot(q.x - point.x, q.y - point.y); if (d <= r + 3) found.push([IOC.LOOK[IOC.live.states[i]].rank, -d, i]); } };
    this.grid.each(a.lng, a.lat, b.lng, b.lat, test);
    for (const i of p.moves) test(i);
    return found.sort((x, y) => y[0] - x[0] || y[1] - x[1]).map(f => f[2]);
  }

  // Of points under the pointer, those that no closer look would part.
  beside(found) {
    const map = this.city.map, p = IOC.live.points, at = i => map.project([p.lon[i], p.lat[i]]), first = at(found[0]);
    return found.filter(i => { const q = at(i); return Math.hypot(q.x - first.x, q.y - first.y) < 2.5; });
  }

  tip(i) {
    const live = IOC.live, p = live.points, s = live.states[i], lines = [IOC.make('b', '', p.name[i])];
    const shown = this.scaleOf && this.slotOf[i] >= 0 ? this.slotOf[i] : p.head[i];
    if (shown >= 0) { const metric = p.metrics[p.slots.metric[shown]]; lines.push(IOC.make('span', '', IOC.say(metric.name) + ': ' + IOC.reading(live.slotValues[shown], metric))); }
    lines.push(IOC.make('span', 'state ' + IOC.LOOK[s].name, (IOC.LOOK[s].sign ? IOC.LOOK[s].sign + ' ' : '') + IOC.word('state.' + s) + (live.times[i] ? ' · ' + IOC.age(live.now() / 1000 - live.times[i]) : '')));
    return lines;
  }

  // The picked point gets a ring of its own, an element that moves with the map.
  mark(i) {
    this.picked = i;
    if (!this.city.map) return;
    if (!this.ring) this.ring = new maplibregl.Marker({element: IOC.make('div', 'picked-ring')});
    if (i === null) { this.ring.remove(); return; }
    const p = IOC.live.points; this.ring.setLngLat([p.lon[i], p.lat[i]]).addTo(this.city.map);
  }
};
IOC.MapPoints.RGB = Object.fromEntries(Object.entries(IOC.Map.COLOUR).map(([s, hex]) => [s, [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16))]));

// Where points are, in cells: finds those in a box without looking at all.
IOC.MapGrid = class {
  constructor(p, wanted) {
    const n = p.count, side = this.side = Math.max(1, Math.min(512, Math.round(Math.sqrt(n / 2)))), lon = p.lon, lat = p.lat;
    let [w, s, e, t] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < n; i++) if (wanted(i)) { w = Math.min(w, lon[i]); e = Math.max(e, lon[i]); s = Math.min(s, lat[i]); t = Math.max(t, lat[i]); }
    if (w > e) [w, s, e, t] = [0, 0, 1, 1];
    this.box = [w, s, (e - w) / side || 1, (t - s) / side || 1];
    const first = this.first = new Uint32Array(side * side + 1), cell = new Int32Array(n).fill(-1);
    for (let i = 0; i < n; i++) if (wanted(i)) { cell[i] = this.row(lat[i]) * side + this.column(lon[i]); first[cell[i] + 1]++; }
    for (let c = 0; c < side * side; c++) first[c + 1] += first[c];
    const next = first.slice(); this.items = new Uint32Array(first[side * side]);
    for (let i = 0; i < n; i++) if (cell[i] >= 0) this.items[next[cell[i]]++] = i;
  }
  column(lon) { return Math.max(0, Math.min(this.side - 1, Math.floor((lon - this.box[0]) / this.box[2]))); }
  row(lat) { return Math.max(0, Math.min(this.side - 1, Math.floor((lat - this.box[1]) / this.box[3]))); }
  each(w, s, e, n, tell) {
    const c0 = this.column(w), c1 = this.column(e), r1 = this.row(n);
    for (let r = this.row(s); r <= r1; r++) for (let k = this.first[r * this.side + c0]; k < this.first[r * this.side + c1 + 1]; k++) tell(this.items[k]);
  }
};
