// What lies under everything: tiles of the city's own file, a tile server, a drawing, or nothing but areas; and a word where it is less than asked for.
'use strict';
IOC.MapBase = class {
  // Where common tile schemas keep what the map draws: role -> [source layer, filter].
  static SCHEMAS = (() => {
    const is = (key, ...values) => ['in', ['get', key], ['literal', values]], not = (key, ...values) => ['!', is(key, ...values)];
    const polygon = ['==', ['geometry-type'], 'Polygon'], big = ['motorway', 'trunk', 'primary', 'secondary'];
    return {
      ioc: Object.fromEntries(['water', 'coast', 'river', 'canal', 'place'].map(role => [role, [role, ['==', ['get', 'layer'], role]]]).concat([
        ['road', ['road', ['all', ['==', ['get', 'layer'], 'road'], ['!=', ['get', 'ref'], 'street']]]], ['street', ['road', ['all', ['==', ['get', 'layer'], 'road'], ['==', ['get', 'ref'], 'street']]]]])),
      openmaptiles: {water: ['water', polygon], river: ['waterway', is('class', 'river')], canal: ['waterway', not('class', 'river')], road: ['transportation', is('class', ...big)],
        street: ['transportation', is('class', 'tertiary', 'minor', 'service')], place: ['place', is('class', 'city', 'town', 'village', 'suburb')]},
      protomaps: {water: ['water', polygon], river: ['water', is('kind', 'river')], canal: ['water', is('kind', 'canal', 'stream')], road: ['roads', is('kind', 'highway', 'major_road')], street: ['roads', is('kind', 'minor_road')], place: ['places', is('kind', 'locality')]},
      shortbread: {water: ['water_polygons', polygon], river: ['water_lines', is('kind', 'river')], canal: ['water_lines', not('kind', 'river')], road: ['streets', is('kind', ...big)], street: ['streets', not('kind', ...big)], place: ['place_labels', is('kind', 'city', 'town', 'village')]},
    };
  })();
  static said = '';

  // What the server offers, tried before it is drawn: a file that cannot be read is a plain map and a plain word.
  static async load(get) {
    const facts = await get('/api/basemap/facts');
    let fault = facts.fault;
    if (facts.kind === 'pmtiles') {
      if (!IOC.MapBase.protocol) { IOC.MapBase.protocol = new pmtiles.Protocol(); maplibregl.addProtocol('pmtiles', IOC.MapBase.protocol.tile); }
      const url = new URL(facts.url, location.href).href, file = new pmtiles.PMTiles(url);
      try { await file.getHeader(); IOC.MapBase.protocol.add(file); facts.url = url; } catch (error) { fault = 'damaged'; facts.kind = facts.otherwise; }
    }
    IOC.MapBase.said = fault ? IOC.word('map.base_' + fault) : '';
    return {facts, data: facts.kind === 'geojson' ? await get('/api/basemap') : null};
  }

  constructor(city, {facts, data}) {
    Object.assign(this, {city, facts, data, faults: 0});
    const ids = new Set(facts.layers || []), schema = facts.schema || (ids.has('transportation') ? 'openmaptiles' : ids.has('earth') ? 'protomaps' : ids.has('streets') ? 'shortbread' : 'ioc');
    this.roles = facts.kind === 'plain' || facts.raster ? {} : IOC.MapBase.SCHEMAS[schema]; this.schema = schema;
    this.places = (facts.places || []).map(([name, lon, lat, rank]) => ({name, lon, lat, rank}));
    if (data) this.places = data.features.filter(f => f.properties.layer === 'place').map(f => ({name: f.properties.name, lon: f.geometry.coordinates[0], lat: f.geometry.coordinates[1], rank: f.properties.rank || 9}));
  }

  sources() {
    const {facts, data, city: {map}} = this, zooms = {minzoom: facts.min_zoom || 0, maxzoom: facts.max_zoom || 14};
    if (data) map.addSource('base', {type: 'geojson', data, tolerance: 0.2});
    else if (facts.kind === 'pmtiles') map.addSource('base', {type: facts.raster ? 'raster' : 'vector', url: 'pmtiles://' + facts.url, ...(facts.raster ? {tileSize: 256} : {})});
    else if (facts.kind === 'tiles') map.addSource('base', {type: facts.raster ? 'raster' : 'vector', tiles: [facts.url], ...zooms, ...(facts.raster ? {tileSize: 256} : {})});
    if (facts.attribution) { const note = IOC.make('div', 'attribution', facts.attribution); this.city.element.append(note); }
  }

  // One tile that fails is nothing; several are a word on the map.
  fault(event) {
    if (event.sourceId !== 'base' && !(event.source && event.source.id === 'base')) { console.warn(event.error && event.error.message); return; }
    if (++this.faults === 3) { IOC.MapBase.said = IOC.word(this.facts.kind === 'tiles' ? 'map.base_away' : 'map.base_damaged'); this.city.tell('base'); }
  }

  add(role, layer) {
    const found = this.roles[role];
    if (!found) return;
    const [from, filter] = found, both = layer.filter ? ['all', filter, layer.filter] : filter;
    this.city.map.addLayer({source: 'base', ...(this.data ? {} : {'source-layer': from}), ...layer, filter: both});
  }

  under(k) {
    const map = this.city.map, grow = (a, b) => ['interpolate', ['exponential', 1.4], ['zoom'], 8, a * k, 14, b * k], polygon = ['==', ['geometry-type'], 'Polygon'];
    map.addLayer({id: 'land', type: 'fill', source: 'areas', paint: {'fill-color': '#0f1e2d'}});
    if (this.facts.raster) { map.addLayer({id: 'raster', type: 'raster', source: 'base', paint: {'raster-saturation': -0.75, 'raster-brightness-max': 0.4, 'raster-contrast': 0.1}}); return; }
    for (const role of ['water', 'coast']) this.add(role, {id: role, type: 'fill', filter: polygon, paint: {'fill-color': '#07263f'}});
    this.add('coast', {id: 'shore', type: 'line', paint: {'line-color': '#1c4f74', 'line-width': grow(1, 2)}});
    this.add('river', {id: 'river', type: 'line', layout: {'line-cap': 'round', 'line-join': 'round'}, paint: {'line-color': '#0b3454', 'line-width': grow(2, 10)}});
    this.add('canal', {id: 'canal', type: 'line', paint: {'line-color': '#0c324f', 'line-width': grow(1, 4)}});
  }

  over(k) {
    const grow = (a, b) => ['interpolate', ['exponential', 1.4], ['zoom'], 8, a * k, 14, b * k], round = {'line-cap': 'round', 'line-join': 'round'};
    this.add('street', {id: 'street', type: 'line', minzoom: 11.5, layout: round, paint: {'line-color': '#233d55', 'line-width': grow(0.5, 3)}});
    this.add('road', {id: 'road-edge', type: 'line', minzoom: 9, layout: round, paint: {'line-color': '#0b1826', 'line-width': grow(2.4, 7)}});
    this.add('road', {id: 'road', type: 'line', layout: round, paint: {'line-color': '#34597c', 'line-width': grow(1.1, 4)}});
  }

  names(k) {
    const rank = this.schema === 'ioc' ? ['coalesce', ['get', 'rank'], 3] : ['match', ['coalesce', ['get', 'class'], ['get', 'kind_detail'], ['get', 'kind'], ''], 'city', 1, 'town', 2, 3], lang = IOC.facts.language;
    this.add('place', {id: 'place', type: 'symbol', layout: {'text-font': ['Be Vietnam Pro'], 'text-max-width': 7, 'text-field': ['coalesce', ['get', 'name:' + lang], ['get', 'name']], 'symbol-sort-key': rank,
      'text-size': ['match', rank, 1, 19 * k, 2, 14 * k, 12.5 * k], 'text-padding': 4 * k, 'text-anchor': ['match', rank, 1, 'bottom', 'top'], 'text-offset': ['match', rank, 1, ['literal', [0, -1.15]], ['literal', [0, 0.55]]]},
      paint: {'text-halo-color': '#08121d', 'text-halo-width': 1.6 * k, 'text-color': ['match', rank, 1, '#eef4fa', 2, '#c0d0df', '#9db2c6']}});
  }
};
