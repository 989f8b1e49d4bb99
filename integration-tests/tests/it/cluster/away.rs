//! PostgreSQL and Redis restarted, and paused.

use std::time::{Duration, Instant};

use parlance_testkit::{PostgresServer, RedisServer};

use super::{Scene, is_wanted};

const PAUSE: Duration = Duration::from_secs(30);

enum Which {
    Postgres,
    Redis,
}

enum Fault {
    Restart,
    Pause,
}

async fn away(which: Which, fault: Fault) {
    if !is_wanted() {
        return;
    }
    let start = || (PostgresServer::start(), RedisServer::start());
    let (Some(postgres), Some(mut redis)) = tokio::task::block_in_place(start) else { return };
    let scene = Scene::start(Scene::options().on_servers(&postgres.url(), &redis.url())).await;
    let what = match (which, fault) {
        (Which::Postgres, Fault::Restart) => {
            tokio::task::block_in_place(|| {
                postgres.crash();
                postgres.up();
            });
            "PostgreSQL crashed and restarted"
        }
        (Which::Redis, Fault::Restart) => {
            tokio::task::block_in_place(|| redis.restart());
            "Redis killed and restarted"
        }
        (Which::Postgres, Fault::Pause) => {
            postgres.pause();
            scene.pass(PAUSE).await;
            postgres.resume();
            "PostgreSQL paused for 30 s"
        }
        (Which::Redis, Fault::Pause) => {
            redis.pause();
            scene.pass(PAUSE).await;
            redis.resume();
            "Redis paused for 30 s"
        }
    };
    scene.judge(what, Instant::now()).await.assert_good();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarted() {
    away(Which::Postgres, Fault::Restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_paused() {
    away(Which::Postgres, Fault::Pause).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_restarted() {
    away(Which::Redis, Fault::Restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_paused() {
    away(Which::Redis, Fault::Pause).await;
}
