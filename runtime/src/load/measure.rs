//! What a run counts and times, shared by all bots and bounded whatever happens.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest time a histogram tells apart, microseconds; longer ones count as this.
const LONGEST_US: u64 = 120_000_000;
/// Different texts kept of one kind; the rest is only counted.
const TEXTS_KEPT: usize = 32;

/// Times in microseconds.
pub struct Latency(Histogram<u64>);

impl Latency {
    fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, 3);
        Self(histogram.expect("the bounds are constants that the histogram accepts"))
    }

    /// Adds one time.
    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(LONGEST_US).max(1));
    }

    /// The percentiles that are reported, milliseconds.
    pub fn summary(&self) -> Summary {
        let ms = |us: u64| us as f64 / 1_000.0;
        Summary {
            p50: ms(self.0.value_at_quantile(0.50)),
            p99: ms(self.0.value_at_quantile(0.99)),
            max: ms(self.0.max()),
            count: self.0.len(),
        }
    }
}

/// Percentiles of something, milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    /// Half are below.
    pub p50: f64,
    /// All but one in a hundred are below.
    pub p99: f64,
    /// The worst.
    pub max: f64,
    /// How many were measured.
    pub count: u64,
}

/// Texts and how often each came, at most [`TEXTS_KEPT`] different ones.
#[derive(Default)]
pub struct Texts(BTreeMap<String, u64>);

impl Texts {
    /// Counts `text`.
    pub fn count(&mut self, text: &str) {
        if let Some(times) = self.0.get_mut(text) {
            *times += 1;
        } else if self.0.len() < TEXTS_KEPT {
            self.0.insert(text.chars().take(200).collect(), 1);
        } else {
            *self.0.entry("(others)".to_owned()).or_default() += 1;
        }
    }

    /// All of them.
    pub fn as_map(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

/// Everything the bots of one run report.
pub struct Tally {
    /// Bots that joined the world.
    pub joined: u64,
    /// Bots that gave up joining.
    pub failed: u64,
    /// Why they did.
    pub failures: Texts,
    /// Breaches of the protocol by the server.
    pub protocol_errors: u64,
    /// The first of them in words.
    pub faults: Texts,
    /// Connections that ended before the bot wanted.
    pub disconnects: u64,
    /// Why they did.
    pub disconnect_reasons: Texts,
    /// Calls that never got their answer.
    pub lost_replies: u64,
    /// Calls that got one.
    pub replies: u64,
    /// Refused calls by method and stable code.
    pub refusals: Texts,
    /// From `world.join` to the first snapshot.
    pub join: Latency,
    /// From a movement to the frame that acknowledges it.
    pub move_ack: Latency,
    /// From `combat.attack` to the swing.
    pub combat_event: Latency,
    /// Between two frames, less the ticks in which there was nothing to say.
    pub frame_gap: Latency,
    /// Attacks whose swing never came within the bot's patience.
    pub silent_attacks: u64,
    /// Swings of bots.
    pub swings: u64,
    /// Of these, criticals.
    pub criticals: u64,
    /// Deaths of bots.
    pub deaths: u64,
    /// Corrected movements.
    pub corrections: u64,
    /// Zones crossed into.
    pub crossings: u64,
    /// Conversations opened.
    pub dialogs: u64,
    /// Durable facts told: experience, items, quests.
    pub facts: u64,
    /// Frames of state, all bots.
    pub frames: u64,
    /// From the server, all bots.
    pub bytes_in: u64,
    /// To the server, all bots.
    pub bytes_out: u64,
    /// Time in the world, summed over bots.
    pub played: Duration,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self {
            joined: 0,
            failed: 0,
            failures: Texts::default(),
            protocol_errors: 0,
            faults: Texts::default(),
            disconnects: 0,
            disconnect_reasons: Texts::default(),
            lost_replies: 0,
            replies: 0,
            refusals: Texts::default(),
            join: Latency::new(),
            move_ack: Latency::new(),
            combat_event: Latency::new(),
            frame_gap: Latency::new(),
            silent_attacks: 0,
            swings: 0,
            criticals: 0,
            deaths: 0,
            corrections: 0,
            crossings: 0,
            dialogs: 0,
            facts: 0,
            frames: 0,
            bytes_in: 0,
            bytes_out: 0,
            played: Duration::ZERO,
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}
