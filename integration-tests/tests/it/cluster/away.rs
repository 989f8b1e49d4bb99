//! PostgreSQL and Redis restarted, and paused.

use std::time::{Duration, Instant};

use parlance_integration_tests::harness::Server;

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
    let (mut postgres, mut redis) =
        tokio::task::spawn_blocking(|| (Server::postgres(), Server::redis())).await.unwrap();
    let options = Scene::options().on_servers(&postgres.postgres_url(), &redis.redis_url());
    let scene = Scene::start(options).await;
    let (name, server) = match which {
        Which::Postgres => ("PostgreSQL", &mut postgres),
        Which::Redis => ("Redis", &mut redis),
    };
    let what = match fault {
        Fault::Restart => {
            tokio::task::block_in_place(|| server.restart());
            "killed and restarted"
        }
        Fault::Pause => {
            server.pause();
            scene.pass(PAUSE).await;
            server.resume();
            "paused for 30 s"
        }
    };
    scene.judge(&format!("{name} {what}"), Instant::now()).await.assert_good();
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
