//! WebSocket frames of a server, seen as they pass: boundaries and line ends, without copies.

/// Longest payload that is kept to be looked at: pings (`{}`) and close frames.
const SMALL: usize = 125;

const OPCODE_CLOSE: u8 = 0x8;
const OPCODE_PING: u8 = 0x9;

/// What a frame was.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Some publications; their bytes only for sockets that are sampled.
    Publications {
        count: u64,
        payload: Option<&'a [u8]>,
    },
    /// `{}`, which wants the same as an answer.
    Ping,
    /// A WebSocket ping.
    SocketPing,
    Close(u16),
}

/// Finds frames in a stream of bytes that arrives in pieces of any size.
#[derive(Debug, Default)]
pub struct Scanner {
    head: [u8; 10],
    head_length: usize,
    opcode: u8,
    /// Bytes of the payload that are still to come; `None` = within a head.
    left: Option<u64>,
    lines: u64,
    length: u64,
    small: Vec<u8>,
    /// Keeps whole payloads.
    keep: bool,
}

impl Scanner {
    /// `keep` hands out whole payloads.
    pub fn new(keep: bool) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Passes bytes by; reports each frame that is complete.
    pub fn scan(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Seen<'_>)) {
        while !bytes.is_empty() {
            let Some(left) = self.left else {
                bytes = self.read_head(bytes);
                if self.left == Some(0) {
                    self.finish(&mut seen);
                }
                continue;
            };
            let here = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let (piece, rest) = bytes.split_at(here);
            bytes = rest;
            self.lines += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
            if self.keep || self.length <= SMALL as u64 {
                self.small.extend_from_slice(piece);
            }
            self.left = Some(left - here as u64);
            if self.left == Some(0) {
                self.finish(&mut seen);
            }
        }
    }

    fn read_head<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some((first, rest)) = bytes.split_first() {
            self.head[self.head_length] = *first;
            self.head_length += 1;
            bytes = rest;
            let wanted = match self.head[1] & 0x7f {
                _ if self.head_length < 2 => 2,
                126 => 4,
                127 => 10,
                _ => 2,
            };
            if self.head_length == wanted {
                self.length = match wanted {
                    2 => u64::from(self.head[1] & 0x7f),
                    _ => self.head[2..wanted].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
                };
                self.opcode = self.head[0] & 0x0f;
                self.left = Some(self.length);
                self.head_length = 0;
                break;
            }
        }
        bytes
    }

    fn finish(&mut self, seen: &mut impl FnMut(Seen<'_>)) {
        match self.opcode {
            OPCODE_CLOSE => {
                let code = self.small.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                seen(Seen::Close(code));
            }
            OPCODE_PING => seen(Seen::SocketPing),
            _ if self.length == 2 && self.small == b"{}" => seen(Seen::Ping),
            _ => {
                let payload = self.keep.then_some(self.small.as_slice());
                seen(Seen::Publications { count: self.lines + 1, payload });
            }
        }
        self.left = None;
        self.lines = 0;
        self.small.clear();
    }
}

/// A text frame of a client.
pub fn masked(text: &[u8]) -> Vec<u8> {
    // A mask of zeros is a mask; loopback has no proxies that it would have to protect.
    let mut frame = vec![0x81];
    match text.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text);
    frame
}

/// A text frame of a server.
pub fn plain(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ 0..126 => frame.push(length as u8),
        length @ 126..65_536 => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(text);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(bytes: &[u8], piece: usize) -> (u64, usize, Vec<u16>) {
        let (mut publications, mut pings, mut closes) = (0, 0, Vec::new());
        let mut scanner = Scanner::new(false);
        for piece in bytes.chunks(piece) {
            scanner.scan(piece, |seen| match seen {
                Seen::Publications { count, .. } => publications += count,
                Seen::Ping | Seen::SocketPing => pings += 1,
                Seen::Close(code) => closes.push(code),
            });
        }
        (publications, pings, closes)
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let mut bytes = plain(b"{\"push\":1}");
        bytes.extend(plain(b"{}"));
        bytes.extend(plain(format!("{}\n{}\n{}", "a".repeat(300), "b".repeat(70_000), "c").as_bytes()));
        bytes.extend(plain("d".repeat(200).as_bytes()));
        bytes.extend([0x88, 2, 0x0b, 0xc0]);
        for piece in [1, 2, 3, 7, 100, 1 << 20] {
            assert_eq!(counts(&bytes, piece), (5, 1, vec![3008]), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_kept_payload_is_whole() {
        let mut scanner = Scanner::new(true);
        let mut kept = Vec::new();
        for piece in plain("x\ny".repeat(100).as_bytes()).chunks(50) {
            scanner.scan(piece, |seen| {
                if let Seen::Publications { payload: Some(payload), count } = seen {
                    kept.push((payload.len(), count));
                }
            });
        }
        assert_eq!(kept, [(300, 101)]);
    }
}
