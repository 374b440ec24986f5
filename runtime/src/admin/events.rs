//! What happens: facts as they become durable and steps of changes, as server-sent events, one JSON
//! document each.

use super::AdminState;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// Follows the bus and the pipeline until the client or the server goes. A client that falls behind is
/// told how much it missed by an event named `missed`.
pub(super) async fn events(
    State(state): State<AdminState>,
) -> Sse<impl Stream<Item = Result<Event, axum::Error>>> {
    let (facts, changes) = (state.bus.listen(), state.pipeline.listen());
    let listeners = (facts, changes, state.stop);
    let events = stream::unfold(listeners, |(mut facts, mut changes, stop)| async move {
        let event = tokio::select! {
            heard = facts.recv() => told("fact", heard),
            heard = changes.recv() => told("change", heard),
            () = stop.cancelled() => None,
        };
        Some((event?, (facts, changes, stop)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

fn told<T: Serialize>(name: &str, heard: Result<Arc<T>, RecvError>) -> Option<Result<Event, axum::Error>> {
    match heard {
        Ok(event) => Some(Event::default().event(name).json_data(&*event)),
        Err(RecvError::Lagged(missed)) => Some(Ok(Event::default().event("missed").data(missed.to_string()))),
        Err(RecvError::Closed) => None,
    }
}
