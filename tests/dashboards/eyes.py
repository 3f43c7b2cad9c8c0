"""Looks at a page as a demanding reader does: what is cut off, what is said in the wrong language, what moves for ever."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

from tests.dashboards.conftest import ROOT  # noqa: F401

PACKAGES = ("ioc", "dashboards", "alerts")

# Every piece of text a person sees, with where it stands; `raw` is what others wrote: payloads, files, addresses.
TEXTS = """() => {
  const found = [], raw = 'code, pre, .reply, body [lang=en], script, style, noscript, textarea, [data-raw]';
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const where = el => el.tagName.toLowerCase() + (el.id ? '#' + el.id : '') + (typeof el.className === 'string' && el.className ? '.' + el.className.trim().split(/\\s+/).join('.') : '');
  while (walk.nextNode()) {
    const el = walk.currentNode.parentElement, text = walk.currentNode.nodeValue.trim();
    if (text && !el.closest(raw) && el.checkVisibility()) found.push([text, where(el)]);
  }
  for (const el of document.querySelectorAll('[title], [aria-label], [placeholder], [alt]'))
    if (!el.closest(raw)) for (const name of ['title', 'aria-label', 'placeholder', 'alt']) { const text = (el.getAttribute(name) || '').trim(); if (text) found.push([text, where(el) + '@' + name]); }
  return found.concat([[document.title, 'title']]);
}"""

# Text outside what clips it: nothing may be cut unless a title holds the whole. [text, where, what cuts it]
CLIPPED = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  const where = el => el.tagName.toLowerCase() + (el.id ? '#' + el.id : '') + (typeof el.className === 'string' && el.className ? '.' + el.className.trim().split(/\\s+/).join('.') : '');
  const plain = text => text.replace(/\\s+/g, ' ').trim();
  while (walk.nextNode()) {
    const node = walk.currentNode, el = node.parentElement, text = plain(node.nodeValue);
    if (!text || !el.checkVisibility({visibilityProperty: true, opacityProperty: true}) || el.clientWidth === 1 || el.closest('script, style, option, .maplibregl-map, .js-plotly-plot')) continue;
    range.selectNodeContents(node);
    const rects = [...range.getClientRects()].filter(r => r.width && r.height);
    if (!rects.length) continue;
    const box = {left: Math.min(...rects.map(r => r.left)), right: Math.max(...rects.map(r => r.right)), top: Math.min(...rects.map(r => r.top)), bottom: Math.max(...rects.map(r => r.bottom))};
    if (box.right <= 0) continue; // read aloud only
    const whole = [...(function* () { for (let a = el; a; a = a.parentElement) { const t = a.getAttribute && a.getAttribute('title'); if (t) yield plain(t); } })()].some(t => t.includes(text));
    if (whole) continue;
    const slack = 2, high = 0.32 * parseFloat(getComputedStyle(el).fontSize);
    for (let a = el; a && a !== document.documentElement; a = a.parentElement) {
      const style = getComputedStyle(a), r = a.getBoundingClientRect();
      if (style.position === 'absolute' && r.width <= 2 && r.height <= 2) break; // read aloud only
      if (a.id === 'stage' && (box.left > r.right - slack || box.right < r.left + slack)) break; // another screen's
      const across = style.overflowX, down = style.overflowY;
      if (across === 'auto' || across === 'scroll' || down === 'auto' || down === 'scroll') { if (a !== document.body) break; continue; }
      if (style.position === 'fixed') break;
      if (a.clientWidth === 0 && a.tagName !== 'svg') continue;
      if ((across !== 'visible' && (box.right > r.right + slack || box.left < r.left - slack)) || (down !== 'visible' && (box.bottom > r.bottom + high || box.top < r.top - high))) {
        found.push([text.slice(0, 60), where(el), where(a) + ' ' + [box.left - r.left, r.right - box.right, box.top - r.top, r.bottom - box.bottom].map(Math.round)]); break; }
    }
  }
  return found;
}"""

ENDLESS = """() => document.getAnimations().filter(a => a.playState === 'running' && a.effect && a.effect.getComputedTiming().iterations === Infinity)
  .map(a => (a.animationName || a.id) + ' on ' + a.effect.target.className)"""

# English words that no Vietnamese or Lao sentence holds.
_ENGLISH = re.compile(r"\b(the|of|and|is|are|was|not|for|with|from|this|that|has|have|been|no|its|all|any|new|open|only|"
                      r"sensor|sensors|alarm|alarms|feed|feeds|value|values|name|search|select|show|hide|loading|close|"
                      r"unknown|error|failed|minutes?|hours?|days?|seconds?|ago|today|yesterday|now|state|rule|rules)\b", re.IGNORECASE)  # fmt: skip


@cache
def phrases(package: str, language: str) -> dict[str, tuple[str, str]]:
    """key -> (English, what the language says; empty where nobody has said it)."""
    folder = files(package) / "words"
    with (folder / "en.pot").open("rb") as file:
        english = {e.context: str(e.id) for e in read_po(file) if e.context}
    with (folder / f"{language}.po").open("rb") as file:
        other = {e.context: str(e.string) for e in read_po(file) if e.context and not e.fuzzy}
    return {key: (text, other.get(key, "")) for key, text in english.items()}


@cache
def _known(language: str) -> tuple[re.Pattern[str], frozenset[str], list[tuple[str, re.Pattern[str]]]]:
    every = {key: said for package in PACKAGES for key, said in phrases(package, language).items()}
    tables = sorted({key.split(".")[0] for key in every if "." in key})
    key = re.compile(rf"(?<![\w/.-])({'|'.join(tables)})\.[a-z_0-9]+(\.[a-z_0-9]+)*(?![\w/.-])")
    own = [said for _, said in every.values() if said]
    wrong = [(name, _shape(en)) for name, (en, said) in every.items() if said != en and _letters(en)]
    return key, frozenset(own), wrong


def _letters(english: str) -> bool:
    """Whether a phrase is language at all: more than a sign, a unit or an abbreviation around values."""
    return bool(re.search(r"[A-Za-z]{3}", re.sub(r"\{\w+\}", "", english)))


def _shape(phrase: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+(?::[^}]*)?\}", phrase)
    return re.compile(r"\s*" + r".{1,80}?".join(re.escape(p) for p in parts) + r"\s*", re.DOTALL)


def strangers(texts: list[tuple[str, str]], language: str, city: frozenset[str]) -> list[str]:
    """Texts that are a bare key, the English of a phrase, or English nobody can translate. city: what its folder says."""
    key, own, wrong = _known(language)
    found = []
    for text, where in texts:
        if text in own or text in city:
            continue
        if key.search(_without(text, city)):
            found.append(f"a key: {text!r} in {where}")
        elif name := next((name for name, shape in wrong if shape.fullmatch(text)), ""):
            found.append(f"English of {name}: {text!r} in {where}")
        elif word := _ENGLISH.search(_without(text, city)):
            found.append(f"{word[0]!r}: {text!r} in {where}")
    return found


def _without(text: str, city: frozenset[str]) -> str:
    for name in sorted((n for n in city if len(n) > 3 and n in text), key=len, reverse=True):
        text = text.replace(name, " ")
    return text
