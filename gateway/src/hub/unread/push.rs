//! Counts on their way to sockets.

use std::time::Instant;

use parlance_core::Num;

use super::super::render;
use super::super::stream::StreamKey;
use super::task::Counting;

/// Channels whose counts are pushed after a subscription.
const PUSHED_AT_FIRST: usize = 200;

impl Counting {
    /// Pushes the current values to the connections that wait for them.
    pub fn greet(&mut self, num: Num) {
        let Some(user) = self.users.get_mut(&num) else { return };
        let waiting = std::mem::take(&mut user.waiting);
        if waiting.is_empty() {
            return;
        }
        let Some(stream) = self.edge.hub().stream(StreamKey::user(num)) else { return };
        let mut publications: Vec<_> = user
            .counts
            .unread()
            .take(PUSHED_AT_FIRST)
            .map(|(channel, count)| render::unread(&stream, channel, count))
            .collect();
        publications.push(render::total_unread(&stream, user.counts.total()));
        for connection in waiting.into_values() {
            connection.publish(publications.iter(), Instant::now());
        }
        user.pushed_total.get_or_insert(user.counts.total());
    }

    /// Pushes what has changed to everybody's sockets.
    pub fn flush(&mut self) {
        self.flush_at = None;
        for num in std::mem::take(&mut self.dirty) {
            let Some(user) = self.users.get_mut(&num).filter(|user| user.ready) else { continue };
            let changed = std::mem::take(&mut user.changed);
            let total = user.counts.total();
            let total_changed = user.pushed_total.replace(total) != Some(total);
            let Some(stream) = self.edge.hub().stream(StreamKey::user(num)) else { continue };
            for channel in changed {
                if let Some(count) = user.counts.of(channel) {
                    stream.broadcast(&render::unread(&stream, channel, count));
                }
            }
            if total_changed {
                stream.broadcast(&render::total_unread(&stream, total));
            }
        }
    }
}
