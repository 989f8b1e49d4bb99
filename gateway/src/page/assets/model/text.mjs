// Texts for people: names, times, and what is in a message.

/** A name for somebody of whom only the id is known: `mary-ann` is Mary Ann. */
export function nameOf(id) {
  const words = id.split(/[-_.\s]+/).filter(Boolean);
  return words.map((word) => word[0].toUpperCase() + word.slice(1)).join(' ') || id;
}

/** The id for a name that somebody has typed: `Mary Ann` is mary-ann. */
export function idOf(name) {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plain.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '').slice(0, 60);
}

/** One or two letters for a picture of somebody. */
export function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join('') || '?';
}

/** One of `count` colours, always the same one for the same id. */
export function colourOf(id, count) {
  let sum = 7;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)) % 1_000_003;
  return sum % count;
}

const LINK = /https?:\/\/[^\s<>"'`]+/gu;
const AFTER_A_LINK = /[.,;:!?)\]}]+$/u;

/** A text as pieces: `{text}`, `{text, url}`, `{text, mention: true}`. Nothing is lost: the texts make up the whole. */
export function pieces(text) {
  const found = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    const url = match[0].replace(AFTER_A_LINK, '');
    if (!URL.canParse(url)) continue;
    found.push(...mentions(text.slice(at, match.index)), { text: url, url });
    at = match.index + url.length;
  }
  found.push(...mentions(text.slice(at)));
  return found.filter((piece) => piece.text);
}

function mentions(text) {
  return text.split(/((?<![\p{L}\p{N}])@[A-Za-z0-9_.-]*[A-Za-z0-9_])/u)
    .map((part, index) => (index % 2 ? { text: part, mention: true } : { text: part }));
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const SHORT = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

export const timeOf = (iso) => TIME.format(new Date(iso));

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** Days between two times by the calendar here. */
const daysBetween = (then, now) => Math.round((midnight(now) - midnight(then)) / 86_400_000);

/** The heading of a day: Today, Yesterday, or the date. */
export function dayOf(iso, now = new Date()) {
  const then = new Date(iso);
  return ['Today', 'Yesterday'][daysBetween(then, now)] ?? DAY.format(then);
}

/** A time in a list: of today the time, else the date. */
export function briefly(iso, now = new Date()) {
  const then = new Date(iso);
  return daysBetween(then, now) === 0 ? TIME.format(then) : SHORT.format(then);
}

/** `Ann`, `Ann and Bob`, `Ann, Bob and 3 others`. */
export function listed(names, most = 3) {
  if (names.length > most) return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} others`;
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

export const counted = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;
