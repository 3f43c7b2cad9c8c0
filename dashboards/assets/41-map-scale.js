// A metric's colours: from deep blue to white, told apart by every eye and never mistaken for an alarm.
'use strict';
IOC.MapScale = class {
  static STOPS = [[36, 78, 150], [38, 118, 178], [54, 158, 190], [122, 196, 205], [190, 226, 226], [246, 252, 250]];

  // values: what is there now; the span is that of nearly all of them, in round numbers.
  constructor(metric, values) {
    this.metric = metric;
    const good = values.filter(v => Number.isFinite(v)).sort((a, b) => a - b), at = q => good[Math.min(good.length - 1, Math.floor(q * good.length))];
    let low = good.length ? at(0.02) : 0, high = good.length ? at(0.98) : 1;
    if (good.length > 2) { // one value beyond all sense must not take the scale away from the others
      const middle = at(0.5), wide = 10 * Math.max(at(0.75) - at(0.25), Math.abs(middle) * 0.05, 1e-9);
      low = Math.max(low, middle - wide); high = Math.min(high, middle + wide);
    }
    const levels = (metric.steps || []).map(s => s[0]).filter(v => good.length && v <= good[good.length - 1] && v >= good[0]);
    if (levels.length) high = Math.max(high, levels[levels.length - 1]);
    if (!(high > low)) { const pad = Math.abs(low) * 0.1 || 1; low -= pad; high += pad; }
    const step = IOC.MapScale.nice((high - low) / 4);
    this.low = Math.floor(low / step) * step; this.high = Math.ceil(high / step) * step; this.step = step;
    this.count = good.length; this.below = good.length && good[0] < this.low; this.above = good.length && good[good.length - 1] > this.high;
  }

  static nice(x) { const p = 10 ** Math.floor(Math.log10(x)), f = x / p; return (f <= 1 ? 1 : f <= 2 ? 2 : f <= 2.5 ? 2.5 : f <= 5 ? 5 : 10) * p; }
  part(value) { return Math.max(0, Math.min(1, (value - this.low) / (this.high - this.low))); }

  static at(t) {
    const S = IOC.MapScale.STOPS, x = t * (S.length - 1), i = Math.min(S.length - 2, Math.floor(x)), f = x - i;
    return [0, 1, 2].map(c => Math.round(S[i][c] + f * (S[i + 1][c] - S[i][c])));
  }
  rgb(value) { return IOC.MapScale.TABLE[Math.round(this.part(value) * 255)]; }
  css(value) { return 'rgb(' + this.rgb(value).join(',') + ')'; }

  static gradient() { return 'linear-gradient(90deg,' + IOC.MapScale.STOPS.map(c => `rgb(${c.join(',')})`).join(',') + ')'; }
  ticks() { const found = []; for (let v = this.low; v <= this.high + this.step / 2 && found.length < 7; v += this.step) found.push(v); return found; }
  decimals() { return Math.max(0, Math.min(4, -Math.floor(Math.log10(this.step) + 1e-9) + (this.step / 10 ** Math.floor(Math.log10(this.step)) === 2.5 ? 1 : 0))); }

  // The bar of the legend, with its numbers; "≤" and "≥" where values lie outside.
  bar() {
    const box = IOC.make('div', 'scale-bar'), strip = IOC.make('div', 'strip'), marks = IOC.make('div', 'marks num'), ticks = this.ticks(), d = this.decimals();
    strip.style.background = IOC.MapScale.gradient();
    ticks.forEach((v, n) => {
      const mark = IOC.make('span', '', (n === 0 && this.below ? '≤' : n === ticks.length - 1 && this.above ? '≥' : '') + IOC.number(v, d));
      mark.style.left = 100 * this.part(v) + '%'; marks.append(mark);
    });
    for (const [level] of this.metric.steps || []) if (level > this.low && level < this.high) { const line = IOC.make('i', 'level'); line.style.left = 100 * this.part(level) + '%'; line.title = IOC.reading(level, {...this.metric, states: {}}); strip.append(line); }
    box.append(strip, marks); return box;
  }
};
IOC.MapScale.TABLE = Array.from({length: 256}, (_, i) => IOC.MapScale.at(i / 255));
