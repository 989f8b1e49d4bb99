// Everybody of whom the page has heard, and who is there.

export class People {
  #byId = new Map();

  put(user) {
    const known = this.#byId.get(user.id);
    this.#byId.set(user.id, {
      id: user.id,
      name: user.name ?? known?.name ?? user.id,
      online: user.online ?? known?.online ?? false,
    });
  }

  setOnline(id, online) {
    const known = this.#byId.get(id);
    if (known) this.#byId.set(id, { ...known, online });
  }

  has(id) {
    return this.#byId.has(id);
  }

  name(id) {
    return this.#byId.get(id)?.name ?? id;
  }

  isOnline(id) {
    return this.#byId.get(id)?.online ?? false;
  }

  /** Those who are there first, then by name. */
  list() {
    return [...this.#byId.values()].sort((a, b) => b.online - a.online || a.name.localeCompare(b.name));
  }
}
