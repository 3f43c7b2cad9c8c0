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
  // A zoom in time is told to Dash by itself: among all that a chart says of its layout it would be overtaken and lost.
  const listen = () => {
    const plot = document.querySelector('#lines-graph .js-plotly-plot');
    if (!plot || !plot.on || plot.heard) return;
    plot.heard = true;
    plot.on('plotly_relayout', moved => {
      if ('xaxis.autorange' in moved || 'xaxis.range' in moved || 'xaxis.range[0]' in moved) dash_clientside.set_props('lines-zoom', {data: {...moved, at: Date.now()}});
    });
  };
  document.addEventListener('DOMContentLoaded', () => {
    if (!document.getElementById('ioc-page')) return;
    new MutationObserver(listen).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['class']});
    new MutationObserver(follow).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['href']});
    document.addEventListener('click', event => { if (event.target.id === 'print') print(); });
  });
})();
