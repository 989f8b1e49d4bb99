// Drives a Parlance server from TypeScript, with a client generated from proto/ into src/gen.
//
//   node dist/check.js <host:port of gRPC> <API key>
//
// Prints one line of JSON with what it saw and exits with 0, or says what went wrong and exits with 1.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Client } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';

import { ErrorInfoSchema } from './gen/google/rpc/error_details_pb.js';
import { AuthService } from './gen/parlance/auth/v1/auth_pb.js';
import { ChannelService } from './gen/parlance/channel/v1/channel_pb.js';
import { Stream_Kind, StreamSchema, type Event } from './gen/parlance/event/v1/event_pb.js';
import { MessageService } from './gen/parlance/message/v1/message_pb.js';

// Every call has a deadline; a stream that is followed has one for the whole check.
const PATIENCE_MS = 10_000;
const STREAM_PATIENCE_MS = 60_000;

type Credentials = Record<string, string>;
type Messages = Client<typeof MessageService>;

// The stable reason of a refusal.
function reason(error: unknown): string {
  const refusal = ConnectError.from(error);
  const info = refusal.findDetails(ErrorInfoSchema).find((detail) => detail.domain === 'parlance');
  return info?.reason ?? refusal.message;
}

async function refused(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    return reason(error);
  }
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

// Repeats a call while the server is away. Only for calls that may be repeated: those marked with an
// idempotency_level in the .proto files, and sends that carry a key.
async function retried<A>(call: () => Promise<A>): Promise<A> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt === 4 || ConnectError.from(error).code !== Code.Unavailable) throw error;
      await pause(100 * 2 ** attempt);
    }
  }
}

// A position in a stream, and what was seen up to it. Offsets are 64-bit: bigint, never number.
class Follower {
  offset = 0n;
  readonly offsets: bigint[] = [];
  readonly texts: string[] = [];

  constructor(
    private readonly messages: Messages,
    private readonly headers: Credentials,
    private readonly stream: MessageInitShape<typeof StreamSchema>,
    private epoch = '',
  ) {}

  // Follows from the position until there is enough, then cuts itself off. Starts again, from where it
  // was, when the server goes.
  async until(enough: () => boolean): Promise<void> {
    const giveUp = Date.now() + STREAM_PATIENCE_MS;
    while (!enough()) {
      const leave = new AbortController();
      try {
        const following = this.messages.follow(
          { stream: this.stream, afterOffset: this.offset, epoch: this.epoch },
          { headers: this.headers, timeoutMs: Math.max(giveUp - Date.now(), 1), signal: leave.signal },
        );
        for await (const { event } of following) {
          if (event) this.take(event);
          if (enough()) return;
        }
      } catch (error) {
        if (ConnectError.from(error).code !== Code.Unavailable) throw error;
      } finally {
        // Cancelling is how a follower leaves.
        leave.abort();
      }
      await pause(200);
    }
  }

  // A real consumer writes what it makes of the event and the position in one transaction.
  private take(event: Event): void {
    this.offset = event.offset;
    this.epoch = event.epoch;
    this.offsets.push(event.offset);
    // Kinds of events are added over time; what is not known is passed over.
    if (event.payload.case === 'messageCreated') this.texts.push(event.payload.value.message?.text ?? '');
  }
}

async function check(address: string, key: string) {
  const transport = createGrpcTransport({ baseUrl: `http://${address}`, defaultTimeoutMs: PATIENCE_MS });
  const users = createClient(AuthService, transport);
  const channels = createClient(ChannelService, transport);
  const messages = createClient(MessageService, transport);

  // The app's backend; the backend on behalf of a user; a user with a token of his own.
  const backend: Credentials = { 'x-api-key': key };
  const alice: Credentials = { ...backend, 'parlance-user-id': 'alice-typescript' };

  const upserted = await retried(() => users.upsertUsers(
    { users: [{ id: 'alice-typescript', name: 'Alice' }, { id: 'bob-typescript', name: 'Bob' }] },
    { headers: backend },
  ));
  for (const { id, errorReason } of upserted.results) {
    if (errorReason) throw new Error(`user ${id}: ${errorReason}`);
  }
  const bobNum = upserted.results[1]?.user?.num ?? 0n;
  const tokens = await users.issueTokens({ userNum: bobNum, ttlS: 3600 }, { headers: backend });
  const bob: Credentials = { authorization: `Bearer ${tokens.accessToken}` };

  const { channel } = await channels.createChannel(
    { type: 'group', name: 'From TypeScript', memberNums: [bobNum] },
    { headers: alice },
  );
  const channelNum = channel?.num ?? 0n;

  const send = (text: string) => retried(() => messages.sendMessage(
    { channelNum, draft: { text }, idempotencyKey: `typescript-${text}` },
    { headers: alice },
  ));
  const expected: string[] = [];
  const sendAll = async (from: number, to: number) => {
    for (let number = from; number < to; number += 1) {
      await send(`message ${number}`);
      expected.push(`message ${number}`);
    }
  };

  // Three messages; the first is sent twice and is one.
  await sendAll(0, 3);
  const again = await send('message 0');
  const listed = await retried(() => messages.listMessages({ channelNum }, { headers: bob }));
  if (!again.repeated || listed.messages.length !== 3) {
    throw new Error(`a repeat was answered repeated=${again.repeated}, and there are ${listed.messages.length} messages`);
  }

  // Follow, and be cut off after three messages.
  const stream = create(StreamSchema, { kind: Stream_Kind.CHAT, num: channelNum });
  const follower = new Follower(messages, bob, stream);
  await follower.until(() => follower.texts.length === 3);
  // What is sent meanwhile is not lost: follow on from the position.
  await sendAll(3, 20);
  await follower.until(() => follower.texts.length === 20);
  // And live, while the call is open.
  await Promise.all([sendAll(20, 25), follower.until(() => follower.texts.length === 25)]);
  if (JSON.stringify(follower.texts) !== JSON.stringify(expected)) {
    throw new Error(`sent ${expected}, saw ${follower.texts}`);
  }
  if (follower.offsets.some((offset, index) => offset !== BigInt(index) + 1n)) {
    throw new Error(`the offsets are not 1, 2, 3, …: ${follower.offsets}`);
  }

  // Refusals name a reason.
  const lost = new Follower(messages, bob, stream, 'another');
  const reasons = [
    await refused(send('')),
    await refused(messages.listMessages({ channelNum })),
    await refused(lost.until(() => false)),
  ];
  return {
    language: 'typescript',
    offsets: follower.offsets.map(Number),
    texts: follower.texts,
    reasons,
    // As text: a JSON number of this size would be read back inexactly by JavaScript.
    repeated_as: String(again.message?.num),
    first: String(listed.messages[0]?.num),
  };
}

const [address, key] = process.argv.slice(2);
if (!address || !key) {
  console.error('usage: node dist/check.js <host:port of gRPC> <API key>');
  process.exit(2);
}
try {
  console.log(JSON.stringify(await check(address, key)));
  process.exit(0);
} catch (error) {
  console.error(`FAILED (typescript): ${error instanceof ConnectError ? reason(error) : error}`);
  process.exit(1);
}
