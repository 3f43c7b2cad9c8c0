// The nearest sensors and facilities to any point, in metres along the earth: click, or write coordinates.
'use strict';
IOC.MapNear = class {
  constructor(city, side, tools) {
    Object.assign(this, {city, side, tools, place: null, domain: ''});
    const moved = IOC.paced(2000, () => { if (this.place) this.draw(); });
    city.on('update', change => { if (this.place && change.moved && change.moved.length) moved(); });
  }
  static said(at) { return IOC.number(at[1], 5) + '; ' + IOC.number(at[0], 5); }

  begin() { this.city.map.getCanvas().style.cursor = 'crosshair'; this.panel(); }
  end() { if (this.city.map) this.city.map.getCanvas().style.cursor = ''; }
  closed() { this.place = null; if (this.pin) this.pin.remove(); this.line(null); if (this.tools.active === 'near') this.tools.use('near'); }
  click(event) { this.at(event.lngLat.toArray()); return true; }

  panel() {
    const form = IOC.make('form', 'near-form'), label = IOC.make('label', 'pick'), input = this.input = IOC.make('input'), said = this.wrong = IOC.make('p', 'wrong-said');
    Object.assign(input, {type: 'text', placeholder: IOC.MapNear.said([IOC.facts.map.center[0], IOC.facts.map.center[1]]), maxLength: 40}); said.hidden = true; said.setAttribute('role', 'alert');
    if (this.place) input.value = IOC.MapNear.said(this.place);
    label.append(IOC.make('span', '', IOC.word('map.coordinates')), input); form.append(label, said);
    form.addEventListener('submit', event => { event.preventDefault(); const at = IOC.geo.read(input.value); said.hidden = !!at; if (at) this.at(at); else IOC.text(said, IOC.word('map.coordinates_wrong')); });
    const domains = Object.entries(IOC.facts.domains).sort((a, b) => a[1].order - b[1].order).map(([key, d]) => [key, IOC.say(d.name)]);
    this.body = IOC.make('div');
    this.side.show(this, IOC.word('map.tool_near'), form, this.tools.choice('map.domains', [['', IOC.word('map.each_domain')], ...domains], this.domain, domain => { this.domain = domain; if (this.place) this.draw(); }), this.body);
    if (!this.place) this.body.append(IOC.make('p', 'quiet', IOC.word('map.near_how')));
  }

  at(place) {
    this.place = place;
    if (this.tools.active !== 'near') this.tools.use('near');
    this.panel();
    if (!this.pin) this.pin = new maplibregl.Marker({element: IOC.make('div', 'near-pin')});
    this.pin.setLngLat(place).addTo(this.city.map); this.draw();
  }

  // The nearest of one field; or of each field its nearest, then whatever is near.
  find() {
    const p = IOC.live.points, [lon, lat] = this.place, list = [];
    for (let i = 0; i < p.count; i++) if (!p.gone.has(i) && (!this.domain || p.domains[p.domain[i]] === this.domain)) list.push([IOC.geo.near(lon, lat, p.lon[i], p.lat[i]), i]);
    list.sort((a, b) => a[0] - b[0]);
    const exact = ([, i]) => ({i, metres: IOC.geo.distance(lon, lat, p.lon[i], p.lat[i])}), order = (a, b) => a.metres - b.metres;
    if (this.domain) return {near: list.slice(0, 25).map(exact).sort(order), each: []};
    const seen = new Set(), each = list.filter(([, i]) => !seen.has(p.domain[i]) && seen.add(p.domain[i])).map(exact).sort(order);
    return {near: list.slice(0, 12).map(exact).sort(order), each};
  }

  draw() {
    const found = this.found = this.find(), p = IOC.live.points, rows = list => IOC.MapRows.make(this.city, list.map(({i, metres}) => ({i, more: IOC.geo.said(metres)})), 40), parts = [];
    const events = this.city.events.shown().map(e => ({e, at: this.city.events.place(e)})).filter(x => x.at && (!this.domain || x.e.domain === this.domain)).map(x => ({...x, metres: IOC.geo.distance(...this.place, ...x.at)})).sort((a, b) => a.metres - b.metres).slice(0, 5);
    parts.push(IOC.make('h3', '', IOC.word('map.nearest')), rows(found.near));
    if (found.each.length) {
      const list = rows(found.each);
      found.each.forEach(({i}, n) => { const d = IOC.facts.domains[p.domains[p.domain[i]]]; list.children[n].querySelector('.what').prepend(IOC.make('small', '', d ? IOC.say(d.name) : p.domains[p.domain[i]] || '–')); });
      parts.push(IOC.make('h3', '', IOC.word('map.nearest_each')), list);
    }
    if (events.length) {
      const list = IOC.make('ul', 'sensor-rows');
      list.append(...events.map(({e, metres}) => { const row = IOC.make('li'), b = IOC.make('button', 'event'); b.type = 'button'; b.append(IOC.make('i', 'dot event'), IOC.make('span', 'what', e.title || e.kind), IOC.make('span', 'more num', IOC.geo.said(metres))); b.addEventListener('click', () => this.city.onEvent && this.city.onEvent(e.id)); row.append(b); return row; }));
      parts.push(IOC.make('h3', '', IOC.word('map.nearest_events')), list);
    }
    this.body.replaceChildren(...parts); this.line(found.near[0]);
  }

  // A thin line to the nearest of all.
  line(to) {
    const map = this.city.map, p = IOC.live.points;
    if (!map) return;
    if (!map.getSource('near')) { map.addSource('near', {type: 'geojson', data: IOC.Map.collection([])}); map.addLayer({id: 'near', type: 'line', source: 'near', paint: {'line-color': '#7cc4ff', 'line-width': 2, 'line-dasharray': [1, 1.4]}}); }
    map.getSource('near').setData(IOC.Map.collection(to && this.place ? [{type: 'Feature', properties: {}, geometry: {type: 'LineString', coordinates: [this.place, [p.lon[to.i], p.lat[to.i]]]}}] : []));
  }
};
