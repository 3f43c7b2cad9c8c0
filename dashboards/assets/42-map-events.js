// Events on the map: reports, works, warnings. A diamond of their own colour with the sign of their kind; only alarms warn.
'use strict';
IOC.Events = class {
  // Which sign an event's kind gets, by what feeds call such things; drawn in a box of 24.
  static SIGNS = {
    works: [/work|construct|repair|sửa|thi công|maint/i, 'M7 17 L12 7 L17 17 Z'],
    flood: [/flood|water|ngập|tide|surge|storm|lũ|triều/i, 'M5 10 q2.3 -3 4.6 0 t4.6 0 t4.8 0 M5 15 q2.3 -3 4.6 0 t4.6 0 t4.8 0'],
    fire: [/fire|smoke|cháy|burn/i, 'M12 5 q6 6 4.5 10 q-1.5 4 -4.5 4 t-4.5 -4 q-.5 -3 2 -5 q1 2 2 2 q1.500 -3 .5 -7 Z'],
    crash: [/accident|crash|collision|tai nạn|incident/i, 'M7 7 L17 17 M17 7 L7 17'],
    power: [/power|outage|electric|điện/i, 'M13.5 5 L8 13 L12 13 L10.500 19 L16 11 L12 11 Z'],
    weather: [/weather|rain|wind|heat|thunder|mưa|bão|gió/i, 'M8 15 a3.200 3.200 0 0 1 .5 -6.300 a4.200 4.200 0 0 1 7.800 1 a2.800 2.800 0 0 1 -.3 5.300 Z'],
    traffic: [/traffic|jam|congest|closed|closure|road|đường|ùn/i, 'M7 12 L17 12 M7 8.500 L17 8.500 M7 15.500 L17 15.500'],
    person: [/detect|camera|person|people|crowd|intru/i, 'M12 6 a2.500 2.500 0 1 1 -.01 0 M7.500 18 q0 -6 4.500 -6 t4.500 6'],
    report: [/./, 'M12 7 L12 13 M12 16.200 L12 16.600'],
  };
  static sign(kind) { return Object.keys(IOC.Events.SIGNS).find(key => IOC.Events.SIGNS[key][0].test(kind || '?')) || 'report'; }

  constructor(city) { this.city = city; this.list = []; }

  static image(k, sign) {
    const size = Math.round(30 * k), canvas = document.createElement('canvas'), c = canvas.getContext('2d'), u = size / 30;
    canvas.width = canvas.height = size;
    c.scale(u, u); c.beginPath(); c.moveTo(15, 1.5); c.lineTo(28.5, 15); c.lineTo(15, 28.5); c.lineTo(1.5, 15); c.closePath();
    c.fillStyle = '#1d1430'; c.fill(); c.lineWidth = 2; c.strokeStyle = '#d9a8ff'; c.lineJoin = 'round'; c.stroke();
    c.translate(15, 15); c.scale(0.92, 0.92); c.translate(-12, -12); c.lineWidth = 2; c.lineCap = 'round'; c.strokeStyle = '#f1e2ff'; c.stroke(new Path2D(IOC.Events.SIGNS[sign][1]));
    return c.getImageData(0, 0, size, size);
  }

  layer(k) {
    const map = this.city.map, ratio = 2;
    for (const sign of Object.keys(IOC.Events.SIGNS)) { if (map.hasImage('event-' + sign)) map.removeImage('event-' + sign); map.addImage('event-' + sign, IOC.Events.image(k * ratio, sign), {pixelRatio: ratio}); }
    if (!map.getSource('events')) map.addSource('events', {type: 'geojson', data: IOC.Map.collection([])});
    map.addLayer({id: 'events', type: 'symbol', source: 'events', layout: {'icon-image': ['concat', 'event-', ['get', 'sign']], 'icon-allow-overlap': true, 'icon-ignore-placement': true,
      'icon-size': ['interpolate', ['linear'], ['zoom'], 8.5, 0.42, 11, 0.72, 13, 1], 'symbol-sort-key': ['get', 'severity']}});
    this.draw();
  }

  show(list) { this.list = list; this.draw(); }
  shown() { return this.list.filter(e => !this.city.domains.size || this.city.domains.has(e.domain)); }

  // Where it is; one that names only its ward is drawn in the middle of that.
  place(e) {
    if (e.lat !== null && e.lon !== null) return Math.abs(e.lat) > 0.001 || Math.abs(e.lon) > 0.001 ? [e.lon, e.lat] : null;
    const area = this.city.areas && this.city.areas.features[this.city.areaIndex.get(e.area)];
    return area ? IOC.Map.middle(area.geometry) : null;
  }

  draw() {
    const source = this.city.map && this.city.map.getSource('events');
    if (!source) return;
    source.setData(IOC.Map.collection(this.shown().map(e => ({e, at: this.place(e)})).filter(x => x.at).map(({e, at}) => (
      {type: 'Feature', id: e.id, properties: {sign: IOC.Events.sign(e.kind), severity: e.severity || 0}, geometry: {type: 'Point', coordinates: at}}))));
  }

  near(point) {
    if (!this.city.map.getLayer('events')) return null;
    const r = 4, found = this.city.map.queryRenderedFeatures([[point.x - r, point.y - r], [point.x + r, point.y + r]], {layers: ['events']})[0];
    return found ? this.list.find(e => e.id === found.id) || null : null;
  }

  tip(e) {
    const said = [IOC.word('event.' + e.status), IOC.age((IOC.live.now() - e.opened) / 1000)].join(' · ');
    return [IOC.make('b', '', e.title || e.kind), IOC.make('span', '', IOC.say(e.feed)), IOC.make('span', 'state event', said)];
  }
};
