// Events on the map: reports, works, warnings. A diamond of their own colour; only alarms warn.
'use strict';
IOC.Events = class {
  constructor(city) { this.city = city; this.list = []; this.names = null; }

  static image(k) {
    const size = Math.round(26 * k), canvas = document.createElement('canvas'), c = canvas.getContext('2d'), m = size / 2, r = m - 2 * k;
    canvas.width = canvas.height = size;
    c.beginPath(); c.moveTo(m, m - r); c.lineTo(m + r, m); c.lineTo(m, m + r); c.lineTo(m - r, m); c.closePath();
    c.fillStyle = '#1d1430'; c.fill(); c.lineWidth = 2.4 * k; c.strokeStyle = '#d9a8ff'; c.stroke();
    c.beginPath(); c.arc(m, m, 2.6 * k, 0, 7); c.fillStyle = '#d9a8ff'; c.fill();
    return c.getImageData(0, 0, size, size);
  }

  layer(k) {
    const map = this.city.map, ratio = 2;
    if (map.hasImage('event')) map.removeImage('event');
    map.addImage('event', IOC.Events.image(k * ratio), {pixelRatio: ratio});
    if (!map.getSource('events')) map.addSource('events', {type: 'geojson', data: IOC.Map.collection([])});
    map.addLayer({id: 'events', type: 'symbol', source: 'events', layout: {'icon-image': 'event', 'icon-allow-overlap': true, 'icon-ignore-placement': true,
      'icon-size': ['interpolate', ['linear'], ['zoom'], 8, 0.55, 13, 1]}});
    this.draw();
  }

  show(list) { this.list = list; this.draw(); }
  shown() { return this.list.filter(e => !this.city.domains.size || this.city.domains.has(e.domain)); }

  // Where it is; one that names only its ward is drawn in the middle of that.
  place(e) {
    if (e.lat !== null && e.lon !== null) return [e.lon, e.lat];
    const area = this.city.areas && this.city.areas.features[this.city.areaIndex.get(e.area)];
    return area ? IOC.Map.middle(area.geometry) : null;
  }

  draw() {
    const source = this.city.map && this.city.map.getSource('events');
    if (!source) return;
    source.setData(IOC.Map.collection(this.shown().map(e => ({e, at: this.place(e)})).filter(x => x.at).map(({e, at}) => (
      {type: 'Feature', id: e.id, properties: {}, geometry: {type: 'Point', coordinates: at}}))));
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
