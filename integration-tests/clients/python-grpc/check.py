"""Drives a Parlance server from Python, with a client generated from proto/ into gen/.

    python check.py <host:port of gRPC> <API key>

Prints one line of JSON with what it saw and exits with 0, or says what went wrong and exits with 1.
"""

import json
import pathlib
import sys
import threading
import time

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# Generated modules import each other as parlance.<service>.v1.
sys.path.insert(0, str(pathlib.Path(__file__).parent / "gen"))

from parlance.auth.v1 import auth_pb2, auth_pb2_grpc  # noqa: E402
from parlance.channel.v1 import channel_pb2, channel_pb2_grpc  # noqa: E402
from parlance.event.v1 import event_pb2  # noqa: E402
from parlance.message.v1 import message_pb2, message_pb2_grpc  # noqa: E402

# Every call has a deadline; a stream that is followed has one for the whole check.
PATIENCE_S = 10
STREAM_PATIENCE_S = 60

# Which calls may be repeated without asking stands in the .proto files (idempotency_level).
RETRIES = json.dumps({"methodConfig": [{
    "name": [
        {"service": "parlance.auth.v1.AuthService", "method": "UpsertUsers"},
        {"service": "parlance.message.v1.MessageService", "method": "ListMessages"},
    ],
    "retryPolicy": {
        "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    },
}]})


class Failed(Exception):
    """The server did not do what the contract says."""


def reason(error):
    """The stable reason of a refusal."""
    refusal = rpc_status.from_call(error)
    for detail in refusal.details if refusal else []:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == "parlance":
            return info.reason
    return f"{error.code()}: {error.details()}"


def refused(call):
    try:
        call()
    except grpc.RpcError as error:
        return reason(error)
    return "no error"


class Follower:
    """A position in a stream, and what was seen up to it."""

    def __init__(self, messages, credentials, stream, epoch=""):
        self.messages, self.credentials, self.stream = messages, credentials, stream
        self.offset, self.epoch = 0, epoch
        self.offsets, self.texts = [], []

    def until(self, enough):
        """Follows from the position until there is enough, then cuts itself off. Starts again, from
        where it was, when the server goes."""
        give_up = time.monotonic() + STREAM_PATIENCE_S
        while not enough():
            following = self.messages.Follow(
                message_pb2.FollowRequest(stream=self.stream, after_offset=self.offset, epoch=self.epoch),
                metadata=self.credentials,
                timeout=max(give_up - time.monotonic(), 0),
            )
            try:
                for answer in following:
                    self.take(answer.event)
                    if enough():
                        break
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
            finally:
                # Cancelling is how a follower leaves.
                following.cancel()
            if not enough():
                time.sleep(0.2)

    def take(self, event):
        """A real consumer writes what it makes of the event and the position in one transaction."""
        self.offset, self.epoch = event.offset, event.epoch
        self.offsets.append(event.offset)
        # Kinds of events are added over time; what is not known is passed over.
        if event.WhichOneof("payload") == "message_created":
            self.texts.append(event.message_created.message.text)


def check(address, key):
    with grpc.insecure_channel(address, [("grpc.service_config", RETRIES)]) as connection:
        users = auth_pb2_grpc.AuthServiceStub(connection)
        channels = channel_pb2_grpc.ChannelServiceStub(connection)
        messages = message_pb2_grpc.MessageServiceStub(connection)

        # The app's backend; the backend on behalf of a user; a user with a token of his own.
        backend = [("x-api-key", key)]
        alice = backend + [("parlance-user-id", "alice-python")]

        upserted = users.UpsertUsers(
            auth_pb2.UpsertUsersRequest(users=[
                auth_pb2.UserInput(id="alice-python", name="Alice"),
                auth_pb2.UserInput(id="bob-python", name="Bob"),
            ]),
            metadata=backend, timeout=PATIENCE_S)
        for result in upserted.results:
            if result.error_reason:
                raise Failed(f"user {result.id}: {result.error_reason}")
        bob_num = upserted.results[1].user.num
        tokens = users.IssueTokens(
            auth_pb2.IssueTokensRequest(user_num=bob_num, ttl_s=3600), metadata=backend, timeout=PATIENCE_S)
        bob = [("authorization", f"Bearer {tokens.access_token}")]

        room = channels.CreateChannel(
            channel_pb2.CreateChannelRequest(type="group", name="From Python", member_nums=[bob_num]),
            metadata=alice, timeout=PATIENCE_S).channel.num

        def send(text):
            return messages.SendMessage(
                message_pb2.SendMessageRequest(
                    channel_num=room,
                    draft=message_pb2.MessageDraft(text=text),
                    idempotency_key=f"python-{text}"),
                metadata=alice, timeout=PATIENCE_S)

        expected = []

        def send_all(numbers):
            for number in numbers:
                send(f"message {number}")
                expected.append(f"message {number}")

        # Three messages; the first is sent twice and is one.
        send_all(range(3))
        again = send("message 0")
        listed = messages.ListMessages(
            message_pb2.ListMessagesRequest(channel_num=room), metadata=bob, timeout=PATIENCE_S).messages
        if not again.repeated or len(listed) != 3:
            raise Failed(f"a repeat was answered repeated={again.repeated}, and there are {len(listed)} messages")

        # Follow, and be cut off after three messages.
        stream = event_pb2.Stream(kind=event_pb2.Stream.KIND_CHAT, num=room)
        follower = Follower(messages, bob, stream)
        follower.until(lambda: len(follower.texts) == 3)
        # What is sent meanwhile is not lost: follow on from the position.
        send_all(range(3, 20))
        follower.until(lambda: len(follower.texts) == 20)
        # And live, while the call is open.
        live = threading.Thread(target=send_all, args=[range(20, 25)])
        live.start()
        follower.until(lambda: len(follower.texts) == 25)
        live.join()
        if follower.texts != expected:
            raise Failed(f"sent {expected}, saw {follower.texts}")
        if follower.offsets != list(range(1, len(follower.offsets) + 1)):
            raise Failed(f"the offsets are not 1, 2, 3, …: {follower.offsets}")

        # Refusals name a reason.
        lost = Follower(messages, bob, stream, epoch="another")
        reasons = [
            refused(lambda: send("")),
            refused(lambda: messages.ListMessages(
                message_pb2.ListMessagesRequest(channel_num=room), timeout=PATIENCE_S)),
            refused(lambda: lost.until(lambda: False)),
        ]
        return {
            "language": "python",
            "offsets": follower.offsets,
            "texts": follower.texts,
            "reasons": reasons,
            "repeated_as": again.message.num,
            "first": listed[0].num,
        }


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: check.py <host:port of gRPC> <API key>")
    try:
        print(json.dumps(check(sys.argv[1], sys.argv[2])))
    except grpc.RpcError as error:
        sys.exit(f"FAILED (python): {reason(error)}")
    except Failed as why:
        sys.exit(f"FAILED (python): {why}")


if __name__ == "__main__":
    main()
