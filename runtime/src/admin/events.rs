//! What happens, as it becomes durable: server-sent events, one JSON document each.

use super::AdminState;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;

/// Follows the bus until the client or the server goes. A client that falls behind is told how much
/// it missed by an event named `missed`.
pub(super) async fn events(
    State(state): State<AdminState>,
) -> Sse<impl Stream<Item = Result<Event, axum::Error>>> {
    let listener = state.bus.listen();
    let events = stream::unfold((listener, state.stop), |(mut listener, stop)| async move {
        let heard = tokio::select! {
            heard = listener.recv() => heard,
            () = stop.cancelled() => return None,
        };
        let event = match heard {
            Ok(event) => Event::default().event("fact").json_data(&*event),
            Err(RecvError::Lagged(missed)) => Ok(Event::default().event("missed").data(missed.to_string())),
            Err(RecvError::Closed) => return None,
        };
        Some((event, (listener, stop)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
