"""Drives a Parlance server with the stock `centrifuge-python` client, in JSON or Protobuf.

    python check.py <rest url> <realtime url> <api key> <json|protobuf> <seconds that a token lives>

Exits with 0 if every step did what the contract says; otherwise says which did not.
"""

import asyncio
import base64
import json
import sys
import urllib.request

from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler

REST_URL, REALTIME_URL, API_KEY, ENCODING, TOKEN_SECONDS = sys.argv[1:6]
PATIENCE_S = 20


def fail(why):
    raise SystemExit(f"FAILED ({ENCODING}): {why}")


def step(what):
    print(f"ok ({ENCODING}): {what}", flush=True)


def request(method, path, body, token):
    headers = {"X-API-Key": API_KEY, "Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(REST_URL + path, data, headers, method=method)) as answer:
        return json.loads(answer.read())


async def call(method, path, body, token=None):
    return await asyncio.to_thread(request, method, path, body, token)


async def tokens_of(user):
    return await call("POST", "/tokens", {"userId": user})


async def until(what, probe):
    for _ in range(PATIENCE_S * 50):
        if probe():
            return
        await asyncio.sleep(0.02)
    fail(f"waited until {what}")


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Connection(ClientEventHandler):
    def __init__(self):
        self.connected = []
        self.disconnected = []

    async def on_connected(self, ctx):
        self.connected.append(ctx.client)

    async def on_disconnected(self, ctx):
        self.disconnected.append(ctx)


class Channel(SubscriptionEventHandler):
    def __init__(self):
        self.subscribed = []
        self.unsubscribed = []
        self.events = []

    async def on_subscribed(self, ctx):
        self.subscribed.append(ctx)

    async def on_unsubscribed(self, ctx):
        self.unsubscribed.append(ctx)

    async def on_publication(self, ctx):
        data = ctx.pub.data
        self.events.append(json.loads(data) if isinstance(data, bytes) else data)

    def texts(self):
        news = [event for event in self.events if event["type"] == "message.new"]
        return [event["payload"]["message"]["text"] for event in news]


async def main():
    names = {who: f"{who}-python-{ENCODING}" for who in ("alice", "bob")}
    alice, bob = await tokens_of(names["alice"]), await tokens_of(names["bob"])
    body = {"type": "group", "name": "real", "memberIds": [names["bob"]]}
    group = await call("POST", "/api/channels", body, alice["token"])
    app = claims(bob["wsToken"])["app_id"]

    async def send(text):
        token = (await tokens_of(names["alice"]))["token"]
        await call("POST", f"/api/channels/{group['id']}/messages", {"text": text}, token)

    token_requests = 0

    async def get_token():
        nonlocal token_requests
        token_requests += 1
        return (await tokens_of(names["bob"]))["wsToken"]

    connection, chat, own = Connection(), Channel(), Channel()
    client = Client(
        REALTIME_URL,
        events=connection,
        token=bob["wsToken"],
        get_token=get_token,
        use_protobuf=ENCODING == "protobuf",
        proxy=None,
    )
    await client.new_subscription(f"chat:{app}:{group['id']}", events=chat).subscribe()
    await client.new_subscription(f"user:{app}:{names['bob']}", events=own).subscribe()
    await client.connect()
    await until("connected and subscribed", lambda: connection.connected and chat.subscribed and own.subscribed)
    step("connect and subscribe")

    await send("one")
    await until("the message arrives", lambda: chat.texts() == ["one"])
    await until(
        "the unread count arrives",
        lambda: any(e["type"] == "channel.unread_changed" and e["payload"]["count"] == 1 for e in own.events),
    )
    step("receive")

    foreign = Channel()
    await client.new_subscription(f"user:{app}:{names['alice']}", events=foreign).subscribe()
    await until("the foreign subscription is refused", lambda: foreign.unsubscribed)
    if foreign.unsubscribed[0].code != 103:
        fail(f"refused with {foreign.unsubscribed[0]}")
    if len(connection.connected) != 1:
        fail("the refusal has cost the connection")
    step("refused subscription")

    # Breaks the socket under the client, without a goodbye.
    client._conn.transport.abort()
    await until("the break is noticed", lambda: client.state.value != "connected")
    for number in range(20):
        await send(f"away {number}")
    await until("connected again", lambda: len(connection.connected) == 2 and len(chat.subscribed) == 2)
    again = chat.subscribed[1]
    if not (again.was_recovering and again.recovered):
        fail(f"not recovered: {again}")
    await until("everything missed arrives", lambda: len(chat.texts()) >= 21)
    if chat.texts() != ["one"] + [f"away {number}" for number in range(20)]:
        fail(f"got {chat.texts()}")
    step("reconnect with recovery: each once, in order")

    before = token_requests
    await until("the token is refreshed", lambda: token_requests > before + 1)
    await asyncio.sleep(float(TOKEN_SECONDS))
    await send("after the refresh")
    await until("the connection goes on", lambda: "after the refresh" in chat.texts())
    if len(connection.connected) != 2:
        fail("the refresh has cost the connection")
    step("token refresh")

    if chat.unsubscribed or own.unsubscribed or connection.disconnected:
        fail(f"ended: {chat.unsubscribed} {own.unsubscribed} {connection.disconnected}")
    await client.disconnect()


asyncio.run(main())
