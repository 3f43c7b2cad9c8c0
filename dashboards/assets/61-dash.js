// What Dash's own parts lack: roles that readers by ear and keyboards can use, and answers that don't stop the page.
'use strict';
// For each component in a callback's answer Dash 4.4 tells its store to forget what was changed beneath it, and each
// of these messages makes every component on the page look whether it has changed: a hundred rows of a list, three
// million looks, ten seconds in which nothing can be pressed. A message that has nothing to forget is left out.
(() => {
  const stores = window.dash_stores = window.dash_stores || [];
  stores.push = store => {
    const {dispatch, getState} = store;
    store.dispatch = action => {
      const path = action.type === 'RESET_COMPONENT_STATE' && action.payload && action.payload.itempath;
      if (!path) return dispatch(action);
      const start = path.join(',');
      for (const key in getState().layoutHashes) if (key.startsWith(start)) return dispatch(action);
      return action;
    };
    return Array.prototype.push.call(stores, store);
  };
})();
// A callback that is refused says nothing of itself: who is no longer logged in is led to the log-in and back here, and
// who lacks the right is told.
(() => {
  const plain = window.fetch;
  const told = () => {
    let box = document.getElementById('denied');
    if (!box) { box = IOC.make('p', 'denied'); box.id = 'denied'; box.setAttribute('role', 'alert'); document.body.append(box); }
    IOC.text(box, IOC.word('denied.act')); clearTimeout(box.timer); box.timer = setTimeout(() => box.remove(), 8000);
  };
  window.fetch = async (...asked) => {
    const answer = await plain(...asked);
    if (String(asked[0] && asked[0].url || asked[0]).includes('_dash-update-component')) {
      if (answer.status === 401) location.reload();
      if (answer.status === 403) told();
    }
    return answer;
  };
})();
(() => {
  const set = (el, name, value) => { if (el.getAttribute(name) !== value) el.setAttribute(name, value); };
  const named = el => { const about = el.parentElement && el.parentElement.closest('[aria-label]:not(nav):not(main)'); return about && about.getAttribute('aria-label'); };

  // A list of radio buttons or boxes calls itself a listbox whose options hold what is pressed: nobody can read that out.
  function choices(list) {
    set(list, 'role', list.querySelector('input[type=radio]') ? 'radiogroup' : 'group');
    if (!list.hasAttribute('aria-label')) set(list, 'aria-label', named(list) || IOC.word('menu.choices'));
    for (const option of list.querySelectorAll('[role=option]')) option.removeAttribute('role');
    for (const option of list.querySelectorAll('[aria-selected]')) option.removeAttribute('aria-selected');
  }

  // A menu's place in the tab order is a hidden field that passes the focus on; the button itself can have it.
  function menu(box) {
    const hidden = box.querySelector('.dash-dropdown-focus-target'), button = box.querySelector('button.dash-dropdown');
    if (hidden) set(hidden, 'tabindex', '-1');
    if (!button) return;
    set(button, 'tabindex', '0');
    const name = named(button);
    if (name && !button.hasAttribute('aria-label') && button.hasAttribute('aria-labelledby')) set(button, 'aria-description', name);
  }

  function mend() {
    for (const list of document.querySelectorAll('.dash-options-list')) choices(list);
    for (const box of document.querySelectorAll('.dash-dropdown-wrapper')) menu(box);
    for (const open of document.querySelectorAll('.dash-dropdown-content')) set(open, 'aria-label', IOC.word('menu.choices'));
    for (const field of document.querySelectorAll('.dash-dropdown-search')) set(field, 'aria-label', IOC.word('menu.search'));
  }

  document.addEventListener('DOMContentLoaded', () => {
    if (!document.getElementById('ioc-page') || document.getElementById('wall')) return;
    new MutationObserver(mend)
      .observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['aria-selected', 'tabindex']});
  });
})();
