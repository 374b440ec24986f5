//! The bus: what has happened, told to others after it was made durable. Listeners in this process
//! (the operators' event stream) and, with `NATS_URL`, everybody on a NATS server.
//!
//! Telling never waits and never fails a commit: the journal in the store is the truth, an event is
//! a copy. What cannot be delivered is counted (`bus_events_lost_total`), and its loss is logged.

mod nats;

pub use nats::NatsError;

use crate::store::DomainEvent;
use nats::Nats;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Events a slow listener of this process may be behind before it misses some: ten seconds of a
/// thousand facts each.
const LISTENER_BACKLOG: usize = 10_000;

/// The clonable front.
#[derive(Clone)]
pub struct Bus {
    listeners: broadcast::Sender<Arc<DomainEvent>>,
    nats: Option<Nats>,
}

impl Bus {
    /// Within this process only.
    pub fn in_process() -> Self {
        Self { listeners: broadcast::Sender::new(LISTENER_BACKLOG), nats: None }
    }

    /// Also to a NATS server, which need not be there yet. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the URL is not one of NATS.
    pub fn nats(url: &str) -> Result<Self, NatsError> {
        Ok(Self { nats: Some(Nats::start(url)?), ..Self::in_process() })
    }

    /// Tells everybody who listens; never waits.
    pub fn publish(&self, event: DomainEvent) {
        if let Some(nats) = &self.nats {
            nats.publish(&event);
        }
        // Nobody listening is no failure.
        if self.listeners.receiver_count() > 0 && self.listeners.send(Arc::new(event)).is_err() {
            tracing::trace!("the last listener has gone");
        }
    }

    /// Whether an event would reach anybody.
    pub fn is_heard(&self) -> bool {
        self.nats.is_some() || self.listeners.receiver_count() > 0
    }

    /// Listens from now on, in this process.
    pub fn listen(&self) -> broadcast::Receiver<Arc<DomainEvent>> {
        self.listeners.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn event(tick: u64) -> DomainEvent {
        DomainEvent {
            zone: "greywood".into(),
            tick,
            character: 7,
            kind: "gold",
            subject: String::new(),
            delta: 3,
            reason: "loot npc/wolf".into(),
            after: serde_json::json!({"gold": 13}),
            by: "content+20699c01".into(),
        }
    }

    /// The same for every bus: what is published arrives once, in order, with its provenance.
    async fn check(publish: impl Fn(DomainEvent), mut receive: impl AsyncFnMut() -> serde_json::Value) {
        for tick in 1..=50 {
            publish(event(tick));
        }
        for tick in 1..=50 {
            let heard = tokio::time::timeout(PATIENCE, receive()).await.expect("an event in time");
            assert_eq!(heard, serde_json::to_value(event(tick)).unwrap());
        }
    }

    #[tokio::test]
    async fn listeners_of_the_process_hear_everything_in_order() {
        let bus = Bus::in_process();
        assert!(!bus.is_heard());
        let mut listener = bus.listen();
        check(
            |event| bus.publish(event),
            async || serde_json::to_value(&*listener.recv().await.unwrap()).unwrap(),
        )
        .await;
    }

    #[tokio::test]
    async fn subscribers_of_nats_hear_everything_in_order() {
        let url = std::env::var("LORE_TEST_NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
        let Ok(client) = async_nats::connect(&url).await else {
            assert!(std::env::var_os("CI").is_none(), "NATS must be tested here");
            eprintln!("skipped NATS: nothing answers at {url}");
            return;
        };
        let mut subscriber = client.subscribe("lore.v1.fact.greywood.gold").await.unwrap();
        client.flush().await.unwrap();
        let bus = Bus::nats(&url).unwrap();
        check(
            |event| bus.publish(event),
            async || serde_json::from_slice(&subscriber.next().await.unwrap().payload).unwrap(),
        )
        .await;
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_costs_nobody_anything() {
        let bus = Bus::nats("nats://127.0.0.1:1").unwrap();
        let mut listener = bus.listen();
        for tick in 0..20_000 {
            bus.publish(event(tick));
        }
        assert!(listener.recv().await.is_err(), "the listener fell behind and is told so");
        assert!(Bus::nats("not a url at all").is_err());
    }
}
