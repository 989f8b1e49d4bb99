// The messages of a channel, or of a thread: each once, in the order of the server, with what is on its way
// behind them.

export class Timeline {
  #me;
  #byId = new Map();
  #sorted = null;
  /** Sent by this page and not acknowledged: `{clientMsgId, text, createdAt, state: 'sending'|'failed', why}`. */
  #waiting = [];
  /** The highest seq of the channel that this page has accounted for. */
  maxSeq = 0;
  hasOlder = false;
  loaded = false;
  /** Who has read up to where: user id to seq. */
  reads = new Map();

  constructor(me) {
    this.#me = me;
  }

  /** A page of history. */
  putPage({ messages, maxSeq = 0 }) {
    messages.forEach((message) => this.put(message));
    this.maxSeq = Math.max(this.maxSeq, maxSeq);
  }

  /** A message, or its newer state; a tombstone takes it away. */
  put(message) {
    this.maxSeq = Math.max(this.maxSeq, message.seq);
    this.#settle(message);
    if (message.deleted) {
      this.remove(message.id);
      return;
    }
    const reactions = ownReactions(message.reactions, this.#byId.get(message.id)?.reactions, this.#me);
    this.#set({ ...message, reactions });
  }

  /** A newer state of a message, if it is here. */
  update(message) {
    if (this.#byId.has(message.id)) this.put(message);
  }

  remove(id) {
    if (this.#byId.delete(id)) this.#sorted = null;
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** Ascending; what waits comes last. */
  list() {
    this.#sorted ??= [...this.#byId.values()].sort((a, b) => a.seq - b.seq);
    return [...this.#sorted, ...this.#waiting];
  }

  oldest() {
    return this.list().find((message) => message.id);
  }

  /** The newest that the server has. */
  newest() {
    return this.list().findLast((message) => message.id);
  }

  /**
   * Somebody has reacted, or has taken it back; a repeat changes nothing. False if the outcome is unclear (only
   * some of those who reacted are known): then ask the server for the message.
   */
  react(id, { type, userId, user }, added) {
    const message = this.#byId.get(id);
    if (!message) return true;
    const group = message.reactions.find((one) => one.type === type) ?? { type, count: 0, own: false, users: [] };
    // Of a group that is shown in part the rest is with the server.
    if (group.count !== group.users.length) return false;
    if (group.users.some((one) => one.id === userId) === added) return true;
    const users = added ? [...group.users, user] : group.users.filter((one) => one.id !== userId);
    const changed = { ...group, users, count: users.length, own: users.some((one) => one.id === this.#me) };
    const among = message.reactions.map((one) => (one.type === type ? changed : one));
    const all = among.includes(changed) ? among : [...among, changed];
    this.#set({ ...message, reactions: all.filter((one) => one.count > 0) });
    return true;
  }

  /** A message on its way. */
  addWaiting(waiting) {
    this.#waiting.push({ ...waiting, state: 'sending' });
  }

  mark(clientMsgId, state, why = '') {
    this.#waiting = this.#waiting.map((one) => (one.clientMsgId === clientMsgId ? { ...one, state, why } : one));
  }

  drop(clientMsgId) {
    this.#waiting = this.#waiting.filter((one) => one.clientMsgId !== clientMsgId);
  }

  waiting() {
    return this.#waiting;
  }

  /** Where the first message stands that `lastReadSeq` leaves unread; undefined without one. */
  firstUnread(lastReadSeq) {
    return this.list().find((message) => message.id && message.seq > lastReadSeq && message.userId !== this.#me);
  }

  /** Others who have read the message. */
  readersOf(message) {
    return [...this.reads].filter(([id, seq]) => id !== this.#me && seq >= message.seq).map(([id]) => id);
  }

  #set(message) {
    this.#byId.set(message.id, message);
    this.#sorted = null;
  }

  /** What was on its way has arrived. */
  #settle(message) {
    if (message.userId !== this.#me || !this.#waiting.length) return;
    this.#waiting = this.#waiting.filter((one) => ![message.clientMsgId, message.id].includes(one.clientMsgId));
  }
}

/** Events say `own: false` to everybody. One's own reactions are found among those named, or were known before. */
function ownReactions(reactions, before, me) {
  return reactions.map((group) => {
    const named = group.users.some((user) => user.id === me);
    const hidden = group.count > group.users.length && before?.find((one) => one.type === group.type)?.own;
    return { ...group, own: Boolean(group.own || named || hidden) };
  });
}
