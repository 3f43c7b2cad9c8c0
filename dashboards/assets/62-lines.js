// The explorer's address follows what is shown, so that it can be sent or kept; and the button that prints.
'use strict';
(() => {
  const follow = () => {
    const link = document.getElementById('lines-link');
    if (!link || location.pathname !== '/explore') return;
    const to = new URL(link.href), at = new URLSearchParams(location.search).get('at');
    if (at) to.searchParams.set('at', at);
    if (to.search !== location.search) history.replaceState(history.state, '', to);
  };
  document.addEventListener('DOMContentLoaded', () => {
    if (!document.getElementById('ioc-page')) return;
    new MutationObserver(follow).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['href']});
    document.addEventListener('click', event => { if (event.target.id === 'print') print(); });
  });
})();
