// The channels that somebody sees: his own and those that are open to all.

const lastActivity = (channel) => channel.lastMessageAt ?? '';

export class Channels {
  #byId = new Map();

  /** Takes the whole list in place of what was known. Details that lists leave out stay. */
  replace(channels) {
    const before = this.#byId;
    this.#byId = new Map(channels.map((channel) => [channel.id, laid(before.get(channel.id), channel)]));
  }

  /** A new channel, or a newer state of one. */
  put(channel) {
    this.#byId.set(channel.id, laid(this.#byId.get(channel.id), channel));
  }

  /** Changes what is known of a channel; nothing if it is unknown. */
  change(id, fields) {
    const known = this.#byId.get(id);
    if (known) this.#byId.set(id, { ...known, ...fields });
  }

  remove(id) {
    this.#byId.delete(id);
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** A message of the main list: the newest one stands in the list of channels. */
  noteMessage(message) {
    const channel = this.#byId.get(message.channelId);
    if (!channel || message.parentId || message.seq < (channel.lastMessage?.seq ?? 0)) return;
    this.change(channel.id, { lastMessage: message, lastMessageAt: message.createdAt });
  }

  /** Newest activity first, then the newest channel. */
  list() {
    const later = (a, b) => (a < b ? 1 : a > b ? -1 : 0);
    return [...this.#byId.values()].sort((a, b) =>
      later(lastActivity(a), lastActivity(b)) || later(a.createdAt, b.createdAt) || later(a.id, b.id));
  }

  totalUnread() {
    return [...this.#byId.values()].reduce((sum, channel) => sum + (channel.unreadCount || 0), 0);
  }
}

/** Lists of channels name members of small ones only, events none. */
function laid(known, channel) {
  const members = channel.members ?? known?.members;
  return { ...known, ...channel, members };
}
