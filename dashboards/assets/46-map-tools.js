// What a person at a desk does with the map: zoom, layers, colours, search, selection, nearest, lists. A wall has none of it.
'use strict';
IOC.MapTools = class {
  static ICONS = {
    plus: 'M12 5v14M5 12h14', minus: 'M5 12h14', home: 'M4 11 12 4l8 7M6.500 9.500V20h11V9.500', layers: 'M12 3 21 8 12 13 3 8ZM3.500 12.500 12 17l8.500-4.500M3.500 16.500 12 21l8.500-4.500',
    lasso: 'M7 19c-3-1-4.500-3.500-4-7C3.500 7 8 4 13 4s8.500 2.500 8.500 6.500S18 17 13 17c-3 0-5-.8-6-2s0-3 1.800-2.500 1.700 3-.3 4.500S6 20.500 7.500 21', near: 'M12 21s-6.500-6-6.500-11a6.500 6.500 0 0 1 13 0c0 5-6.500 11-6.500 11ZM12 12.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z',
    list: 'M8 6h13M8 12h13M8 18h13M3.500 6h.01M3.500 12h.01M3.500 18h.01',
  };
  static icon(name) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    svg.setAttribute('viewBox', '0 0 24 24'); svg.setAttribute('aria-hidden', 'true'); path.setAttribute('d', IOC.MapTools.ICONS[name]); svg.append(path); return svg;
  }

  // where: {tools, side}: elements for the search box and for what is found.
  constructor(city, where) { Object.assign(this, {city, where, active: null, parts: {}}); }

  start() {
    if (this.started) return;
    this.started = true;
    const {city} = this;
    this.side = new IOC.MapSide(this.where.side);
    this.search = new IOC.MapSearch(city, this.where.tools, this.side);
    this.list = new IOC.MapList(city, this.side);
    if (city.plain || innerWidth > 900) this.list.open();
    if (city.plain) return;
    this.select = new IOC.MapSelect(city, this.side, this); this.near = new IOC.MapNear(city, this.side, this);
    this.bar(); this.keys();
    city.on('look', () => this.marked());
  }

  button(name, run, toggles) {
    const button = IOC.make('button', 'tool'); button.type = 'button'; button.title = IOC.word('map.tool_' + name); button.setAttribute('aria-label', button.title);
    if (toggles) button.setAttribute('aria-pressed', 'false');
    button.append(IOC.MapTools.icon(name)); button.addEventListener('click', run); this.parts[name] = button; return button;
  }

  bar() {
    const {city} = this, bar = IOC.make('div', 'map-bar'), group = (...all) => { const g = IOC.make('div', 'group'); g.append(...all); return g; };
    bar.setAttribute('role', 'toolbar'); bar.setAttribute('aria-label', IOC.word('map.tools'));
    bar.append(group(this.button('plus', () => city.map.zoomIn({duration: IOC.Map.calm() ? 0 : 250})), this.button('minus', () => city.map.zoomOut({duration: IOC.Map.calm() ? 0 : 250})), this.button('home', () => city.map.easeTo({...city.home, duration: IOC.Map.calm() ? 0 : 600}))),
      group(this.button('layers', () => this.layers(), true), this.button('lasso', () => this.use('select'), true), this.button('near', () => this.use('near'), true), this.button('list', () => this.list.open())));
    city.element.append(bar);
  }

  use(name) {
    const on = this.active !== name;
    if (this.active) this[this.active].end();
    this.active = on ? name : null;
    if (on) this[name].begin();
    this.marked();
  }
  picked(i) { if (this.side) this.side.fold(i !== null); }
  done() { this.active = null; this.marked(); }
  busy() { return this.active === 'select'; }
  click(event) { return this.active ? this[this.active].click(event) : false; }
  marked() { const set = (name, on) => this.parts[name] && this.parts[name].setAttribute('aria-pressed', String(on)); set('lasso', this.active === 'select'); set('near', this.active === 'near'); set('layers', !!this.panel); }

  // "/" searches, "l" lists, "n" goes from alarm to alarm, Escape leaves what is being done.
  keys() {
    let at = -1;
    this.key = event => {
      if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName) || !this.city.element.isConnected) return;
      if (event.key === '/') { event.preventDefault(); this.search.input.focus(); }
      if (event.key === 'l') this.list.open();
      if (event.key === 'n' && this.city.signs.list.length) { const all = this.city.signs.list, a = all[at = (at + 1) % all.length]; this.city.to([a.lon, a.lat], 13); this.city.signs.pick(a); }
      if (event.key === 'Escape' && this.active) { event.stopPropagation(); this.use(this.active); }
      if (event.key === 'Escape' && this.panel) this.layers();
    };
    document.addEventListener('keydown', this.key);
  }

  // The panel of layers and colours.
  layers() {
    if (this.panel) { this.panel.remove(); this.panel = null; this.marked(); return; }
    const {city} = this, p = IOC.live.points, panel = this.panel = IOC.make('div', 'map-layers panel'), counts = new Map();
    if (!p) return;
    panel.setAttribute('role', 'group'); panel.setAttribute('aria-label', IOC.word('map.tool_layers'));
    p.slots.metric.forEach(m => counts.set(m, (counts.get(m) || 0) + 1));
    const metrics = p.metrics.map((m, n) => [m, counts.get(n) || 0]).filter(x => x[1]).sort((a, b) => IOC.say(a[0].name).localeCompare(IOC.say(b[0].name), IOC.facts.language));
    const option = ([m, n]) => [m.key, IOC.say(m.name) + (m.unit ? ' (' + IOC.unit(m.unit) + ')' : '') + ' · ' + IOC.number(n, 0)];
    panel.append(
      this.choice('map.colour', [['state', IOC.word('map.by_state')], ...metrics.map(option)], city.view.mode, mode => city.look({mode})),
      this.choice('map.areas', [['off', IOC.word('map.areas_off')], ['worst', IOC.word('map.areas_worst')], ['mean', IOC.word('map.areas_mean')], ['share', IOC.word('map.areas_share')]], city.view.areas, areas => { metric.hidden = areas !== 'mean'; city.look({areas, areaMetric: metric.querySelector('select').value}); }));
    const first = city.view.areaMetric || (city.view.mode !== 'state' ? city.view.mode : metrics[0] ? metrics[0][0].key : '');
    const metric = this.choice('map.areas_metric', metrics.map(option), first, areaMetric => city.look({areaMetric})); metric.hidden = city.view.areas !== 'mean';
    panel.append(metric, this.choice('map.crowd', [['auto', IOC.word('map.cluster_auto')], ['on', IOC.word('map.cluster_on')], ['off', IOC.word('map.cluster_off')]], city.view.cluster, cluster => city.look({cluster})));
    const set = IOC.make('fieldset'), title = IOC.make('legend', '', IOC.word('map.layers')); set.append(title);
    for (const layer of IOC.Map.LAYERS) {
      const label = IOC.make('label'), box = IOC.make('input'); box.type = 'checkbox'; box.checked = city.shows(layer);
      box.addEventListener('change', () => { const off = new Set(city.view.off); if (box.checked) off.delete(layer); else off.add(layer); city.look({off}); city.moves.draw(); if (layer === 'trails' && box.checked && !city.moves.loaded) city.moves.load(); });
      label.append(box, IOC.make('span', '', IOC.word('map.layer_' + layer))); set.append(label);
    }
    panel.append(set); city.element.append(panel); this.marked(); panel.querySelector('select').focus();
  }

  choice(key, options, value, run) {
    const label = IOC.make('label', 'pick'), select = IOC.make('select');
    select.append(...options.map(([v, text]) => new Option(text, v, false, v === value))); select.addEventListener('change', () => run(select.value));
    label.append(IOC.make('span', '', IOC.word(key)), select); return label;
  }
};

// The place beside the map where tools show what they found; one at a time, above the picked sensor.
IOC.MapSide = class {
  constructor(box) { this.box = box; this.owner = null; }
  show(owner, title, ...content) {
    if (this.owner && this.owner !== owner && this.owner.closed) this.owner.closed();
    this.owner = owner;
    const head = IOC.make('div', 'head-row'), close = IOC.make('button', 'side-close', '×'); close.type = 'button'; close.title = IOC.word('close'); close.setAttribute('aria-label', close.title);
    close.addEventListener('click', () => this.hide(owner));
    const name = IOC.make('h2'), fold = IOC.make('button', 'fold', title); fold.type = 'button'; fold.setAttribute('aria-expanded', 'true'); name.append(fold); this.title = fold;
    fold.addEventListener('click', () => this.fold(!this.box.classList.contains('folded')));
    head.append(name, close); this.box.replaceChildren(head, ...content); this.box.hidden = false; this.fold(false);
  }
  // Folded to its title while a sensor is looked at; opened again afterwards.
  fold(on) { this.box.classList.toggle('folded', on); if (this.title) this.title.setAttribute('aria-expanded', String(!on)); }
  hide(owner) { if (this.owner !== owner) return; this.owner = null; this.box.replaceChildren(); this.box.hidden = true; if (owner.closed) owner.closed(); }
};
