// The servers under test: REST for what other clients do, and their end and new start, which whoever runs this
// program brings about when asked on standard output.
import { createInterface } from 'node:readline/promises';

const lines = createInterface({ input: process.stdin });
const answers = lines[Symbol.asyncIterator]();

/** Asks for `kill` or `start` and waits until it is done. */
export async function please(what) {
  console.log(`please ${what}`);
  const { value } = await answers.next();
  if (value !== 'done') throw new Error(`asked for ${what}, got ${value}`);
}

export const noMore = () => lines.close();

/** Somebody who uses the API without the page. */
export class Somebody {
  constructor(url, key) {
    this.url = url;
    this.key = key;
  }

  static async signIn(url, key, userId) {
    const somebody = new Somebody(url, key);
    somebody.token = (await somebody.call('POST', '/tokens', { userId })).token;
    return somebody;
  }

  async call(method, path, body) {
    const headers = { 'X-API-Key': this.key, 'Content-Type': 'application/json' };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }

  async channel(name) {
    const { channels } = await this.call('GET', '/api/channels');
    return channels.find((channel) => channel.name === name).id;
  }

  send(channelId, text) {
    return this.call('POST', `/api/channels/${channelId}/messages`, { text });
  }
}
