// The legend: what signs mean and how many there are; the scale of a metric; the word about the base map.
'use strict';
IOC.MapLegend = class {
  constructor(city, box) {
    Object.assign(this, {city, box, scaled: null}); box.classList.add('map-legend'); this.draw();
    city.on('look', () => this.draw()); city.on('registry', () => { if (this.kind() !== this.said) this.draw(); }); city.on('ready', () => this.draw()); city.on('base', () => this.draw());
  }

  kind() { const p = this.city.points.scaleOf, a = this.city.view.areas; return [p ? p.metric.key + p.low + p.high : '', a, this.city.wards.scale ? this.city.wards.scaleKey : '', IOC.MapBase.said || ''].join(); }

  draw() {
    const {city} = this, rows = [IOC.make('div', 'states')], scale = city.points.scaleOf, ward = city.view.areas;
    this.said = this.kind();
    rows[0].append(...[1, 5, 2, 3, 6, 4, 0, 'event'].map(s => this.item(s)));
    if (scale) rows.unshift(this.scale(IOC.word('map.points'), scale));
    if (ward === 'mean' && city.wards.scale) rows.unshift(this.scale(IOC.word('map.areas') + ', ' + IOC.word('map.mean'), city.wards.scale));
    if (ward === 'share') rows.unshift(this.shares());
    if (IOC.MapBase.said) rows.unshift(IOC.make('p', 'base-said', IOC.MapBase.said));
    this.box.replaceChildren(...rows); this.count();
  }

  item(s) {
    const look = IOC.LOOK[s], item = IOC.make('span', 'item'), number = IOC.make('b', 'num', '–');
    number.id = 'count-' + s; item.title = IOC.word('legend.' + s);
    item.append(IOC.make('i', 'dot ' + look.name, look.sign), IOC.make('span', '', IOC.word('state.' + s)), number);
    return item;
  }

  scale(what, scale) {
    const row = IOC.make('div', 'scaled'), name = IOC.make('span', 'label', what + ': ' + IOC.say(scale.metric.name) + (scale.metric.unit ? ' (' + IOC.unit(scale.metric.unit) + ')' : ''));
    row.append(name, scale.bar()); return row;
  }

  shares() {
    const row = IOC.make('div', 'scaled shares'); row.append(IOC.make('span', 'label', IOC.word('map.share')));
    [['#14334a', '0'], ['#7a4a12', '< 10 %'], ['#b8741a', '< 20 %'], ['#f0a63a', '≥ 20 %']].forEach(([colour, text]) => { const i = IOC.make('i', 'patch'); i.style.background = colour; const s = IOC.make('span', 'step num'); s.append(i, text); row.append(s); });
    return row;
  }

  // Points by state, but alarms themselves for the two states that only alarms make.
  static tally(city) {
    const live = IOC.live, found = {0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, event: city.events.shown().length}, said = live.texts.alarms, n = live.points ? live.points.count : 0;
    for (let i = 0; i < n; i++) if (city.shown(i)) found[live.states[i]]++;
    found[2] = found[3] = 0;
    for (const [domain, states] of Object.entries(said ? said.counts : {})) if (!city.domains.size || city.domains.has(domain))
      for (const s of [2, 3]) found[s] += states[s] || 0;
    return found;
  }

  // At most twice a second: fifty thousand states are read for it.
  count() {
    const wait = (this.due || 0) - performance.now();
    if (!IOC.live.points || this.timer) return;
    if (wait > 0) { this.timer = setTimeout(() => { this.timer = null; this.count(); }, wait); return; }
    this.due = performance.now() + 500;
    for (const [s, n] of Object.entries(IOC.MapLegend.tally(this.city))) {
      const number = this.box.querySelector('#count-' + s);
      if (number) { IOC.text(number, IOC.number(n, 0)); number.parentNode.hidden = !n && ['0', '6', 'event'].includes(s); } // what there is not needs no room
    }
  }
};
