// The Displays page follows what screens say and what is done to them.
'use strict';
(() => {
  IOC.live.on('displays', () => {
    if (document.getElementById('displays-page') && window.dash_clientside && dash_clientside.set_props) dash_clientside.set_props('signal-displays', {data: Date.now()});
  });
})();
