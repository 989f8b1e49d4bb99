//! Threads that read many sockets, each through one buffer and one poll.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use mio::{Events, Interest, Poll, Token};

use super::super::latencies::Latencies;
use super::frames::{Scanner, Seen, masked};
use super::stamp;

/// Every how many sockets one is sampled for latencies.
const SAMPLED: usize = 50;
/// Longest time until a thread notices that it should stop.
const TICK: Duration = Duration::from_millis(50);
/// Bytes taken from a socket at once.
const BUFFER: usize = 512 * 1024;

/// What has arrived on all sockets.
#[derive(Debug, Default)]
pub struct Tally {
    pub deliveries: AtomicU64,
    pub bytes: AtomicU64,
    /// Reads that brought something.
    pub reads: AtomicU64,
    pub pings: AtomicU64,
    pub closed: AtomicU64,
    /// Codes of close frames; 1006 for sockets that broke.
    pub codes: Mutex<Vec<u16>>,
    pub latencies: Mutex<Latencies>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    pub deliveries: u64,
    pub bytes: u64,
    pub reads: u64,
}

impl Tally {
    pub fn counts(&self) -> Counts {
        Counts {
            deliveries: self.deliveries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            reads: self.reads.load(Ordering::Relaxed),
        }
    }

    /// The latencies so far; later ones start anew.
    pub fn take_latencies(&self) -> Latencies {
        std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often sockets were closed, by code.
    pub fn closes(&self) -> std::collections::BTreeMap<u16, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for code in &*self.codes.lock().unwrap_or_else(PoisonError::into_inner) {
            *counts.entry(*code).or_default() += 1;
        }
        counts
    }
}

/// A connection that is set up, and what has already been read from it.
type Arrival = (std::net::TcpStream, Vec<u8>);

/// Reads sockets until dropped, which closes them.
#[derive(Debug)]
pub struct Readers {
    pub tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    inboxes: Vec<Arc<Mutex<Vec<Arrival>>>>,
    added: AtomicUsize,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub fn start(threads: usize) -> anyhow::Result<Self> {
        let mut readers = Self {
            tally: Arc::default(),
            stop: Arc::default(),
            inboxes: Vec::new(),
            added: AtomicUsize::new(0),
            threads: Vec::new(),
        };
        for _ in 0..threads.max(1) {
            let inbox = Arc::<Mutex<Vec<Arrival>>>::default();
            let reader = Reader {
                poll: Poll::new().context("make a poll")?,
                sockets: Vec::new(),
                inbox: inbox.clone(),
                tally: readers.tally.clone(),
                stop: readers.stop.clone(),
            };
            let run = move || {
                if let Err(error) = reader.run() {
                    eprintln!("a reader failed: {error}");
                }
            };
            let thread = std::thread::Builder::new().name("bench-reader".to_owned()).spawn(run)?;
            readers.threads.push(thread);
            readers.inboxes.push(inbox);
        }
        Ok(readers)
    }

    /// Hands over a socket.
    pub fn add(&self, stream: std::net::TcpStream, rest: Vec<u8>) -> anyhow::Result<()> {
        stream.set_nonblocking(true)?;
        let place = self.added.fetch_add(1, Ordering::Relaxed) % self.inboxes.len();
        self.inboxes[place].lock().unwrap_or_else(PoisonError::into_inner).push((stream, rest));
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[derive(Debug)]
struct Socket {
    /// `None` once closed.
    stream: Option<mio::net::TcpStream>,
    scanner: Scanner,
}

struct Reader {
    poll: Poll,
    sockets: Vec<Socket>,
    inbox: Arc<Mutex<Vec<Arrival>>>,
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    fn run(mut self) -> std::io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; BUFFER];
        let pong = masked(b"{}");
        while !self.stop.load(Ordering::Relaxed) {
            self.take_in(&pong)?;
            match self.poll.poll(&mut events, Some(TICK)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                if let Some(socket) = self.sockets.get_mut(event.token().0) {
                    socket.read(&mut buffer, &self.tally, &pong);
                }
            }
        }
        Ok(())
    }

    /// Takes over what was handed in. The poll tells of what waits in those sockets already.
    fn take_in(&mut self, pong: &[u8]) -> std::io::Result<()> {
        let arrivals = std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        for (stream, rest) in arrivals {
            let token = Token(self.sockets.len());
            let mut stream = mio::net::TcpStream::from_std(stream);
            self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
            let scanner = Scanner::new(token.0.is_multiple_of(SAMPLED));
            let mut socket = Socket { stream: Some(stream), scanner };
            socket.pass(&rest, &self.tally, pong);
            self.sockets.push(socket);
        }
        Ok(())
    }
}

impl Socket {
    /// Takes everything that waits.
    fn read(&mut self, buffer: &mut [u8], tally: &Tally, pong: &[u8]) {
        while let Some(stream) = &mut self.stream {
            match stream.read(buffer) {
                Ok(0) => self.close(1006, tally),
                Ok(length) => {
                    tally.reads.fetch_add(1, Ordering::Relaxed);
                    self.pass(&buffer[..length], tally, pong);
                    // A short read has emptied the socket: the poll tells of what comes later.
                    if length < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.close(1006, tally),
            }
        }
    }

    fn pass(&mut self, bytes: &[u8], tally: &Tally, pong: &[u8]) {
        let (mut deliveries, mut pongs, mut close) = (0, 0, None);
        let mut latencies = Latencies::default();
        self.scanner.scan(bytes, |seen| match seen {
            Seen::Publications { count, payload } => {
                deliveries += count;
                if let Some(payload) = payload {
                    let now = stamp::now();
                    let sent = payload.split(|byte| *byte == b'\n').filter_map(stamp::find);
                    sent.for_each(|sent| latencies.add_micros(now.saturating_sub(sent) / 1000));
                }
            }
            Seen::Ping => pongs += 1,
            Seen::SocketPing => {}
            Seen::Close(code) => close = Some(code),
        });
        tally.deliveries.fetch_add(deliveries, Ordering::Relaxed);
        tally.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        tally.pings.fetch_add(pongs, Ordering::Relaxed);
        if latencies.len() > 0 {
            tally.latencies.lock().unwrap_or_else(PoisonError::into_inner).merge(latencies);
        }
        for _ in 0..pongs {
            // A full socket on a quiet connection does not happen; the server would say 3012.
            if let Some(stream) = &mut self.stream {
                let _ = stream.write(pong);
            }
        }
        if let Some(code) = close {
            self.close(code, tally);
        }
    }

    fn close(&mut self, code: u16, tally: &Tally) {
        self.stream = None;
        tally.closed.fetch_add(1, Ordering::Relaxed);
        tally.codes.lock().unwrap_or_else(PoisonError::into_inner).push(code);
    }
}
