//! The socket of a connection, and how it ends: what its client is told, and what is read so that it hears it.

use super::meter::{Excess, Metered};
use crate::abuse::{Offence, Place};
use crate::client::CloseReason;
use crate::client::frame::Numbered;
use crate::client::limits;
use crate::client::sink::{Sink, Wire};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

pub(super) type Socket = WebSocketStream<Metered<Wire>>;

/// What a socket that ends is owed.
#[derive(Clone, Copy)]
pub(super) enum Farewell {
    /// To be told why.
    Say(CloseReason),
    /// The client has said goodbye already.
    Linger,
    /// It is gone.
    None,
}

/// The socket, and its place among all.
pub(super) struct Line {
    pub socket: Socket,
    pub opened: Instant,
    /// Held until the connection has ended.
    pub place: Arc<Place>,
}

impl Line {
    /// The end that is written to.
    pub(super) fn sink(&self) -> &Arc<Sink> {
        self.socket.get_ref().metered().sink()
    }

    /// Sends the last frames and says why it ends, unless it is gone already.
    pub(super) async fn end(mut self, last: Vec<Numbered>, farewell: Farewell) {
        if let Farewell::Linger = farewell {
            let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, linger(&mut self.socket)).await;
        }
        if let Farewell::Say(reason) = farewell {
            let (code, _) = reason.code();
            metrics::counter!("websocket_closed_total", "code" => code.to_string()).increment(1);
            if !last.is_empty() {
                let (sink, mut last) = (Arc::clone(self.sink()), VecDeque::from(last));
                let sending = poll_fn(|context| sink.poll_send(context, &mut last));
                // A failed write shows again when the close frame is written.
                let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, sending).await;
            }
            close(&mut self.socket, reason).await;
        }
        metrics::gauge!("websocket_active_connections").decrement(1.0);
        metrics::histogram!("websocket_connection_duration_seconds").record(self.opened.elapsed());
    }
}

/// Why a socket on which this happened is closed, and what its client is charged with; `None` when it is gone.
pub(super) fn fault(error: &Error) -> Option<(CloseReason, Offence)> {
    match error {
        Error::Capacity(_) => Some((CloseReason::TooBig, Offence::Breach)),
        Error::Utf8(_) => Some((CloseReason::InvalidText, Offence::Breach)),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some((CloseReason::Protocol, Offence::Breach)),
        Error::Io(error) if Excess::of(error).is_some() => Some((CloseReason::Policy, Offence::Flood)),
        _ => None,
    }
}

/// Says why, then reads what is still on its way: a socket closed with unread bytes is reset, and
/// the reset overtakes the close frame.
pub(super) async fn close(socket: &mut Socket, reason: CloseReason) {
    let (code, text) = reason.code();
    let frame = CloseFrame { code: code.into(), reason: text.into() };
    let farewell = async {
        if socket.close(Some(frame)).await.is_err() {
            return;
        }
        let stream = socket.get_mut().unmetered();
        // The answering close frame is a handful of bytes at the end of a read.
        read_rest(stream, 16).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, farewell).await;
}

/// The client has said goodbye and was answered: ends our side, and reads what comes behind its goodbye, so that the
/// socket is not reset before it has read the answer.
pub(super) async fn linger(socket: &mut Socket) {
    let stream = socket.get_mut().unmetered();
    if stream.shutdown().await.is_ok() {
        read_rest(stream, 1).await;
    }
}

/// Reads what is still on its way, up to a bound, until a read finds fewer bytes than `least`.
async fn read_rest(stream: &mut Wire, least: usize) {
    let mut rest = [0; 1024];
    let mut left = 64 * limits::MESSAGE_BYTES;
    while let Ok(read) = stream.read(&mut rest).await {
        left = left.saturating_sub(read);
        if left == 0 || read < least {
            return;
        }
    }
}
