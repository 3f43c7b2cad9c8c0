// Signs of the worst alarms, above everything; alarms at one place share a sign that says how many, and opens as a list.
'use strict';
IOC.MapSigns = class {
  static MOST = 60;
  constructor(city) { Object.assign(this, {city, list: [], markers: new Map()}); }

  show(alarms) {
    const fits = a => a.lat !== null && (Math.abs(a.lat) > 0.001 || Math.abs(a.lon) > 0.001) && a.condition !== 'false' && (!this.city.domains.size || this.city.domains.has(a.domain));
    this.list = alarms.filter(fits).slice(0, IOC.MapSigns.MOST);
    this.place();
  }

  // Alarms whose signs would cover each other stand together under the worst of them.
  groups() {
    const near = 25 * this.city.scale(), found = [], p = IOC.live.points, {clusters, points} = this.city;
    for (const a of this.list) {
      const i = clusters.on && p && a.sensor_key ? IOC.registry.at(p, a.sensor_key) : -1;
      if (i >= 0 && points.hidden[i]) continue; // its circle bears the sign
      const at = this.city.map.project([a.lon, a.lat]), mine = found.find(g => Math.abs(g.at.x - at.x) < near && Math.abs(g.at.y - at.y) < near);
      if (mine) mine.alarms.push(a); else found.push({at, alarms: [a], lngLat: [a.lon, a.lat]});
    }
    return found;
  }

  place() {
    if (!this.city.ready) return;
    const seen = new Set();
    for (const group of this.city.shows('alarms') ? this.groups() : []) {
      const first = group.alarms[0], key = first.id + 'x' + group.alarms.length + first.state;
      seen.add(key);
      if (!this.markers.has(key)) this.markers.set(key, new maplibregl.Marker({element: this.sign(group)}).setLngLat(group.lngLat).addTo(this.city.map));
      const marker = this.markers.get(key); marker.setLngLat(group.lngLat); marker.group = group;
    }
    for (const [key, marker] of this.markers) if (!seen.has(key)) { marker.remove(); this.markers.delete(key); }
  }

  // A new alarm pulses for ten seconds, no longer.
  sign(group) {
    const a = group.alarms[0], n = group.alarms.length, sign = IOC.make('button', 'ping ' + IOC.LOOK[a.state].name, IOC.LOOK[a.state].sign);
    sign.type = 'button'; if (this.city.wall) sign.tabIndex = -1;
    sign.title = n > 1 ? IOC.word('map.alarms_here', {n: IOC.number(n, 0)}) : IOC.say(a.rule) + ' · ' + (IOC.say(a.sensor) || IOC.say(a.feed));
    sign.setAttribute('aria-label', sign.title);
    if (n > 1) sign.append(IOC.make('b', 'many num', IOC.number(n, 0)));
    if (Date.now() + IOC.live.offset - Math.max(...group.alarms.map(x => x.opened)) < 10000) { sign.classList.add('new'); setTimeout(() => sign.classList.remove('new'), 10000); }
    sign.addEventListener('click', event => { event.stopPropagation(); if (n > 1) this.city.popup.alarms(this.city.map.project(group.lngLat), group.alarms); else this.pick(a); });
    return sign;
  }

  pick(a) { const i = IOC.registry.at(IOC.live.points, a.sensor_key); if (this.city.onPick && i >= 0) this.city.pick(i, true); }
};

// A list beside a place on the map: what lies together there. Closed by Escape, by a choice, and when the map moves.
IOC.MapPopup = class {
  constructor(city) { this.city = city; this.box = null; }

  alarms(point, list) {
    this.open(point, IOC.word('map.alarms_here', {n: IOC.number(list.length, 0)}), list.map(a => ({look: IOC.LOOK[a.state], text: IOC.say(a.rule), more: IOC.say(a.sensor) || IOC.say(a.feed), go: () => this.city.signs.pick(a)})));
  }

  sensors(point, list) {
    const p = IOC.live.points;
    this.open(point, IOC.word('map.sensors_here', {n: IOC.number(list.length, 0)}), list.slice(0, 100).map(i => ({look: IOC.LOOK[IOC.live.states[i]], text: p.name[i],
      more: p.head[i] >= 0 ? IOC.reading(IOC.live.values[i], p.metrics[p.slots.metric[p.head[i]]]) : IOC.word('state.0'), go: () => this.city.pick(i, true)})));
  }

  open(point, title, rows) {
    this.close();
    const box = this.box = IOC.make('div', 'map-popup panel'), list = IOC.make('ul', ''), city = this.city;
    box.setAttribute('role', 'dialog'); box.setAttribute('aria-label', title);
    box.append(IOC.make('h2', '', title), list);
    for (const row of rows) {
      const item = IOC.make('li'), button = IOC.make('button', row.look.name); button.type = 'button';
      button.append(IOC.make('i', 'dot ' + row.look.name, row.look.sign), IOC.make('span', 'what', row.text), IOC.make('span', 'more num', row.more));
      button.addEventListener('click', () => { this.close(); row.go(); });
      item.append(button); list.append(item);
    }
    city.element.append(box);
    const w = city.element.clientWidth, h = city.element.clientHeight, left = point.x + 18 + box.offsetWidth > w ? point.x - 18 - box.offsetWidth : point.x + 18;
    box.style.left = Math.max(6, Math.min(w - box.offsetWidth - 6, left)) + 'px'; box.style.top = Math.max(6, Math.min(h - box.offsetHeight - 6, point.y - 24)) + 'px';
    box.addEventListener('keydown', event => {
      const all = [...box.querySelectorAll('button')], at = all.indexOf(document.activeElement);
      if (event.key === 'Escape') { event.stopPropagation(); this.close(); city.map.getCanvas().focus(); }
      if (event.key === 'ArrowDown' || event.key === 'ArrowUp') { event.preventDefault(); all[(at + (event.key === 'ArrowDown' ? 1 : -1) + all.length) % all.length].focus(); }
    });
    const first = list.querySelector('button'); if (first) first.focus({preventScroll: true});
    setTimeout(() => { if (this.box === box) city.map.once('movestart', () => { if (this.box === box) this.close(); }); }, 0);
    this.away = event => { if (!box.contains(event.target)) this.close(); };
    setTimeout(() => document.addEventListener('pointerdown', this.away), 0);
  }

  close() { if (this.box) { this.box.remove(); this.box = null; document.removeEventListener('pointerdown', this.away); } }
};
