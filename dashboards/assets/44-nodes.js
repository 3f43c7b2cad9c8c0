// Turns what a widget drew on the server (dashboards/node.py) into elements, and changes only what differs.
'use strict';
IOC.nodes = (() => {
  const islands = {}; // name -> {make(attributes, children) -> element, update(element, attributes, children)}
  const SAFE = /^(class|title|alt|lang|aria-[a-z]+|data-[a-z-]+|role)$/;
  const TAGS = /^(div|span|p|b|small|i|h2|h3|ol|ul|li|img|table|tbody|thead|tr|td|th|dl|dt|dd)$/;

  // What a child that is no element says: a text, or {say | word | n | age | clock | date}.
  function said(child) {
    if (typeof child === 'string') return child;
    if ('say' in child) return IOC.say(child.say);
    if ('word' in child) return IOC.word(child.word, Object.fromEntries(Object.entries(child.values || {}).map(([k, v]) => [k, said(v)])));
    if ('n' in child) return IOC.quantity(child.n, child.d, child.unit);
    if ('unit' in child) return IOC.unit(child.unit);
    if ('age' in child) return IOC.age((IOC.live.now() - child.age) / 1000);
    if ('clock' in child) return IOC.clock(child.clock);
    if ('date' in child) return IOC.date(child.date);
    return '';
  }
  const ages = child => typeof child === 'object' && !Array.isArray(child) && ('age' in child || Object.values(child.values || {}).some(ages));
  const plain = value => value !== null && typeof value === 'object' ? said(value) : String(value);

  function dress(el, name, attributes) {
    const state = attributes.state === undefined || attributes.state === null ? '' : ' ' + (attributes.look || IOC.LOOK[attributes.state].name);
    const wanted = name.split('.').slice(1).join(' ') + state;
    if (el.className !== wanted) el.className = wanted;
    for (const key in attributes) {
      if (key === 'src' && el.tagName === 'IMG' && /^\/images\//.test(attributes.src)) { if (el.getAttribute('src') !== attributes.src) el.src = attributes.src; continue; }
      if (key === 'alarm') { el.dataset.alarm = attributes.alarm; continue; }
      if (SAFE.test(key)) { const value = plain(attributes[key]); if (el.getAttribute(key) !== value) el.setAttribute(key, value); }
    }
  }

  function make(node, context) {
    if (!Array.isArray(node)) { const text = document.createTextNode(said(node)); text.said = node; return text; }
    const [name, attributes, ...children] = node, tag = name.split('.')[0];
    let el;
    if (tag[0] === '@') {
      const island = islands[tag.slice(1)];
      el = island ? island.make(attributes, children, context) : document.createElement('span');
    } else {
      el = document.createElement(TAGS.test(tag) ? tag : 'span');
      dress(el, name, attributes);
      el.append(...children.map(child => make(child, context)));
    }
    el.node = node;
    return el;
  }

  const kind = node => Array.isArray(node) ? node[0].split('.')[0] : '';

  // The element for `node` in place of `old`: the same one where the kind is the same.
  function patch(old, node, context) {
    if (kind(old.node === undefined ? '' : old.node) !== kind(node) || (!Array.isArray(node)) !== (old.nodeType === 3)) { const fresh = make(node, context); old.replaceWith(fresh); return fresh; }
    if (old.nodeType === 3) { old.said = node; const text = said(node); if (old.nodeValue !== text) old.nodeValue = text; return old; }
    const [name, attributes, ...children] = node, tag = name.split('.')[0];
    if (tag[0] === '@') { const island = islands[tag.slice(1)]; if (island) island.update(old, attributes, children, context); }
    else { dress(old, name, attributes); within(old, children, context); }
    old.node = node;
    return old;
  }

  function within(el, children, context) {
    while (el.childNodes.length > children.length) el.lastChild.remove();
    children.forEach((child, i) => i < el.childNodes.length ? patch(el.childNodes[i], child, context) : el.append(make(child, context)));
  }

  // Ages go on counting without a word from the server.
  function count(root) {
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) { const text = walk.currentNode; if (text.said && ages(text.said)) { const now = said(text.said); if (text.nodeValue !== now) text.nodeValue = now; } }
  }
  // What may be cut off with dots says the whole as its title.
  const CUT = '.what, .where, .field, .label, .note, .value, .change, .amount, .head > span, .text p, .clock > h2';
  function whole(root) { for (const el of root.querySelectorAll(CUT)) { const text = el.textContent; if (el.title !== text) el.title = text; } }
  return {islands, make, patch, within, said, count, whole};
})();
