// What Dash's own parts lack: their words in the reader's language, and roles that readers by ear and keyboards can use.
'use strict';
(() => {
  // Its menus speak English unless each is told otherwise: all are told here, once.
  function translate() {
    const core = window.dash_core_components;
    if (!core || !core.Dropdown || !window.React) return;
    const real = core.Dropdown, say = key => IOC.word('menu.' + key);
    const labels = {select_all: say('all'), deselect_all: say('no_longer_all'), selected_count: IOC.word('menu.chosen', {n: '{num_selected}'}), search: say('search'),
      clear_search: say('clear_search'), clear_selection: say('clear'), no_options_found: say('nothing')};
    core.Dropdown = Object.assign(props => React.createElement(real, {...props, labels: {...labels, ...props.labels}}), real);
  }

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
    translate();
    let wait = 0;
    new MutationObserver(() => { wait = wait || requestAnimationFrame(() => { wait = 0; mend(); }); })
      .observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['aria-selected', 'tabindex']});
  });
})();
