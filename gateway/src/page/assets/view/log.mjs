// A list of messages: only what has changed is made anew, the end stays in sight, and the arrow keys walk it.
import { dayOf } from '../model/text.mjs';
import { h, place } from './dom.mjs';
import { keyOf, messageView } from './message.mjs';

/** Messages of one author within this time stand together. */
const TOGETHER_MS = 5 * 60_000;
/** So near to the end counts as being there. */
const NEAR_PX = 60;

export class Log {
  #chat;
  #shown = new Map();
  #state = { picking: null, editing: null, confirming: null };
  #walking = null;
  #redraw;
  inThread;

  constructor(chat, { label, inThread = false, redraw }) {
    this.#chat = chat;
    this.#redraw = redraw;
    this.inThread = inThread;
    this.element = h('ol', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': label, tabindex: -1 });
    this.element.addEventListener('keydown', (event) => this.#key(event));
    this.element.addEventListener('focusin', (event) => this.#focused(event));
  }

  get isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  /** Empties the list, for another channel. */
  clear() {
    this.#shown.clear();
    this.#state = { picking: null, editing: null, confirming: null };
    this.#walking = null;
    this.element.replaceChildren();
  }

  edit(message) {
    this.#set('editing', message);
  }

  /** Shows messages below `before` (elements), `unread` marking the first unread one. */
  show(messages, { before = [], unread, readersOf = () => [] } = {}) {
    const { element } = this;
    const atEnd = this.isAtEnd;
    const fromEnd = element.scrollHeight - element.scrollTop;
    const focus = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    const holder = element.contains(document.activeElement) ? document.activeElement.closest('.message')?.dataset.key : undefined;

    const fresh = new Map();
    const rows = [...before];
    let above;
    for (const message of messages) {
      const newDay = !above || dayOf(above.createdAt) !== dayOf(message.createdAt);
      if (newDay) rows.push(h('li', { class: 'day' }, h('span', {}, dayOf(message.createdAt))));
      if (unread && message === unread) rows.push(h('li', { class: 'new' }, h('span', {}, 'New')));
      const joined = !newDay && message !== unread && above.userId === message.userId
        && new Date(message.createdAt) - new Date(above.createdAt) < TOGETHER_MS;
      const row = this.#row(message, joined, readersOf(message));
      fresh.set(keyOf(message), row);
      rows.push(row.element);
      above = message;
    }
    this.#shown = fresh;
    place(element, rows);

    const walk = element.querySelector(`.message[data-key="${CSS.escape(this.#walking ?? '')}"]`)
      ?? [...element.querySelectorAll('.message')].at(-1);
    element.querySelectorAll('.message[tabindex="0"]').forEach((one) => { one.tabIndex = -1; });
    if (walk) walk.tabIndex = 0;
    if (holder && !element.contains(document.activeElement)) {
      const again = element.querySelector(`[data-key="${CSS.escape(focus ?? '')}"]`)
        ?? element.querySelector(`[data-key="${CSS.escape(holder)}"]`) ?? walk;
      again?.focus({ preventScroll: true });
    }
    // Older ones come above what is read.
    element.scrollTop = element.scrollHeight - (atEnd ? 0 : fromEnd);
  }

  /** The element of a message: the one that is there, unless something about it has changed. */
  #row(message, joined, readers) {
    const known = this.#shown.get(keyOf(message));
    const is = (what) => Boolean(message.id) && this.#state[what] === message.id;
    const state = { joined, readers, inThread: this.inThread, picking: is('picking'), editing: is('editing'), confirming: is('confirming') };
    const like = JSON.stringify(state);
    // Whoever edits a message keeps the text as it is being written.
    const same = known && known.like === like && (known.message === message || state.editing);
    if (same) return known;
    const act = {
      set: (what, target, focus) => this.#set(what, target, focus),
      react: (target, emoji) => this.#chat.react(target, emoji),
      save: async (target, text) => {
        if (await this.#chat.edit(target, text)) this.#set('editing', null);
      },
    };
    return { message, like, element: messageView(this.#chat, message, state, act) };
  }

  /** One thing at a time: picking, editing or confirming, of one message. */
  #set(what, message, focus) {
    const before = this.#state.editing ?? this.#state.picking ?? this.#state.confirming;
    this.#state = { picking: null, editing: null, confirming: null, [what]: message?.id ?? null };
    this.#redraw();
    if (what === 'editing' && message) {
      const text = this.element.querySelector('.editor textarea');
      text?.focus();
      text?.setSelectionRange(text.value.length, text.value.length);
      text?.scrollIntoView({ block: 'nearest' });
    } else if (what === 'picking' && message) {
      this.element.querySelector('.picker button')?.focus();
    } else if (focus) {
      this.element.querySelector(`[data-key="${CSS.escape(`${message.id} ${focus}`)}"]`)?.focus();
    } else if (before) {
      this.element.querySelector(`[data-id="${CSS.escape(before)}"]`)?.focus();
    }
  }

  #focused({ target }) {
    const row = target.closest('.message');
    if (!row || row.dataset.key === this.#walking) return;
    this.element.querySelectorAll('.message[tabindex="0"]').forEach((one) => { one.tabIndex = -1; });
    row.tabIndex = 0;
    this.#walking = row.dataset.key;
  }

  #key(event) {
    if (event.target.closest('textarea')) return;
    const row = event.target.closest('.message');
    if (event.key === 'Escape' && Object.values(this.#state).some(Boolean)) {
      this.#set('picking', null);
      event.stopPropagation();
      return;
    }
    const all = [...this.element.querySelectorAll('.message')];
    const at = all.indexOf(row);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (!row || to === undefined || !all[to]) return;
    event.preventDefault();
    all[to].focus();
    all[to].scrollIntoView({ block: 'nearest' });
  }
}
