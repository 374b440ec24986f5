//! What one client has been told: which entities it knows, as of when, and how much more it can bear.

use super::changes::Steps;
use crate::client::Client;
use crate::client::limits::{CLIENT_BYTES_PER_SECOND, FLIGHT_BYTES, FLIGHT_FRAMES, FLIGHT_FRAMES_LEAST};
use protocol::v1;
use sim::EntityId;
use std::collections::VecDeque;

/// An entity that a client knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Which.
    pub id: EntityId,
    /// Tick of the last frame that told of it.
    pub sent: u64,
    /// Where it was told to be.
    pub steps: Steps,
}

/// What one client knows of the zone.
pub struct View {
    /// Sorted by id.
    pub known: Vec<Known>,
    /// Last acknowledgement of movement sent.
    pub ack: u32,
    /// What it knows of its own resources.
    pub own: Option<v1::Own>,
    /// Nothing it knows is good any more.
    pub needs_snapshot: bool,
    /// Tick of the last look at the zone, if nothing was left to be told after it.
    pub settled: Option<u64>,
    budget: Budget,
    flight: Flight,
}

impl View {
    /// Of a client that knows nothing but its last acknowledged movement.
    pub fn new(ack: u32) -> Self {
        let (budget, flight) = (Budget::default(), Flight::default());
        Self { known: Vec::new(), ack, own: None, needs_snapshot: true, settled: None, budget, flight }
    }

    /// It enters anew: nothing it knows is good any more.
    pub fn forget(&mut self) {
        self.known.clear();
        self.own = None;
        self.needs_snapshot = true;
        self.settled = None;
    }

    /// It has another socket: nothing it knows is good any more, and nothing is on its way to it.
    pub fn begin_anew(&mut self) {
        self.forget();
        self.flight = Flight::default();
    }

    /// Another number of bytes a second.
    #[cfg(test)]
    pub fn limit(&mut self, rate: i64) {
        self.budget = Budget::of(rate);
    }

    /// Bytes that may be sent now.
    pub fn allowance(&mut self, tick: u64, tick_ms: u32) -> usize {
        self.budget.refill(tick, tick_ms)
    }

    /// Whether so much is on its way already that the client has to take it in first.
    pub fn is_flooded(&mut self, client: &Client) -> bool {
        self.flight.is_full(client.acknowledged())
    }

    /// A frame was sent.
    pub fn sent(&mut self, tick: u64, bytes: usize) {
        self.budget.spend(bytes);
        self.flight.sent(tick, bytes);
    }
}

/// Bytes a second, saved up for at most one.
#[derive(Debug)]
struct Budget {
    rate: i64,
    left: i64,
    tick: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(CLIENT_BYTES_PER_SECOND)
    }
}

impl Budget {
    fn of(rate: i64) -> Self {
        Self { rate, left: rate, tick: 0 }
    }

    fn refill(&mut self, tick: u64, tick_ms: u32) -> usize {
        let ms = tick.saturating_sub(self.tick).min(1_000).cast_signed() * i64::from(tick_ms.min(1_000));
        self.tick = tick;
        self.left = (self.left + self.rate * ms / 1_000).min(self.rate);
        usize::try_from(self.left).unwrap_or(0)
    }

    /// A snapshot may take more than there is; what follows waits for it, but for no longer than a second.
    fn spend(&mut self, bytes: usize) {
        self.left = (self.left - bytes as i64).max(-self.rate);
    }
}

/// Frames that were sent and not acknowledged, of a client that acknowledges.
#[derive(Debug, Default)]
struct Flight {
    frames: VecDeque<(u64, usize)>,
    bytes: usize,
}

impl Flight {
    fn sent(&mut self, tick: u64, bytes: usize) {
        if self.frames.len() == FLIGHT_FRAMES
            && let Some((_, oldest)) = self.frames.pop_front()
        {
            self.bytes -= oldest;
        }
        self.frames.push_back((tick, bytes));
        self.bytes += bytes;
    }

    /// `acknowledged` is 0 for a client that never does: then the queue of its socket is all that is known.
    fn is_full(&mut self, acknowledged: u64) -> bool {
        while let Some((_, bytes)) = self.frames.pop_front_if(|(tick, _)| *tick <= acknowledged) {
            self.bytes -= bytes;
        }
        // Clients acknowledge every few frames: those must come, however large they are.
        let is_large = self.frames.len() > FLIGHT_FRAMES_LEAST && self.bytes > FLIGHT_BYTES;
        acknowledged > 0 && (self.frames.len() == FLIGHT_FRAMES || is_large)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_its_bytes_a_second_and_saves_up_no_more() {
        let mut budget = Budget::default();
        assert_eq!(budget.refill(10, 50), CLIENT_BYTES_PER_SECOND as usize);
        budget.spend(CLIENT_BYTES_PER_SECOND as usize);
        assert_eq!(budget.refill(10, 50), 0);
        assert_eq!(budget.refill(20, 50), CLIENT_BYTES_PER_SECOND as usize / 2);
        budget.spend(10 * CLIENT_BYTES_PER_SECOND as usize);
        assert_eq!(budget.refill(40, 50), 0, "a debt of one second");
        assert_eq!(budget.refill(2_000, 50), CLIENT_BYTES_PER_SECOND as usize);
    }

    #[test]
    fn who_acknowledges_is_not_sent_more_than_is_on_its_way() {
        let mut flight = Flight::default();
        for tick in 1..200 {
            flight.sent(tick, 10);
            assert!(!flight.is_full(0), "it never acknowledges");
        }
        assert!(flight.is_full(100));
        assert!(!flight.is_full(190));
        flight.sent(200, FLIGHT_BYTES);
        assert!(flight.is_full(190));
        assert!(!flight.is_full(200));
        assert_eq!((flight.bytes, flight.frames.len()), (0, 0));
    }

    #[test]
    fn a_few_large_frames_do_not_keep_the_next_from_being_sent() {
        let mut flight = Flight::default();
        flight.sent(1, 10);
        assert!(!flight.is_full(1));
        let few = FLIGHT_FRAMES_LEAST as u64;
        for tick in 2..2 + few {
            flight.sent(tick, 2 * FLIGHT_BYTES);
            assert!(!flight.is_full(1), "who acknowledges every {few} ticks waits for the next");
        }
        flight.sent(2 + few, 10);
        assert!(flight.is_full(1));
        assert!(!flight.is_full(2 + few));
    }
}
