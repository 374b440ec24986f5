//! Frames of the socket in either encoding of `lore.v1`.

use super::rpc::{Id, RpcError, write_response};
use protocol::prost::{Message as _, encoding};
use protocol::v1::notification::Method;
use protocol::v1::response::Outcome;
use protocol::v1::{self, Notification, ServerFrame};
use serde::Serialize;
use std::cell::OnceCell;
use std::io::{Cursor, Write as _};
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

/// `ServerFrame.seq`.
const SEQ: u32 = 3;

/// How a connection writes its messages; agreed on as the subprotocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Encoding {
    /// JSON-RPC 2.0 on text frames.
    #[default]
    Json,
    /// Protocol Buffers on binary frames.
    Proto,
}

impl Encoding {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Json, Self::Proto];

    /// The name of the subprotocol.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "lore.v1.json",
            Self::Proto => "lore.v1.proto",
        }
    }
}

/// A finished frame. A clone shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Of `lore.v1.json`.
    Text(Utf8Bytes),
    /// Of `lore.v1.proto`.
    Binary(Bytes),
}

impl Frame {
    /// Bytes of its payload.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What kind of frame it is for WebSocket, and what is in it.
    pub(super) fn data(&self) -> (Data, &[u8]) {
        match self {
            Self::Text(text) => (Data::Text, text.as_bytes()),
            Self::Binary(bytes) => (Data::Binary, bytes),
        }
    }
}

/// Longest beginning of a message with its number: of an answer to a batch, as JSON.
pub(super) const NUMBER_BYTES: usize = "[{\"seq\":,".len() + 20;

/// A frame as it goes to one client: one that must not be lost has a number. The bytes are still shared: the number
/// stands before them, and they are only put together where they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The message.
    pub frame: Frame,
    /// Its number among those of its client that must not be lost. The answer to a batch has it in its first response.
    pub seq: Option<u64>,
}

impl From<Frame> for Numbered {
    /// One without a number.
    fn from(frame: Frame) -> Self {
        Self { frame, seq: None }
    }
}

impl Numbered {
    /// Bytes of its payload.
    pub fn len(&self) -> usize {
        self.beginning().map_or(self.frame.len(), |beginning| {
            self.frame.len() - beginning.replaced + beginning.written().len()
        })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What stands before the rest of the frame.
    pub(super) fn beginning(&self) -> Option<Beginning> {
        let seq = self.seq?;
        let mut text = Cursor::new([0; NUMBER_BYTES]);
        let (written, replaced) = match &self.frame {
            Frame::Text(text_of_it) => {
                let inside = text_of_it.find('{').map_or(0, |brace| brace + 1);
                (write!(text, "{}\"seq\":{seq},", &text_of_it[..inside]), inside)
            }
            Frame::Binary(_) => {
                // Fields may come in any order.
                let mut free = &mut text.get_mut()[..];
                encoding::uint64::encode(SEQ, &seq, &mut free);
                let length = NUMBER_BYTES - free.len();
                text.set_position(length as u64);
                (Ok(()), 0)
            }
        };
        // There is room for the greatest number.
        debug_assert!(written.is_ok(), "a beginning longer than {NUMBER_BYTES} bytes");
        Some(Beginning { text, replaced })
    }

    /// The frame in one piece.
    pub fn whole(&self) -> Frame {
        let Some(beginning) = self.beginning() else { return self.frame.clone() };
        let (_, payload) = self.frame.data();
        let bytes = Bytes::from([beginning.written(), &payload[beginning.replaced..]].concat());
        match &self.frame {
            // Text before text.
            Frame::Text(_) => Frame::Text(Utf8Bytes::try_from(bytes).unwrap_or_default()),
            Frame::Binary(_) => Frame::Binary(bytes),
        }
    }
}

/// The beginning of a message with its number.
pub(super) struct Beginning {
    text: Cursor<[u8; NUMBER_BYTES]>,
    /// Bytes of the frame that it takes the place of.
    pub replaced: usize,
}

impl Beginning {
    /// Its bytes.
    pub fn written(&self) -> &[u8] {
        &self.text.get_ref()[..self.text.position() as usize]
    }
}

/// A notification as a frame.
pub fn notification(encoding: Encoding, method: Method) -> Frame {
    match encoding {
        Encoding::Json => {
            #[derive(Serialize)]
            struct Envelope {
                jsonrpc: &'static str,
                #[serde(flatten)]
                method: Method,
            }
            Frame::Text(to_json(&Envelope { jsonrpc: "2.0", method }).into())
        }
        Encoding::Proto => {
            let notifications = vec![Notification { method: Some(method) }];
            binary(&ServerFrame { notifications, ..ServerFrame::default() })
        }
    }
}

/// The response to a call as a frame of its own.
pub fn response(encoding: Encoding, id: &Id, result: Result<Outcome, RpcError>) -> Frame {
    match encoding {
        Encoding::Json => {
            let mut text = String::new();
            write_response(&mut text, id, &result);
            Frame::Text(text.into())
        }
        Encoding::Proto => {
            let outcome = result.unwrap_or_else(|error| Outcome::Error((&error).into()));
            let response = v1::Response { id: id.number(), outcome: Some(outcome) };
            binary(&ServerFrame { responses: vec![response], ..ServerFrame::default() })
        }
    }
}

fn binary(frame: &ServerFrame) -> Frame {
    Frame::Binary(frame.encode_to_vec().into())
}

/// JSON text of one of our own messages.
pub fn to_json<T: Serialize>(value: &T) -> String {
    // Our messages are structs with string keys: serde_json has no reason to refuse them.
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a message could not be written");
        "null".to_owned()
    })
}

/// A notification for many: written once for each encoding that somebody speaks.
pub struct Shared {
    method: Method,
    frames: [OnceCell<Frame>; 2],
}

impl Shared {
    /// Nothing is written yet.
    pub fn new(method: Method) -> Self {
        Self { method, frames: Default::default() }
    }

    /// The frame for one client.
    pub fn frame(&self, encoding: Encoding) -> Frame {
        let cell = &self.frames[encoding as usize];
        cell.get_or_init(|| notification(encoding, self.method.clone())).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v1::{SystemMessage, Trade};

    #[test]
    fn a_notification_in_both_encodings() {
        let method = Method::SystemMessage(SystemMessage { text: "hello".to_owned(), ..Default::default() });
        let shared = Shared::new(method.clone());
        let Frame::Text(text) = shared.frame(Encoding::Json) else { panic!("text") };
        assert_eq!(text, r#"{"jsonrpc":"2.0","method":"system.message","params":{"text":"hello"}}"#);
        let Frame::Binary(bytes) = shared.frame(Encoding::Proto) else { panic!("bytes") };
        let frame = ServerFrame::decode(bytes).expect("decodes");
        assert_eq!(frame.notifications, [Notification { method: Some(method) }]);
    }

    #[test]
    fn a_response_in_both_encodings() {
        let (id, outcome) = (Id::from(7), Outcome::Trade(Trade { price: 2, count: 1 }));
        let Frame::Text(text) = response(Encoding::Json, &id, Ok(outcome.clone())) else { panic!("text") };
        assert_eq!(text, r#"{"jsonrpc":"2.0","id":7,"result":{"price":2,"count":1}}"#);
        let Frame::Binary(bytes) = response(Encoding::Proto, &id, Ok(outcome.clone())) else {
            panic!("bytes")
        };
        let frame = ServerFrame::decode(bytes).expect("decodes");
        assert_eq!(frame.responses, [v1::Response { id: 7, outcome: Some(outcome) }]);
    }

    #[test]
    fn a_numbered_message_is_the_same_message() {
        let method =
            Method::SystemMessage(SystemMessage { text: "{hello}".to_owned(), ..Default::default() });
        let numbered = |frame, seq| {
            let numbered = Numbered { frame, seq: Some(seq) };
            let whole = numbered.whole();
            assert_eq!(numbered.len(), whole.len());
            whole
        };
        let Frame::Text(text) = numbered(notification(Encoding::Json, method.clone()), 7) else {
            panic!("text")
        };
        assert_eq!(
            text,
            r#"{"seq":7,"jsonrpc":"2.0","method":"system.message","params":{"text":"{hello}"}}"#
        );
        let batch = Frame::Text(r#"[{"jsonrpc":"2.0"},{"jsonrpc":"2.0"}]"#.into());
        let Frame::Text(text) = numbered(batch, u64::MAX) else { panic!("text") };
        assert_eq!(text, format!(r#"[{{"seq":{},"jsonrpc":"2.0"}},{{"jsonrpc":"2.0"}}]"#, u64::MAX));
        for seq in [1, 1 << 40, u64::MAX] {
            let Frame::Binary(bytes) = numbered(notification(Encoding::Proto, method.clone()), seq) else {
                panic!("bytes")
            };
            let frame = ServerFrame::decode(bytes).expect("decodes");
            let notice = Notification { method: Some(method.clone()) };
            assert_eq!((frame.seq, frame.notifications), (seq, vec![notice]));
        }
    }
}
