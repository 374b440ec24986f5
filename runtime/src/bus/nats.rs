//! Events on a NATS server: JSON on the subject `lore.v1.fact.ZONE.KIND`.

use crate::store::DomainEvent;
use async_nats::{ConnectOptions, Event, ServerAddr};
use tokio::sync::mpsc;

/// Events that may wait for the server; beyond it they are counted as lost.
const OUTBOX: usize = 10_000;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// Use `nats://HOST:PORT`.
    #[error("{url} is not the address of a NATS server: use nats://HOST:PORT")]
    BadUrl {
        /// What was given.
        url: String,
    },
}

/// The way to the connection's task.
#[derive(Clone)]
pub(super) struct Nats(mpsc::Sender<(String, Vec<u8>)>);

impl Nats {
    pub(super) fn start(url: &str) -> Result<Self, NatsError> {
        let address: ServerAddr = url.parse().map_err(|_| NatsError::BadUrl { url: url.to_owned() })?;
        let (sender, queue) = mpsc::channel(OUTBOX);
        tokio::spawn(publish_loop(address, queue));
        Ok(Self(sender))
    }

    pub(super) fn publish(&self, event: &DomainEvent) {
        let subject = format!("lore.v1.fact.{}.{}", event.zone, event.kind);
        let payload = match serde_json::to_vec(event) {
            Ok(payload) => payload,
            Err(error) => return tracing::error!(%error, "an event cannot be written as JSON"),
        };
        if self.0.try_send((subject, payload)).is_err() {
            metrics::counter!("bus_events_lost_total").increment(1);
        }
    }
}

/// Publishes until the last front is gone. The client reconnects by itself, at first too.
async fn publish_loop(address: ServerAddr, mut queue: mpsc::Receiver<(String, Vec<u8>)>) {
    let options = ConnectOptions::new().retry_on_initial_connect().event_callback(|event| async move {
        match event {
            Event::Connected => tracing::info!("the bus is connected"),
            Event::Disconnected => tracing::warn!("the bus is away; events wait, then are lost"),
            other => tracing::debug!(event = %other, "bus"),
        }
    });
    let client = match options.connect(address).await {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "the bus cannot be used; events stay in this process");
            return;
        }
    };
    while let Some((subject, payload)) = queue.recv().await {
        if let Err(error) = client.publish(subject, payload.into()).await {
            metrics::counter!("bus_events_lost_total").increment(1);
            tracing::debug!(%error, "an event was lost");
        }
    }
    if let Err(error) = client.flush().await {
        tracing::warn!(%error, "the last events may not have reached the bus");
    }
}
