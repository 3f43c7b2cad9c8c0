// The alarm list: keeps what is ticked while rows come, go and move; says so to Dash; keeps the address true.
'use strict';
(() => {
  const picked = new Set();
  let last = null, ordered = '';
  const $ = id => document.getElementById(id);
  const boxes = () => [...document.querySelectorAll('#alarm-table .tick')];
  const own = box => +box.dataset.alarm;

  function show() {
    const all = boxes(), rows = all.filter(box => box.dataset.alarm !== '*');
    for (const box of rows) check(box, picked.has(own(box)));
    for (const box of all) if (box.dataset.alarm === '*') check(box, rows.length > 0 && rows.every(row => picked.has(own(row))));
    const bulk = $('bulk');
    if (!bulk) return;
    bulk.classList.toggle('empty', !picked.size);
    const said = IOC.number(picked.size, 0);
    if ($('picked-count').textContent !== said) $('picked-count').textContent = said;
  }

  function check(box, on) {
    if (box.getAttribute('aria-checked') !== String(on)) box.setAttribute('aria-checked', String(on));
    const row = box.closest('tbody tr');
    if (row && row.classList.contains('picked') !== on) row.classList.toggle('picked', on);
  }

  function told() {
    show();
    if ($('alarm-picked') || $('bulk')) dash_clientside.set_props('alarm-picked', {data: [...picked]});
  }

  function press(box, range) {
    const rows = boxes().filter(b => b.dataset.alarm !== '*'), on = box.getAttribute('aria-checked') !== 'true';
    let some = box.dataset.alarm === '*' ? rows : [box];
    const from = rows.findIndex(b => own(b) === last), to = rows.indexOf(box);
    if (range && from >= 0 && to >= 0) some = rows.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const one of some) if (on) picked.add(own(one)); else picked.delete(own(one));
    last = own(box);
    told();
  }

  // What the server asks for: all that fits is ticked, or nothing any more.
  function order() {
    const said = $('bulk-order') ? $('bulk-order').textContent : '';
    if (said === ordered || !said) return;
    ordered = said;
    const [what, , ids] = said.split(':');
    picked.clear();
    if (what === 'pick') for (const id of ids.split(',')) if (id) picked.add(+id);
    told();
  }

  // The address shows the same list again; the moment looked at stays in it.
  function address() {
    const list = document.querySelector('#content [data-address]');
    if (!list) return;
    const to = new URL(location.href), at = to.searchParams.get('at');
    to.search = list.dataset.address;
    if (at) to.searchParams.set('at', at);
    if (to.href !== location.href) history.replaceState(history.state, '', to);
  }

  document.addEventListener('DOMContentLoaded', () => {
    if (!document.getElementById('ioc-page') || $('wall')) return;
    let wait = 0;
    new MutationObserver(() => { if (!wait) wait = requestAnimationFrame(() => { wait = 0; if (!$('alarm-table')) { picked.clear(); last = null; } order(); show(); address(); }); })
      .observe(document.body, {childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ['data-address', 'data-alarm']});
    document.addEventListener('click', event => {
      const box = event.target.closest && event.target.closest('.tick');
      if (box) press(box, event.shiftKey);
      if (event.target.id === 'bulk-none') { picked.clear(); told(); }
    });
  });
})();
