// The open channel: its heading, its messages, who types, and the box to write in.
import { counted, listed } from '../model/text.mjs';
import { channelPicture } from './avatar.mjs';
import { composer } from './composer.mjs';
import { byId, fill, h, icon } from './dom.mjs';
import { Log } from './log.mjs';

export function showConversation(chat) {
  const place = byId('conversation');
  const bar = h('header', { class: 'bar' });
  const typing = h('p', { class: 'typing-line', role: 'status' });
  const foot = h('div', { class: 'foot' });
  const down = h('button', { type: 'button', class: 'down', hidden: true, onclick: () => { log.toEnd(); look(); } }, 'To the newest');
  const log = new Log(chat, { label: 'Messages', redraw: () => messages() });
  const box = composer({
    id: 'write', label: 'Message', placeholder: 'Write a message',
    send: (text) => { chat.send(text); log.toEnd(); },
    typed: (is) => chat.typed(is),
    upwards: () => {
      const last = chat.timeline(chat.openId).list().findLast((message) => message.id && message.userId === chat.me.id);
      if (last) log.edit(last);
    },
  });
  const drafts = new Map();
  let shown;
  let headed;

  function heading() {
    const channel = chat.open;
    if (!channel) return;
    const title = chat.titleOf(channel);
    const other = chat.otherOf(channel);
    const look = JSON.stringify([channel.id, title, channel.role, chat.describe(channel), other && chat.people.isOnline(other)]);
    if (look === headed) return;
    headed = look;
    place.setAttribute('aria-label', `Conversation: ${title}`);
    log.element.setAttribute('aria-label', `Messages in ${title}`);
    box.text.placeholder = `Write to ${title}`;
    fill(bar,
      h('button', { type: 'button', class: 'round back', 'aria-label': 'Back to the channels', 'data-key': 'back', onclick: () => chat.close() }, icon('back')),
      channelPicture(chat, channel),
      h('div', { class: 'text' }, h('h2', {}, title), h('p', { class: 'sub' }, chat.describe(channel))),
      channel.role ? undefined : h('button', { type: 'button', class: 'primary', 'data-key': 'join', onclick: () => chat.join(channel.id) }, 'Join'));
  }

  function messages() {
    const channel = chat.open;
    if (!channel || shown !== channel.id) return;
    const timeline = chat.timeline(channel.id);
    const list = timeline.list();
    const newest = timeline.newest();
    const before = [];
    if (timeline.hasOlder) {
      before.push(h('li', { class: 'older' }, h('button', { type: 'button', class: 'plain-button', onclick: () => chat.older() }, 'Earlier messages')));
    } else if (timeline.loaded) {
      before.push(h('li', { class: 'beginning' }, h('p', {}, list.length ? 'This is where it begins.' : 'Nothing here yet. Say hello.')));
    }
    log.show(list, {
      before,
      unread: timeline.unreadFrom === null ? undefined : timeline.firstUnread(timeline.unreadFrom ?? Infinity),
      readersOf: (message) => (message === newest && message.userId === chat.me.id
        ? timeline.readersOf(message).map((id) => chat.people.name(id)) : []),
    });
    look();
  }

  /** Reads what is in sight. */
  function look() {
    down.hidden = log.isAtEnd;
    if (log.isAtEnd && document.visibilityState === 'visible') chat.seen();
  }

  function whoTypes() {
    const names = chat.openId ? chat.typing.names(chat.openId) : [];
    const text = names.length ? `${listed(names)} ${names.length > 1 ? 'are' : 'is'} typing…` : '';
    if (typing.textContent !== text) typing.textContent = text;
  }

  function open() {
    const channel = chat.open;
    document.body.dataset.pane = channel ? 'conversation' : 'list';
    if (!channel) {
      shown = undefined;
      place.setAttribute('aria-label', 'Conversation');
      fill(place, welcome(chat));
      return;
    }
    if (shown !== channel.id) {
      if (shown) drafts.set(shown, box.text.value);
      shown = channel.id;
      log.clear();
      fill(place, bar, log.element, h('div', { class: 'over-foot' }, down), foot);
      fill(foot, typing, box.element);
      box.text.value = drafts.get(shown) ?? '';
      box.fit();
      heading();
      messages();
      log.toEnd();
      whoTypes();
      box.text.focus({ preventScroll: true });
      return;
    }
    heading();
  }

  let nearTop = false;
  log.element.addEventListener('scroll', () => {
    look();
    const top = log.element.scrollTop < 40;
    if (top && !nearTop) chat.older();
    nearTop = top;
  }, { passive: true });
  document.addEventListener('visibilitychange', () => { if (chat.open) look(); });
  new ResizeObserver(() => { if (!down.hidden) return; log.toEnd(); }).observe(log.element);

  chat.on('open', open);
  chat.on('timeline', messages);
  chat.on('channels', () => { if (chat.open) look(); });
  chat.on('people', heading);
  chat.on('typing', whoTypes);
  open();
}

function welcome(chat) {
  return h('div', { class: 'welcome' },
    h('img', { class: 'logo', src: '/page/icon.svg', alt: '', width: 72, height: 72 }),
    h('h2', {}, `Hello, ${chat.me.name}`),
    h('p', {}, 'Choose a channel, or somebody to write to. Open a second tab as somebody else to see both sides.'),
    chat.channels.totalUnread() > 0 && h('p', {}, `You have ${counted(chat.channels.totalUnread(), 'unread message')}.`));
}
