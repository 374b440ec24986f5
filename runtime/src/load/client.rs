//! A client of the game: one WebSocket and the [`Replica`] it feeds.
//!
//! No behaviour (that is [`super::bot`]), no HTTP (that is [`super::account`]).

use super::acks::FrameAcks;
use super::fault::Fault;
use super::replica::{Heard, Replica};
use crate::client::frame::{Encoding, to_json};
use futures_util::{SinkExt, StreamExt};
use protocol::prost::Message as _;
use protocol::v1;
use protocol::v1::call::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Bytes a socket reads at once: keeps thousands of clients small.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Largest message accepted: a snapshot is at most 64 KiB, and only the answer to a batch may be longer.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Faults kept with their words; all are counted.
const FAULTS_KEPT: usize = 16;
/// Messages that [`Client::call`] sets aside while it waits.
const SET_ASIDE: usize = 4_096;
const RESUME: &str = "session.resume";
const WELCOME: &str = "session.welcome";
/// Messages after which the server is told that they came through.
const ACKNOWLEDGE_EVERY: u64 = 16;
/// Tokens of connections on which it is not known whether the session was resumed: no more than may be tried at once.
const TOKENS_KEPT: usize = 4;
/// How long a connection, a call or a close may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why no connection came about.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Not an address of a socket.
    #[error("`{url}` is not a ws:// address, such as ws://127.0.0.1:7777/v1/world/ws")]
    BadUrl {
        /// What was given.
        url: String,
    },
    /// The server refused, or is not there.
    #[error("cannot connect: {0}")]
    Refused(#[from] Box<tungstenite::Error>),
    /// Nothing happened for [`PATIENCE`].
    #[error("no answer to the upgrade within {} s", PATIENCE.as_secs())]
    Silent,
}

/// The connection is gone.
#[derive(Debug, Error)]
pub enum Lost {
    /// The server closed it.
    #[error("closed by the server: {0}")]
    Closed(String),
    /// It broke.
    #[error("connection broke: {0}")]
    Broke(#[from] Box<tungstenite::Error>),
    /// The client asked for something that the protocol does not have.
    #[error("{method}: {why}")]
    BadCall {
        /// What was to be called.
        method: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// [`Client::cut`] was called.
    #[error("the connection was cut")]
    Cut,
    /// More calls wait for an answer than a client may have.
    #[error("too many calls without an answer")]
    TooManyCalls,
}

/// Why a call has no result.
#[derive(Debug, Error)]
pub enum CallFailed {
    /// The server said no.
    #[error("{method}: {} ({})", .error.message, .error.stable_code())]
    Refused {
        /// What was called.
        method: &'static str,
        /// What the server said.
        error: v1::Error,
    },
    /// The result is not what the protocol says.
    #[error("{method}: result cannot be read: {source}")]
    Unreadable {
        /// What was called.
        method: &'static str,
        /// What the decoder said.
        source: serde_json::Error,
    },
    /// No answer within [`PATIENCE`].
    #[error("{0}: no answer within {SECONDS} s", SECONDS = PATIENCE.as_secs())]
    Silent(&'static str),
    /// The connection is gone.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a session was not taken up again.
#[derive(Debug, Error)]
pub enum ResumeFailed {
    /// No connection came about: try again.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke again, or the server is busy or does not answer: try again.
    #[error(transparent)]
    Broke(CallFailed),
    /// The session is over: the connection is there, join anew.
    #[error("the session is over: {} ({})", .0.message, .0.stable_code())]
    Over(v1::Error),
}

/// Bytes and messages of all connections of a client, WebSocket headers included, TCP and IP excluded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// From the server.
    pub bytes_in: u64,
    /// To the server.
    pub bytes_out: u64,
    /// Frames from the server.
    pub frames_in: u64,
    /// Frames to the server.
    pub frames_out: u64,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One session and what it knows, over one connection after the other.
pub struct Client {
    /// `None` once it was cut.
    socket: Option<Socket>,
    url: String,
    encoding: Encoding,
    /// What the session may be resumed with, in the order they were told.
    tokens: Vec<String>,
    /// Calls without an answer, to be sent again when the connection breaks.
    open: BTreeMap<u64, Method>,
    /// Number of the last message that the server knows came through.
    acknowledged: u64,
    frames: FrameAcks,
    replica: Replica,
    traffic: Traffic,
    next_id: u64,
    set_aside: VecDeque<Heard>,
    faults: Vec<Fault>,
    fault_count: u64,
}

impl Client {
    /// Opens `url` as the owner of the access token.
    ///
    /// # Errors
    /// [`ConnectError`]: a wrong address, or a server that refuses or does not answer.
    pub async fn connect(url: &str, token: &str, encoding: Encoding) -> Result<Self, ConnectError> {
        Ok(Self {
            socket: Some(open(url, token, encoding).await?),
            url: url.to_owned(),
            encoding,
            tokens: Vec::new(),
            open: BTreeMap::new(),
            acknowledged: 0,
            frames: FrameAcks::default(),
            replica: Replica::default(),
            traffic: Traffic::default(),
            next_id: 1,
            set_aside: VecDeque::new(),
            faults: Vec::new(),
            fault_count: 0,
        })
    }

    /// Breaks the connection without a word, as a network does that is gone; [`Client::resume`] opens another. Calls may
    /// be made meanwhile: they fail, and are sent when the session goes on.
    pub fn cut(&mut self) {
        self.socket = None;
        self.frames = FrameAcks::default();
    }

    /// Opens another connection, as the owner of this access token, and takes the session up: what was missed comes
    /// next, and calls that the server had not received are sent again. May be tried again when it fails half-way.
    ///
    /// # Errors
    /// [`ResumeFailed`]: no connection, or no session any more: then traffic and faults go on being counted, the character
    /// has to join again, and what waited for an answer will not get it.
    pub async fn resume(&mut self, token: &str) -> Result<v1::Resumed, ResumeFailed> {
        self.cut();
        self.replica.forget(RESUME);
        // Which one is good is not known when a connection broke while the session was resumed on it.
        let tokens = self.tokens.clone();
        self.socket = Some(open(&self.url, token, self.encoding).await?);
        // The welcome has the token that is good from then on: it must be here before the others are spent.
        let welcome = timeout(PATIENCE, self.welcomed()).await.map_err(|_| CallFailed::Silent(WELCOME));
        welcome.and_then(|heard| heard.map_err(CallFailed::from)).map_err(ResumeFailed::Broke)?;
        let mut refused = None;
        for recovery in tokens {
            let params = serde_json::json!({"token": recovery, "seq": self.replica.heard_seq});
            match self.call::<v1::Resumed>(RESUME, params).await {
                Ok(resumed) => {
                    self.take_up(&resumed).await?;
                    return Ok(resumed);
                }
                Err(CallFailed::Refused { error, .. }) if error.retry_after_ms().is_none() => {
                    self.tokens.retain(|token| *token != recovery);
                    refused = Some(error);
                }
                Err(failed) => return Err(ResumeFailed::Broke(failed)),
            }
        }
        self.open.clear();
        self.acknowledged = 0;
        self.replica.begun_anew();
        Err(ResumeFailed::Over(refused.unwrap_or_default()))
    }

    async fn welcomed(&mut self) -> Result<(), Lost> {
        loop {
            let heard = self.hear().await?;
            let is_welcome = matches!(heard, Heard::Welcome(_));
            self.set_aside(heard);
            if is_welcome {
                return Ok(());
            }
        }
    }

    async fn take_up(&mut self, resumed: &v1::Resumed) -> Result<(), ResumeFailed> {
        self.tokens = vec![resumed.recovery.clone()];
        self.acknowledged = self.replica.heard_seq;
        self.replica.resumed();
        let next = resumed.last_id.map_or(0, |last| last.saturating_add(1));
        let lost: Vec<(u64, Method)> =
            self.open.range(next..).map(|(id, method)| (*id, method.clone())).collect();
        for (id, method) in lost {
            self.write(Some(id), method).await.map_err(|lost| ResumeFailed::Broke(lost.into()))?;
        }
        Ok(())
    }

    /// The same client, which looks past others: see [`Replica::look_past_others`].
    pub fn looking_past_others(mut self) -> Self {
        self.replica.look_past_others();
        self
    }

    /// What this client knows of the world.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// What went over the socket so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Breaches of the protocol so far, and the first of them in words.
    pub fn faults(&self) -> (u64, &[Fault]) {
        (self.fault_count, &self.faults)
    }

    /// Sends a call and returns its id; the answer comes as [`Heard::Reply`].
    ///
    /// # Errors
    /// [`Lost`] when the connection is gone.
    pub async fn send(&mut self, method: &'static str, params: impl Serialize) -> Result<u64, Lost> {
        let bad = |why: String| Lost::BadCall { method, why };
        let params = serde_json::to_string(&params).map_err(|error| bad(error.to_string()))?;
        let call =
            Method::from_json(method, &params).ok_or_else(|| bad("there is no such method".to_owned()))?;
        self.ask(call.map_err(|error| bad(error.to_string()))?).await
    }

    /// The same with a call of the schema.
    ///
    /// # Errors
    /// [`Lost`] when the connection is gone.
    pub async fn ask(&mut self, call: Method) -> Result<u64, Lost> {
        let id = self.next_id;
        self.next_id += 1;
        if !self.replica.asked(id, call.name()) {
            return Err(Lost::TooManyCalls);
        }
        // A resume is about one connection: on the next it is another call.
        if !matches!(call, Method::SessionResume(_)) && !self.tokens.is_empty() {
            self.open.insert(id, call.clone());
        }
        self.write(Some(id), call).await?;
        Ok(id)
    }

    /// Moves to a place (millimetres) without asking for an answer; returns the sequence number.
    ///
    /// # Errors
    /// [`Lost`] when the connection is gone.
    pub async fn walk(&mut self, x: i32, y: i32) -> Result<u64, Lost> {
        let seq = self.replica.sent_seq + 1;
        self.replica.sent_seq = seq;
        let mut calls = vec![(None, Method::WorldMove(v1::WorldMove { seq: seq as u32, x, y }))];
        calls.extend(self.frames.due().map(|tick| (None, Method::WorldAck(v1::WorldAck { tick }))));
        self.write_all(calls).await?;
        Ok(seq)
    }

    /// Moves over these places (millimetres) with one call; its id and the sequence number of the last. The answer comes
    /// as [`Heard::Reply`].
    ///
    /// # Errors
    /// [`Lost`] when the connection is gone.
    pub async fn walk_along(&mut self, places: &[(i32, i32)]) -> Result<(u64, u64), Lost> {
        let first = self.replica.sent_seq + 1;
        let place = |(seq, &(x, y)): (u64, &(i32, i32))| v1::WorldMove { seq: seq as u32, x, y };
        let moves: Vec<v1::WorldMove> = (first..).zip(places).map(place).collect();
        self.replica.sent_seq += moves.len() as u64;
        let id = self.ask(Method::WorldPositionBatch(v1::WorldPositionBatch { moves })).await?;
        Ok((id, self.replica.sent_seq))
    }

    /// Waits for the next message that could be understood. Cancel safe.
    ///
    /// # Errors
    /// [`Lost`] when the connection is gone.
    pub async fn next(&mut self) -> Result<Heard, Lost> {
        match self.set_aside.pop_front() {
            Some(heard) => Ok(heard),
            None => self.hear().await,
        }
    }

    /// Calls and waits for the result; what else is heard meanwhile is kept for [`Client::next`].
    ///
    /// # Errors
    /// [`CallFailed`]: the server refused, did not answer, or the connection is gone.
    pub async fn call<R: DeserializeOwned>(
        &mut self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<R, CallFailed> {
        let asked = self.send(method, params).await?;
        let answer = async {
            loop {
                match self.hear().await? {
                    Heard::Reply { id, outcome, .. } if id == asked => return Ok::<_, Lost>(outcome),
                    heard => self.set_aside(heard),
                }
            }
        };
        let outcome = timeout(PATIENCE, answer).await.map_err(|_| CallFailed::Silent(method))??;
        let result = outcome.map_err(|error| CallFailed::Refused { method, error })?;
        let result = serde_json::to_value(&result).and_then(serde_json::from_value);
        result.map_err(|source| CallFailed::Unreadable { method, source })
    }

    /// Says goodbye on the WebSocket level and waits for the other side to agree.
    pub async fn close(mut self) {
        let Some(mut socket) = self.socket.take() else { return };
        let farewell = async {
            if socket.close(None).await.is_ok() {
                while let Some(Ok(_)) = socket.next().await {}
            }
        };
        // A server that does not answer the close is left alone: the socket is dropped either way.
        drop(timeout(PATIENCE, farewell).await);
    }

    async fn write(&mut self, id: Option<u64>, method: Method) -> Result<(), Lost> {
        self.write_all(vec![(id, method)]).await
    }

    /// Writes calls as one frame.
    async fn write_all(&mut self, calls: Vec<(Option<u64>, Method)>) -> Result<(), Lost> {
        let message = match self.encoding {
            Encoding::Json => Message::text(json_calls(&calls)),
            Encoding::Proto => {
                let call = |(id, method)| v1::Call { id, method: Some(method) };
                let calls = calls.into_iter().map(call).collect();
                Message::binary(v1::ClientFrame { calls }.encode_to_vec())
            }
        };
        let socket = self.socket.as_mut().ok_or(Lost::Cut)?;
        self.traffic.frames_out += 1;
        self.traffic.bytes_out += framed_bytes(message.len(), true);
        socket.send(message).await.map_err(Box::new)?;
        Ok(())
    }

    async fn hear(&mut self) -> Result<Heard, Lost> {
        loop {
            // Before the next is in hand, which would be lost with this call.
            let seq = self.replica.heard_seq;
            if !self.tokens.is_empty() && seq >= self.acknowledged + ACKNOWLEDGE_EVERY {
                self.write(None, Method::SessionAck(v1::SessionAck { seq })).await?;
                self.acknowledged = seq;
            }
            if let Some(tick) = self.frames.overdue() {
                self.write(None, Method::WorldAck(v1::WorldAck { tick })).await?;
            }
            let message = match self.socket.as_mut().ok_or(Lost::Cut)?.next().await {
                Some(message) => message.map_err(Box::new)?,
                None => return Err(Lost::Closed("without a close frame".to_owned())),
            };
            self.traffic.frames_in += 1;
            self.traffic.bytes_in += framed_bytes(message.len(), false);
            let mut faults = Vec::new();
            let heard = match (self.encoding, message) {
                (Encoding::Json, Message::Text(text)) => self.replica.hear_text(&text, &mut faults),
                (Encoding::Proto, Message::Binary(bytes)) => {
                    let mut heard = self.replica.hear_binary(&bytes, &mut faults).into_iter();
                    let first = heard.next();
                    for heard in heard {
                        self.note(&heard);
                        self.set_aside(heard);
                    }
                    first
                }
                (_, Message::Close(frame)) => return Err(Lost::Closed(close_reason(frame.as_ref()))),
                (encoding, Message::Text(_) | Message::Binary(_)) => {
                    let why = format!("{} has no such frames", encoding.subprotocol());
                    faults.push(Fault::Malformed { what: "frame".to_owned(), why });
                    None
                }
                (_, Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => None,
            };
            faults.into_iter().for_each(|fault| self.fault(fault));
            if let Some(heard) = heard {
                self.note(&heard);
                return Ok(heard);
            }
        }
    }

    /// Takes from a message what the server is told of later, and what is needed to come back.
    fn note(&mut self, heard: &Heard) {
        match heard {
            Heard::Welcome(welcome) => {
                self.tokens.extend(welcome.recovery.clone());
                if self.tokens.len() > TOKENS_KEPT {
                    self.tokens.remove(0);
                }
            }
            Heard::Reply { id, .. } => {
                self.open.remove(id);
            }
            Heard::Snapshot => self.frames.begin(self.replica.tick),
            Heard::Delta { tick, .. } => self.frames.heard(*tick),
            _ => {}
        }
    }

    fn set_aside(&mut self, heard: Heard) {
        if self.set_aside.len() == SET_ASIDE {
            self.set_aside.pop_front();
        }
        self.set_aside.push_back(heard);
    }

    fn fault(&mut self, fault: Fault) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(fault);
        }
    }
}

async fn open(url: &str, token: &str, encoding: Encoding) -> Result<Socket, ConnectError> {
    let bad_url = || ConnectError::BadUrl { url: url.to_owned() };
    let uri: tungstenite::http::Uri = url.parse().map_err(|_| bad_url())?;
    if uri.scheme_str() != Some("ws") {
        return Err(bad_url());
    }
    let request = ClientRequestBuilder::new(uri)
        .with_header("Authorization", format!("Bearer {token}"))
        .with_sub_protocol(encoding.subprotocol());
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let opening = connect_async_with_config(request, Some(config), true);
    let (socket, _) =
        timeout(PATIENCE, opening).await.map_err(|_| ConnectError::Silent)?.map_err(Box::new)?;
    Ok(socket)
}

/// A frame of `lore.v1.json`: one call, or a batch.
fn json_calls(calls: &[(Option<u64>, Method)]) -> String {
    let each: Vec<String> = calls.iter().map(|(id, method)| json_call(*id, method)).collect();
    match &each[..] {
        [call] => call.clone(),
        all => format!("[{}]", all.join(",")),
    }
}

fn json_call(id: Option<u64>, method: &Method) -> String {
    #[derive(Serialize)]
    struct Call<'a> {
        jsonrpc: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        #[serde(flatten)]
        method: &'a Method,
    }
    to_json(&Call { jsonrpc: "2.0", id, method })
}

fn close_reason(frame: Option<&CloseFrame>) -> String {
    frame.map_or_else(
        || "without a code".to_owned(),
        |frame| format!("{} {}", u16::from(frame.code), frame.reason.as_str()),
    )
}

/// Bytes of a frame with its header (RFC 6455, 5.2); a client's frames carry a mask.
fn framed_bytes(payload: usize, masked: bool) -> u64 {
    let length = match payload {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    payload as u64 + length + if masked { 4 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_one_frame_are_a_batch() {
        let seen = (None, Method::WorldAck(v1::WorldAck { tick: 345 }));
        let ping = (Some(7), Method::SystemPing(v1::SystemPing { nonce: None }));
        let call = r#"{"jsonrpc":"2.0","method":"world.ack","params":{"tick":345}}"#;
        assert_eq!(json_calls(std::slice::from_ref(&seen)), call);
        let ping_too = json_calls(&[seen, ping]);
        let read: serde_json::Value = serde_json::from_str(&ping_too).expect("JSON");
        assert_eq!(read[0], serde_json::from_str::<serde_json::Value>(call).expect("JSON"));
        assert_eq!((&read[1]["id"], &read[1]["method"]), (&7.into(), &"system.ping".into()));
    }
}
