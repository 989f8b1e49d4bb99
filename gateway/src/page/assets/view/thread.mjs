// The replies to one message, beside the conversation.
import { composer } from './composer.mjs';
import { byId, fill, h, icon } from './dom.mjs';
import { Log } from './log.mjs';

export function showThread(chat) {
  const place = byId('thread');
  const log = new Log(chat, { label: 'Replies', inThread: true, redraw: () => draw() });
  const box = composer({
    id: 'reply', label: 'Reply', placeholder: 'Reply',
    send: (text) => { chat.send(text, true); log.toEnd(); },
  });
  const head = h('header', { class: 'bar' },
    h('div', { class: 'text' }, h('h2', {}, 'Thread')),
    h('button', { type: 'button', class: 'round', 'aria-label': 'Close the thread', onclick: leave }, icon('close')));
  let shown;

  function leave() {
    const from = shown;
    chat.closeThread();
    queueMicrotask(() => document.querySelector(`#conversation [data-id="${CSS.escape(from)}"]`)?.focus());
  }

  function draw() {
    const { thread } = chat;
    place.hidden = !thread;
    if (!thread) {
      shown = undefined;
      document.body.dataset.pane = chat.open ? 'conversation' : 'list';
      return;
    }
    const opened = shown !== thread.parent.id;
    if (opened) {
      shown = thread.parent.id;
      log.clear();
      box.text.value = '';
      box.fit();
      fill(place, head, log.element, h('div', { class: 'foot' }, box.element));
      document.body.dataset.pane = 'thread';
    }
    log.show([thread.parent, ...thread.timeline.list()]);
    if (opened) box.text.focus({ preventScroll: true });
  }

  place.addEventListener('keydown', (event) => { if (event.key === 'Escape') leave(); });
  chat.on('thread', draw);
}
