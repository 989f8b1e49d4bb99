//! Link previews: jobs, results and their events, over a link-preview service that answers as it is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use parlance_core::{Error, Reason};
use parlance_proto::event::{Event, event::Payload, stream::Kind};
use parlance_proto::link_preview::link_preview_service_server::{
    LinkPreviewService, LinkPreviewServiceServer,
};
use parlance_proto::link_preview::resolve_response::Outcome;
use parlance_proto::link_preview::*;
use parlance_proto::message::{EditMessageRequest, Message};
use parlance_rpc::{LinkPreviewClient, in_process, serve};
use parlance_testkit::wait_until;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::world::{Services, Setup, Stores, World, reference, start};

/// What the web looks like, and who has asked for what.
#[derive(Clone)]
struct Web {
    pages: Arc<Mutex<HashMap<String, Outcome>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Answers that may be given; usually plenty.
    answers: Arc<Semaphore>,
}

impl Web {
    fn new() -> Self {
        Self {
            pages: Arc::default(),
            asked: Arc::default(),
            answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    /// A web that answers nothing until it is let.
    fn silent() -> Self {
        Self { answers: Arc::new(Semaphore::new(0)), ..Self::new() }
    }

    fn set(&self, url: &str, outcome: Outcome) {
        self.pages.lock().unwrap().insert(url.to_owned(), outcome);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn client(&self) -> LinkPreviewClient {
        LinkPreviewClient::new(in_process(serve(LinkPreviewServiceServer::new(self.clone()), None, None)))
    }

    fn setup(&self) -> Setup {
        Setup { link_preview: Some(self.client()), ..Setup::default() }
    }
}

#[tonic::async_trait]
impl LinkPreviewService for Web {
    async fn resolve(&self, request: Request<ResolveRequest>) -> Result<Response<ResolveResponse>, Status> {
        let url = request.into_inner().url;
        self.asked.lock().unwrap().push(url.clone());
        self.answers.acquire().await.unwrap().forget();
        let outcome = self.pages.lock().unwrap().get(&url).copied().unwrap_or(Outcome::Found);
        if outcome == Outcome::Unspecified {
            return Err(Error::unavailable("away").into());
        }
        let found = LinkPreview { title: format!("about {url}"), ..Default::default() };
        let preview = (outcome == Outcome::Found).then_some(found);
        Ok(Response::new(ResolveResponse { outcome: outcome.into(), preview, retry_after_s: 0 }))
    }

    async fn get_settings(
        &self,
        _: Request<GetSettingsRequest>,
    ) -> Result<Response<GetSettingsResponse>, Status> {
        Err(Error::new(Reason::NotAllowed, "not asked here").into())
    }

    async fn update_settings(
        &self,
        _: Request<UpdateSettingsRequest>,
    ) -> Result<Response<UpdateSettingsResponse>, Status> {
        Err(Error::new(Reason::NotAllowed, "not asked here").into())
    }
}

/// Messages whose links a replica looks up at once.
const AT_ONCE: usize = 32;

fn urls(message: &Message) -> Vec<&str> {
    message.link_previews.iter().map(|preview| preview.url.as_str()).collect()
}

async fn channel(world: &World) -> (i64, i64) {
    let users = world.users(&["alice", "bob"]).await;
    (users[0], world.channel("group", users[0], &users[1..]).await)
}

/// The channel's messages once the first of them has so many previews.
async fn with_previews(world: &World, by: i64, channel: i64, count: usize) -> Vec<Message> {
    let list = async || world.list(by, channel).await;
    wait_until("previews", list, |messages| messages[0].link_previews.len() == count).await
}

fn updates(events: &[Event]) -> Vec<&Message> {
    events
        .iter()
        .filter_map(|event| match &event.payload {
            Some(Payload::MessageUpdated(updated)) => updated.message.as_ref(),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn previews_come_after_the_message_with_one_event_that_carries_it_whole() {
    let web = Web::new();
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    let text = "https://a.example then https://b.example and `https://code.example` \
                https://c.example https://d.example";
    let sent = world.send(alice, channel, text).await;
    assert!(sent.link_previews.is_empty());
    let messages = with_previews(&world, alice, channel, 3).await;
    assert_eq!(urls(&messages[0]), ["https://a.example", "https://b.example", "https://c.example"]);
    assert_eq!(messages[0].link_previews[0].title, "about https://a.example");
    assert_eq!(messages[0].updated_at, sent.updated_at);
    let events = world.entries(Kind::Chat, channel).await;
    let told = updates(&events);
    assert_eq!(told.len(), 1, "{events:?}");
    assert_eq!((told[0].text.as_str(), told[0].link_previews.len()), (text, 3));
}

#[tokio::test]
async fn a_link_that_leads_nowhere_makes_no_event_and_is_not_asked_for_again() {
    let web = Web::new();
    web.set("https://nothing.example", Outcome::Nothing);
    web.set("https://refused.example", Outcome::Refused);
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    world.send(alice, channel, "https://nothing.example https://refused.example").await;
    world.send(alice, channel, "https://fine.example").await;
    let list = async || world.list(alice, channel).await;
    wait_until("the second preview", list, |all| !all[1].link_previews.is_empty()).await;
    let events = world.entries(Kind::Chat, channel).await;
    assert_eq!(updates(&events).len(), 1);
    let mut asked = web.asked();
    asked.sort();
    assert_eq!(asked, ["https://fine.example", "https://nothing.example", "https://refused.example"]);
}

#[tokio::test]
async fn what_is_found_is_shown_while_the_rest_is_tried_again() {
    let web = Web::new();
    web.set("https://later.example", Outcome::Later);
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    world.send(alice, channel, "https://later.example https://now.example").await;
    let messages = with_previews(&world, alice, channel, 1).await;
    assert_eq!(urls(&messages[0]), ["https://now.example"]);
    web.set("https://later.example", Outcome::Found);
    // The pause passes: what the job waits for is only its time.
    make_due(&world).await;
    let messages = with_previews(&world, alice, channel, 2).await;
    assert_eq!(urls(&messages[0]), ["https://later.example", "https://now.example"]);
    assert_eq!(web.asked().iter().filter(|url| *url == "https://now.example").count(), 1);
}

/// Lets the pauses of all jobs be over.
async fn make_due(world: &World) {
    write(world, "UPDATE messages SET preview_due = 1 WHERE preview_due IS NOT NULL").await;
}

async fn write(world: &World, sql: &str) {
    use sea_orm::ConnectionTrait as _;
    let write = world.message_store.begin().await.unwrap();
    write.connection().execute_unprepared(sql).await.unwrap();
    drop(write.commit().await.unwrap());
}

#[tokio::test]
async fn an_edit_keeps_the_previews_of_links_that_stay_and_finds_those_of_new_ones() {
    let web = Web::new();
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    let sent = world.send(alice, channel, "https://a.example https://b.example").await;
    with_previews(&world, alice, channel, 2).await;
    let edit = async |text: &str| {
        let message = Some(reference(&sent));
        let request = EditMessageRequest { channel_num: channel, message, text: text.into() };
        let answer = world.message.clone().edit_message(world.by(alice).request(request)).await.unwrap();
        answer.into_inner().message.unwrap()
    };
    let edited = edit("https://c.example https://b.example").await;
    assert_eq!(urls(&edited), ["https://b.example"]);
    let messages = with_previews(&world, alice, channel, 2).await;
    assert_eq!(urls(&messages[0]), ["https://c.example", "https://b.example"]);
    assert!(edit("no links any more").await.link_previews.is_empty());
    assert_eq!(web.asked().iter().filter(|url| *url == "https://b.example").count(), 1);
}

#[tokio::test]
async fn a_message_deleted_meanwhile_gets_neither_previews_nor_an_event() {
    let web = Web::silent();
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    let sent = world.send(alice, channel, "https://a.example").await;
    wait_until("the question", async || web.asked().len(), |count| *count == 1).await;
    world.delete(alice, &sent).await.unwrap();
    world.send(alice, channel, "https://b.example").await;
    web.answers.add_permits(2);
    wait_until(
        "the other's preview",
        async || world.list(alice, channel).await,
        |all| all.len() == 1 && !all[0].link_previews.is_empty(),
    )
    .await;
    let events = world.entries(Kind::Chat, channel).await;
    assert!(updates(&events).iter().all(|message| message.num != sent.num), "{events:?}");
}

#[tokio::test]
async fn a_service_that_is_away_does_not_use_up_the_tries() {
    let web = Web::new();
    web.set("https://a.example", Outcome::Unspecified);
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    world.send(alice, channel, "https://a.example").await;
    for times in 1..=8 {
        wait_until("another try", async || web.asked().len(), |count| *count >= times).await;
        make_due(&world).await;
    }
    web.set("https://a.example", Outcome::Found);
    make_due(&world).await;
    with_previews(&world, alice, channel, 1).await;
}

#[tokio::test]
async fn links_are_given_up_after_a_few_tries() {
    let web = Web::new();
    web.set("https://a.example", Outcome::Later);
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    world.send(alice, channel, "https://a.example").await;
    for tries in 1..=6 {
        wait_until(
            "the end of a try",
            async || count(&world, "preview_tries = $1", tries).await,
            |n| *n == 1,
        )
        .await;
        make_due(&world).await;
    }
    assert_eq!(count(&world, "preview_due IS NOT NULL AND $1 > 0", 1).await, 0);
    assert_eq!(web.asked().len(), 6);
}

/// Messages of which something holds.
async fn count(world: &World, what: &str, value: i64) -> i64 {
    use sea_orm::{ConnectionTrait as _, Statement};
    let read = world.message_store.read();
    let sql = format!("SELECT COUNT(*) AS n FROM messages WHERE {what}");
    let statement = Statement::from_sql_and_values(read.get_database_backend(), sql, [value.into()]);
    read.query_one_raw(statement).await.unwrap().unwrap().try_get::<i64>("", "n").unwrap()
}

#[tokio::test]
async fn a_thousand_messages_with_links_do_not_delay_a_send() {
    let web = Web::silent();
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    let sends = (0..1000).map(|n| {
        let (world, text) = (&world, format!("https://{n}.example"));
        async move { world.send(alice, channel, &text).await }
    });
    futures_util::future::join_all(sends).await;
    // Nothing has been answered, and nobody waits for it.
    let sent = world.send(alice, channel, "no link").await;
    assert_eq!(sent.seq, 1001);
    assert!(web.asked().len() <= AT_ONCE, "{} at once", web.asked().len());
    web.answers.add_permits(1000);
    wait_until("all questions", async || web.asked().len(), |count| *count == 1000).await;
}

#[tokio::test]
async fn who_posts_many_links_that_hang_does_not_keep_others_waiting() {
    let web = Web::silent();
    let world = World::as_set(web.setup()).await;
    let users = world.users(&["mallory", "bob"]).await;
    let channel = world.channel("group", users[0], &users[1..]).await;
    for n in 0..3 * AT_ONCE {
        world.send(users[0], channel, &format!("https://{n}.example")).await;
    }
    wait_until("all places are taken", async || web.asked().len(), |count| *count == AT_ONCE).await;
    world.send(users[1], channel, "https://bob.example").await;
    // Two that hang end: one place is the next of his, the other one bob's.
    web.answers.add_permits(2);
    let asked = wait_until("two more", async || web.asked(), |asked| asked.len() == AT_ONCE + 2).await;
    assert!(asked.iter().any(|url| url == "https://bob.example"), "{asked:?}");
}

#[tokio::test]
async fn an_old_message_that_was_edited_while_the_service_was_away_gets_its_previews() {
    let web = Web::new();
    let world = World::as_set(web.setup()).await;
    let (alice, channel) = channel(&world).await;
    let sent = world.send(alice, channel, "no link").await;
    write(&world, "UPDATE messages SET created_at = 1").await;
    web.set("https://a.example", Outcome::Unspecified);
    let message = Some(reference(&sent));
    let request = EditMessageRequest { channel_num: channel, message, text: "https://a.example".into() };
    world.message.clone().edit_message(world.by(alice).request(request)).await.unwrap();
    wait_until("a try", async || web.asked().len(), |count| *count >= 1).await;
    web.set("https://a.example", Outcome::Found);
    wait_until("another is to come", async || count(&world, "preview_due > $1", 0).await, |n| *n == 1).await;
    make_due(&world).await;
    with_previews(&world, alice, channel, 1).await;
}

#[tokio::test]
async fn jobs_survive_the_end_of_the_process_that_had_them() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |service: &str| {
        let settings = parlance_sql::Settings::File(folder.path().join(format!("{service}.db")));
        parlance_sql::Store::open(&settings).await.unwrap()
    };
    let stores =
        Stores { auth: open("auth").await, channel: open("channel").await, message: open("message").await };
    let (silent, bus) = (Web::silent(), Arc::new(parlance_bus::MemoryBus::new()));
    let stop = CancellationToken::new();
    let first: Services = start(stores.clone(), bus.clone(), silent.setup(), stop.clone()).await;
    let world = World::with(&first, stores.message.clone(), bus.clone()).await;
    let (alice, channel) = channel(&world).await;
    world.send(alice, channel, "https://a.example").await;
    wait_until("the question", async || silent.asked().len(), |count| *count == 1).await;
    stop.cancel();

    let web = Web::new();
    let second = start(stores, bus, web.setup(), CancellationToken::new()).await;
    let world = world.through(&second);
    with_previews(&world, alice, channel, 1).await;
    assert_eq!(web.asked(), ["https://a.example"]);
}
