//! Writing to a socket: everything that waits goes out in one flush.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt;

use super::codes::CloseCode;
use super::protocol::{Encoded, Protocol};
use super::session::End;
use crate::hub::connection::Connection;

/// From this many on, small messages share frames.
const JOIN_FROM: usize = 4;
const JOINED_MESSAGES: usize = 16;
const JOINED_BYTES: usize = 16 * 1024;
/// Time that a close frame and the client's answer may take.
const CLOSING: Duration = Duration::from_secs(1);
/// Time for the close frame to arrive if the client's data cannot be read any more.
const LINGER: Duration = Duration::from_millis(250);

/// Messages as few frames, in order.
pub fn frames(protocol: Protocol, messages: Vec<Encoded>) -> Vec<Encoded> {
    if messages.len() < JOIN_FROM {
        return messages;
    }
    let mut frames = Vec::new();
    let mut start = 0;
    while start < messages.len() {
        let mut end = start + 1;
        let mut bytes = messages[start].len();
        while end < messages.len()
            && end - start < JOINED_MESSAGES
            && bytes + messages[end].len() < JOINED_BYTES
        {
            bytes += messages[end].len() + 1;
            end += 1;
        }
        frames.push(match &messages[start..end] {
            [single] => single.clone(),
            several => protocol.join(several),
        });
        start = end;
    }
    frames
}

/// Writes frames and flushes once. A client that does not take them within `patience`, or whose
/// queue has overflown meanwhile, is slow.
pub async fn write(
    socket: &mut WebSocket,
    frames: impl IntoIterator<Item = Message>,
    connection: &Connection,
    patience: Duration,
) -> Result<(), End> {
    let writing = async {
        for frame in frames {
            socket.feed(frame).await?;
        }
        socket.flush().await
    };
    tokio::pin!(writing);
    let deadline = tokio::time::sleep(patience);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            biased;
            written = &mut writing => return written.map_err(|_| End::Gone),
            () = connection.woken() => {
                if connection.closing() == Some(CloseCode::Slow) {
                    return Err(End::Close(CloseCode::Slow));
                }
            }
            () = &mut deadline => return Err(End::Close(CloseCode::Slow)),
        }
    }
}

/// Says why, waits a moment for the client's answer, and lets go.
pub async fn close(socket: &mut WebSocket, code: CloseCode, unreadable: bool) {
    metrics::counter!("parlance_realtime_closed_total", "code" => code.number().to_string()).increment(1);
    let frame = CloseFrame { code: code.number(), reason: code.reason().into() };
    let handshake = async {
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        if unreadable {
            tokio::time::sleep(LINGER).await;
        }
        while let Some(Ok(_)) = socket.recv().await {}
    };
    // One who does not answer is dropped.
    let _ = tokio::time::timeout(CLOSING, handshake).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(size: usize) -> Encoded {
        Encoded::Text("x".repeat(size).into())
    }

    #[test]
    fn few_messages_travel_alone_and_many_together() {
        let sizes = |count: usize, size: usize| -> Vec<usize> {
            frames(Protocol::Json, vec![message(size); count]).iter().map(Encoded::len).collect()
        };
        assert_eq!(sizes(3, 10), [10, 10, 10]);
        assert_eq!(sizes(4, 10), [43]);
        assert_eq!(sizes(20, 10), [16 * 11 - 1, 4 * 11 - 1]);
        assert_eq!(sizes(4, 20_000), [20_000; 4]);
        assert!(sizes(40, 3_000).iter().all(|&size| size <= JOINED_BYTES));
    }

    #[test]
    fn joining_keeps_the_order() {
        let messages = (0..50).map(|number| Encoded::Text(number.to_string().into())).collect();
        let joined: Vec<String> = frames(Protocol::Json, messages)
            .into_iter()
            .map(|frame| match frame {
                Encoded::Text(text) => text.to_string(),
                Encoded::Binary(_) => unreachable!("JSON is text"),
            })
            .collect();
        let expected: Vec<String> = (0..50).map(|number: i32| number.to_string()).collect();
        assert_eq!(joined.join("\n"), expected.join("\n"));
    }
}
