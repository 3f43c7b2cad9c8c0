// Buses and boats: they glide from where they were seen to where they were seen last, never further, and stand when nothing is heard.
'use strict';
IOC.MapMoves = class {
  static LONGEST = 15000; // ms a glide may take; what was silent for longer jumps, for nobody knows how it went
  static FARTHEST = 2500; // metres
  static KEPT = 1200000; // ms of trail
  static STEP = 80; // ms between two pictures of a glide

  constructor(city) { Object.assign(this, {city, gliding: new Map(), trails: new Map(), timer: null, due: 0, loaded: false}); }

  build() {
    const p = IOC.live.points;
    this.gliding.clear(); this.at = new Map(p.moves.map(i => [i, [p.lon[i], p.lat[i], IOC.live.seen[i] || 0]]));
    if (!this.loaded && p.moves.length && this.city.shows('trails')) this.load();
    this.draw();
  }

  moved(list) {
    const p = IOC.live.points, points = this.city.points, map = this.city.map, now = performance.now(), box = map.getBounds();
    for (const i of list) {
      const to = [p.lon[i], p.lat[i]], seen = IOC.live.seen[i], last = this.at.get(i);
      if (!points.moving[i]) { points.moving[i] = 1; points.grid = new IOC.MapGrid(p, k => points.seen[k] && !points.moving[k]); points.style(i); }
      this.at.set(i, [...to, seen]);
      if (last && seen && (last[0] !== to[0] || last[1] !== to[1])) this.remember(i, to, seen);
      const took = last && last[2] && seen ? seen - last[2] : 0, from = this.gliding.has(i) ? this.where(i, now) : last;
      const a = from && map.project([from[0], from[1]]), b = map.project(to), far = a ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
      const glide = took > 0 && took <= IOC.MapMoves.LONGEST && far >= 1 && box.contains(to) && !document.hidden && !IOC.Map.calm() && IOC.geo.distance(from[0], from[1], ...to) < IOC.MapMoves.FARTHEST;
      if (glide) this.gliding.set(i, {from: [from[0], from[1]], to, began: now, took: Math.min(took, 5000)}); else { this.gliding.delete(i); points.put(i, ...to); }
      if (points.picked === i && !glide) points.ring.setLngLat(to);
    }
    map.triggerRepaint(); this.step();
    if (this.city.shows('trails') && now > this.due) this.draw();
  }

  where(i, now) {
    const g = this.gliding.get(i), t = Math.min(1, (now - g.began) / g.took);
    return [g.from[0] + t * (g.to[0] - g.from[0]), g.from[1] + t * (g.to[1] - g.from[1])];
  }

  // One picture of all glides; the next is asked for only while something still moves.
  step() {
    if (this.timer || !this.gliding.size) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (!this.city.ready) return;
      const now = performance.now(), points = this.city.points;
      for (const [i, g] of this.gliding) {
        const at = this.where(i, now); points.put(i, ...at);
        if (points.picked === i) points.ring.setLngLat(at);
        if (now - g.began >= g.took) this.gliding.delete(i);
      }
      this.city.map.triggerRepaint(); this.step();
    }, IOC.MapMoves.STEP);
  }
  stop() { clearTimeout(this.timer); this.timer = null; this.gliding.clear(); }

  remember(i, to, seen) {
    const key = IOC.live.points.key[i], trail = this.trails.get(key) || [], last = trail[trail.length - 1];
    if (last && (seen <= last[2] || IOC.geo.near(last[0], last[1], ...to) < 15)) return;
    trail.push([to[0], to[1], seen]);
    while (trail.length > 200 || trail[0][2] < seen - IOC.MapMoves.KEPT) trail.shift();
    this.trails.set(key, trail);
  }

  // Where everything went in the last minutes, as the store knows it; afterwards the map remembers by itself.
  async load() {
    this.loaded = true;
    try {
      const answer = await fetch('/api/points/trails');
      if (answer.ok) for (const [key, trail] of Object.entries(await answer.json())) this.trails.set(key, trail);
    } catch (error) { this.loaded = false; }
    if (this.city.ready) this.draw();
  }

  layers(k) {
    const map = this.city.map;
    if (!map.getSource('trails')) map.addSource('trails', {type: 'geojson', data: IOC.Map.collection([]), tolerance: 0.4});
    map.addLayer({id: 'trails', type: 'line', source: 'trails', layout: {'line-cap': 'round', 'line-join': 'round'}, paint: {'line-color': ['case', ['get', 'picked'], '#7cc4ff', '#57d8c8'],
      'line-width': ['*', k, ['case', ['get', 'picked'], 3, 1.8]], 'line-opacity': ['case', ['get', 'picked'], 0.95, ['get', 'o']]}});
    this.draw();
  }

  // Newer parts are clearer; a pause of ten minutes is a gap, not a line.
  draw() {
    const source = this.city.map && this.city.map.getSource('trails'), p = IOC.live.points, now = IOC.live.now(), found = [];
    if (!source || !p) return;
    this.due = performance.now() + 2000;
    for (const [key, trail] of this.city.shows('trails') ? this.trails : []) {
      const i = IOC.registry.at(p, key);
      if (i < 0 || !this.city.shown(i)) continue;
      const end = [p.lon[i], p.lat[i], IOC.live.seen[i] || now], parts = [[], [], []];
      [...trail, end].forEach((q, n, all) => { if (!n || q[2] > now + 60000 || q[2] < now - IOC.MapMoves.KEPT || q[2] - all[n - 1][2] > 600000) return; parts[Math.min(2, Math.floor((now - q[2]) / (IOC.MapMoves.KEPT / 3)))].push([all[n - 1].slice(0, 2), q.slice(0, 2)]); });
      parts.forEach((lines, n) => { if (lines.length) found.push({type: 'Feature', properties: {o: [0.6, 0.34, 0.16][n], picked: this.city.picked === i}, geometry: {type: 'MultiLineString', coordinates: lines}}); });
    }
    source.setData(IOC.Map.collection(found));
  }

  follow() { if (this.city.ready && this.trails.size) this.draw(); }
};
