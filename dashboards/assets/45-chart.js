// Light SVG drawings for a wall: sparklines and one chart. Sizes are in px of the element, so text stays sharp.
'use strict';
IOC.draw = (() => {
  const NS = 'http://www.w3.org/2000/svg';
  const LINE = ['#45d6c6', '#7cb8ff', '#d9a8ff', '#f2d06b'], DASH = ['', '7 4', '2 4', '10 3 2 3'];
  const LEVEL = {1: '#8ba3bb', 2: '#ffb833', 3: '#ff5c6c'};
  const node = (name, attributes, text) => {
    const el = document.createElementNS(NS, name);
    for (const key in attributes) el.setAttribute(key, attributes[key]);
    if (text !== undefined) el.textContent = text;
    return el;
  };
  // Pieces of a line without the gaps: a hole in the data is a hole in the line.
  const pieces = (points, step) => {
    const found = [], usual = points.slice(1).map((p, i) => p[0] - points[i][0]).sort((a, b) => a - b);
    const longest = Math.max(step, usual.length ? usual[usual.length >> 1] : 0) * 2.6; // long for this series
    let last = null;
    for (const p of points) {
      if (last === null || p[0] - last > longest) found.push([]);
      found[found.length - 1].push(p); last = p[0];
    }
    return found;
  };
  const path = (points, x, y) => points.map((p, i) => (i ? 'L' : 'M') + x(p[0]).toFixed(1) + ' ' + y(p[1]).toFixed(1)).join('');

  function spark(svg, points, colour) {
    svg.replaceChildren();
    if (points.length < 2) return;
    const w = 168, h = 52, values = points.map(p => p[1]), low = Math.min(...values), high = Math.max(...values), range = (high - low) || 1;
    const t0 = points[0][0], t1 = points[points.length - 1][0];
    const x = t => (t - t0) / (t1 - t0 || 1) * (w - 6) + 1, y = v => h - 6 - (v - low) / range * (h - 12);
    svg.setAttribute('viewBox', `0 0 ${w} ${h}`); svg.setAttribute('preserveAspectRatio', 'xMaxYMid meet');
    for (const piece of pieces(points, 900000)) {
      const line = path(piece, x, y);
      svg.append(node('path', {d: `${line}L${x(piece[piece.length - 1][0]).toFixed(1)} ${h}L${x(piece[0][0]).toFixed(1)} ${h}Z`, fill: colour, opacity: 0.13}),
        node('path', {d: line, fill: 'none', stroke: colour, 'stroke-width': 2, 'stroke-linejoin': 'round'}));
    }
    const end = points[points.length - 1];
    svg.append(node('circle', {cx: x(end[0]), cy: y(end[1]), r: 3, fill: colour}));
  }

  const nice = range => { const p = 10 ** Math.floor(Math.log10(range / 4)), f = range / 4 / p; return p * (f <= 1 ? 1 : f <= 2 ? 2 : f <= 5 ? 5 : 10); };

  function chart(svg, data, now) {
    const w = svg.clientWidth, h = svg.clientHeight, k = parseFloat(getComputedStyle(svg).fontSize) / 13;
    svg.replaceChildren();
    if (!w || !h) return;
    svg.setAttribute('viewBox', `0 0 ${w} ${h}`);
    const box = {l: 46 * k, r: 14 * k, t: 10 * k, b: 22 * k}, t0 = now - data.hours * 3600000, t1 = now + (data.ahead || 0) * 3600000;
    const lines = data.lines.map(line => ({...line, points: line.points.filter(p => p[0] >= t0), ahead: (line.ahead || []).filter(p => p[0] > now && p[0] <= t1)}));
    const values = lines.flatMap(line => [...line.points.map(p => p[1]), ...line.ahead.map(p => p[1])]).filter(isFinite);
    if (!values.length) { svg.append(node('text', {x: w / 2, y: h / 2, 'text-anchor': 'middle', class: 'none'}, IOC.word('chart.none'))); return; }
    let low = Math.min(...values), high = Math.max(...values);
    const reach = Math.max(high - low, Math.abs(high) * 0.05, 1e-6);
    for (const level of data.levels) if (level.value < high + reach * 1.2 && level.value > low - reach * 1.2) { low = Math.min(low, level.value); high = Math.max(high, level.value); }
    low -= (high - low) * 0.06; high += (high - low) * 0.1 || 1;
    const tick = nice(high - low), decimals = Math.max(0, Math.min(data.decimals, Math.ceil(-Math.log10(tick) - 1e-9)));
    box.l = Math.max(46, 20 + 7.4 * Math.max(...[low, high].map(v => IOC.number(v, decimals).length))) * k;
    const x = t => box.l + (t - t0) / (t1 - t0) * (w - box.l - box.r), y = v => h - box.b - (v - low) / (high - low) * (h - box.t - box.b);
    for (let v = Math.ceil(low / tick) * tick; v <= high; v += tick) svg.append(node('line', {x1: box.l, x2: w - box.r, y1: y(v), y2: y(v), class: 'grid'}),
      node('text', {x: box.l - 7 * k, y: y(v) + 4 * k, 'text-anchor': 'end'}, IOC.number(v, decimals)));
    const every = [1, 2, 3, 6, 12, 24, 48].find(hours => (t1 - t0) / 3600000 / hours * 64 * k <= w - box.l) * 3600000;
    const shift = (Number(IOC.clock(now).slice(0, 2)) * 60 + Number(IOC.clock(now).slice(3))) * 60000, midnight = Math.floor(now / 60000) * 60000 - shift;
    for (let t = midnight + 86400000 * Math.ceil(1 + (t1 - now) / 86400000); t > t0; t -= every) if (t <= t1) svg.append(node('line', {x1: x(t), x2: x(t), y1: box.t, y2: h - box.b, class: 'grid'}),
      node('text', {x: x(t), y: h - 5 * k, 'text-anchor': 'middle'}, IOC.clock(t) === '00:00' ? IOC.date(t).slice(0, 5) : IOC.clock(t)));
    let left = false;
    const crowded = level => data.levels.some(other => other.value > level.value && y(level.value) - y(other.value) < 19 * k);
    for (const level of [...data.levels].sort((a, b) => a.value - b.value)) {
      if (level.value < low || level.value > high) continue;
      left = !left; // names of close levels stand at opposite ends
      svg.append(node('line', {x1: box.l, x2: w - box.r, y1: y(level.value), y2: y(level.value), stroke: LEVEL[level.state], 'stroke-width': 1.3 * k, 'stroke-dasharray': '8 5', opacity: 0.9}),
        node('text', {x: left ? box.l + 8 * k : w - box.r - 8 * k, 'text-anchor': left ? 'start' : 'end', y: y(level.value) + (crowded(level) ? 13 : -5) * k, style: 'fill:' + LEVEL[level.state], class: 'on'}, IOC.say(level.name) + ' ' + IOC.quantity(level.value, data.decimals, data.unit)));
    }
    if (t1 > now) svg.append(node('rect', {x: x(now), y: box.t, width: x(t1) - x(now), height: h - box.t - box.b, class: 'future'}),
      node('line', {x1: x(now), x2: x(now), y1: box.t, y2: h - box.b, class: 'now'}),
      node('text', {x: x(now) + 6 * k, y: box.t + 11 * k, class: 'on'}, IOC.word('chart.forecast')));
    lines.forEach((line, i) => {
      if (line.ahead.length > 1) {
        if (line.ahead[0].length > 3) svg.append(node('path', {d: path(line.ahead.map(p => [p[0], p[2]]), x, y) + path(line.ahead.map(p => [p[0], p[3]]).reverse(), x, y).replace('M', 'L') + 'Z', fill: LINE[i % 4], opacity: 0.12}));
        const last = line.points[line.points.length - 1];
        svg.append(node('path', {d: path([...(last ? [last] : []), ...line.ahead], x, y), fill: 'none', stroke: LINE[i % 4], 'stroke-width': 2 * k, 'stroke-dasharray': `${2 * k} ${3.5 * k}`, opacity: 0.9, 'stroke-linejoin': 'round'}));
      }
      for (const piece of pieces(line.points, data.step)) {
        const drawn = path(piece, x, y);
        if (lines.length === 1) svg.append(node('path', {d: `${drawn}L${x(piece[piece.length - 1][0])} ${h - box.b}L${x(piece[0][0])} ${h - box.b}Z`, fill: LINE[0], opacity: 0.09}));
        svg.append(node('path', {d: drawn, fill: 'none', stroke: LINE[i % 4], 'stroke-width': 2.2 * k, 'stroke-dasharray': DASH[i % 4], 'stroke-linejoin': 'round'}));
      }
      const end = line.points[line.points.length - 1];
      if (end) svg.append(node('circle', {cx: x(end[0]), cy: y(end[1]), r: 3.6 * k, fill: LINE[i % 4]}));
    });
  }

  // Names without the words that all of them begin with.
  function short(names) {
    const words = names.map(name => name.split(' '));
    let same = 0;
    while (words.length > 1 && words.every(w => w.length > same + 1 && w[same] === words[0][same])) same++;
    return words.map(w => w.slice(same).join(' '));
  }

  function key(element, lines) {
    const names = short(lines.map(line => IOC.say(line.name)));
    element.replaceChildren(...lines.map((line, i) => {
      const el = IOC.make('span', 'key'), svg = node('svg', {viewBox: '0 0 26 8', 'aria-hidden': 'true'});
      svg.append(node('line', {x1: 0, x2: 26, y1: 4, y2: 4, stroke: LINE[i % 4], 'stroke-width': 2.5, 'stroke-dasharray': DASH[i % 4]}));
      el.append(svg, IOC.make('span', '', names[i])); el.title = IOC.say(line.name);
      return el;
    }));
  }
  return {spark, chart, key};
})();
