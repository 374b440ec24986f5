//! The envelopes of both encodings: from a frame to calls, and from answers to text. What the methods mean
//! does not live here.

use super::frame::to_json;
use super::limits;
use protocol::prost::Message as _;
use protocol::v1::call::Method;
use protocol::v1::response::Outcome;
use protocol::v1::{self, ClientFrame, ErrorData};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

/// What the sender calls its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// `null`; also used where the id of a broken request is not known.
    Null,
    /// As it was written.
    Number(serde_json::Number),
    /// Any string.
    String(String),
}

impl Id {
    fn parse(raw: &RawValue) -> Option<Self> {
        match serde_json::from_str(raw.get()).ok()? {
            serde_json::Value::Null => Some(Self::Null),
            serde_json::Value::Number(number) => Some(Self::Number(number)),
            serde_json::Value::String(string) => Some(Self::String(string)),
            _ => None,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Number(number) => {
                let _ = write!(out, "{number}");
            }
            Self::String(string) => write_string(out, string),
        }
    }

    /// The number that `lore.v1.proto` knows it by; 0 where the id of a broken request is not known.
    pub fn number(&self) -> u64 {
        self.counted().unwrap_or(0)
    }

    /// Its place in the order of the client's calls, if it is a number that can be counted up.
    pub fn counted(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            Self::Null | Self::String(_) => None,
        }
    }
}

/// For logs: what somebody else wrote, on one line and cut short.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(string) => write!(f, "{:?}", string.chars().take(40).collect::<String>()),
        }
    }
}

impl From<u64> for Id {
    fn from(id: u64) -> Self {
        Self::Number(id.into())
    }
}

/// One call of a frame.
#[derive(Debug)]
pub struct Call<'a> {
    /// Missing for a notification, which gets no answer.
    pub id: Option<Id>,
    /// Not yet known to exist.
    pub method: Cow<'a, str>,
    params: Params<'a>,
}

/// What comes with a call.
#[derive(Debug)]
enum Params<'a> {
    /// Not yet known to fit the method.
    Json(&'a str),
    /// Read already.
    Proto(Option<Method>),
}

impl Call<'_> {
    /// Bytes of its params, as they were written.
    pub fn size(&self) -> usize {
        match &self.params {
            Params::Json(params) => params.len(),
            Params::Proto(method) => method.as_ref().map_or(0, Method::encoded_len),
        }
    }

    /// What is asked for.
    ///
    /// # Errors
    /// There is no such method, or the params do not fit it.
    pub fn read(self) -> Result<Method, RpcError> {
        let unknown = || RpcError::MethodNotFound(self.method.chars().take(40).collect());
        match self.params {
            Params::Proto(method) => method.ok_or_else(unknown),
            // A list would be read as the members in their order.
            Params::Json(params) if !params.starts_with('{') => {
                Err(RpcError::InvalidParams("`params` is not an object with named members".to_owned()))
            }
            Params::Json(params) => match Method::from_json(&self.method, params) {
                Some(method) => method.map_err(|error| RpcError::InvalidParams(error.0)),
                None => Err(unknown()),
            },
        }
    }
}

/// A call, or what to answer instead.
pub type Parsed<'a> = Result<Call<'a>, (Id, RpcError)>;

/// What a frame held.
#[derive(Debug)]
pub enum Calls<'a> {
    /// One call, or several that are answered one by one.
    Each(Vec<Parsed<'a>>),
    /// An array of 1 to [`limits::BATCH_CALLS`] calls, answered together.
    Batch(Vec<Parsed<'a>>),
}

const NOT_JSON: &str = "JSON; send one JSON-RPC 2.0 call, or an array of them";
const EMPTY: RpcError = RpcError::InvalidRequest("the batch is empty; put 1 to 32 calls into it");
const TOO_LONG: RpcError = RpcError::InvalidRequest("the batch holds more than 32 calls; send it in parts");

/// Decodes a text frame. Never panics, whatever the text.
pub fn decode_text(text: &str) -> Calls<'_> {
    let refuse = |error| Calls::Each(vec![Err((Id::Null, error))]);
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        return refuse(RpcError::Parse(NOT_JSON));
    };
    if !raw.get().starts_with('[') {
        return Calls::Each(vec![decode_call(raw)]);
    }
    match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
        Ok(calls) if calls.is_empty() => refuse(EMPTY),
        Ok(calls) if calls.len() > limits::BATCH_CALLS => refuse(TOO_LONG),
        Ok(calls) => Calls::Batch(calls.into_iter().map(decode_call).collect()),
        Err(_) => refuse(RpcError::Parse(NOT_JSON)),
    }
}

/// Decodes a binary frame. Never panics, whatever the bytes.
pub fn decode_binary(bytes: &[u8]) -> Calls<'static> {
    let refuse = |error| Calls::Each(vec![Err((Id::Null, error))]);
    match ClientFrame::decode(bytes) {
        Err(_) => refuse(RpcError::Parse("a ClientFrame of proto/lore/v1/frame.proto")),
        Ok(frame) if frame.calls.is_empty() => refuse(EMPTY),
        Ok(frame) if frame.calls.len() > limits::BATCH_CALLS => refuse(TOO_LONG),
        Ok(frame) => {
            let call = |call: v1::Call| Call {
                id: call.id.map(Id::from),
                method: Cow::Borrowed(
                    call.method.as_ref().map_or("that this server does not know", Method::name),
                ),
                params: Params::Proto(call.method),
            };
            Calls::Each(frame.calls.into_iter().map(|it| Ok(call(it))).collect())
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    // `Option` would make `null` the same as a missing member.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn decode_call(raw: &RawValue) -> Parsed<'_> {
    let invalid = |id: Option<Id>, why| Err((id.unwrap_or(Id::Null), RpcError::InvalidRequest(why)));
    if !raw.get().starts_with('{') {
        return invalid(
            None,
            "a call is an object such as {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system.ping\"}",
        );
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(raw.get()) else {
        return invalid(None, "a member of the call appears twice");
    };
    let id = match envelope.id {
        None => None,
        Some(raw) => match Id::parse(raw) {
            Some(id) => Some(id),
            None => return invalid(None, "`id` is neither a string nor a number nor null"),
        },
    };
    if envelope.jsonrpc.is_none_or(|version| version.get() != "\"2.0\"") {
        return invalid(id, "`jsonrpc` is not \"2.0\"");
    }
    let Some(method) = envelope.method.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok())
    else {
        return invalid(id, "`method` is not a string");
    };
    let params = envelope.params.map_or("{}", RawValue::get);
    Ok(Call { id, method: method.0, params: Params::Json(params) })
}

/// A string that borrows where it was written without escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Why a call is not answered with a result. The codes are listed in `docs/protocol.md`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// Not what the encoding of the connection says.
    #[error("the message is not {0}")]
    Parse(&'static str),
    /// Readable, but no call.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// No such method.
    #[error("there is no method `{0}`; docs/protocol.md lists all")]
    MethodNotFound(String),
    /// The message names the member.
    #[error("{0}")]
    InvalidParams(String),
    /// A defect of the server.
    #[error("the server has a defect, which is in its log; nothing was changed")]
    Internal,
    /// The token is not good for this.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Too many calls.
    #[error("too many calls; try again in {} ms", .0.as_millis())]
    RateLimited(Duration),
    /// The token ran out while the call waited for its answer.
    #[error("the token has expired or was revoked: get another and connect again")]
    SessionExpired,
    /// The session is not in the right state.
    #[error("{0}")]
    InvalidState(&'static str),
    /// A connection listens to so many characters and no more.
    #[error(
        "a connection hears of at most {} characters; `presence.unsubscribe` from some first",
        crate::presence::limits::SUBSCRIPTIONS
    )]
    SubscriptionLimit,
    /// The zone's inbox or the session's list of open requests is full.
    #[error("too much to do; try again in {} ms", .0.as_millis())]
    Busy(Duration),
    /// The game's rules say no.
    #[error("the rules of the game do not allow this: {0}")]
    Rejected(&'static str),
    /// They say no for a while.
    #[error("the rules of the game do not allow this yet: {rejection}; try again in {} ms", .wait.as_millis())]
    NotYet {
        /// The stable code.
        rejection: &'static str,
        /// Until the same call may be allowed.
        wait: Duration,
    },
    /// The same for a name that nothing has; the message says which one may have been meant.
    #[error("{message}")]
    UnknownName {
        /// The stable code.
        rejection: &'static str,
        /// In words.
        message: String,
    },
    /// The store cannot be reached.
    #[error("the store cannot be reached; nothing was changed; try again in {} ms", .0.as_millis())]
    Unavailable(Duration),
}

impl RpcError {
    /// The number and the stable word.
    pub fn code(&self) -> (i32, &'static str) {
        match self {
            Self::Parse(_) => (-32700, "parse_error"),
            Self::InvalidRequest(_) => (-32600, "invalid_request"),
            Self::MethodNotFound(_) => (-32601, "method_not_found"),
            Self::InvalidParams(_) => (-32602, "invalid_params"),
            Self::Internal => (-32603, "internal"),
            Self::Unauthorized(_) => (-32000, "unauthorized"),
            Self::RateLimited(_) => (-32001, "rate_limited"),
            Self::SessionExpired => (-32002, "session_expired"),
            Self::InvalidState(_) => (-32003, "invalid_state"),
            Self::SubscriptionLimit => (-32004, "subscription_limit"),
            Self::Busy(_) => (-32010, "busy"),
            Self::Rejected(_) | Self::NotYet { .. } | Self::UnknownName { .. } => (-32011, "rejected"),
            Self::Unavailable(_) => (-32012, "unavailable"),
        }
    }
}

impl From<&RpcError> for v1::Error {
    fn from(error: &RpcError) -> Self {
        let (code, reason) = error.code();
        let (mut retry_after_ms, mut rejection) = (None, None);
        match error {
            RpcError::RateLimited(wait)
            | RpcError::Busy(wait)
            | RpcError::Unavailable(wait)
            | RpcError::NotYet { wait, .. } => {
                retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
            }
            _ => {}
        }
        if let RpcError::Rejected(code)
        | RpcError::NotYet { rejection: code, .. }
        | RpcError::UnknownName { rejection: code, .. } = error
        {
            rejection = Some((*code).to_owned());
        }
        let data = ErrorData { reason: reason.to_owned(), retry_after_ms, rejection };
        Self { code, message: error.to_string(), data: Some(data) }
    }
}

/// Appends the response to a call as JSON.
pub fn write_response(out: &mut String, id: &Id, result: &Result<Outcome, RpcError>) {
    out.push_str(r#"{"jsonrpc":"2.0","id":"#);
    id.write(out);
    match result {
        Ok(outcome) => {
            out.push_str(r#","result":"#);
            out.push_str(&to_json(outcome));
        }
        Err(error) => {
            out.push_str(r#","error":"#);
            out.push_str(&to_json(&v1::Error::from(error)));
        }
    }
    out.push('}');
}

/// Appends a JSON string.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut clean_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[clean_from..at]);
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        clean_from = at + 1;
    }
    out.push_str(&text[clean_from..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sim::output::Rejection;

    fn answer(text: &str) -> String {
        let mut out = String::new();
        match decode_text(text) {
            Calls::Each(mut calls) => match calls.remove(0) {
                Err((id, error)) => write_response(&mut out, &id, &Err(error)),
                Ok(call) => out = format!("{:?} {}", call.id, call.method),
            },
            Calls::Batch(calls) => out = format!("batch of {}", calls.len()),
        }
        out
    }

    #[test]
    fn broken_envelopes_get_the_standard_codes() {
        assert!(answer("{").contains("-32700"));
        assert!(answer("").contains("-32700"));
        assert!(answer(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":NaN}}"#).contains("-32700"));
        assert!(answer("[]").contains("-32600"));
        assert!(answer("1").contains("-32600"));
        assert!(
            answer(r#"{"jsonrpc":"1.0","id":5,"method":"a"}"#).contains(r#""id":5,"error":{"code":-32600"#)
        );
        assert!(answer(r#"{"jsonrpc":"2.0","id":{},"method":"a"}"#).contains("-32600"));
        assert!(answer(r#"{"jsonrpc":"2.0","id":"q\"","method":7}"#).contains(r#""id":"q\"","error""#));
        let many = format!("[{}]", vec!["1"; limits::BATCH_CALLS + 1].join(","));
        assert!(answer(&many).contains("-32600"));
    }

    #[test]
    fn what_may_work_in_a_moment_says_when() {
        let wait = |error: RpcError| v1::Error::from(&error).retry_after_ms();
        assert_eq!(wait(RpcError::Busy(Duration::from_micros(10))), Some(1));
        assert_eq!(wait(RpcError::Unavailable(Duration::from_secs(1))), Some(1_000));
        let rejection = Rejection::ShopBusy.code();
        assert_eq!(wait(RpcError::NotYet { rejection, wait: Duration::from_millis(100) }), Some(100));
        assert_eq!(wait(RpcError::Rejected(Rejection::EmptySlot.code())), None);
    }

    #[test]
    fn ids_are_told_apart_from_their_absence() {
        assert_eq!(answer(r#"{"jsonrpc":"2.0","method":"a"}"#), "None a");
        assert_eq!(answer(r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#), "Some(Null) a");
        assert_eq!(answer(r#" [{"jsonrpc":"2.0","method":"a"}, 1]"#), "batch of 2");
    }

    #[test]
    fn params_that_are_no_object_are_the_fault_of_their_call() {
        for params in ["[1]", "7", "\"x\"", "true"] {
            let told = format!(r#"{{"jsonrpc":"2.0","method":"system.ping","params":{params}}}"#);
            assert_eq!(
                answer(&told),
                "None system.ping",
                "{params}: it is known that nobody wants an answer"
            );
            assert!(read(&told).expect_err("refused").starts_with("`params`"), "{params}");
        }
    }

    fn read(text: &str) -> Result<Method, String> {
        let Calls::Each(mut calls) = decode_text(text) else { panic!("one call") };
        calls.remove(0).expect("a call").read().map_err(|error| error.to_string())
    }

    #[test]
    fn params_with_a_member_too_many_are_not_read_to_their_end() {
        let members: Vec<String> = (0..5_000).map(|n| format!(r#""m{n}":1"#)).collect();
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"world.leave","params":{{{}}}}}"#,
            members.join(",")
        );
        assert!(read(&text).expect_err("unknown").starts_with("unknown field `m0`"));
    }

    #[test]
    fn wrong_params_are_named() {
        let of = |params: &str| {
            read(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"world.move","params":{params}}}"#))
                .expect_err("wrong")
        };
        assert_eq!(of(r#"{"seq":"1","x":1,"y":2}"#), "`seq`: invalid type: string \"1\", expected u32");
        assert!(of(r#"{"seq":1,"x":99999999999,"y":2}"#).starts_with("`x`: invalid value"));
        assert!(of(r#"{"seq":1,"x":1e999,"y":2}"#).starts_with("`x`: "));
        assert_eq!(of(r#"{"seq":1,"x":1}"#), "missing field `y`");
        assert!(of(r#"{"seq":1,"x":1,"y":2,"odd":1}"#).starts_with("unknown field `odd`"));
        assert_eq!(of(r#"{"seq":1,"seq":1,"x":1,"y":2}"#), "duplicate field `seq`");
    }

    #[test]
    fn binary_frames_hold_calls_too() {
        let method = Method::ChatSend(v1::ChatSend { text: "hello".to_owned() });
        let call = |method| v1::Call { id: Some(9), method };
        let frame = ClientFrame { calls: vec![call(Some(method.clone())), call(None)] };
        let Calls::Each(calls) = decode_binary(&frame.encode_to_vec()) else { panic!("no batch") };
        let [first, second]: [Call<'_>; 2] =
            calls.into_iter().map(|call| call.expect("a call")).collect::<Vec<_>>().try_into().expect("two");
        assert_eq!((first.id.clone(), &*first.method), (Some(Id::from(9)), "chat.send"));
        assert_eq!(first.read().expect("a method"), method);
        assert!(matches!(second.read(), Err(RpcError::MethodNotFound(_))));
        for broken in [&b"\xff\xff"[..], b"", &ClientFrame { calls: vec![call(None); 33] }.encode_to_vec()] {
            let Calls::Each(calls) = decode_binary(broken) else { panic!("no batch") };
            assert!(matches!(&calls[..], [Err((Id::Null, _))]), "{calls:?}");
        }
    }

    #[test]
    fn strings_are_escaped_as_json() {
        let text = "a\"b\\c\nd\u{1}é";
        let mut out = String::new();
        write_string(&mut out, text);
        assert_eq!(serde_json::from_str::<String>(&out).expect("valid"), text);
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_binary(&bytes);
        }

        #[test]
        fn decoding_any_text_never_panics(text in "\\PC*") {
            let _ = decode_text(&text);
        }

        #[test]
        fn decoding_broken_calls_never_panics(
            cut in 0usize..90, junk in proptest::collection::vec(any::<u8>(), 0..8)
        ) {
            let good = r#"[{"jsonrpc":"2.0","id":1,"method":"world.move","params":{"seq":1,"x":1,"y":2}}, {"id":[]}]"#;
            let mut bytes = good.as_bytes().to_vec();
            let at = cut.min(bytes.len());
            bytes.splice(at..at, junk);
            if let Ok(text) = std::str::from_utf8(&bytes) {
                let _ = decode_text(text);
            }
        }
    }
}
