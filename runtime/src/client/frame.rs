//! Frames of the socket in either encoding of `lore.v1`.

use super::rpc::{Id, RpcError, write_response};
use protocol::prost::Message as _;
use protocol::v1::notification::Method;
use protocol::v1::response::Outcome;
use protocol::v1::{self, Notification, ServerFrame};
use serde::Serialize;
use std::cell::OnceCell;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

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
}

impl From<Frame> for Message {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text),
            Frame::Binary(bytes) => Self::Binary(bytes),
        }
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
            binary(&ServerFrame { notifications, responses: Vec::new() })
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
            binary(&ServerFrame { responses: vec![response], notifications: Vec::new() })
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
}
