// A screen that is not paired: asks for its code, shows it, and loads its wall once somebody has approved it.
'use strict';
(() => {
  const EVERY = 3000; // ms
  const $ = id => document.getElementById(id);
  let facts = null, code = '', ends = 0, lasts = 600000;

  const text = (el, value) => { if (el.textContent !== value) el.textContent = value; };
  const say = key => { text($('pair-said'), key ? facts.words['pair.' + key] : ''); };

  // Two groups of four; read out letter by letter.
  function show(found, left) {
    ends = performance.now() + left * 1000;
    if (found === code) return;
    code = found; lasts = Math.max(left * 1000, 1);
    const box = $('pair-code');
    box.replaceChildren(...[code.slice(0, 4), code.slice(4)].map(group => Object.assign(document.createElement('span'), {textContent: group})));
    box.setAttribute('aria-label', code.split('').join(' '));
  }

  function count() {
    const left = Math.max(0, ends - performance.now());
    $('pair-left').firstElementChild.style.width = Math.min(100, 100 * left / lasts) + '%';
    if (code && !left) { code = ''; $('pair-code').replaceChildren(document.createTextNode('\u00a0')); $('pair-code').removeAttribute('aria-label'); }
  }

  async function ask() {
    let pause = EVERY;
    try {
      const answer = await fetch('/pair/state', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({next: facts.next})});
      const said = await answer.json().catch(() => ({state: 'away'}));
      if (said.state === 'paired') { say('paired'); location.replace(said.to); pause = 5 * EVERY; }
      else if (said.state === 'waiting') { show(said.code, said.left); say(''); }
      else { say(said.state === 'full' ? 'full' : said.state === 'slowly' ? '' : 'away'); pause = 2 * EVERY; }
    } catch (error) { say('away'); }
    setTimeout(ask, pause * (0.8 + 0.4 * Math.random()));
  }

  document.addEventListener('DOMContentLoaded', () => {
    if (!$('pair')) return;
    facts = JSON.parse($('pair-facts').textContent);
    setInterval(count, 500);
    ask();
  });
})();
