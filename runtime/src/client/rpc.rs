//! The JSON-RPC 2.0 envelope: from the text of a frame to calls, and from answers to text. What
//! the methods mean does not live here.

use super::limits;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
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
}

/// One call of a frame.
#[derive(Debug)]
pub struct Call<'a> {
    /// Missing for a notification, which gets no answer.
    pub id: Option<Id>,
    /// Not yet known to exist.
    pub method: Cow<'a, str>,
    /// Not yet known to fit the method.
    pub params: Params<'a>,
}

/// A call, or what to answer instead.
pub type Parsed<'a> = Result<Call<'a>, (Id, RpcError)>;

/// What a text frame held.
#[derive(Debug)]
pub enum Frame<'a> {
    /// One call.
    Single(Parsed<'a>),
    /// An array of 1 to [`limits::BATCH_CALLS`] calls.
    Batch(Vec<Parsed<'a>>),
}

/// Decodes a text frame. Never panics, whatever the text.
pub fn decode(text: &str) -> Frame<'_> {
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        return Frame::Single(Err((Id::Null, RpcError::Parse)));
    };
    if !raw.get().starts_with('[') {
        return Frame::Single(decode_call(raw));
    }
    match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
        Ok(calls) if calls.is_empty() => Frame::Single(Err((
            Id::Null,
            RpcError::InvalidRequest("the batch is empty; put 1 to 32 calls into it"),
        ))),
        Ok(calls) if calls.len() > limits::BATCH_CALLS => {
            let why = "the batch holds more than 32 calls; send it in parts";
            Frame::Single(Err((Id::Null, RpcError::InvalidRequest(why))))
        }
        Ok(calls) => Frame::Batch(calls.into_iter().map(decode_call).collect()),
        Err(_) => Frame::Single(Err((Id::Null, RpcError::Parse))),
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
    let params = match envelope.params.map(Params::parse) {
        None => Params::default(),
        Some(Ok(params)) => params,
        Some(Err(why)) => return Err((id.unwrap_or(Id::Null), RpcError::InvalidParams(why))),
    };
    Ok(Call { id, method: method.0, params })
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

/// The members of `params`, taken out one by one; what is left at the end is a typing error of
/// the client. Unlike a derived struct it names the member whose value is wrong.
#[derive(Debug, Default)]
pub struct Params<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Params<'a> {
    fn parse(raw: &'a RawValue) -> Result<Self, String> {
        struct ParamsVisitor;
        impl<'de> Visitor<'de> for ParamsVisitor {
            type Value = Params<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with named members")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    if members.len() == limits::PARAM_MEMBERS {
                        return Err(serde::de::Error::custom("no method has so many members"));
                    }
                    if members.iter().any(|(known, _)| *known == name.0) {
                        return Err(serde::de::Error::custom(format_args!("`{}` appears twice", name.0)));
                    }
                    members.push((name.0, value));
                }
                Ok(Params(members))
            }
        }
        let mut deserializer = serde_json::Deserializer::from_str(raw.get());
        deserializer
            .deserialize_map(ParamsVisitor)
            .map_err(|error| format!("`params`: {}", without_place(&error)))
    }

    /// Takes a member that must be there.
    ///
    /// # Errors
    /// It is missing or of the wrong type; the message names it.
    pub fn required<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, RpcError> {
        self.optional(name)?.ok_or_else(|| RpcError::InvalidParams(format!("`{name}` is missing")))
    }

    /// Takes a member that may be missing.
    ///
    /// # Errors
    /// It is of the wrong type; the message names it.
    pub fn optional<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, RpcError> {
        let Some(index) = self.0.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let (_, raw) = self.0.swap_remove(index);
        serde_json::from_str(raw.get())
            .map(Some)
            .map_err(|error| RpcError::InvalidParams(format!("`{name}`: {}", without_place(&error))))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// A member is left that the method does not know.
    pub fn finish(self) -> Result<(), RpcError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(40).collect();
                Err(RpcError::InvalidParams(format!(
                    "`{name}` is not a member of these params; leave it out"
                )))
            }
        }
    }
}

/// serde_json counts lines and columns within the member, which would only mislead.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].chars().take(200).collect()
}

/// Why a call is not answered with a result. The codes are listed in `docs/protocol.md`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// Not JSON.
    #[error("the message is not JSON; send one JSON-RPC 2.0 call, or an array of them")]
    Parse,
    /// JSON, but not JSON-RPC 2.0.
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
    /// The zone's inbox or the session's list of open requests is full.
    #[error("too much to do; try again in {} ms", .0.as_millis())]
    Busy(Duration),
    /// The game's rules say no.
    #[error("the rules of the game do not allow this: {0}")]
    Rejected(&'static str),
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
            Self::Parse => (-32700, "parse_error"),
            Self::InvalidRequest(_) => (-32600, "invalid_request"),
            Self::MethodNotFound(_) => (-32601, "method_not_found"),
            Self::InvalidParams(_) => (-32602, "invalid_params"),
            Self::Internal => (-32603, "internal"),
            Self::Unauthorized(_) => (-32000, "unauthorized"),
            Self::RateLimited(_) => (-32001, "rate_limited"),
            Self::SessionExpired => (-32002, "session_expired"),
            Self::InvalidState(_) => (-32003, "invalid_state"),
            Self::Busy(_) => (-32010, "busy"),
            Self::Rejected(_) | Self::UnknownName { .. } => (-32011, "rejected"),
            Self::Unavailable(_) => (-32012, "unavailable"),
        }
    }
}

/// Appends the response to a call: `result` is JSON text.
pub fn write_response(out: &mut String, id: &Id, result: &Result<String, RpcError>) {
    out.push_str(r#"{"jsonrpc":"2.0","id":"#);
    id.write(out);
    match result {
        Ok(result) => {
            out.push_str(r#","result":"#);
            out.push_str(result);
            out.push('}');
        }
        Err(error) => {
            let (code, reason) = error.code();
            let _ = write!(out, r#","error":{{"code":{code},"message":"#);
            write_string(out, &error.to_string());
            let _ = write!(out, r#","data":{{"reason":"{reason}""#);
            match error {
                RpcError::RateLimited(wait) | RpcError::Busy(wait) | RpcError::Unavailable(wait) => {
                    let _ = write!(out, r#","retry_after_ms":{}"#, wait.as_millis().max(1));
                }
                RpcError::Rejected(rejection) | RpcError::UnknownName { rejection, .. } => {
                    let _ = write!(out, r#","rejection":"{rejection}""#);
                }
                _ => {}
            }
            out.push_str("}}}");
        }
    }
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

    fn answer(text: &str) -> String {
        let mut out = String::new();
        match decode(text) {
            Frame::Single(Err((id, error))) => write_response(&mut out, &id, &Err(error)),
            Frame::Single(Ok(call)) => out = format!("{:?} {}", call.id, call.method),
            Frame::Batch(calls) => out = format!("batch of {}", calls.len()),
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
        assert!(answer(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}"#).contains("-32602"));
        let many = format!("[{}]", vec!["1"; limits::BATCH_CALLS + 1].join(","));
        assert!(answer(&many).contains("-32600"));
    }

    #[test]
    fn ids_are_told_apart_from_their_absence() {
        assert_eq!(answer(r#"{"jsonrpc":"2.0","method":"a"}"#), "None a");
        assert_eq!(answer(r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#), "Some(Null) a");
        assert_eq!(answer(r#" [{"jsonrpc":"2.0","method":"a"}, 1]"#), "batch of 2");
    }

    #[test]
    fn params_with_many_members_are_not_read_to_their_end() {
        let members: Vec<String> = (0..=limits::PARAM_MEMBERS).map(|n| format!(r#""m{n}":1"#)).collect();
        let text = |members: &[String]| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{{{}}}}}"#, members.join(","))
        };
        assert!(answer(&text(&members)).contains("-32602"));
        assert!(answer(&text(&members[1..])).ends_with(" a"));
    }

    #[test]
    fn wrong_params_are_named() {
        let text =
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":"1","big":99999999999,"f":1e999,"odd":1}}"#;
        let Frame::Single(Ok(mut call)) = decode(text) else { panic!("decodes") };
        let message = |error: RpcError| error.to_string();
        assert_eq!(
            message(call.params.required::<i32>("x").expect_err("a string")),
            "`x`: invalid type: string \"1\", expected i32"
        );
        assert!(
            message(call.params.required::<i32>("big").expect_err("too big"))
                .starts_with("`big`: invalid value")
        );
        assert!(message(call.params.required::<i32>("f").expect_err("infinite")).starts_with("`f`: "));
        assert_eq!(message(call.params.required::<i32>("y").expect_err("missing")), "`y` is missing");
        assert_eq!(
            message(call.params.finish().expect_err("odd")),
            "`odd` is not a member of these params; leave it out"
        );
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
        fn decoding_any_text_never_panics(text in "\\PC*") {
            let _ = decode(&text);
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
                let _ = decode(text);
            }
        }
    }
}
