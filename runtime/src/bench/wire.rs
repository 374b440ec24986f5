//! Frames of WebSocket as the load reads and writes them: no message is built of what comes in, only the few bytes at
//! its front are looked at. A client that did more would be what is measured.

/// Bytes kept of a frame's front.
const PEEK_BYTES: usize = 96;
/// Longest header of a frame that carries no mask (RFC 6455, 5.2).
const HEADER_BYTES: usize = 10;

/// Kinds of frames.
pub mod opcode {
    /// Bytes.
    pub const BINARY: u8 = 0x2;
    /// The last.
    pub const CLOSE: u8 = 0x8;
    /// To be answered.
    pub const PING: u8 = 0x9;
    /// The answer.
    pub const PONG: u8 = 0xa;
}

/// One frame that was read to its end.
pub struct Seen<'a> {
    /// Its kind.
    pub opcode: u8,
    /// Its first bytes.
    pub front: &'a [u8],
    /// All its bytes, header included.
    pub bytes: u64,
}

/// Takes a stream of bytes apart.
#[derive(Default)]
pub struct Reader {
    header: [u8; HEADER_BYTES],
    have: usize,
    /// Bytes of the payload that have not come yet, once the header has.
    left: Option<u64>,
    payload: u64,
    front: Vec<u8>,
}

impl Reader {
    /// Takes what came; `on` is told of every frame that is complete with it.
    pub fn read(&mut self, mut bytes: &[u8], mut on: impl FnMut(Seen<'_>)) {
        loop {
            let Some(left) = self.left else {
                let Some((first, rest)) = bytes.split_first() else { return };
                self.header[self.have] = *first;
                self.have += 1;
                bytes = rest;
                self.left = self.payload_bytes();
                self.payload = self.left.unwrap_or(0);
                continue;
            };
            let take = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let (body, rest) = bytes.split_at(take);
            let room = PEEK_BYTES.saturating_sub(self.front.len());
            self.front.extend_from_slice(&body[..take.min(room)]);
            bytes = rest;
            if (take as u64) < left {
                self.left = Some(left - take as u64);
                return;
            }
            let opcode = self.header[0] & 0x0f;
            on(Seen { opcode, front: &self.front, bytes: self.have as u64 + self.payload });
            self.front.clear();
            self.have = 0;
            self.left = None;
        }
    }

    /// `None` while bytes of the header are missing.
    fn payload_bytes(&self) -> Option<u64> {
        let (header, short) = (&self.header[..self.have], self.header[1] & 0x7f);
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        match (header.len(), short) {
            (2, 0..=125) => Some(u64::from(short)),
            (4, 126) => Some(number(&header[2..])),
            (10, 127) => Some(number(&header[2..])),
            _ => None,
        }
    }
}

/// Appends a client's frame. Its mask is zero: it has to be there, and costs nothing this way.
pub fn write(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match u16::try_from(payload.len()) {
        Ok(short @ 0..=125) => out.push(0x80 | short as u8),
        Ok(long) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&long.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// The code and reason of a close frame.
pub fn close_reason(front: &[u8]) -> String {
    match front.split_first_chunk::<2>() {
        Some((code, reason)) => format!("{} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason)),
        None => "without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    fn served(payload: Vec<u8>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let frame = Frame::message(payload, OpCode::Data(Data::Binary), true);
        frame.format(&mut bytes).expect("written");
        bytes
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        let lengths = [0, 1, 125, 126, 70_000, 3];
        let stream: Vec<u8> = lengths.iter().flat_map(|&length| served(vec![7; length])).collect();
        for chunk in [1, 2, 3, 1_000, stream.len()] {
            let (mut reader, mut seen) = (Reader::default(), Vec::new());
            for bytes in stream.chunks(chunk) {
                reader.read(bytes, |frame| {
                    assert_eq!(frame.opcode, opcode::BINARY);
                    assert!(frame.front.iter().all(|byte| *byte == 7));
                    seen.push((frame.front.len(), frame.bytes));
                });
            }
            let expected = [(0, 2), (1, 3), (96, 127), (96, 130), (96, 70_010), (3, 5)];
            assert_eq!(seen, expected, "in pieces of {chunk}");
        }
    }

    #[test]
    fn what_is_written_is_a_masked_frame() {
        for length in [0, 125, 126, 65_536] {
            let mut bytes = Vec::new();
            write(&mut bytes, opcode::BINARY, &vec![9; length]);
            assert_eq!(bytes[0], 0x82);
            assert_eq!(bytes[1] & 0x80, 0x80, "the mask's bit");
            assert!(bytes.ends_with(&vec![9; length]));
            let header = bytes.len() - length - 4;
            assert_eq!(header, [2, 4, 10][usize::from(length > 125) + usize::from(length > 65_535)]);
        }
    }

    #[test]
    fn a_close_frame_says_why() {
        assert_eq!(close_reason(b"\x03\xf0policy"), "1008 policy");
        assert_eq!(close_reason(b""), "without a code");
    }
}
