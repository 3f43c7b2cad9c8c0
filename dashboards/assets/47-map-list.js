// Sensors as a list: what is in view, the worst first; and those without a place. It stands in for the map where there is none.
'use strict';
IOC.MapRows = {
  // Rows of sensors as buttons. items: [{i, more}]; at most `most` are drawn, the rest is counted.
  make(city, items, most, total) {
    const p = IOC.live.points, list = IOC.make('ul', 'sensor-rows');
    list.append(...items.slice(0, most).map(({i, more}) => {
      const look = IOC.LOOK[IOC.live.states[i]], row = IOC.make('li'), button = IOC.make('button', look.name); button.type = 'button';
      const value = more !== undefined ? more : p.head[i] >= 0 ? IOC.reading(IOC.live.values[i], p.metrics[p.slots.metric[p.head[i]]]) : '–';
      button.append(IOC.make('i', 'dot ' + look.name, look.sign), IOC.make('span', 'what', p.name[i]), IOC.make('span', 'more num', value));
      button.title = p.name[i] + ' · ' + IOC.word('state.' + IOC.live.states[i]);
      button.addEventListener('click', () => { city.pick(i, true); if (city.map) city.fly(i); });
      row.append(button); return row;
    }));
    const rest = (total === undefined ? items.length : total) - Math.min(most, items.length);
    if (rest > 0) list.append(IOC.make('li', 'quiet', IOC.word('map.rest', {n: IOC.number(rest, 0)})));
    return list;
  },
  // The worst first, then by name; only the first `most` are put in order, for of 50,000 nobody reads more.
  worst(list, most) {
    const live = IOC.live, name = live.points.name, ranks = [[], [], [], [], [], [], []], found = [];
    for (const i of list) ranks[IOC.LOOK[live.states[i]].rank].push(i);
    for (const rank of ranks.reverse()) {
      if (rank.length < 3000 && found.length < most) rank.sort((a, b) => name[a] < name[b] ? -1 : 1);
      for (const i of rank) found.push(i);
    }
    return found;
  },
};

IOC.MapList = class {
  constructor(city, side) {
    Object.assign(this, {city, side});
    city.on('update', IOC.paced(3000, () => { if (this.side.owner === this && !this.side.box.classList.contains('folded')) this.draw(); }));
    if (city.map) city.map.on('moveend', () => { if (this.side.owner === this) this.draw(); });
  }

  open() { this.placeless = null; this.body = IOC.make('div'); this.side.show(this, IOC.word(this.city.map ? 'map.in_view' : 'map.all_sensors'), this.body); this.draw(); this.ask(); }

  async ask() {
    try { const answer = await fetch('/api/points/placeless'); if (answer.ok) { this.placeless = await answer.json(); if (this.side.owner === this) this.draw(); } } catch (error) { /* the list goes without */ }
  }

  draw() {
    const p = IOC.live.points, found = [], city = this.city;
    if (!p) { setTimeout(() => { if (this.side.owner === this) this.draw(); }, 400); return; }
    const held = document.activeElement && this.body.contains(document.activeElement) ? [...this.body.querySelectorAll('button')].indexOf(document.activeElement) : -1;
    const b = city.map ? city.map.getBounds() : null;
    for (let i = 0; i < p.count; i++) if (city.shown(i) && (!b || b.contains([p.lon[i], p.lat[i]]))) found.push(i);
    const rows = IOC.MapRows.make(city, IOC.MapRows.worst(found, 80).slice(0, 80).map(i => ({i})), 80, found.length), lead = IOC.make('p', 'lead num', IOC.word('map.sensors', {n: IOC.number(found.length, 0)}));
    this.body.replaceChildren(lead, found.length ? rows : IOC.make('p', 'quiet', IOC.word('map.nothing_in_view')), ...this.lost());
    if (held >= 0) { const all = this.body.querySelectorAll('button'); if (all[held]) all[held].focus({preventScroll: true}); }
  }

  // Sensors that no map can draw, in words.
  lost() {
    if (!this.placeless || !this.placeless.total) return [];
    const list = IOC.make('ul', 'sensor-rows lost'), {total, sensors} = this.placeless;
    list.append(...sensors.map(s => {
      const row = IOC.make('li'), link = IOC.make('a', 'none'); link.href = '/?lost=' + s.id;
      link.addEventListener('click', event => { if (this.city.onPlaceless) { event.preventDefault(); this.city.onPlaceless(s); } });
      link.append(IOC.make('i', 'dot none', '?'), IOC.make('span', 'what', IOC.say(s.name) || s.key), IOC.make('span', 'more num', s.lat === null ? IOC.word('map.no_place') : IOC.number(s.lat, 3) + '; ' + IOC.number(s.lon, 3)));
      row.append(link); return row;
    }));
    if (total > sensors.length) list.append(IOC.make('li', 'quiet', IOC.word('map.rest', {n: IOC.number(total - sensors.length, 0)})));
    return [IOC.make('h3', '', IOC.word('map.placeless') + ' · ' + IOC.number(total, 0)), list];
  }
};
