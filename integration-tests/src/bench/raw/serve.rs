use std::io::{BufRead as _, IoSlice, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::super::socket::{plain, stamp};
use super::child::Order;

/// Threads that write, each to its share of the sockets.
const THREADS: usize = 2;

/// Accepts `sockets` connections, then runs the orders that arrive on standard input, one per line.
pub fn serve(sockets: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(listener.local_addr()?.port())?;
    let mut parts: Vec<Vec<TcpStream>> = (0..THREADS).map(|_| Vec::new()).collect();
    for place in 0..sockets {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        parts[place % THREADS].push(stream);
    }
    say("ready")?;
    for line in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?).context("an order is JSON")?;
        let writes = thread::scope(|scope| {
            let runs: Vec<_> = parts.iter_mut().map(|sockets| scope.spawn(|| run(sockets, &order))).collect();
            runs.into_iter()
                .map(|run| run.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a writer panicked"))))
                .sum::<anyhow::Result<u64>>()
        })?;
        say(writes)?;
    }
    Ok(())
}

fn say(what: impl std::fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{what}")?;
    Ok(out.flush()?)
}

/// Rounds over all sockets until the time is up; how many writes that were.
fn run(sockets: &mut [TcpStream], order: &Order) -> anyhow::Result<u64> {
    let start = Instant::now();
    let lasting = Duration::from_millis(order.millis);
    let mut writes = 0;
    let mut round = 0;
    while start.elapsed() < lasting {
        let mut late = Duration::ZERO;
        if let Some(per_second) = order.per_second {
            let due = start + Duration::from_secs(1) * round / per_second;
            match due.checked_duration_since(Instant::now()) {
                Some(wait) => thread::sleep(wait),
                None => late = due.elapsed(),
            }
        }
        let frame = frame(order.frame_bytes, stamp::now().saturating_sub(late.as_nanos() as u64));
        for socket in sockets.iter_mut() {
            write_all(socket, &frame, order.batch)?;
            writes += 1;
        }
        round += 1;
    }
    Ok(writes)
}

/// A frame of exactly this many bytes that carries a time.
fn frame(bytes: usize, nanos: u64) -> Vec<u8> {
    let head = if bytes < 128 { 2 } else { 4 };
    plain(stamp::text(nanos, bytes.saturating_sub(head)).as_bytes())
}

/// One vectored write of `batch` frames; more calls only if the socket takes less.
fn write_all(socket: &mut TcpStream, frame: &[u8], batch: usize) -> std::io::Result<()> {
    let slices = vec![IoSlice::new(frame); batch];
    let total = frame.len() * batch;
    let mut done = socket.write_vectored(&slices)?;
    while done < total {
        let rest = &frame[done % frame.len()..];
        let mut slices = vec![IoSlice::new(rest)];
        let whole = (total - done - rest.len()) / frame.len();
        slices.extend(std::iter::repeat_n(IoSlice::new(frame), whole));
        done += socket.write_vectored(&slices)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_frame_has_the_wanted_size() {
        for bytes in [60, 300, 1200] {
            assert_eq!(frame(bytes, 1).len(), bytes);
        }
    }

    #[test]
    fn a_batch_arrives_whole_through_a_slow_reader() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut writer, _) = listener.accept().unwrap();
        let frame: Vec<u8> = (0..200_003_u32).map(|index| (index % 251) as u8).collect();
        let expected = frame.repeat(40);
        let writing = thread::spawn(move || write_all(&mut writer, &frame, 40));
        let mut arrived = Vec::new();
        reader.read_to_end(&mut arrived).unwrap();
        writing.join().unwrap().unwrap();
        assert_eq!(arrived.len(), expected.len());
        assert!(arrived == expected);
    }
}
