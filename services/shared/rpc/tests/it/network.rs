use std::time::{Duration, Instant};

use parlance_core::{Caller, Error, Reason};
use parlance_proto::message::{ListMessagesRequest, SendMessageRequest};
use parlance_rpc::{Context, MessageClient, network};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::replica::{Manner, Replica, SECRET};

const ROOMY: usize = 1000;

async fn client_of(urls: &[String], secret: Option<&str>) -> MessageClient {
    let addresses = urls.iter().map(|url| url.parse().unwrap()).collect();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    MessageClient::new(network("message", addresses, secret, &tasks, &stop).await.unwrap())
}

async fn client(replicas: &[&Replica]) -> MessageClient {
    let urls: Vec<String> = replicas.iter().map(|replica| replica.url()).collect();
    client_of(&urls, Some(SECRET)).await
}

fn context() -> Context {
    Context::new(Caller::user(uuid::Uuid::from_u128(1), 7))
}

async fn read(client: &MessageClient, context: &Context) -> Result<(), Error> {
    let request = context.request(ListMessagesRequest::default());
    client.clone().list_messages(request).await.map(drop).map_err(Error::from)
}

async fn send(client: &MessageClient, context: &Context) -> Result<(), Error> {
    let request = context.request(SendMessageRequest::default());
    client.clone().send_message(request).await.map(drop).map_err(Error::from)
}

#[tokio::test]
async fn calls_spread_over_replicas_and_those_of_one_channel_stay_together() {
    let [one, two] =
        [Replica::start(Manner::Answers, ROOMY).await, Replica::start(Manner::Answers, ROOMY).await];
    let client = client(&[&one, &two]).await;
    for _ in 0..100 {
        read(&client, &context()).await.unwrap();
    }
    assert!(one.calls() > 20 && two.calls() > 20, "{} and {}", one.calls(), two.calls());
    let before = (one.calls(), two.calls());
    for _ in 0..20 {
        let request = context().routed(42, ListMessagesRequest::default());
        client.clone().list_messages(request).await.unwrap();
    }
    let moved = (one.calls() - before.0, two.calls() - before.1);
    assert!(moved == (20, 0) || moved == (0, 20), "{moved:?}");
}

#[tokio::test]
async fn a_replica_that_is_gone_is_not_noticed_by_callers() {
    let mut gone = Replica::start(Manner::Answers, ROOMY).await;
    let there = Replica::start(Manner::Answers, ROOMY).await;
    let client = client(&[&gone, &there]).await;
    for _ in 0..10 {
        send(&client, &context()).await.unwrap();
    }
    gone.kill();
    // The first connections may still break under a call; what was never sent is sent elsewhere.
    let mut broken = 0;
    for _ in 0..50 {
        broken += usize::from(send(&client, &context()).await.is_err());
        read(&client, &context()).await.unwrap();
    }
    assert!(broken <= 1, "{broken} sends failed");
}

#[derive(Clone, Copy, PartialEq)]
enum Call {
    Read,
    Send,
    KeyedSend,
}

async fn call(what: Call, client: &MessageClient) -> Result<(), Error> {
    match what {
        Call::Read => read(client, &context()).await,
        Call::Send => send(client, &context()).await,
        Call::KeyedSend => {
            let request = Context::keyed(context().request(SendMessageRequest::default()));
            client.clone().send_message(request).await.map(drop).map_err(Error::from)
        }
    }
}

#[tokio::test]
async fn a_send_that_may_have_happened_is_repeated_only_with_a_key_and_a_read_always() {
    for what in [Call::Send, Call::KeyedSend, Call::Read] {
        let mut mute = Replica::start(Manner::IsMute, ROOMY).await;
        let (seen, urls) = (mute.seen.clone(), [mute.url()]);
        let client = client_of(&urls, Some(SECRET)).await;
        let called = tokio::spawn(async move { call(what, &client).await });
        seen.called.notified().await;
        let address = mute.address;
        mute.kill();
        let again = Replica::start_on(address, Manner::Answers, ROOMY).await;
        let outcome = tokio::time::timeout(Duration::from_secs(9), called).await.unwrap().unwrap();
        if what == Call::Send {
            assert_eq!(outcome.unwrap_err().reason, Reason::Unavailable);
            assert_eq!(again.calls(), 0);
        } else {
            outcome.unwrap();
            assert_eq!(again.calls(), 1);
        }
    }
}

#[tokio::test]
async fn a_refusal_is_asked_of_others_within_a_budget() {
    let away = Replica::start(Manner::Refuses, ROOMY).await;
    let client = client(&[&away]).await;
    for _ in 0..400 {
        assert_eq!(read(&client, &context()).await.unwrap_err().reason, Reason::Unavailable);
    }
    // Without a budget there would be 1200 calls: each read is tried three times.
    assert!(away.calls() > 400 && away.calls() < 700, "{}", away.calls());
    let before = away.calls();
    assert_eq!(send(&client, &context()).await.unwrap_err().reason, Reason::Unavailable);
    assert_eq!(away.calls(), before + 1, "a send is not repeated");
}

#[tokio::test]
async fn a_full_replica_refuses_at_once_and_another_one_answers() {
    let full = Replica::start(Manner::Answers, 0).await;
    let roomy = Replica::start(Manner::Answers, ROOMY).await;
    let both = client(&[&full, &roomy]).await;
    for _ in 0..10 {
        send(&both, &context()).await.unwrap();
    }
    assert_eq!((full.calls(), roomy.calls()), (0, 10));
    let alone = client(&[&full]).await;
    let refusal = send(&alone, &context()).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Overloaded);
    assert!(refusal.retry_after.is_some());
}

#[tokio::test]
async fn calls_without_the_secret_are_refused() {
    let replica = Replica::start(Manner::Answers, ROOMY).await;
    let stranger = client_of(&[replica.url()], None).await;
    assert_eq!(read(&stranger, &context()).await.unwrap_err().reason, Reason::CredentialsMissing);
    // A service with another secret is not told that its client's credentials are wrong.
    let other = client_of(&[replica.url()], Some("another-secret-altogether")).await;
    assert_eq!(read(&other, &context()).await.unwrap_err().reason, Reason::Unavailable);
    assert_eq!(replica.calls(), 0);
}

#[tokio::test]
async fn the_deadline_travels_and_ends_the_call_here_too() {
    let mute = Replica::start(Manner::IsMute, ROOMY).await;
    let client = client(&[&mute]).await;
    let started = Instant::now();
    let context = context().with_timeout(Duration::from_millis(300));
    let refusal = read(&client, &context).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::DeadlinePassed);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let told = mute.seen.last_timeout.lock().clone().unwrap();
    let millis: u64 = told.strip_suffix('m').unwrap().parse().unwrap();
    assert!(millis <= 300, "{told}");
}

#[tokio::test]
async fn without_any_replica_the_answer_is_unavailable() {
    let nobody = client_of(&[], Some(SECRET)).await;
    assert_eq!(read(&nobody, &context()).await.unwrap_err().reason, Reason::Unavailable);
    let closed = client_of(&["http://127.0.0.1:1".to_owned()], Some(SECRET)).await;
    assert_eq!(send(&closed, &context()).await.unwrap_err().reason, Reason::Unavailable);
}
