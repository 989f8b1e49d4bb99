// Who one is, the channels, the people, and the way to a second tab.
import { briefly, counted, idOf } from '../model/text.mjs';
import { avatar, channelPicture } from './avatar.mjs';
import { byId, fill, h, icon, rows } from './dom.mjs';
import { askForChannel } from './new_channel.mjs';

const CONNECTION = { connected: 'Connected', connecting: 'Connecting…', disconnected: 'Not connected' };
const OTHERS = ['Alice', 'Bob', 'Carol'];

export function showSidebar(chat) {
  const status = h('p', { class: 'connection', role: 'status' });
  fill(byId('me'),
    avatar(chat.me.id, chat.me.name),
    h('div', { class: 'who' }, h('h1', { class: 'my-name' }, chat.me.name), status),
    h('a', { class: 'quiet', href: '/' }, 'Leave'));
  const connection = () => {
    status.textContent = CONNECTION[chat.connection];
    status.dataset.state = chat.connection;
  };
  connection();
  chat.on('connection', connection);

  const list = h('ul', { class: 'list' });
  const empty = h('div', { class: 'empty', hidden: true },
    h('p', {}, 'No channels yet.'),
    h('button', {
      type: 'button', class: 'primary', onclick: () => createAndShow(chat, { type: 'public', name: 'Lobby' }),
    }, 'Open a public lobby'));
  fill(byId('channels'),
    h('div', { class: 'section-head' }, h('h2', {}, 'Channels'),
      h('button', {
        type: 'button', class: 'round', 'aria-label': 'New channel', title: 'New channel', onclick: () => askForChannel(chat),
      }, icon('plus'))),
    list, empty);
  const channels = () => {
    const all = chat.channels.list();
    empty.hidden = all.length > 0 || !chat.channelsLoaded;
    rows(list, all, (channel) => channel.id, (channel) => lookOf(chat, channel), (channel) => item(chat, channel));
  };
  ['channels', 'people', 'typing', 'open'].forEach((change) => chat.on(change, channels));

  const faces = h('ul', { class: 'faces-list' });
  fill(byId('people'), h('div', { class: 'section-head' }, h('h2', {}, 'People')), faces);
  const people = () => {
    const others = chat.people.list().filter(({ id }) => id !== chat.me.id && id !== 'deleted-user');
    byId('people').hidden = !others.length;
    rows(faces, others, ({ id }) => id, (person) => person, (person) => face(chat, person));
  };
  people();
  chat.on('people', people);

  const other = OTHERS.find((name) => idOf(name) !== chat.me.id);
  fill(byId('second'),
    h('a', { class: 'second-tab', href: `/?user=${idOf(other)}`, target: '_blank', rel: 'noopener' },
      icon('window'), h('span', {}, `Open a second tab as ${other}`)));
}

/** All that the row of a channel shows. */
function lookOf(chat, channel) {
  const other = chat.otherOf(channel);
  const at = channel.lastMessageAt && briefly(channel.lastMessageAt);
  return [chat.titleOf(channel), channel.type, channel.role, channel.unreadCount, lastOf(chat, channel), at,
    chat.typing.names(channel.id).length > 0, chat.openId === channel.id, other && chat.people.isOnline(other)];
}

function item(chat, channel) {
  const title = chat.titleOf(channel);
  const unread = channel.unreadCount || 0;
  const typing = chat.typing.names(channel.id);
  const at = channel.lastMessageAt && briefly(channel.lastMessageAt);
  return h('li', {}, h('button', {
    type: 'button', class: `item ${unread ? 'unread' : ''}`, 'data-key': channel.id, 'data-channel': title,
    'aria-current': chat.openId === channel.id ? 'true' : undefined,
    onclick: () => chat.show(channel.id),
  },
  channelPicture(chat, channel),
  h('span', { class: 'text' },
    h('span', { class: 'line' }, h('span', { class: 'title' }, title), at && h('time', {}, at)),
    h('span', { class: 'line' },
      h('span', { class: `last ${typing.length ? 'typing' : ''}` }, typing.length ? 'typing…' : lastOf(chat, channel)),
      unread > 0 && h('span', { class: 'badge' }, h('span', { 'aria-hidden': 'true' }, unread > 99 ? '99+' : String(unread)),
        h('span', { class: 'unseen' }, counted(unread, 'unread message')))))));
}

function lastOf(chat, channel) {
  const last = channel.lastMessage;
  if (!last) return channel.role ? 'No messages yet' : 'Open to everybody';
  const text = last.text ?? 'An attachment';
  if (last.userId === chat.me.id) return `You: ${text}`;
  return channel.type === 'messaging' ? text : `${last.user.name}: ${text}`;
}

function face(chat, person) {
  return h('li', {}, h('button', {
    type: 'button', class: 'person', 'data-key': person.id, title: `Write to ${person.name}`,
    onclick: () => createAndShow(chat, { type: 'messaging', memberIds: [person.id] }),
  },
  avatar(person.id, person.name, person.online),
  h('span', {}, person.name),
  h('span', { class: 'unseen' }, person.online ? ', online' : ', offline')));
}

function createAndShow(chat, channel) {
  return chat.attempt(async () => chat.show(await chat.create(channel)));
}
