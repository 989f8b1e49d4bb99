// Elements, made and replaced.

export const byId = (id) => document.getElementById(id);

/**
 * An element: properties that begin with `on` are listeners, `true` is an attribute without a value, `false`, null
 * and undefined are left out. Texts become text, never markup.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

const DRAWINGS = {
  send: 'M3.4 20.4 21 12 3.4 3.6v6.6L15 12 3.4 13.8z',
  back: 'M15.5 5 8.5 12l7 7',
  close: 'M6 6l12 12M18 6 6 18',
  plus: 'M12 5v14M5 12h14',
  smile: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14.5c1.8 2.2 5.2 2.2 7 0M9 9.5v.5M15 9.5v.5',
  reply: 'M20 12a8 8 0 0 1-8 8H4l2-3a8 8 0 1 1 14-5z',
  edit: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  globe: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c3.5 5 3.5 13 0 18M12 3c-3.5 5-3.5 13 0 18',
  group: 'M5 9h14M5 15h14M10 4 8 20M16 4l-2 16',
  window: 'M4 6h16v13H4zM4 10h16M14 14h3m0 0v-3m0 3-4-4',
};

/** A drawing beside a text or a label: nothing of its own for those who do not see it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('icon', `icon-${name}`);
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', DRAWINGS[name]);
  svg.append(path);
  return svg;
}

/** Puts new content into an element; whoever had the focus in it (by `data-key`) has it again. */
export function fill(element, ...children) {
  const key = element.contains(document.activeElement) && document.activeElement.dataset.key;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** Makes `list` the children of an element. What is in its place is not touched: moving it would take its focus. */
export function place(element, list) {
  const wanted = new Set(list);
  [...element.childNodes].filter((child) => !wanted.has(child)).forEach((child) => child.remove());
  let next = element.firstChild;
  for (const child of list) {
    if (child === next) next = next.nextSibling;
    else element.insertBefore(child, next);
  }
}

/**
 * Shows a list in an element and makes anew only what looks different: `look` gives all that a row shows, `make` the
 * row. So nothing is taken from under a pointer or a focus because something else has changed.
 */
export function rows(element, items, keyOf, look, make) {
  const known = new Map([...element.children].map((row) => [row.dataset.row, row]));
  const focus = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  place(element, items.map((item) => {
    const like = JSON.stringify(look(item));
    const row = known.get(keyOf(item));
    if (row?.dataset.like === like) return row;
    const made = make(item);
    made.dataset.row = keyOf(item);
    made.dataset.like = like;
    return made;
  }));
  if (focus && !element.contains(document.activeElement)) {
    element.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }
}
