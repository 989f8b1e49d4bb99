// Who is typing where. The server ends it after 5 s of silence; should that be lost, it ends here.

const LIFE_MS = 7000;

export class Typing {
  #until = new Map();

  start(channelId, user, now = Date.now()) {
    const here = this.#until.get(channelId) ?? new Map();
    here.set(user.id, { name: user.name, until: now + LIFE_MS });
    this.#until.set(channelId, here);
  }

  stop(channelId, userId) {
    this.#until.get(channelId)?.delete(userId);
  }

  /** Names of those who type, in the order in which they began. */
  names(channelId, now = Date.now()) {
    const here = this.#until.get(channelId) ?? new Map();
    return [...here.values()].filter((one) => one.until > now).map((one) => one.name);
  }
}
