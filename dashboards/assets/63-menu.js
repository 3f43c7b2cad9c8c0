// The bar: one menu at a time is open; Escape, a choice or a click elsewhere closes it. On phones all pages are behind ☰.
'use strict';
(() => {
  const $ = id => document.getElementById(id);
  const groups = () => [...document.querySelectorAll('#bar details.group')];
  const narrow = () => window.innerWidth <= 900;

  function menu(open) {
    if (!$('menu')) return;
    $('menu').setAttribute('aria-expanded', String(open));
    $('bar').classList.toggle('open', open);
  }

  function close(but) { for (const group of groups()) if (group !== but) group.open = false; }

  document.addEventListener('DOMContentLoaded', () => {
    if (!$('ioc-page') || $('wall')) return;
    document.addEventListener('click', event => {
      const at = event.target.closest ? event.target : document.body;
      if (at.closest('#menu')) return menu($('menu').getAttribute('aria-expanded') !== 'true');
      if (at.closest('#pages a')) { close(); menu(false); return; }
      close(at.closest('details.group'));
      if (!at.closest('#bar')) menu(false);
    });
    document.addEventListener('keydown', event => {
      if (event.key !== 'Escape') return;
      const open = groups().find(group => group.open);
      if (open && !narrow()) { open.open = false; open.querySelector('summary').focus(); }
      else if ($('menu') && $('menu').getAttribute('aria-expanded') === 'true') { menu(false); $('menu').focus(); }
    });
  });
})();
