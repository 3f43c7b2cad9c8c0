// What is on the map: points and their series as columns, taken whole once, then changed by messages (see wire.py, points.py).
'use strict';
IOC.registry = (() => {
  const grown = (array, count, fill) => {
    if (array.length >= count) return array;
    const longer = new array.constructor(Math.max(count, array.length + (array.length >> 3))).fill(fill);
    longer.set(array); return longer;
  };
  // Names are looked for as people type them: no marks, no case, đ is d.
  const plain = text => text.normalize('NFD').replace(/[\u0300-\u036f]/g, '').replace(/đ/gi, 'd').toLowerCase();

  function take(live, points) {
    const n = points.id.length, m = points.slots.point.length;
    points.gone = new Set(points.gone); points.count = n; points.index = null;
    Object.assign(live, {points, generation: points.generation, revision: points.revision, states: new Uint8Array(n), values: new Float64Array(n).fill(NaN),
      times: new Uint32Array(n), seen: new Float64Array(n), slotValues: new Float64Array(m).fill(NaN), slotTimes: new Uint32Array(m)});
    link(points);
  }

  // Which slots a point has: `first[i]` begins its run in `run`.
  function link(points) {
    const n = points.id.length, owner = points.slots.point, first = new Uint32Array(n + 1), run = new Uint32Array(owner.length);
    for (const p of owner) first[p + 1]++;
    for (let i = 0; i < n; i++) first[i + 1] += first[i];
    const next = first.slice();
    for (let s = 0; s < owner.length; s++) run[next[owner[s]]++] = s;
    Object.assign(points, {first, run, count: n, byKey: null});
  }

  const slots = (points, i) => points.run.subarray(points.first[i], points.first[i + 1]);
  const at = (points, key) => { // the index of a sensor's key; -1 for none
    if (!points.byKey) points.byKey = new Map(points.key.map((k, i) => [k, i]).filter(([, i]) => !points.gone.has(i)));
    return points.byKey.has(key) ? points.byKey.get(key) : -1;
  };

  const code = (table, value) => { const i = table.indexOf(value); return i < 0 ? table.push(value) - 1 : i; };

  // Points that came, went or look otherwise.
  function apply(live, message, tell) {
    const p = live.points;
    if (!p || message.generation !== live.generation || message.revision !== live.revision + 1) return; // the next picture says what to do
    live.revision = p.revision = message.revision;
    for (const row of message.points) {
      const i = row.i, fresh = p.id[i] === undefined;
      p.gone.delete(i); p.id[i] = row.id; p.key[i] = row.key; p.name[i] = IOC.say(row.name) || row.key;
      if (fresh) { p.lat[i] = row.lat; p.lon[i] = row.lon; p.head[i] = -1; }
      p.domain[i] = code(p.domains, row.domain); p.area[i] = code(p.areas, row.area);
      if (row.moves && !p.moves.includes(i)) p.moves.push(i);
    }
    for (const i of message.gone) p.gone.add(i);
    for (const metric of message.metrics) { const known = p.metrics.findIndex(m => m.key === metric.key); if (known < 0) p.metrics.push(metric); }
    for (const [slot, point, metric] of message.slots) { p.slots.point[slot] = point; p.slots.metric[slot] = p.metrics.findIndex(m => m.key === metric); }
    for (const [i, slot] of message.heads) p.head[i] = slot;
    const n = p.id.length, m = p.slots.point.length;
    live.states = grown(live.states, n, 0); live.values = grown(live.values, n, NaN); live.times = grown(live.times, n, 0); live.seen = grown(live.seen, n, 0);
    live.slotValues = grown(live.slotValues, m, NaN); live.slotTimes = grown(live.slotTimes, m, 0);
    link(p); tell('registry', p);
  }

  const reader = (buffer, at) => (type, count) => { const found = new type(buffer, at, count); at += found.byteLength + (4 - found.byteLength % 4) % 4; return found; };

  function place(live, take, count, now) {
    const moved = take(Uint32Array, count), lat = take(Int32Array, count), lon = take(Int32Array, count), age = take(Uint32Array, count), p = live.points;
    for (let i = 0; i < count; i++) {
      p.lat[moved[i]] = lat[i] / 1e7; p.lon[moved[i]] = lon[i] / 1e7; live.seen[moved[i]] = age[i] === 0xffffffff ? 0 : now - age[i];
    }
    return moved;
  }

  function whole(live, buffer, [slots, , points, moves], now) {
    const take = reader(buffer, 48), p = live.points;
    live.slotValues.set(take(Float64Array, slots)); live.slotTimes.set(take(Uint32Array, slots)); live.states.set(take(Uint8Array, points));
    live.times.fill(0);
    for (let s = 0; s < slots; s++) { const i = p.slots.point[s]; if (live.slotTimes[s] > live.times[i]) live.times[i] = live.slotTimes[s]; }
    for (let i = 0; i < p.count; i++) if (p.head[i] >= 0) live.values[i] = live.slotValues[p.head[i]];
    return {whole: true, index: null, states: null, slots: null, moved: place(live, take, moves, now)};
  }

  // index: points of which anything changed; states: those whose state did; slots: values that did.
  function changed(live, buffer, [wide, narrow, states, moves], now) {
    const take = reader(buffer, 48), p = live.points, second = Math.floor(now / 1000);
    const value8 = take(Float64Array, wide), slot8 = take(Uint32Array, wide), time8 = take(Uint32Array, wide);
    const slot4 = take(Uint32Array, narrow), value4 = take(Float32Array, narrow), age2 = take(Uint16Array, narrow), state4 = take(Uint32Array, states);
    const index = new Uint32Array(wide + narrow + states), slot = new Uint32Array(wide + narrow), told = new Uint32Array(states);
    const put = (s, value, time, n) => {
      const i = p.slots.point[s];
      live.slotValues[s] = value; live.slotTimes[s] = time; slot[n] = s; index[n] = i;
      if (p.head[i] === s) live.values[i] = value;
      if (time > live.times[i]) live.times[i] = time;
    };
    for (let n = 0; n < wide; n++) put(slot8[n], value8[n], time8[n], n);
    for (let n = 0; n < narrow; n++) put(slot4[n], value4[n], second - age2[n], wide + n);
    for (let n = 0; n < states; n++) { const i = state4[n] >>> 3; live.states[i] = state4[n] & 7; told[n] = index[wide + narrow + n] = i; }
    return {whole: false, index, states: told, slots: slot, moved: place(live, take, moves, now)};
  }

  return {take, apply, whole, changed, slots, at, plain};
})();
