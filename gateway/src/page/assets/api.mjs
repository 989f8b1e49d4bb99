// The REST calls of the page. In development the page holds the app's key and signs its users in itself;
// in earnest a backend does that.
import { nameOf } from './model/text.mjs';

const PATIENCE_MS = 15_000;

/** The server has refused: `status`, `code` (as `VALIDATION_ERROR`) and a message for people. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Whether the same call may succeed later. */
  get isPassing() {
    return this.status === 429 || this.status >= 500;
  }
}

/** No answer at all. */
export class Unreachable extends Error {
  get isPassing() {
    return true;
  }
}

export class Api {
  #key;
  #token = '';
  #wsToken = '';
  #me = null;

  constructor(key) {
    this.#key = key;
  }

  /** Signs a user in, made when new, and gives `{id, name}`. */
  async signIn(id, name) {
    let session = await this.#call('POST', '/tokens', { userId: id, name });
    if (!name && session.user.name === id && nameOf(id) !== id) {
      session = await this.#call('POST', '/tokens', { userId: id, name: nameOf(id) });
    }
    this.#token = session.token;
    this.#wsToken = session.wsToken;
    this.#me = session.user;
    return session.user;
  }

  /** The app, as the token for realtime names it. */
  get appId() {
    const claims = this.#wsToken.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    return JSON.parse(atob(claims)).app_id;
  }

  get wsToken() {
    return this.#wsToken;
  }

  /** A fresh token for realtime. */
  async renewedWsToken() {
    await this.signIn(this.#me.id);
    return this.#wsToken;
  }

  get(path) {
    return this.#asMe('GET', path);
  }

  post(path, body = {}) {
    return this.#asMe('POST', path, body);
  }

  patch(path, body) {
    return this.#asMe('PATCH', path, body);
  }

  delete(path) {
    return this.#asMe('DELETE', path);
  }

  /** With the user's token; an expired one is renewed once. */
  async #asMe(method, path, body) {
    try {
      return await this.#call(method, path, body, this.#token);
    } catch (error) {
      if (error.code !== 'INVALID_TOKEN') throw error;
      await this.signIn(this.#me.id);
      return this.#call(method, path, body, this.#token);
    }
  }

  async #call(method, path, body, token) {
    const headers = { 'X-API-Key': this.#key };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (token) headers.Authorization = `Bearer ${token}`;
    let response, answer;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
      answer = await response.json();
    } catch {
      throw new Unreachable('The server does not answer.');
    }
    if (response.ok) return answer;
    throw new Refused(response.status, answer.error?.code, answer.error?.message ?? `Status ${response.status}`);
  }
}
