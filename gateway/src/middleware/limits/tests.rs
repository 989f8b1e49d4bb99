//! What every limiter must do, run over each; and what becomes of Redis' faults.

use std::time::Instant;

use parlance_redis::{Settings, cmd};
use parlance_testkit::{RedisServer, redis_url, unique_prefix, wait_until};

use super::*;

const APP: Uuid = Uuid::nil();

fn backend(url: &str, prefix: &str) -> LimitsBackend {
    LimitsBackend::Redis(Redis::open(&Settings::new(url).with_prefix(prefix)).unwrap())
}

fn sends(sends_per_min: u32, backend: &LimitsBackend) -> Limits {
    limits(&RateLimitSettings { sends_per_min, ..RateLimitSettings::default() }, backend)
}

/// With patience, so that a busy machine is not taken for a Redis that is away.
fn limits(settings: &RateLimitSettings, backend: &LimitsBackend) -> Limits {
    Limits::with_patience(settings, backend, parlance_testkit::PATIENCE)
}

async fn one_user_over_the_limit_does_not_stop_another(backend: LimitsBackend) {
    let limits = sends(2, &backend);
    assert!(limits.send(APP, 1).await.is_ok());
    assert!(limits.send(APP, 1).await.is_ok());
    let refusal = limits.send(APP, 1).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::RateLimited);
    let wait = refusal.retry_after.unwrap();
    assert!(wait > Duration::from_secs(25) && wait <= Duration::from_secs(30), "{wait:?}");
    assert!(limits.send(APP, 2).await.is_ok());
    assert!(limits.send(Uuid::from_u128(1), 1).await.is_ok());
}

async fn classes_are_counted_apart(backend: LimitsBackend) {
    let settings = RateLimitSettings { sends_per_min: 1, api_per_min: 1, ..RateLimitSettings::default() };
    let limits = self::limits(&settings, &backend);
    assert!(limits.send(APP, 1).await.is_ok());
    assert!(limits.api(Counted::User(APP, 1)).await.is_ok());
    assert!(limits.send(APP, 1).await.is_err());
    assert!(limits.api(Counted::User(APP, 1)).await.is_err());
    assert!(limits.api(Counted::Key("k".into())).await.is_ok());
}

async fn a_minutes_calls_pass_at_once_then_evenly(backend: LimitsBackend) {
    // Every 20 ms one.
    let limits = sends(3000, &backend);
    let started = Instant::now();
    let mut passed = 0;
    while limits.send(APP, 1).await.is_ok() {
        passed += 1;
    }
    let spent = started.elapsed().as_millis() as u64 / 20;
    assert!((3000..=3001 + spent).contains(&passed), "{passed} with {spent} more");
    let wait = limits.send(APP, 1).await.unwrap_err().retry_after.unwrap();
    assert!(wait <= Duration::from_millis(20), "{wait:?}");
    wait_until("the next to pass", async || limits.send(APP, 1).await.is_ok(), |passed| *passed).await;
}

async fn switched_off_or_zero_means_no_limit(backend: LimitsBackend) {
    let off = RateLimitSettings { enabled: false, tokens_per_min: 1, ..RateLimitSettings::default() };
    let zero = RateLimitSettings { tokens_per_min: 0, ..RateLimitSettings::default() };
    for settings in [off, zero] {
        let limits = self::limits(&settings, &backend);
        for _ in 0..500 {
            assert!(limits.token(IpAddr::from([127, 0, 0, 1])).await.is_ok());
        }
    }
}

async fn neighbours_of_one_ipv6_network_are_counted_together(backend: LimitsBackend) {
    let settings = RateLimitSettings { tokens_per_min: 1, ..RateLimitSettings::default() };
    let limits = self::limits(&settings, &backend);
    assert!(limits.token("2001:db8::1".parse().unwrap()).await.is_ok());
    assert!(limits.token("2001:db8::2".parse().unwrap()).await.is_err());
    assert!(limits.token("2001:db8:0:1::2".parse().unwrap()).await.is_ok());
}

macro_rules! suite {
    ($module:ident, $backend:expr) => {
        mod $module {
            suite! { @ $backend;
                one_user_over_the_limit_does_not_stop_another
                classes_are_counted_apart
                a_minutes_calls_pass_at_once_then_evenly
                switched_off_or_zero_means_no_limit
                neighbours_of_one_ipv6_network_are_counted_together
            }
        }
    };
    (@ $backend:expr; $($test:ident)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                let Some(backend) = $backend else { return };
                super::$test(backend).await;
            }
        )*
    };
}

suite! { local, Some(super::LimitsBackend::Local) }
suite! { redis, super::redis_url().map(|url| super::backend(&url, &super::unique_prefix())) }

#[tokio::test]
async fn gateways_count_together_and_show_neither_keys_nor_addresses() {
    let Some(server) = RedisServer::start() else { return };
    let backend = || backend(&server.url(), "p");
    let settings = RateLimitSettings {
        tokens_per_min: 1,
        api_per_min: 1,
        sends_per_min: 1,
        ..RateLimitSettings::default()
    };
    let (one, other) = (Limits::new(&settings, &backend()), Limits::new(&settings, &backend()));
    let address = IpAddr::from([198, 51, 100, 7]);
    for (limits, passes) in [(&one, true), (&other, false)] {
        assert_eq!(limits.token(address).await.is_ok(), passes);
        assert_eq!(limits.api(Counted::Key("secret-key".into())).await.is_ok(), passes);
        assert_eq!(limits.send(APP, 7).await.is_ok(), passes);
    }
    let LimitsBackend::Redis(redis) = backend() else { unreachable!() };
    let ask = async |words: &[&str]| {
        let mut ask = cmd(words[0]);
        ask.arg(&words[1..]);
        redis.run("p", &[ask]).await.unwrap().remove(0)
    };
    let keys: Vec<String> = parlance_redis::answer(ask(&["KEYS", "*"]).await).unwrap();
    assert_eq!(keys.len(), 3);
    for key in keys {
        assert!(key.starts_with("p:limit:") && !key.contains("198") && !key.contains("secret"), "{key}");
        let life: i64 = parlance_redis::answer(ask(&["PTTL", &key]).await).unwrap();
        assert!((1..=60_000).contains(&life), "{key} lives {life} ms");
    }
}

#[tokio::test]
async fn while_redis_is_away_each_gateway_counts_alone_and_nobody_waits() {
    let Some(mut server) = RedisServer::start() else { return };
    let settings = RateLimitSettings { sends_per_min: 1, ..RateLimitSettings::default() };
    let limits = Limits::new(&settings, &backend(&server.url(), "p"));
    assert!(limits.send(APP, 1).await.is_ok());
    for pause in [true, false] {
        if pause {
            server.pause()
        } else {
            server.kill()
        }
        let started = Instant::now();
        let user = 100 + i64::from(pause);
        assert!(limits.send(APP, user).await.is_ok());
        for _ in 0..1000 {
            assert!(limits.send(APP, user).await.is_err());
        }
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        if pause {
            server.resume()
        } else {
            server.restart()
        }
        // Counted together again: two gateways refuse what one has let pass.
        let fresh = std::sync::atomic::AtomicI64::new(if pause { 1000 } else { 100_000 });
        let together = async || {
            let user = fresh.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let other = sends(1, &backend(&server.url(), "p"));
            limits.send(APP, user).await.is_ok() && other.send(APP, user).await.is_err()
        };
        wait_until("Redis to count again", together, |together| *together).await;
    }
}
