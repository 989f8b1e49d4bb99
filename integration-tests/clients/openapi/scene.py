"""People, channels and messages, so that calls of the tester are about something that is there."""

import json
import urllib.request


class Api:
    def __init__(self, url, key, token=None):
        self.url, self.headers = url, {"X-API-Key": key, "Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.token = token

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


# What the tester uses up: so many of each.
SPARE = 12


def build(url, key):
    """Answers what parameters and fields are to be filled with, and the token of the user who calls.

    `any` holds for all operations, an operation's own entry goes before it: what an operation removes is
    nothing that others need.
    """
    backend = Api(url, key)

    def user(name):
        return backend.call("POST", "/tokens", {"userId": name, "name": name.title()})

    tokens = {name: user(name) for name in ["alice", "bob", "carol", "dave"]}
    leavers = [f"leaver-{number}" for number in range(SPARE)]
    strangers = [f"stranger-{number}" for number in range(SPARE)]
    for name in leavers + strangers:
        user(name)
    alice = Api(url, key, tokens["alice"]["token"])
    bob = Api(url, key, tokens["bob"]["token"])

    def channel(kind, name, members):
        body = {"type": kind, "name": name, "memberIds": members}
        return alice.call("POST", "/api/channels", body)["id"]

    def send(api, channel_id, text, **more):
        return api.call("POST", f"/api/channels/{channel_id}/messages", {"text": text, **more})["id"]

    main = channel("group", "Main", ["bob", "carol", "dave"])
    changed = channel("group", "Changed", ["bob", "carol", "dave"])
    left = channel("group", "Left", ["bob", *leavers])
    doomed = [channel("group", f"Doomed {number}", []) for number in range(SPARE)]
    kept = [send(alice, main, "Hello @bob, a message to work with"), send(alice, main, "Another one")]
    send(bob, main, "An answer", parentId=kept[0])
    alice.call("POST", f"/api/channels/{main}/messages/{kept[0]}/reactions", {"emoji": "👍"})
    removed = [send(alice, main, f"Not for long {number}") for number in range(SPARE)]
    refresh = [user("dave")["refreshToken"] for _ in range(SPARE)]
    app = "00000000-0000-0000-0000-000000000001"

    people = ["bob", "carol", "dave"]
    values = {
        "any": {
            "id": [main],
            "mid": kept,
            "userId": people,
            "messageId": kept,
            "messageIds": kept,
            "userIds": people,
            "memberIds": people,
            "mentionedUserIds": people,
            "parentId": kept,
            "parent_id": kept,
            "replyToId": kept,
            "before": kept,
            "after": kept,
            "channel": [f"chat:{app}:{main}", f"user:{app}:alice"],
        },
        # Any id will do for whom they make.
        "tokens.create": {"userId": []},
        "session.connect": {"userId": []},
        "users.update": {"userId": []},
        "session.refresh": {"refreshToken": refresh},
        "tokens.refresh": {"refreshToken": refresh},
        # An empty parameter is as none, so no workspace is named.
        "channels.create": {"type": ["group", "public"], "workspaceId": [None]},
        "channels.update": {"id": [changed]},
        "channels.delete": {"id": doomed},
        "members.add": {"id": [changed], "userId": strangers, "userIds": strangers},
        "members.update": {"id": [changed]},
        "members.remove": {"id": [left], "userId": leavers},
        "messages.delete": {"mid": removed},
        "users.delete": {"userId": strangers[:6]},
        "users.bulk_delete": {"userIds": strangers[6:]},
    }
    return values, alice.token
