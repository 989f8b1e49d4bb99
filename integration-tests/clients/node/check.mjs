// Drives a Parlance server with the stock `centrifuge` client, in JSON or Protobuf.
//
//   node check.mjs <rest url> <realtime url> <api key> <json|protobuf> <seconds that a token lives>
//
// Exits with 0 if every step did what the contract says; otherwise says which did not.
import { Centrifuge as JsonClient } from 'centrifuge';
import { Centrifuge as ProtobufClient } from 'centrifuge/build/protobuf';
import WebSocket from 'ws';

const [restUrl, realtimeUrl, apiKey, encoding, tokenSeconds] = process.argv.slice(2);
const PATIENCE_MS = 20_000;

function fail(why) {
  console.error(`FAILED (${encoding}): ${why}`);
  process.exit(1);
}

process.on('unhandledRejection', (error) => fail(error?.stack ?? error));

async function call(method, path, body, token) {
  const headers = { 'X-API-Key': apiKey, 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(restUrl + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) fail(`${method} ${path} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

const tokensOf = (userId) => call('POST', '/tokens', { userId });

async function until(what, probe) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!probe()) {
    if (Date.now() > deadline) fail(`waited until ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

function step(what) {
  console.log(`ok (${encoding}): ${what}`);
}

// The claims of a JWT; the app of the channel names comes from there, as in the SDK.
const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

// A WebSocket that remembers itself, so that the check can break it.
let socket;
class Breakable extends WebSocket {
  constructor(...args) {
    super(...args);
    socket = this;
  }
}

const names = { alice: `alice-node-${encoding}`, bob: `bob-node-${encoding}` };
const [alice, bob] = [await tokensOf(names.alice), await tokensOf(names.bob)];
const group = await call('POST', '/api/channels', { type: 'group', name: 'real', memberIds: [names.bob] }, alice.token);
const appId = claims(bob.wsToken).app_id;
const chat = `chat:${appId}:${group.id}`;
const send = async (text) => {
  const { token } = await tokensOf(names.alice);
  return call('POST', `/api/channels/${group.id}/messages`, { text }, token);
};

let tokenRequests = 0;
const Client = encoding === 'protobuf' ? ProtobufClient : JsonClient;
const client = new Client(realtimeUrl, {
  websocket: Breakable,
  token: bob.wsToken,
  getToken: async () => {
    tokenRequests += 1;
    return (await tokensOf(names.bob)).wsToken;
  },
  minReconnectDelay: 200,
});
const dataOf = (ctx) => (ctx.data instanceof Uint8Array ? JSON.parse(new TextDecoder().decode(ctx.data)) : ctx.data);
const connections = [];
client.on('connected', (ctx) => connections.push(ctx.client));
client.on('disconnected', (ctx) => fail(`disconnected for good: ${ctx.code} ${ctx.reason}`));

const texts = [];
const subscribed = [];
const subscription = client.newSubscription(chat);
subscription.on('publication', (ctx) => {
  const event = dataOf(ctx);
  if (event.type === 'message.new') texts.push(event.payload.message.text);
});
subscription.on('subscribed', (ctx) => subscribed.push(ctx));
subscription.on('unsubscribed', (ctx) => fail(`unsubscribed from ${chat}: ${ctx.code} ${ctx.reason}`));
const personal = [];
const own = client.newSubscription(`user:${appId}:${names.bob}`);
own.on('publication', (ctx) => personal.push(dataOf(ctx)));
subscription.subscribe();
own.subscribe();
client.connect();
await until('connected and subscribed', () => connections.length === 1 && subscribed.length === 1);
step('connect and subscribe');

await send('one');
await until('the message arrives', () => texts.length === 1);
await until('the unread count arrives', () =>
  personal.some((event) => event.type === 'channel.unread_changed' && event.payload.count === 1));
step('receive');

const foreign = client.newSubscription(`user:${appId}:${names.alice}`);
let refusal;
foreign.on('unsubscribed', (ctx) => { refusal = ctx; });
foreign.subscribe();
await until('the foreign subscription is refused', () => refusal);
if (refusal.code !== 103) fail(`refused with ${refusal.code} ${refusal.reason}`);
if (connections.length !== 1) fail('the refusal has cost the connection');
step('refused subscription');

socket.terminate();
await until('the break is noticed', () => client.state !== 'connected');
for (let number = 0; number < 20; number += 1) await send(`away ${number}`);
await until('connected again', () => connections.length === 2 && subscribed.length === 2);
if (!subscribed[1].wasRecovering || !subscribed[1].recovered) fail(`not recovered: ${JSON.stringify(subscribed[1])}`);
await until('everything missed arrives', () => texts.length >= 21);
const expected = ['one', ...Array.from({ length: 20 }, (_, number) => `away ${number}`)];
if (JSON.stringify(texts) !== JSON.stringify(expected)) fail(`got ${JSON.stringify(texts)}`);
step('reconnect with recovery: each once, in order');

const requestsBefore = tokenRequests;
await until('the token is refreshed', () => tokenRequests > requestsBefore + 1);
await new Promise((done) => setTimeout(done, Number(tokenSeconds) * 1000));
await send('after the refresh');
await until('the connection goes on', () => texts.includes('after the refresh'));
if (connections.length !== 2) fail(`the refresh has cost the connection: ${connections.length - 2} reconnects`);
step('token refresh');

client.removeAllListeners('disconnected');
client.disconnect();
process.exit(0);
