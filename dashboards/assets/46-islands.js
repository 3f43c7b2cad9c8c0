// What widgets leave to the screen: the map, lines, bars, signs, the clock, and lists that show as much as there is room for.
'use strict';
(() => {
  const COLOUR = {0: '#5d7088', 1: '#3fc5b6', 2: '#ffb833', 3: '#ff5c6c', 4: '#8291a6', 5: '#a9b8ff', 6: '#8291a6', event: '#d9a8ff'};
  const NS = 'http://www.w3.org/2000/svg', islands = IOC.nodes.islands;
  const trace = context => IOC.live.texts['trace/' + context.name];
  const sized = new ResizeObserver(entries => { for (const entry of entries) if (entry.target.redraw) entry.target.redraw(); });

  // Whatever is drawn by hand: drawn when it is made, when what it shows differs, and when its size does.
  function drawn(element, draw) { element.redraw = () => { if (element.isConnected) draw(); }; sized.observe(element); return element; }

  islands.state = {
    make(attributes) { const el = IOC.make('span', 'state'); this.update(el, attributes); return el; },
    update(el, {state}) { const look = IOC.LOOK[state]; IOC.text(el, (look.sign ? look.sign + ' ' : '') + IOC.word('state.' + state)); },
  };
  islands.sign = {
    make(attributes) { const el = IOC.make('span', 'sign'); this.update(el, attributes); return el; },
    update(el, {state, look}) {
      el.className = 'sign ' + (look || IOC.LOOK[state].name);
      IOC.text(el, look === 'over' ? '✓' : state === 'event' ? '' : IOC.LOOK[state].sign);
      el.setAttribute('role', 'img'); el.setAttribute('aria-label', look === 'over' ? IOC.word('alarms.over') : IOC.word('state.' + state));
    },
  };
  islands.bar = {
    make(attributes) { const el = IOC.make('span', 'bar'); el.setAttribute('aria-hidden', 'true'); el.append(IOC.make('i'), IOC.make('b')); this.update(el, attributes); return el; },
    update(el, {share, mark, state}) {
      el.className = 'bar ' + IOC.LOOK[state].name;
      el.firstChild.style.width = (100 * (share || 0)).toFixed(1) + '%';
      el.lastChild.hidden = mark === undefined || mark === null; el.lastChild.style.left = (100 * (mark || 0)).toFixed(1) + '%';
    },
  };
  islands.spark = {
    make(attributes, _, context) {
      const el = document.createElementNS(NS, 'svg'); el.setAttribute('class', 'spark'); el.setAttribute('aria-hidden', 'true');
      el.traced = () => this.update(el, el.node[1], _, context);
      this.update(el, attributes, _, context);
      return el;
    },
    update(el, {line, state}, _, context) {
      const lines = trace(context), points = lines ? lines.lines[line] || [] : [];
      if (el.points === points && el.state === state) return;
      el.points = points; el.state = state; IOC.draw.spark(el, points, COLOUR[state]);
    },
  };
  islands.chart = {
    make(attributes, _, context) {
      const el = IOC.make('div', 'chart'), svg = document.createElementNS(NS, 'svg'), head = IOC.make('h2', 'head');
      head.append(IOC.make('span', 'title'), IOC.make('span', 'keys')); el.append(head, svg);
      svg.setAttribute('class', 'plot'); svg.setAttribute('role', 'img');
      el.traced = () => { if (el.redraw) el.redraw(); };
      drawn(el, () => this.draw(el, context));
      this.update(el, attributes, _, context);
      return el;
    },
    update(el, attributes) {
      const text = JSON.stringify(attributes);
      if (el.said === text) return;
      el.said = text; el.attributes_ = attributes;
      if (el.redraw) el.redraw();
    },
    draw(el, context) {
      const a = el.attributes_, found = trace(context), [head, svg] = el.children, lines = found ? found.lines : [];
      const names = a.lines.map(name => IOC.nodes.said(name)), title = (a.title ? IOC.nodes.said(a.title) : '') + (a.unit ? ' (' + IOC.unit(a.unit) + ')' : '');
      IOC.text(head.firstChild, title); head.firstChild.title = title; svg.setAttribute('aria-label', title);
      IOC.draw.key(head.lastChild, names.length > 1 ? names.map(name => ({name})) : []);
      const told = IOC.live.texts['ahead/' + context.name], ahead = told ? told.lines : [];
      IOC.draw.chart(svg, {...a, lines: names.map((name, i) => ({name, points: lines[i] || [], ahead: ahead[i] || []}))}, IOC.live.now());
    },
  };
  islands.clock = {
    make(attributes) {
      const el = IOC.make('div', 'clock-face num'); el.append(IOC.make('div', 'time'), IOC.make('div', 'day'));
      el.ticks = () => this.update(el, el.node[1]);
      this.update(el, attributes);
      return el;
    },
    update(el, {zone, seconds}) {
      const now = IOC.live.now();
      IOC.text(el.firstChild, IOC.clock(now, seconds, zone)); IOC.text(el.lastChild, IOC.date(now, true, zone));
    },
  };

  // As many rows as fit, whole; what is left over is counted. On a phone they all follow each other.
  islands.rows = {
    make(attributes, children, context) {
      const el = IOC.make('ol', 'rows');
      this.update(el, attributes, children, context);
      drawn(el, () => this.fit(el));
      return el;
    },
    update(el, attributes, children, context) {
      if (el.rest) { el.rest.remove(); el.rest = null; }
      IOC.nodes.within(el, children.length ? children : [['li.quiet', {}, attributes.none]], context);
      el.about = attributes; el.shown = children.length;
      if (el.isConnected) this.fit(el);
    },
    fit(el) {
      if (el.rest) { el.rest.remove(); el.rest = null; }
      const rows = [...el.children], phone = innerWidth < 1000;
      rows.forEach(row => { row.hidden = false; });
      if (!el.shown || !rows.length) return;
      const each = rows[0].offsetHeight || 1, all = phone ? 30 : Math.floor((el.clientHeight + 1) / each);
      const room = el.about.total > all ? Math.max(1, all - 1) : all;
      rows.forEach((row, i) => { row.hidden = i >= room; });
      const left = el.about.total - Math.min(room, rows.length);
      if (left > 0 && el.about.more) { el.rest = IOC.make('li', 'more', IOC.word(el.about.more, {n: IOC.number(left, 0)})); el.append(el.rest); }
    },
  };

  // The map is made once a wall and put into the scene that shows it: a new one at every turn would cost seconds.
  const kept = [];
  islands.map = {
    make(attributes, _, context) {
      let el = kept.find(one => !one.isConnected);
      if (!el) {
        el = IOC.make('div', 'map-box'); el.canvas = IOC.make('div', 'map'); el.legend = IOC.make('div', 'legend');
        el.canvas.setAttribute('role', 'application'); el.canvas.setAttribute('aria-label', IOC.word('map.label'));
        if (!kept.length) { el.canvas.id = 'map'; el.legend.id = 'legend'; }
        el.append(el.canvas, el.legend); kept.push(el);
      }
      this.update(el, attributes, _, context);
      return el;
    },
    update(el, {domains, center, zoom, legend}) {
      const chosen = JSON.stringify([domains, center, zoom]);
      el.legend.hidden = !legend;
      if (!el.map) { el.map = new IOC.Map(el.canvas, {wall: true, domains, center, zoom}); el.map.legend(el.legend); el.chosen = chosen; context_alarms(el.map); return; }
      if (el.chosen !== chosen) { el.chosen = chosen; el.map.choose(domains); el.map.count(); }
    },
  };
  const context_alarms = map => { const texts = IOC.live.texts; if (texts.alarms) map.showAlarms(texts.alarms.alarms); if (texts.events) map.events.show(texts.events.events); map.count(); };
  const each = what => { for (const el of kept) if (el.map) what(el.map); };
  IOC.live.on('registry', () => each(map => { map.registry(); map.count(); }));
  IOC.live.on('points', change => each(map => { map.update(change); map.count(); }));
  IOC.live.on('events', message => each(map => { map.events.show(message.events); map.count(); }));
  IOC.live.on('alarms', message => each(map => { map.showAlarms(message.alarms); map.count(); }));
})();
