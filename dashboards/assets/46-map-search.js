// Search by the name of a sensor, a place, an area or an event, or by coordinates; marks and case do not matter.
'use strict';
IOC.MapSearch = class {
  constructor(city, box, side) {
    Object.assign(this, {city, side, folded: null});
    const input = this.input = IOC.make('input'), list = this.list = IOC.make('ul', 'found'), domain = IOC.make('select');
    Object.assign(input, {type: 'search', placeholder: IOC.word('map.search'), maxLength: 80, autocomplete: 'off'});
    input.setAttribute('aria-label', IOC.word('map.search')); input.setAttribute('role', 'combobox'); input.setAttribute('aria-expanded', 'false'); input.setAttribute('aria-controls', 'map-found'); list.id = 'map-found';
    domain.setAttribute('aria-label', IOC.word('map.domains'));
    domain.append(new Option(IOC.word('map.all'), ''), ...Object.entries(IOC.facts.domains).sort((a, b) => a[1].order - b[1].order).map(([key, d]) => new Option(IOC.say(d.name), key)));
    domain.addEventListener('change', () => { city.choose(domain.value ? [domain.value] : []); this.find(); });
    input.addEventListener('input', () => this.find()); input.addEventListener('focus', () => { this.folded = null; });
    input.addEventListener('keydown', event => this.key(event)); list.addEventListener('keydown', event => this.key(event));
    box.replaceChildren(input, domain, list); city.on('registry', () => { this.folded = null; });
  }

  key(event) {
    const all = [...this.list.querySelectorAll('button')], at = all.indexOf(document.activeElement);
    if (event.key === 'Enter' && event.target === this.input && all[0]) { event.preventDefault(); all[0].click(); }
    if (event.key === 'Escape' && all.length) { event.stopPropagation(); this.close(); this.input.focus(); }
    if (event.key === 'ArrowDown' && all.length) { event.preventDefault(); all[Math.min(all.length - 1, at + 1)].focus(); }
    if (event.key === 'ArrowUp' && all.length) { event.preventDefault(); if (at <= 0) this.input.focus(); else all[at - 1].focus(); }
  }
  close() { this.list.replaceChildren(); this.input.setAttribute('aria-expanded', 'false'); }

  // Every name once, folded; those of the area a sensor is in count as well.
  fold() {
    if (this.folded) return this.folded;
    const p = IOC.live.points, plain = IOC.registry.plain, city = this.city, area = new Map((city.areas ? city.areas.features : []).map(f => [f.properties.key, plain(f.properties.name)]));
    const of = p.areas.map(key => area.get(key) || '');
    this.folded = p.name.map((name, i) => [plain(name + ' ' + p.key[i]), of[p.area[i]]]);
    return this.folded;
  }

  // A name that begins so comes before one that has it inside; places and areas before sensors of the same worth.
  hits(text) {
    const words = IOC.registry.plain(text).split(/\s+/).filter(Boolean), p = IOC.live.points, city = this.city, found = [], plain = IOC.registry.plain;
    const worth = (own, more) => !words.every(w => own.includes(w) || more.includes(w)) ? 0 : own.startsWith(words.join(' ')) ? 4 : words.every(w => own.includes(w)) ? 3 : 1;
    if (words.join('').length < 2 || !p) return found;
    for (const place of city.base ? city.base.places : []) { const w = worth(plain(place.name), ''); if (w) found.push({w: w + 0.6, kind: 'place', name: place.name, said: IOC.word('map.a_place'), go: () => city.to([place.lon, place.lat], 13)}); }
    for (const f of city.areas ? city.areas.features : []) { const w = worth(plain(f.properties.name), ''); if (w) found.push({w: w + 0.4, kind: 'area', name: f.properties.name, said: IOC.word('map.an_area'), go: () => this.frame(f)}); }
    for (const e of city.events.shown()) { const w = worth(plain((e.title || e.kind) + ' ' + IOC.say(e.feed)), ''); if (w) found.push({w: w + 0.1, kind: 'event', name: e.title || e.kind, said: IOC.say(e.feed), go: () => { const at = city.events.place(e); if (at) city.to(at, 13.5); if (city.onEvent) city.onEvent(e.id); }}); }
    this.fold().forEach(([own, more], i) => {
      if (!city.shown(i)) return;
      const w = worth(own, more);
      if (w) found.push({w: w + IOC.LOOK[IOC.live.states[i]].rank / 20, kind: 'sensor', i, name: p.name[i]});
    });
    return found.sort((a, b) => b.w - a.w).slice(0, 9);
  }

  frame(f) {
    const box = new maplibregl.LngLatBounds(), walk = x => typeof x[0] === 'number' ? box.extend(x) : x.forEach(walk);
    walk(f.geometry.coordinates); if (this.city.map) this.city.map.fitBounds(box, {padding: 60, maxZoom: 14, duration: IOC.Map.calm() ? 0 : 600});
  }

  find() {
    const text = this.input.value, at = IOC.geo.read(text), p = IOC.live.points, rows = [];
    if (at) rows.push(this.row('◎', IOC.word('map.near_here', {at: IOC.MapNear.said(at)}), '', () => { this.city.to(at, 14); this.city.tools.near.at(at); }));
    for (const hit of at ? [] : this.hits(text)) {
      const sensor = hit.kind === 'sensor', look = sensor ? IOC.LOOK[IOC.live.states[hit.i]] : null;
      rows.push(this.row(null, hit.name, sensor ? (p.head[hit.i] >= 0 ? IOC.reading(IOC.live.values[hit.i], p.metrics[p.slots.metric[p.head[hit.i]]]) : IOC.word('state.0')) : hit.said, sensor ? () => { this.city.pick(hit.i, true); this.city.fly(hit.i); } : hit.go, look, hit.kind));
    }
    if (!rows.length && text.trim().length > 1) { const item = IOC.make('li', 'nothing', IOC.word('map.found_none')); this.list.replaceChildren(item); } else this.list.replaceChildren(...rows);
    this.input.setAttribute('aria-expanded', String(rows.length > 0));
  }

  row(sign, name, more, run, look, kind) {
    const item = IOC.make('li'), button = IOC.make('button', kind || ''); button.type = 'button';
    button.append(IOC.make('i', 'dot ' + (look ? look.name : kind === 'event' ? 'event' : 'place'), look ? look.sign : sign || ''), IOC.make('span', 'what', name), IOC.make('span', 'more num', more));
    button.addEventListener('click', () => { this.close(); this.input.value = ''; run(); });
    item.append(button); return item;
  }
};
