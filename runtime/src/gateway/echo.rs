//! `/debug/ws-echo`: what comes is sent back, over the handshake, the socket and the limits of the world's. It is for
//! checkers of WebSocket itself, which know nothing of `lore.v1`, and only there when the settings say so.

use super::Gateway;
use super::line::{Socket, close, fault, linger};
use crate::abuse::Place;
use crate::client::{CloseReason, limits};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Nobody who checks something waits for so long.
const IDLE: Duration = Duration::from_secs(60);

/// How the echo ends.
enum End {
    /// We close it.
    Close(CloseReason),
    /// The client has closed it.
    Closed,
    /// It is gone.
    Gone,
}

/// Sends back what comes, to the end of the connection or of the server.
pub(super) async fn echo(gateway: Arc<Gateway>, mut socket: Socket, place: Arc<Place>) {
    let end = loop {
        let message = tokio::select! {
            () = gateway.closing.cancelled() => break End::Close(CloseReason::Restart),
            message = timeout(IDLE, socket.next()) => message,
        };
        let back = match message {
            Err(_) => break End::Close(CloseReason::Heartbeat),
            Ok(Some(Ok(message @ (Message::Text(_) | Message::Binary(_))))) => socket.send(message),
            // tungstenite has queued the answer; the next read sends it.
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
            Ok(Some(Ok(Message::Close(_)))) => {
                let _ = timeout(limits::CLOSE_TIMEOUT, socket.flush()).await;
                break End::Closed;
            }
            Ok(Some(Err(error))) => break failed(&error, &place),
            Ok(None) => break End::Gone,
        };
        match timeout(limits::WRITE_TIMEOUT, back).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => break End::Gone,
            Err(_) => break End::Close(CloseReason::TooSlow),
        }
    };
    match end {
        End::Close(reason) => close(&mut socket, reason).await,
        End::Closed => {
            // Whatever comes of it, the connection is at its end.
            let _ = timeout(limits::CLOSE_TIMEOUT, linger(&mut socket)).await;
        }
        End::Gone => {}
    }
}

fn failed(error: &Error, place: &Place) -> End {
    match fault(error) {
        Some((reason, offence)) => {
            place.offend(offence, 1);
            End::Close(reason)
        }
        None => End::Gone,
    }
}
