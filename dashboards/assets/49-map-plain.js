// For a browser without WebGL: a picture of the map drawn by the server, every few seconds when something changed; the list beside it does the rest.
'use strict';
IOC.MapPlain = class {
  static EVERY = 10000;
  constructor(city) {
    Object.assign(this, {city, dirty: true});
    const box = IOC.make('div', 'plain-map'), image = this.image = IOC.make('img'); image.alt = IOC.word('map.label'); image.decoding = 'async';
    image.addEventListener('error', () => { this.dirty = true; });
    box.append(image, IOC.make('p', 'base-said', IOC.word('map.no_webgl'))); city.element.append(box);
    this.timer = setInterval(() => { if (this.dirty && !document.hidden) this.draw(); }, IOC.MapPlain.EVERY); this.draw();
    setTimeout(() => city.tell('ready'), 0);
  }
  draw() {
    this.dirty = false;
    const box = this.city.element, size = Math.max(240, Math.min(2000, box.clientWidth || 800)), tall = Math.max(200, Math.min(2000, box.clientHeight || 600));
    this.image.src = '/api/points/picture.svg?w=' + Math.round(size) + '&h=' + Math.round(tall) + '&domains=' + encodeURIComponent([...this.city.domains].join(',')) + '&t=' + Math.floor(Date.now() / 1000);
  }
  remove() { clearInterval(this.timer); }
};
