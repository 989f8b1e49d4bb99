// What the page knows and does: events and answers go into the models, and the views are told what has changed.
//
// Changes that views may wait for: `channels`, `open`, `timeline`, `thread`, `typing`, `people`, `connection`,
// `notice`, `announcement`.
import { Channels } from './model/channels.mjs';
import { People } from './model/people.mjs';
import { counted } from './model/text.mjs';
import { Timeline } from './model/timeline.mjs';
import { Typing } from './model/typing.mjs';

const PAGE = 50;
/** Events are repeated to the server no more often than it passes them on. */
const TYPING_EVERY_MS = 2000;
const PEOPLE_EVERY_MS = 10_000;

export class Chat {
  channels = new Channels();
  people = new People();
  typing = new Typing();
  connection = 'connecting';
  openId = null;
  /** The open thread: `{channelId, parent, timeline}`. */
  thread = null;
  notice = '';
  announcement = '';
  channelsLoaded = false;

  #api;
  #live;
  #timelines = new Map();
  /** Of what is being loaded: the events that came meanwhile. */
  #heldBack = new Map();
  #listeners = new Map();
  #changed = new Set();
  #typedAt = new Map();
  #sending = Promise.resolve();
  #reading = new Set();

  constructor(api, live, me) {
    this.#api = api;
    this.#live = live;
    this.me = me;
  }

  // --- Views ---------------------------------------------------------------------------------------

  on(change, listener) {
    const known = this.#listeners.get(change) ?? [];
    this.#listeners.set(change, [...known, listener]);
  }

  /** Views are told once for all that changes in one go. */
  #tell(...changes) {
    if (!this.#changed.size) {
      queueMicrotask(() => {
        const all = [...this.#changed];
        this.#changed.clear();
        all.forEach((change) => this.#listeners.get(change)?.forEach((listener) => listener()));
      });
    }
    changes.forEach((change) => this.#changed.add(change));
  }

  #say(text) {
    this.notice = text;
    this.#tell('notice');
  }

  /** Does something that may be refused; the reason is shown. Gives undefined then. */
  async attempt(work) {
    try {
      return await work();
    } catch (error) {
      this.#say(error.message);
      return undefined;
    }
  }

  get open() {
    return this.openId ? this.channels.get(this.openId) : undefined;
  }

  timeline(channelId) {
    if (!this.#timelines.has(channelId)) this.#timelines.set(channelId, new Timeline(this.me.id));
    return this.#timelines.get(channelId);
  }

  /** The name of a channel as people call it. */
  titleOf(channel) {
    if (channel.name) return channel.name;
    const others = (channel.members ?? []).filter((member) => member.id !== this.me.id);
    return others.map((member) => member.name).join(', ') || 'Without a name';
  }

  /** In a direct channel the other one's id. */
  otherOf(channel) {
    if (channel.type !== 'messaging') return undefined;
    return channel.members?.find((member) => member.id !== this.me.id)?.id;
  }

  // --- Start ---------------------------------------------------------------------------------------

  async start(channelId) {
    this.people.put({ ...this.me, online: true });
    this.#live.followMe(this.me.id, {
      event: (event) => this.#heard('me', event),
      // Counts and presence are not in the log: they are asked for anew.
      subscribed: () => this.#loadLists(),
      ended: () => this.#say('The server has ended this connection. Load the page again.'),
    });
    this.#live.connect((state) => {
      this.connection = state;
      this.#tell('connection');
      if (state === 'connected') this.#sendWaiting();
    });
    await this.attempt(() => this.#loadLists());
    if (channelId && this.channels.get(channelId)) await this.show(channelId);
    // Whoever has stopped typing unheard is forgotten.
    setInterval(() => this.#tell('typing'), 1000);
    // Events tell of those with whom one shares a channel. Others are asked about while somebody looks.
    const look = () => document.visibilityState === 'visible' && this.loadPeople().catch(() => {});
    document.addEventListener('visibilitychange', look);
    setInterval(look, PEOPLE_EVERY_MS);
  }

  async #loadLists() {
    await this.#held('me', async () => {
      const [{ channels }] = await Promise.all([this.#api.get('/api/channels?limit=100'), this.loadPeople()]);
      this.channels.replace(channels);
      channels.filter((channel) => channel.role).forEach((channel) => this.#follow(channel.id));
    });
    this.channelsLoaded = true;
    if (this.openId && !this.open) this.close();
    this.#tell('channels', 'open');
  }

  /** Everybody, and who is there. */
  async loadPeople() {
    const { users } = await this.#api.get('/api/users?limit=100');
    users.forEach((user) => this.people.put(user));
    this.people.put({ ...this.me, online: true });
    this.#tell('people');
  }

  /** Loads while events wait: an answer is never laid over what is newer than it. */
  async #held(what, load) {
    const held = this.#heldBack.get(what) ?? { events: [], loads: 0 };
    this.#heldBack.set(what, held);
    held.loads += 1;
    try {
      await load();
    } finally {
      held.loads -= 1;
      if (!held.loads) {
        this.#heldBack.delete(what);
        held.events.forEach((event) => this.#apply(event));
      }
    }
  }

  #heard(what, event) {
    const held = this.#heldBack.get(what);
    if (held) held.events.push(event);
    else this.#apply(event);
  }

  #follow(channelId) {
    this.#live.followChannel(channelId, {
      event: (event) => this.#heard(channelId, event),
      subscribed: (whole) => {
        if (!whole && this.timeline(channelId).loaded) this.#catchUp(channelId).catch(() => {});
      },
      ended: () => {
        this.#loadLists().catch(() => {});
      },
    });
  }

  // --- Channels ------------------------------------------------------------------------------------

  /** Opens a channel. */
  async show(channelId) {
    if (this.openId !== channelId) this.thread = null;
    this.openId = channelId;
    const channel = this.open;
    const timeline = this.timeline(channelId);
    timeline.unreadFrom = channel?.unreadCount ? channel.lastReadSeq : null;
    this.#tell('open', 'timeline', 'thread', 'channels');
    this.#follow(channelId);
    await this.attempt(async () => {
      if (!timeline.loaded) await this.#load(channelId);
      await this.#loadMembers(channelId);
    });
  }

  close() {
    this.openId = null;
    this.thread = null;
    this.#tell('open', 'thread', 'channels');
  }

  async #load(channelId) {
    await this.#held(channelId, async () => {
      const page = await this.#api.get(`/api/channels/${channelId}/messages?limit=${PAGE}`);
      const timeline = this.timeline(channelId);
      timeline.putPage(page);
      timeline.hasOlder = page.hasMore;
      timeline.loaded = true;
    });
    this.#tell('timeline');
  }

  async #loadMembers(channelId) {
    await this.#held('me', () => this.#held(channelId, async () => {
      const [channel, presence, { members }] = await Promise.all([
        this.#api.get(`/api/channels/${channelId}`),
        this.#api.get(`/api/channels/${channelId}/presence`),
        this.#api.get(`/api/channels/${channelId}/receipts/read-status`),
      ]);
      this.channels.put(channel);
      [...presence.online, ...presence.offline].forEach((member) => this.people.put(member));
      members.forEach((member) => this.timeline(channelId).reads.set(member.userId, member.lastReadSeq));
    }));
    this.#tell('open', 'people', 'channels', 'timeline');
  }

  /** What was missed where the log could not help: everything after the last seq, and the newest page anew. */
  async #catchUp(channelId) {
    const timeline = this.timeline(channelId);
    await this.#held(channelId, async () => {
      const path = `/api/channels/${channelId}/messages`;
      let more = timeline.maxSeq > 0;
      while (more) {
        const page = await this.#api.get(`${path}?since_seq=${timeline.maxSeq}&limit=200`);
        const before = timeline.maxSeq;
        page.messages.forEach((message) => timeline.put(message));
        more = page.hasMore && timeline.maxSeq > before;
      }
      timeline.putPage(await this.#api.get(`${path}?limit=${PAGE}`));
    });
    this.#tell('timeline');
  }

  /** The page of history before what is shown. */
  async older() {
    const timeline = this.timeline(this.openId);
    const oldest = timeline.oldest();
    if (!oldest || !timeline.hasOlder || timeline.loadingOlder) return;
    timeline.loadingOlder = true;
    await this.attempt(async () => {
      const page = await this.#api.get(`/api/channels/${this.openId}/messages?limit=${PAGE}&before=${oldest.id}`);
      timeline.putPage(page);
      timeline.hasOlder = page.hasMore;
    });
    timeline.loadingOlder = false;
    this.#tell('timeline');
  }

  /** Makes a channel and gives its id; a refusal is thrown. */
  async create(channel) {
    const made = await this.#api.post('/api/channels', channel);
    this.channels.put(made);
    this.#follow(made.id);
    this.#tell('channels');
    return made.id;
  }

  async join(channelId) {
    await this.attempt(async () => {
      await this.#api.post(`/api/channels/${channelId}/members`, { userId: this.me.id });
      await this.#refresh(channelId);
    });
  }

  async #refresh(channelId) {
    await this.#held('me', () => this.#held(channelId, async () => {
      this.channels.put(await this.#api.get(`/api/channels/${channelId}`));
    }));
    if (this.channels.get(channelId)?.role) this.#follow(channelId);
    this.#tell('channels', 'open');
  }

  // --- Messages ------------------------------------------------------------------------------------

  /** Sends to the open channel, or into its open thread; what cannot go now goes on reconnect. */
  send(text, intoThread = false) {
    const channelId = this.openId;
    const parentId = intoThread ? this.thread.parent.id : undefined;
    const clientMsgId = uuid();
    const timeline = intoThread ? this.thread.timeline : this.timeline(channelId);
    timeline.addWaiting({ clientMsgId, channelId, parentId, text, userId: this.me.id, createdAt: new Date().toISOString() });
    this.#typedAt.delete(channelId);
    this.#tell('timeline', 'thread');
    this.#transmit(timeline, timeline.waiting().at(-1));
  }

  retry(waiting) {
    const timelines = [this.thread?.timeline, this.timeline(waiting.channelId)];
    const timeline = timelines.find((one) => one?.waiting().includes(waiting));
    if (!timeline) return;
    timeline.mark(waiting.clientMsgId, 'sending');
    this.#tell('timeline', 'thread');
    this.#transmit(timeline, waiting);
  }

  discard(waiting) {
    [this.thread?.timeline, this.timeline(waiting.channelId)].forEach((one) => one?.drop(waiting.clientMsgId));
    this.#tell('timeline', 'thread');
  }

  /** One after the other, so that they arrive in the order in which they were written. */
  #transmit(timeline, { clientMsgId, channelId, parentId, text }) {
    this.#sending = this.#sending.then(async () => {
      try {
        const path = `/api/channels/${channelId}/messages${parentId ? `/${parentId}/thread` : ''}`;
        timeline.put(await this.#api.post(path, { text, clientMsgId }));
        if (!this.channels.get(channelId)?.role) await this.#refresh(channelId);
      } catch (error) {
        timeline.mark(clientMsgId, 'failed', error.isPassing ? '' : error.message);
      }
      this.#tell('timeline', 'thread');
    });
  }

  #sendWaiting() {
    const all = [...this.#timelines.values(), this.thread?.timeline].filter(Boolean);
    all.forEach((timeline) => timeline.waiting().filter((one) => one.state === 'failed' && !one.why)
      .forEach((one) => this.retry(one)));
  }

  async edit(message, text) {
    return this.attempt(async () => {
      const edited = await this.#api.patch(`/api/channels/${message.channelId}/messages/${message.id}`, { text });
      this.#update(edited);
      return edited;
    });
  }

  async remove(message) {
    await this.attempt(async () => {
      await this.#api.delete(`/api/channels/${message.channelId}/messages/${message.id}`);
      this.#removed(message.channelId, message.id);
    });
  }

  /** Puts one's reaction there, or takes it away. */
  async react(message, emoji) {
    const path = `/api/channels/${message.channelId}/messages/${message.id}/reactions`;
    const own = message.reactions.some((group) => group.type === emoji && group.own);
    await this.attempt(() => (own
      ? this.#api.delete(`${path}/${encodeURIComponent(emoji)}`)
      : this.#api.post(path, { emoji })));
  }

  /** The open channel is seen up to its end. */
  async seen() {
    const channel = this.open;
    const newest = channel?.role && this.timeline(channel.id).newest();
    if (!newest || !channel.unreadCount || this.#reading.has(channel.id)) return;
    this.#reading.add(channel.id);
    try {
      await this.#api.post(`/api/channels/${channel.id}/read`, { messageId: newest.id });
    } catch {
      // The next look at the channel tries again.
    }
    this.#reading.delete(channel.id);
  }

  /** The user types in the open channel, or has stopped. */
  async typed(typing) {
    const channelId = this.openId;
    if (!channelId || !this.open?.role) return;
    const last = this.#typedAt.get(channelId);
    if (typing ? Date.now() - (last ?? 0) < TYPING_EVERY_MS : last === undefined) return;
    if (typing) this.#typedAt.set(channelId, Date.now());
    else this.#typedAt.delete(channelId);
    // Typing is worth no complaint.
    await this.#api.post(`/api/channels/${channelId}/typing`, { typing }).catch(() => {});
  }

  // --- Threads -------------------------------------------------------------------------------------

  async showThread(parent) {
    const thread = { channelId: parent.channelId, parent, timeline: new Timeline(this.me.id) };
    this.thread = thread;
    this.#tell('thread');
    await this.attempt(() => this.#held(parent.channelId, async () => {
      const { replies } = await this.#api.get(
        `/api/channels/${parent.channelId}/messages/${parent.id}/thread?limit=100`);
      replies.forEach((reply) => thread.timeline.put(reply));
    }));
    thread.timeline.loaded = true;
    this.#tell('thread');
  }

  closeThread() {
    this.thread = null;
    this.#tell('thread');
  }

  // --- Events --------------------------------------------------------------------------------------

  #apply({ type, payload }) {
    const { channelId } = payload;
    switch (type) {
      case 'message.new':
        this.typing.stop(channelId, payload.message.userId);
        if (payload.message.parentId) this.#replied(payload.message);
        else this.#arrived(payload.message);
        this.#tell('typing');
        break;
      case 'thread.reply':
        this.typing.stop(channelId, payload.message.userId);
        this.#replied(payload.message);
        this.#tell('typing');
        break;
      case 'message.updated':
        this.#update(payload.message);
        break;
      case 'message.deleted':
        this.#removed(channelId, payload.messageId);
        break;
      case 'reaction.added':
      case 'reaction.removed':
        this.#reacted(channelId, payload.messageId, payload.reaction, type === 'reaction.added');
        break;
      case 'typing.start':
        if (payload.userId !== this.me.id) this.typing.start(channelId, payload.user);
        this.#tell('typing');
        break;
      case 'typing.stop':
        this.typing.stop(channelId, payload.userId);
        this.#tell('typing');
        break;
      case 'read.updated':
        this.timeline(channelId).reads.set(payload.userId, payload.lastReadSeq);
        if (payload.userId === this.me.id) this.channels.change(channelId, { lastReadSeq: payload.lastReadSeq });
        if (channelId === this.openId) this.#tell('timeline');
        break;
      case 'channel.unread_changed':
        this.channels.change(channelId, { unreadCount: payload.count });
        this.#tell('channels');
        break;
      case 'channel.created':
        this.channels.put(payload.channel);
        if (payload.channel.role) this.#follow(payload.channel.id);
        this.#tell('channels');
        break;
      case 'channel.updated':
        this.channels.change(payload.channel.id, payload.channel);
        this.#tell('channels', 'open');
        break;
      case 'channel.deleted':
        this.#gone(channelId);
        break;
      case 'channel.member_joined':
        this.#memberJoined(payload);
        break;
      case 'channel.member_left':
        if (payload.userId === this.me.id) this.#loadLists().catch(() => {});
        else this.#memberLeft(payload);
        break;
      case 'presence.online':
      case 'presence.offline':
        this.#presence(payload.userId, type === 'presence.online');
        break;
      default:
    }
  }

  #arrived(message) {
    const timeline = this.timeline(message.channelId);
    // A channel that was never opened is loaded when it is.
    if (timeline.loaded) timeline.put(message);
    this.channels.noteMessage(message);
    this.people.put({ id: message.userId, name: message.user.name });
    if (message.userId !== this.me.id) {
      const place = message.channelId === this.openId ? '' : ` in ${this.titleOf(this.channels.get(message.channelId) ?? {})}`;
      this.announcement = `${message.user.name}${place}: ${message.text ?? 'an attachment'}`;
      this.#tell('announcement');
    }
    this.#tell('timeline', 'channels');
  }

  #replied(message) {
    if (this.thread?.parent.id !== message.parentId) return;
    this.thread.timeline.put(message);
    if (message.userId !== this.me.id) {
      this.announcement = `${message.user.name} in the thread: ${message.text ?? 'an attachment'}`;
      this.#tell('announcement');
    }
    this.#tell('thread');
  }

  #update(message) {
    this.timeline(message.channelId).update(message);
    this.thread?.timeline.update(message);
    if (this.thread?.parent.id === message.id) this.thread.parent = message;
    const channel = this.channels.get(message.channelId);
    if (channel?.lastMessage?.id === message.id) this.channels.change(channel.id, { lastMessage: message });
    this.#tell('timeline', 'thread', 'channels');
  }

  #removed(channelId, messageId) {
    this.timeline(channelId).remove(messageId);
    this.thread?.timeline.remove(messageId);
    if (this.thread?.parent.id === messageId) this.thread = null;
    // Which one is the newest now, the server knows.
    if (this.channels.get(channelId)?.lastMessage?.id === messageId) this.#refresh(channelId).catch(() => {});
    this.#tell('timeline', 'thread', 'channels');
  }

  #reacted(channelId, messageId, reaction, added) {
    const all = [this.timeline(channelId), this.thread?.timeline].filter((one) => one?.get(messageId));
    const clear = all.map((timeline) => timeline.react(messageId, reaction, added)).every(Boolean);
    if (!clear) this.#api.get(`/api/messages/${messageId}`).then((message) => this.#update(message)).catch(() => {});
    if (this.thread?.parent.id === messageId) {
      this.thread.parent = this.timeline(channelId).get(messageId) ?? this.thread.parent;
    }
    this.#tell('timeline', 'thread');
  }

  #memberJoined({ channelId, userId, user, memberCount }) {
    this.people.put(user);
    if (userId === this.me.id && !this.channels.get(channelId)?.role) {
      this.#refresh(channelId).catch(() => {});
      return;
    }
    const members = this.channels.get(channelId)?.members;
    const known = members?.some((member) => member.id === userId);
    this.channels.change(channelId, { memberCount, members: known ? members : members?.concat(user) });
    this.#tell('channels', 'open', 'people');
    if (channelId === this.openId) this.#loadMembers(channelId).catch(() => {});
  }

  #memberLeft({ channelId, userId, memberCount }) {
    const members = this.channels.get(channelId)?.members?.filter((member) => member.id !== userId);
    this.channels.change(channelId, { memberCount, members });
    this.#tell('channels', 'open');
  }

  #presence(userId, online) {
    if (this.people.has(userId)) {
      this.people.setOnline(userId, online);
      this.#tell('people', 'open', 'channels');
      return;
    }
    this.#api.get(`/api/users/${encodeURIComponent(userId)}`)
      .then((user) => {
        this.people.put({ ...user, online });
        this.#tell('people', 'open', 'channels');
      })
      .catch(() => {});
  }

  #gone(channelId) {
    const channel = this.channels.get(channelId);
    this.channels.remove(channelId);
    this.#live.leaveChannel(channelId);
    this.#timelines.delete(channelId);
    if (this.openId === channelId) {
      this.close();
      this.#say(`${this.titleOf(channel ?? {})} was deleted.`);
    }
    this.#tell('channels');
  }

  /** For the heading of a channel: how many are in it, and who is there. */
  describe(channel) {
    const other = this.otherOf(channel);
    if (other) return this.people.isOnline(other) ? 'Online' : 'Offline';
    const online = (channel.members ?? []).filter((member) => this.people.isOnline(member.id)).length;
    return `${counted(channel.memberCount, 'member')}${online ? `, ${online} online` : ''}`;
  }
}

/** A random UUID; browsers have their own only where the page comes over TLS or from this machine. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [8, 12, 16, 20].reduceRight((text, at) => `${text.slice(0, at)}-${text.slice(at)}`, hex);
}
