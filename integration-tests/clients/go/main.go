// Drives a Parlance server from Go, with a client generated from proto/.
//
//	go run . <host:port of gRPC> <API key>
//
// Prints one line of JSON with what it saw and exits with 0, or says what went wrong and exits with 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"parlance-polyglot/gen/auth"
	"parlance-polyglot/gen/channel"
	"parlance-polyglot/gen/event"
	"parlance-polyglot/gen/message"
	"parlance-polyglot/gen/messagemodel"
)

// Every call has a deadline; a stream that is followed has one for the whole check.
const (
	patience       = 10 * time.Second
	streamPatience = 60 * time.Second
)

// Which calls may be repeated without asking stands in the .proto files (idempotency_level).
const retries = `{"methodConfig": [{
  "name": [
    {"service": "parlance.auth.v1.AuthService", "method": "UpsertUsers"},
    {"service": "parlance.message.v1.MessageService", "method": "ListMessages"}
  ],
  "retryPolicy": {
    "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]
  }
}]}`

type seen struct {
	Language   string   `json:"language"`
	Services   []string `json:"services"`
	Offsets    []uint64 `json:"offsets"`
	Texts      []string `json:"texts"`
	Reasons    []string `json:"reasons"`
	RepeatedAs int64    `json:"repeated_as"`
	First      int64    `json:"first"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: polyglot <host:port of gRPC> <API key>")
		os.Exit(2)
	}
	what, err := check(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAILED (go):", err)
		os.Exit(1)
	}
	line, _ := json.Marshal(what)
	fmt.Println(string(line))
}

type client struct {
	connection *grpc.ClientConn
	auth       auth.AuthServiceClient
	channel    channel.ChannelServiceClient
	message    message.MessageServiceClient
}

// The app's backend: a secret API key.
func asBackend(key string) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "x-api-key", key)
}

// The app's backend on behalf of one of its users.
func asUser(key, userID string) context.Context {
	return metadata.AppendToOutgoingContext(asBackend(key), "parlance-user-id", userID)
}

// A user with a token of his own.
func withToken(token string) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+token)
}

// One call under a deadline.
func call[Q, A any](ctx context.Context, rpc func(context.Context, Q, ...grpc.CallOption) (A, error), request Q) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return rpc(ctx, request)
}

func check(address, key string) (*seen, error) {
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(retries))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	c := &client{
		connection: connection,
		auth:       auth.NewAuthServiceClient(connection),
		channel:    channel.NewChannelServiceClient(connection),
		message:    message.NewMessageServiceClient(connection),
	}
	out := &seen{Language: "go"}

	if err := c.checkHealth(); err != nil {
		return nil, fmt.Errorf("health: %w", err)
	}
	if out.Services, err = c.listServices(); err != nil {
		return nil, fmt.Errorf("reflection: %w", err)
	}

	// Users, and a token for one of them.
	upserted, err := call(asBackend(key), c.auth.UpsertUsers, &auth.UpsertUsersRequest{Users: []*auth.UserInput{
		{Id: "alice-go", Name: proto.String("Alice")}, {Id: "bob-go", Name: proto.String("Bob")},
	}})
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	for _, result := range upserted.Results {
		if result.ErrorReason != "" {
			return nil, fmt.Errorf("user %s: %s", result.Id, result.ErrorReason)
		}
	}
	bobNum := upserted.Results[1].User.Num
	tokens, err := call(asBackend(key), c.auth.IssueTokens, &auth.IssueTokensRequest{UserNum: bobNum, TtlS: 3600})
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	alice, bob := asUser(key, "alice-go"), withToken(tokens.AccessToken)

	// A channel of both.
	created, err := call(alice, c.channel.CreateChannel,
		&channel.CreateChannelRequest{Type: "group", Name: "From Go", MemberNums: []int64{bobNum}})
	if err != nil {
		return nil, fmt.Errorf("channel: %w", err)
	}
	room := created.Channel.Num

	send := func(text string) (*message.SendMessageResponse, error) {
		return call(alice, c.message.SendMessage, &message.SendMessageRequest{
			ChannelNum: room, Draft: &message.MessageDraft{Text: text}, IdempotencyKey: "go-" + text,
		})
	}
	var expected []string
	sendAll := func(from, to int) error {
		for n := from; n < to; n++ {
			text := fmt.Sprintf("message %d", n)
			if _, err := send(text); err != nil {
				return fmt.Errorf("send %q: %w", text, err)
			}
			expected = append(expected, text)
		}
		return nil
	}

	// Three messages; the first is sent twice and is one.
	if err := sendAll(0, 3); err != nil {
		return nil, err
	}
	again, err := send("message 0")
	if err != nil {
		return nil, fmt.Errorf("repeat: %w", err)
	}
	listed, err := call(bob, c.message.ListMessages, &message.ListMessagesRequest{ChannelNum: room})
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	if !again.Repeated || len(listed.Messages) != 3 {
		return nil, fmt.Errorf("a repeat was answered repeated=%v, and there are %d messages", again.Repeated, len(listed.Messages))
	}
	out.RepeatedAs, out.First = again.Message.Num, listed.Messages[0].Num

	// Follow, and be cut off after three messages.
	follower := &follower{client: c, ctx: bob, stream: &event.Stream{Kind: event.Stream_KIND_CHAT, Num: room}, seen: out}
	if err := follower.until(func() bool { return len(out.Texts) == 3 }); err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	// What is sent meanwhile is not lost: follow on from the position.
	if err := sendAll(3, 20); err != nil {
		return nil, err
	}
	if err := follower.until(func() bool { return len(out.Texts) == 20 }); err != nil {
		return nil, fmt.Errorf("follow on: %w", err)
	}
	// And live, while the call is open.
	live := make(chan error, 1)
	go func() { live <- sendAll(20, 25) }()
	if err := follower.until(func() bool { return len(out.Texts) == 25 }); err != nil {
		return nil, fmt.Errorf("follow live: %w", err)
	}
	if err := <-live; err != nil {
		return nil, err
	}
	if !slices.Equal(out.Texts, expected) {
		return nil, fmt.Errorf("sent %q, saw %q", expected, out.Texts)
	}
	for i, offset := range out.Offsets {
		if offset != uint64(i)+1 {
			return nil, fmt.Errorf("the offsets are not 1, 2, 3, …: %v", out.Offsets)
		}
	}

	// Refusals name a reason.
	_, err = send("")
	out.Reasons = append(out.Reasons, reason(err))
	_, err = call(context.Background(), c.message.ListMessages, &message.ListMessagesRequest{ChannelNum: room})
	out.Reasons = append(out.Reasons, reason(err))
	lost := *follower
	lost.epoch = "another"
	out.Reasons = append(out.Reasons, reason(lost.until(func() bool { return false })))
	return out, nil
}

func (c *client) checkHealth() error {
	answer, err := call(context.Background(), healthpb.NewHealthClient(c.connection).Check,
		&healthpb.HealthCheckRequest{Service: "parlance.message.v1.MessageService"})
	if err == nil && answer.Status != healthpb.HealthCheckResponse_SERVING {
		err = fmt.Errorf("the message service is %s", answer.Status)
	}
	return err
}

// Lists the services as grpcurl does, and looks one up.
func (c *client) listServices() ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := reflectionpb.NewServerReflectionClient(c.connection).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	ask := func(request *reflectionpb.ServerReflectionRequest) (*reflectionpb.ServerReflectionResponse, error) {
		if err := stream.Send(request); err != nil {
			return nil, err
		}
		return stream.Recv()
	}
	answer, err := ask(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{ListServices: "*"},
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	slices.Sort(names)
	answer, err = ask(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{
			FileContainingSymbol: "parlance.message.v1.MessageService.Follow",
		},
	})
	if err != nil {
		return nil, err
	}
	// All that the file needs comes with it, or can be asked for by name.
	files := &descriptorpb.FileDescriptorSet{}
	asked := map[string]bool{}
	queue := answer.GetFileDescriptorResponse().GetFileDescriptorProto()
	for len(queue) > 0 {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(queue[0], file); err != nil {
			return nil, err
		}
		queue = queue[1:]
		if asked["have "+file.GetName()] {
			continue
		}
		asked["have "+file.GetName()] = true
		files.File = append(files.File, file)
		for _, name := range file.Dependency {
			if asked[name] {
				continue
			}
			asked[name] = true
			more, err := ask(&reflectionpb.ServerReflectionRequest{
				MessageRequest: &reflectionpb.ServerReflectionRequest_FileByFilename{FileByFilename: name},
			})
			if err != nil {
				return nil, err
			}
			queue = append(queue, more.GetFileDescriptorResponse().GetFileDescriptorProto()...)
		}
	}
	known, err := protodesc.NewFiles(files)
	if err != nil {
		return nil, err
	}
	if _, err := known.FindDescriptorByName("parlance.message.v1.MessageService.Follow"); err != nil {
		return nil, err
	}
	return names, stream.CloseSend()
}

// A position in a stream, and what was seen up to it.
type follower struct {
	client *client
	ctx    context.Context
	stream *event.Stream
	offset uint64
	epoch  string
	seen   *seen
}

// Follows from the position until there is enough, then cuts itself off. Starts again, from where it
// was, when the server goes.
func (f *follower) until(enough func() bool) error {
	ctx, cancel := context.WithTimeout(f.ctx, streamPatience)
	defer cancel()
	for {
		err := f.once(ctx, enough)
		again := errors.Is(err, io.EOF) || status.Code(err) == codes.Unavailable
		if !again {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (f *follower) once(ctx context.Context, enough func() bool) error {
	// Cancelling is how a follower leaves.
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	stream, err := f.client.message.Follow(ctx,
		&message.FollowRequest{Stream: f.stream, AfterOffset: f.offset, Epoch: f.epoch})
	if err != nil {
		return err
	}
	for !enough() {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		f.take(answer.Event)
	}
	return nil
}

// A real consumer writes what it makes of the event and the position in one transaction.
func (f *follower) take(one *event.Event) {
	f.offset, f.epoch = one.Offset, one.Epoch
	f.seen.Offsets = append(f.seen.Offsets, one.Offset)
	switch payload := one.Payload.(type) {
	case *event.Event_MessageCreated:
		var said *messagemodel.Message = payload.MessageCreated.Message
		f.seen.Texts = append(f.seen.Texts, said.Text)
	default:
		// Kinds of events are added over time; what is not known is passed over.
	}
}

// The stable reason of a refusal.
func reason(err error) string {
	if err == nil {
		return "no error"
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == "parlance" {
			return info.Reason
		}
	}
	return err.Error()
}
