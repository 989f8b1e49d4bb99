// One message, and what can be done with it.
import { counted, listed, pieces, timeOf } from '../model/text.mjs';
import { avatar } from './avatar.mjs';
import { h, icon } from './dom.mjs';

const EMOJI = [
  ['👍', 'Thumbs up'], ['❤️', 'Heart'], ['😂', 'Laughing'], ['🎉', 'Party'], ['😮', 'Surprised'], ['😢', 'Sad'],
  ['🙏', 'Thank you'], ['👀', 'Eyes'],
];

/**
 * `state` is what the log knows beside the message: `joined` (its author's last one is right above), `picking`,
 * `editing`, `confirming`, `inThread`, `readers`; `act` is what the log does.
 */
export function messageView(chat, message, state, act) {
  const own = message.userId === chat.me.id;
  const name = own ? chat.me.name : (message.user?.name ?? chat.people.name(message.userId));
  const author = message.user?.deleted ? 'deleted-user' : message.userId;
  const classes = ['message', own && 'own', state.joined && 'joined', message.state].filter(Boolean).join(' ');
  return h('li', { class: classes, 'data-key': keyOf(message), 'data-id': message.id, tabindex: -1 },
    !own && (state.joined ? h('span', { class: 'avatar-space' }) : avatar(author, name)),
    h('div', { class: 'body' },
      h('p', { class: `meta ${state.joined ? 'unseen' : ''}` },
        h('strong', {}, own ? 'You' : name), ' ', h('time', { datetime: message.createdAt }, timeOf(message.createdAt))),
      state.editing ? editor(message, act) : bubble(message),
      previews(message),
      reactions(chat, message, act),
      !state.inThread && message.replyCount > 0 && h('button', {
        type: 'button', class: 'replies', 'data-key': `${message.id} replies`, onclick: () => chat.showThread(message),
      }, icon('reply'), counted(message.replyCount, 'reply').replace('replys', 'replies')),
      state.readers?.length > 0 && h('p', { class: 'readers' }, `Read by ${listed(state.readers)}`),
      message.state && waiting(chat, message)),
    message.id && !state.editing && tools(chat, message, state, act, own));
}

/** What stays the same for a message from its writing on. */
export const keyOf = (message) => message.clientMsgId ?? message.id;

function bubble(message) {
  return h('div', { class: 'bubble' },
    h('p', { class: 'words' }, pieces(message.text ?? '').map((piece) => {
      if (piece.url) return link(piece.url, piece.text);
      return piece.mention ? h('span', { class: 'mention' }, piece.text) : piece.text;
    })),
    (message.attachments ?? []).map((one) => h('p', { class: 'attachment' }, link(one.url, one.name || 'Attachment'))),
    message.editedAt && h('small', { class: 'edited' }, 'edited'));
}

function link(url, ...children) {
  return h('a', { href: url, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...children);
}

/** Without their pictures: those are somebody else's, who would learn who reads. */
function previews(message) {
  return (message.linkPreviews ?? []).filter((preview) => /^https?:/.test(preview.url)).map((preview) => h('div',
    { class: 'preview', role: 'group', 'aria-label': 'Link preview' },
    h('small', {}, preview.siteName || new URL(preview.url).hostname, preview.type === 'video' && ' · Video'),
    preview.title && h('p', { class: 'preview-title' }, link(preview.url, preview.title)),
    preview.description && h('p', { class: 'preview-text' }, preview.description)));
}

function reactions(chat, message, act) {
  const groups = message.reactions ?? [];
  if (!groups.length) return undefined;
  return h('ul', { class: 'reactions', 'aria-label': 'Reactions' }, groups.map((group) => {
    const names = group.users.map((user) => (user.id === chat.me.id ? 'you' : user.name));
    const rest = group.count - names.length;
    const who = rest > 0 ? `${names.join(', ')} and ${counted(rest, 'other')}` : listed(names, 6);
    return h('li', {}, h('button', {
      type: 'button', class: 'reaction', 'aria-pressed': String(group.own), title: who,
      'aria-label': `${group.type}, ${group.count}: ${who}`, 'data-key': `${message.id} ${group.type}`,
      onclick: () => act.react(message, group.type),
    }, h('span', { class: 'emoji' }, group.type), String(group.count)));
  }));
}

function tools(chat, message, state, act, own) {
  const tool = (what, label, onclick, more = {}) => h('button', {
    type: 'button', class: 'tool', title: label, 'aria-label': label, 'data-key': `${message.id} ${what}`, onclick, ...more,
  }, icon(what));
  if (state.confirming) {
    return h('div', { class: 'tools open', role: 'group', 'aria-label': 'Delete this message?' },
      h('span', { class: 'ask' }, 'Delete?'),
      h('button', { type: 'button', class: 'danger', 'data-key': `${message.id} yes`, onclick: () => chat.remove(message) }, 'Delete'),
      h('button', { type: 'button', class: 'plain-button', 'data-key': `${message.id} no`, onclick: () => act.set('confirming', null) }, 'Keep'));
  }
  return h('div', { class: `tools ${state.picking ? 'open' : ''}`, role: 'group', 'aria-label': 'Actions' },
    tool('smile', 'React', () => act.set('picking', state.picking ? null : message), { 'aria-expanded': String(Boolean(state.picking)) }),
    !state.inThread && tool('reply', 'Reply in a thread', () => chat.showThread(message)),
    own && tool('edit', 'Edit', () => act.set('editing', message)),
    own && tool('trash', 'Delete', () => act.set('confirming', message, 'no')),
    state.picking && h('div', { class: 'picker', role: 'group', 'aria-label': 'Choose a reaction' },
      EMOJI.map(([emoji, label]) => h('button', {
        type: 'button', class: 'emoji', 'aria-label': label, title: label, 'data-key': `${message.id} pick ${emoji}`,
        onclick: () => { act.set('picking', null); act.react(message, emoji); },
      }, emoji))));
}

function editor(message, act) {
  const text = h('textarea', { 'aria-label': 'Edit the message', rows: 2, maxlength: 10000, 'data-key': `${message.id} text` });
  text.value = message.text ?? '';
  const save = (event) => {
    event?.preventDefault();
    if (text.value.trim()) act.save(message, text.value.trim());
  };
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') act.set('editing', null);
    else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) save(event);
    else return;
    event.stopPropagation();
  });
  return h('form', { class: 'editor', onsubmit: save }, text,
    h('div', { class: 'row end' },
      h('button', { type: 'button', class: 'plain-button', onclick: () => act.set('editing', null) }, 'Cancel'),
      h('button', { type: 'submit', class: 'primary' }, 'Save')));
}

function waiting(chat, message) {
  if (message.state === 'sending') return h('p', { class: 'state' }, 'Sending…');
  return h('p', { class: 'state problem' }, message.why ? `Not sent: ${message.why} ` : 'Not sent yet. ',
    h('button', { type: 'button', class: 'inline', onclick: () => chat.retry(message) }, 'Try again'), ' ',
    h('button', { type: 'button', class: 'inline', onclick: () => chat.discard(message) }, 'Discard'));
}
