use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use futures_util::future::try_join_all;

use super::super::server::{Server, User};
use super::super::socket::{Login, Readers, Subscription, login, open};

/// Connections that are set up at a time.
const AT_ONCE: usize = 64;

/// Threads that read. One is enough for any server that shares two cores with it.
pub fn reader_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (usize::from(cores) / 2).clamp(1, 4))
}

/// Connects all users, each with his subscriptions, and has their sockets read.
pub async fn connect(
    server: &Server,
    users: &[User],
    subscriptions: impl Fn(&User) -> Vec<Subscription>,
) -> anyhow::Result<Readers> {
    let readers = Readers::start(reader_threads())?;
    let next = AtomicUsize::new(0);
    let hand = async || {
        while let Some(user) = users.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut stream = open(server.realtime_address()).await?;
            let first = Login::new(&user.ws_token, &subscriptions(user));
            let (_, rest) = login(&mut stream, &first).await.with_context(|| user.id.clone())?;
            readers.add(stream.into_std()?, rest)?;
        }
        anyhow::Ok(())
    };
    try_join_all((0..AT_ONCE.min(users.len())).map(|_| hand())).await?;
    Ok(readers)
}

/// Connects plain sockets and has them read.
pub async fn connect_plain(address: &str, count: usize) -> anyhow::Result<Readers> {
    let readers = Readers::start(reader_threads())?;
    for _ in 0..count {
        readers.add(open(address).await?.into_std()?, Vec::new())?;
    }
    Ok(readers)
}
