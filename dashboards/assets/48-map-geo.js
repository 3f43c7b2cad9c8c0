// Distances on the earth, in metres, and shapes on a plane of pixels or degrees.
'use strict';
IOC.geo = (() => {
  const A = 6378137, F = 1 / 298.257223563, B = A * (1 - F), R = Math.PI / 180;
  // Along the ellipsoid WGS 84 (Vincenty's inverse formula): right to the millimetre, but for points at opposite ends of the earth.
  function distance(lon1, lat1, lon2, lat2) {
    const L = (lon2 - lon1) * R, u1 = Math.atan((1 - F) * Math.tan(lat1 * R)), u2 = Math.atan((1 - F) * Math.tan(lat2 * R));
    const [s1, c1, s2, c2] = [Math.sin(u1), Math.cos(u1), Math.sin(u2), Math.cos(u2)];
    let x = L, before, turns = 0, sin, cos, arc, cc, cm;
    do {
      const sl = Math.sin(x), cl = Math.cos(x);
      sin = Math.hypot(c2 * sl, c1 * s2 - s1 * c2 * cl);
      if (!sin) return 0;
      cos = s1 * s2 + c1 * c2 * cl; arc = Math.atan2(sin, cos);
      const sa = c1 * c2 * sl / sin; cc = 1 - sa * sa; cm = cc ? cos - 2 * s1 * s2 / cc : 0;
      const k = F / 16 * cc * (4 + F * (4 - 3 * cc));
      before = x; x = L + (1 - k) * F * sa * (arc + k * sin * (cm + k * cos * (2 * cm * cm - 1)));
    } while (Math.abs(x - before) > 1e-12 && ++turns < 200);
    if (turns >= 200) return near(lon1, lat1, lon2, lat2);
    const u = cc * (A * A - B * B) / (B * B), a = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u))), b = u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)));
    return B * a * (arc - b * sin * (cm + b / 4 * (cos * (2 * cm * cm - 1) - b / 6 * cm * (4 * sin * sin - 3) * (4 * cm * cm - 3))));
  }
  // On a ball: to sort by, not to show.
  function near(lon1, lat1, lon2, lat2) {
    const h = Math.sin((lat2 - lat1) * R / 2) ** 2 + Math.cos(lat1 * R) * Math.cos(lat2 * R) * Math.sin((lon2 - lon1) * R / 2) ** 2;
    return 2 * 6371008.8 * Math.asin(Math.min(1, Math.sqrt(h)));
  }
  function inside(ring, x, y) {
    let odd = false;
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [xi, yi] = ring[i], [xj, yj] = ring[j];
      if ((yi > y) !== (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) odd = !odd;
    }
    return odd;
  }
  const said = metres => metres < 1000 ? IOC.number(Math.round(metres), 0) + ' m' : IOC.number(metres / 1000, metres < 10000 ? 2 : 1) + ' km';
  // "9.6, 105.97", "9,6 105,97" or "105.97 9.6": what lies in the city's part of the world decides which is which.
  function read(text) {
    const found = text.trim().match(/^(-?\d+(?:[.,]\d+)?)\s*[,;\s]\s*(-?\d+(?:[.,]\d+)?)$/);
    if (!found) return null;
    const [a, b] = found.slice(1).map(x => +x.replace(',', '.')), fits = (lat, lon) => Math.abs(lat) <= 85 && Math.abs(lon) <= 180, c = IOC.facts.map.center;
    const ways = [[b, a], [a, b]].filter(([lon, lat]) => fits(lat, lon)).sort((p, q) => near(p[0], p[1], c[0], c[1]) - near(q[0], q[1], c[0], c[1]));
    return ways[0] || null;
  }
  return {distance, near, inside, said, read};
})();
