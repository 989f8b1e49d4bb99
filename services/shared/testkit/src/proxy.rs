//! A way to a database that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PASS: u8 = 0;
const CUT_BEFORE: u8 = 1;
const CUT_AFTER: u8 = 2;

/// Forwards connections to a PostgreSQL server, and cuts one at its next COMMIT if it is told to.
pub struct CommitProxy {
    port: u16,
    mode: Arc<AtomicU8>,
    cuts: Arc<AtomicUsize>,
}

impl CommitProxy {
    /// `upstream` is the address of the server.
    pub async fn start(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let (mode, cuts) = (Arc::new(AtomicU8::new(PASS)), Arc::new(AtomicUsize::new(0)));
        let proxy = Self { port, mode: mode.clone(), cuts: cuts.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&upstream).await else { continue };
                tokio::spawn(forward(client, server, mode.clone(), cuts.clone()));
            }
        });
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next COMMIT does not reach the server.
    pub fn cut_before_commit(&self) {
        self.mode.store(CUT_BEFORE, Ordering::SeqCst);
    }

    /// The next COMMIT reaches the server; its answer does not come back.
    pub fn cut_after_commit(&self) {
        self.mode.store(CUT_AFTER, Ordering::SeqCst);
    }

    /// Connections that were cut so far.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

async fn forward(client: TcpStream, server: TcpStream, mode: Arc<AtomicU8>, cuts: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 65_536];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            let sent = &buffer[..count];
            let commits = sent.windows(7).any(|bytes| bytes == b"COMMIT\0");
            let cut = if commits { mode.swap(PASS, Ordering::SeqCst) } else { PASS };
            if cut != CUT_BEFORE && to_server.write_all(sent).await.is_err() {
                return;
            }
            if cut != PASS {
                cuts.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    };
    let down = async {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    };
    // Whichever ends first takes both connections with it.
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
