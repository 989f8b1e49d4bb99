//! What becomes of rows about which nothing can be decided, or by which somebody was held up for too long.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parlance_notification::Settings;
use parlance_proto::presence::presence_service_server::{PresenceService, PresenceServiceServer};
use parlance_proto::presence::*;
use parlance_rpc::{Context, PresenceClient, in_process, serve};
use parlance_testkit::wait_until;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::world::World;

type Wait = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;

/// Nobody is online; the answer is what a test makes it wait for.
struct Answering<F>(F);

impl<F: Fn(Uuid) -> Wait + Send + Sync + 'static> Answering<F> {
    fn client(before: F) -> PresenceClient {
        PresenceClient::new(in_process(serve(PresenceServiceServer::new(Self(before)), None, None)))
    }
}

fn unasked<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("nobody asks for it"))
}

#[tonic::async_trait]
impl<F: Fn(Uuid) -> Wait + Send + Sync + 'static> PresenceService for Answering<F> {
    async fn get_presence(
        &self,
        request: Request<GetPresenceRequest>,
    ) -> Result<Response<GetPresenceResponse>, Status> {
        let context = Context::of(&request).map_err(Status::from)?;
        (self.0)(context.caller.app).await?;
        Ok(Response::new(GetPresenceResponse::default()))
    }

    async fn report_connections(
        &self,
        _: Request<ReportConnectionsRequest>,
    ) -> Result<Response<ReportConnectionsResponse>, Status> {
        unasked()
    }

    async fn renew_gateway(
        &self,
        _: Request<RenewGatewayRequest>,
    ) -> Result<Response<RenewGatewayResponse>, Status> {
        unasked()
    }

    async fn report_activity(
        &self,
        _: Request<ReportActivityRequest>,
    ) -> Result<Response<ReportActivityResponse>, Status> {
        unasked()
    }

    async fn set_status(&self, _: Request<SetStatusRequest>) -> Result<Response<SetStatusResponse>, Status> {
        unasked()
    }

    async fn set_typing(&self, _: Request<SetTypingRequest>) -> Result<Response<SetTypingResponse>, Status> {
        unasked()
    }
}

#[tokio::test]
async fn who_was_held_up_for_too_long_tells_nobody_a_second_time() {
    let mut world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    world.settled().await;
    world.device(users[1], "bob's").await;
    world.replica.end().await;

    let (asked, may_go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let mut parts = world.parts();
    let (count, gate) = (asked.clone(), may_go.clone());
    parts.presence = Answering::client(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        let gate = gate.clone();
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            Ok(())
        })
    });
    let held_up = parts.start(world.store.clone(), Settings::default()).await;
    world.send(users[0], channel, "hello").await;
    wait_until("it to be asked", async || asked.load(Ordering::SeqCst), |n| *n == 1).await;
    // Its lease is over, and another one takes over.
    world.advance(31);
    world.replica = world.parts().start(world.store.clone(), Settings::default()).await;
    world.notification = world.replica.client.clone();
    world.taken(1).await;
    may_go.add_permits(1000);
    // It ends what it has begun.
    held_up.end().await;
    world.taken(1).await;
    let left = "SELECT COUNT(*) AS n FROM deliveries";
    assert_eq!(world.count(left).await, 0);
}

#[tokio::test]
async fn an_app_that_cannot_be_decided_about_is_asked_less_and_less_and_loses_nothing() {
    let mut world = World::new().await;
    world.replica.end().await;
    let (asked, fails) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let mut parts = world.parts();
    let troubled = world.app;
    let (count, is_failing) = (asked.clone(), fails.clone());
    parts.presence = Answering::client(move |app| {
        let fails = app == troubled && is_failing.load(Ordering::SeqCst);
        count.fetch_add(usize::from(fails), Ordering::SeqCst);
        Box::pin(async move { if fails { Err(Status::unavailable("too much")) } else { Ok(()) } })
    });
    world.replica = parts.start(world.store.clone(), Settings::default()).await;
    world.notification = world.replica.client.clone();
    let mut world = world.with_fcm().await;
    let users = world.users(&["ada", "bob"]).await;
    world.device(users[1], "bob's").await;
    let channel = world.make_channel("messaging", "", users[0], &users[1..]).await;
    world.send(users[0], channel, "hello").await;
    let until = async || world.count("SELECT COALESCE(MAX(claimed_until), 0) AS n FROM pending").await;
    for (times, pause) in [1, 2, 4, 8, 16].into_iter().enumerate() {
        let rests_until = world.now().0 + pause * 1_000_000;
        wait_until("it to be left alone", until, |until| *until == rests_until).await;
        assert_eq!(asked.load(Ordering::SeqCst), times + 1);
        world.advance(pause as u64);
    }
    wait_until("it to fail once more", async || asked.load(Ordering::SeqCst), |n| *n == 6).await;

    // Another app does not notice.
    world.app = world.new_app().await;
    let world = world.with_fcm().await;
    let theirs = world.users(&["joe", "sue"]).await;
    world.device(theirs[1], "sue's").await;
    let other = world.make_channel("messaging", "", theirs[0], &theirs[1..]).await;
    world.send(theirs[0], other, "hello").await;
    wait_until("a push", async || world.recorder.taken().len(), |n| *n == 1).await;

    fails.store(false, Ordering::SeqCst);
    world.advance(64);
    let taken = wait_until("the push", async || world.recorder.taken(), |taken| taken.len() == 2).await;
    assert_eq!((taken[1].push.app, &*taken[1].target.token), (troubled, "bob's"));
}
