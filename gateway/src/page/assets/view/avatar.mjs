// A picture of somebody: letters on a colour. Pictures from elsewhere are not loaded (see the README).
import { colourOf, initials } from '../model/text.mjs';
import { h, icon } from './dom.mjs';

const COLOURS = 8;

/** `online` undefined leaves the dot out. */
export function avatar(id, name, online) {
  return h('span', { class: `avatar colour-${colourOf(id, COLOURS)}`, 'aria-hidden': 'true' },
    initials(name),
    online !== undefined && h('span', { class: `dot ${online ? 'dot-on' : ''}` }));
}

export function channelPicture(chat, channel) {
  const other = chat.otherOf(channel);
  if (other) return avatar(other, chat.people.name(other), chat.people.isOnline(other));
  const open = channel.type === 'public' || channel.type === 'team';
  return h('span', { class: `avatar square colour-${colourOf(channel.id, COLOURS)}`, 'aria-hidden': 'true' },
    icon(open ? 'globe' : 'group'));
}
