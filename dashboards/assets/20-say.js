// What every screen says: words, numbers, ages and times, as the reader's language writes them.
'use strict';
window.IOC = (() => {
  const element = document.getElementById('ioc-page');
  const facts = element ? JSON.parse(element.textContent) : {words: {}, language: 'en', zone: 'UTC'};
  const marks = facts.marks || ['.', ','], units = facts.units || {};
  const swap = text => text.replace(/[.,]/g, c => marks[c === '.' ? 0 : 1]);

  const word = (key, values) => {
    const text = facts.words[key] === undefined ? key : facts.words[key];
    return values ? text.replace(/\{(\w+)\}/g, (_, name) => values[name]) : text;
  };
  const say = text => {
    if (text === null || text === undefined) return '';
    if (typeof text === 'string') return text;
    for (const key of [facts.language, '', 'en', 'vi']) if (text[key] !== undefined) return text[key];
    return Object.values(text)[0] || '';
  };
  // As the server rounds: by the exact value, a tie to the even digit. A mail and a wall never differ by one.
  const fixed = (value, decimals) => {
    const long = value.toFixed(decimals + 30), tie = /^50+$/.test(long.slice(-30)), below = long.slice(0, decimals ? -30 : -31);
    return tie && '02468'.includes(below.slice(-1)) ? below : value.toFixed(decimals);
  };
  const number = (value, decimals = 0) => {
    if (value === null || value === undefined || !isFinite(value)) return '–';
    if (Math.abs(value) >= 1e15) return value.toExponential(2).replace('-', '−').replace(/(\d)\.(\d+)e\+?/, (_, a, b) => a + marks[0] + b + '·10^'); // three hundred digits say nothing
    const [whole, rest] = fixed(Math.abs(value), decimals).split('.'), text = whole.replace(/\B(?=(\d{3})+$)/g, ',') + (rest ? '.' + rest : '');
    return (value < 0 && /[1-9]/.test(text) ? '−' : '') + swap(text);
  };
  // A number with its unit, and the unit alone, as this language writes them (ioc/language.py says the same).
  const quantity = (value, decimals, unit) => { const said = number(value, decimals); return !unit || said === '–' ? said : (units[unit] || '{} ' + unit).replace('{}', () => said); };
  const unit = name => units[name] ? units[name].replace('{}', '').trim() : name || '';
  const UNITS = [[172800, 86400, 'days'], [7200, 3600, 'hours'], [120, 60, 'minutes'], [0, 1, 'seconds']];
  const age = seconds => {
    const s = Math.max(0, seconds), unit = UNITS.find(u => s >= u[0]);
    return word('age.' + unit[2], {n: number(Math.floor(s / unit[1]), 0)});
  };
  // Runs at most once in `ms`, and never leaves out the last call.
  const paced = (ms, run) => {
    let due = 0, timer = null;
    const now = () => { clearTimeout(timer); timer = null; due = performance.now() + ms; run(); };
    return () => { const wait = due - performance.now(); if (wait <= 0) now(); else if (!timer) timer = setTimeout(now, wait); };
  };
  // Parts of a moment in the city's zone, or another; the browser's own zone is never used.
  const formats = {};
  const format = zone => formats[zone] = formats[zone] || new Intl.DateTimeFormat('en-GB', {timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit',
    hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', weekday: 'short'});
  const WEEKDAYS = {Mon: 1, Tue: 2, Wed: 3, Thu: 4, Fri: 5, Sat: 6, Sun: 7};
  const parts = (ms, zone) => Object.fromEntries(format(zone || facts.zone).formatToParts(ms).map(p => [p.type, p.value]));
  const clock = (ms, seconds, zone) => {
    const p = parts(ms, zone);
    return p.hour + ':' + p.minute + (seconds ? ':' + p.second : '');
  };
  const date = (ms, weekday, zone) => {
    const p = parts(ms, zone), day = word('time.date', {day: +p.day, dd: p.day, mm: p.month, month: word('month.' + (+p.month)), year: p.year});
    return weekday ? word('time.weekday_date', {weekday: word('weekday.' + WEEKDAYS[p.weekday]), date: day}) : day;
  };
  // '2026-11-21T14:05' on the city's clock, and back; with a Z or an offset it is that moment.
  const minute = ms => { const p = parts(ms); return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}`; };
  const instant = text => {
    if (!text || /(Z|[+-]\d\d:?\d\d)$/.test(text)) return Date.parse(text);
    const wall = Date.parse(text.replace(' ', 'T') + 'Z'); // as if it were UTC; then moved until the city's clock shows it
    let at = wall;
    for (let i = 0; i < 3 && !isNaN(at); i++) at += Math.floor(wall / 60000) * 60000 - Date.parse(minute(at) + 'Z');
    return at;
  };
  // Sets text only where it differs: nothing flickers, nothing is laid out twice.
  const text = (node, value) => {
    const el = typeof node === 'string' ? document.getElementById(node) : node;
    if (el && el.textContent !== value) el.textContent = value;
  };
  const make = (tag, name, content) => {
    const el = document.createElement(tag);
    if (name) el.className = name;
    if (content !== undefined) el.textContent = content;
    return el;
  };
  // A reading with its unit, or in words where its metric has words for it.
  const reading = (value, metric) => {
    if (!metric || value === null || !isFinite(value)) return '–';
    const state = metric.states && metric.states[String(value)];
    return state !== undefined ? say(state) : quantity(value, metric.decimals, metric.unit);
  };
  const LOOK = { // never by colour alone: each state has its own sign; rank: which of two on one spot is meant
    0: {sign: '?', name: 'none', rank: 0}, 1: {sign: '', name: 'ok', rank: 1}, 2: {sign: '!', name: 'warn', rank: 5},
    3: {sign: '!!', name: 'crit', rank: 6}, 4: {sign: '×', name: 'old', rank: 2}, 5: {sign: 'i', name: 'note', rank: 4},
    6: {sign: '≈', name: 'doubt', rank: 3}, event: {sign: '', name: 'event', rank: 0},
  };
  return {facts, word, say, number, quantity, unit, age, paced, clock, date, minute, instant, text, make, reading, LOOK};
})();
