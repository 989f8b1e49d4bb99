// The realtime connection: the stock `centrifuge` client, on the origin of the page.

/** Codes of an unsubscription for good (the server's own begin at 2000, the client's are below 100). */
const BY_SERVER = 2000;

export class Live {
  #client;
  #api;
  #followed = new Map();

  constructor(api) {
    this.#api = api;
    const address = new URL('/connection/websocket', location.href.replace(/^http/, 'ws'));
    this.#client = new globalThis.Centrifuge(address.href, {
      token: api.wsToken,
      getToken: () => api.renewedWsToken(),
      minReconnectDelay: 300,
      maxReconnectDelay: 5000,
    });
  }

  /** `changed` is told `connected`, `connecting` or `disconnected`. */
  connect(changed) {
    this.#client.on('state', ({ newState }) => changed(newState));
    this.#client.connect();
  }

  /** Follows one's own events. */
  followMe(userId, listener) {
    this.#follow(`user:${this.#api.appId}:${userId}`, listener);
  }

  /** Follows a channel. */
  followChannel(channelId, listener) {
    this.#follow(`chat:${this.#api.appId}:${channelId}`, listener);
  }

  leaveChannel(channelId) {
    const name = `chat:${this.#api.appId}:${channelId}`;
    const subscription = this.#followed.get(name);
    if (!subscription) return;
    this.#followed.delete(name);
    subscription.removeAllListeners();
    subscription.unsubscribe();
    this.#client.removeSubscription(subscription);
  }

  /**
   * `listener.event({type, payload})`; `listener.subscribed(whole)`, where `whole` says that nothing was missed
   * since the last time; `listener.ended()` once the server has ended it.
   */
  #follow(name, listener) {
    if (this.#followed.has(name)) return;
    const subscription = this.#client.newSubscription(name);
    this.#followed.set(name, subscription);
    subscription.on('publication', ({ data }) => listener.event(data));
    subscription.on('subscribed', ({ wasRecovering, recovered }) => listener.subscribed(wasRecovering && recovered));
    subscription.on('unsubscribed', ({ code }) => {
      this.#followed.delete(name);
      this.#client.removeSubscription(subscription);
      if (code >= BY_SERVER || code === 103) listener.ended();
    });
    subscription.subscribe();
  }
}
