"""People, channels, messages and workspaces, so that calls of the tester are about something that is there."""

import json
import time
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
# How long a preview may take.
MAX_PREVIEW_S = 20


def build(url, key, page):
    """Answers what parameters and fields are to be filled with, and the token of the user who calls.

    `any` holds for all operations, an operation's own entry goes before it: what an operation removes is
    nothing that others need. `page` is the address of a page that previews can be made of.
    """
    backend = Api(url, key)

    def user(name):
        return backend.call("POST", "/tokens", {"userId": name, "name": name.title()})

    tokens = {name: user(name) for name in ["alice", "bob", "carol", "dave", "eve", "frank"]}
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
    linked = send(alice, main, f"Look at {page}")
    wait_for_preview(alice, f"/api/channels/{main}/messages/{linked}")

    def workspace(api, name, members=()):
        path = "/api/workspaces"
        made = api.call("POST", path, {"name": name, "image": "https://example.com/w.png"})["id"]
        if members:
            api.call("POST", f"{path}/{made}/members", {"userIds": members})
        return made

    team = workspace(alice, "Team", ["bob", "carol", "dave"])
    alice.call("POST", "/api/channels", {"type": "public", "name": "Open", "workspaceId": team})
    reformed = workspace(alice, "Reformed")
    deserted = workspace(alice, "Deserted", leavers)
    dissolved = [workspace(alice, f"Dissolved {number}") for number in range(SPARE)]
    # Each lets the caller in once and then says that he is in.
    invites = [
        bob.call("POST", f"/api/workspaces/{workspace(bob, f'Inviting {number}')}/invite", {})["token"]
        for number in range(2)
    ]
    alice.call("POST", "/api/users/frank/block")
    refresh = [user("dave")["refreshToken"] for _ in range(SPARE)]
    app = "00000000-0000-0000-0000-000000000001"

    people = ["bob", "carol", "dave"]
    values = {
        "any": {
            "id": [main],
            "mid": [*kept, linked],
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
            "wid": [team],
            "workspaceId": [team],
            "workspace_id": [team],
            # A time in the past would be refused.
            "expiresAt": ["2099-01-01T00:00:00.000Z"],
            "timezone": ["UTC", "Europe/Berlin"],
            "emails": ["guest@example.com", "other@example.com"],
            "deviceId": ["phone", "tablet/2"],
            "channel": [f"chat:{app}:{main}", f"user:{app}:alice"],
        },
        # Any id will do for whom they make.
        "tokens.create": {"userId": []},
        "session.connect": {"userId": []},
        "users.update": {"userId": []},
        "session.refresh": {"refreshToken": refresh},
        "tokens.refresh": {"refreshToken": refresh},
        "channels.create": {"type": ["group", "public"]},
        "channels.update": {"id": [changed]},
        "channels.delete": {"id": doomed},
        "members.add": {"id": [changed], "userId": strangers, "userIds": strangers},
        "members.update": {"id": [changed]},
        "members.remove": {"id": [left], "userId": leavers},
        "messages.delete": {"mid": removed},
        "workspaces.update": {"wid": [reformed]},
        "workspaces.update_put": {"wid": [reformed]},
        "workspaces.delete": {"wid": dissolved},
        "workspaces.open_invite": {"token": invites},
        "workspaces.accept": {"token": invites},
        "workspaces.members.add": {"wid": [reformed], "userId": leavers, "userIds": leavers},
        "workspaces.members.remove": {"wid": [deserted], "userId": leavers},
        "blocks.add": {"userId": ["eve"]},
        "blocks.remove": {"userId": ["eve"]},
        "users.delete": {"userId": strangers[:6]},
        "users.bulk_delete": {"userIds": strangers[6:]},
    }
    return values, alice.token


def wait_for_preview(api, path):
    give_up = time.monotonic() + MAX_PREVIEW_S
    while not api.call("GET", path)["linkPreviews"]:
        if time.monotonic() > give_up:
            raise TimeoutError(f"{path} got no preview")
        time.sleep(0.1)
