//! What a run counts and times, bounded whatever happens: what comes with every frame in the [`Interval`] of a
//! thread, what is rare in the [`Tally`] that all bots share.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Longest time a histogram tells apart, microseconds; longer ones count as this.
const LONGEST_US: u64 = 120_000_000;
/// Different texts kept of one kind; the rest is only counted.
const TEXTS_KEPT: usize = 32;

/// Times in microseconds.
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, 3);
        Self(histogram.expect("the bounds are constants that the histogram accepts"))
    }
}

impl Latency {
    /// Adds one time.
    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(LONGEST_US).max(1));
    }

    /// Adds all times of another.
    pub fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// Forgets all times.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The two that are drawn, milliseconds; `None` when nothing was recorded.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let Summary { p50, p99, count, .. } = self.summary();
        (count > 0).then_some(Percentiles { p50, p99 })
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

/// Two percentiles of something, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are below.
    pub p50: f64,
    /// All but one in a hundred are below.
    pub p99: f64,
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

/// What bots count with every frame, since somebody looked last.
#[derive(Default)]
pub struct Interval {
    /// From a movement to the frame that acknowledges it.
    pub move_ack: Latency,
    /// From `combat.attack` to the swing.
    pub combat_event: Latency,
    /// From any call with an id to its answer.
    pub call: Latency,
    /// Between two frames, less the ticks in which there was nothing to say.
    pub frame_gap: Latency,
    /// Between two frames, as it is.
    pub frame_interval: Latency,
    /// How late the tool's own clock was: what the other times may be too long by.
    pub lag: Latency,
    /// Frames of state.
    pub frames: u64,
    /// From the server.
    pub bytes_in: u64,
    /// To the server.
    pub bytes_out: u64,
    /// Looks around by bots that see everything.
    pub looks: u64,
    /// Entities in sight, summed over those looks.
    pub seen: u64,
}

impl Interval {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.move_ack.add(&other.move_ack);
        self.combat_event.add(&other.combat_event);
        self.call.add(&other.call);
        self.frame_gap.add(&other.frame_gap);
        self.frame_interval.add(&other.frame_interval);
        self.lag.add(&other.lag);
        self.frames += other.frames;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.looks += other.looks;
        self.seen += other.seen;
    }

    /// For the next one, without allocating.
    pub fn clear(&mut self) {
        let times = [
            &mut self.move_ack,
            &mut self.combat_event,
            &mut self.call,
            &mut self.frame_gap,
            &mut self.frame_interval,
            &mut self.lag,
        ];
        times.into_iter().for_each(Latency::clear);
        (self.frames, self.bytes_in, self.bytes_out, self.looks, self.seen) = (0, 0, 0, 0, 0);
    }

    /// How many entities a bot has in sight, itself included; `None` when nobody looked.
    pub fn visible(&self) -> Option<f64> {
        (self.looks > 0).then(|| self.seen as f64 / self.looks as f64)
    }
}

/// What the bots of one run report besides, once in a while.
#[derive(Default)]
pub struct Tally {
    /// Bots that joined the world.
    pub joined: u64,
    /// Of these, those that are in it now.
    pub in_world: u64,
    /// Of these, those that have walked to where they belong.
    pub in_place: u64,
    /// Bots that gave up joining.
    pub failed: u64,
    /// Why they did.
    pub failures: Texts,
    /// Where they arrived.
    pub zones: Texts,
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
    /// From `world.join` to its answer.
    pub join: Latency,
    /// From opening the connection to the first snapshot.
    pub arrival: Latency,
    /// Of a storm, from its beginning or the bot's own to the snapshot.
    pub storm: Latency,
    /// When the last of a storm was in.
    pub storm_last: Option<Instant>,
    /// Bots of a storm that did not get in, or back.
    pub storm_failed: u64,
    /// Calls that were under way when connections were dropped, and were not answered afterwards.
    pub unanswered: u64,
    /// Durable changes that nobody told: places of inventories that are not as they were told to be.
    pub untold: u64,
    /// How those came back whose connections were dropped.
    pub comeback: Comeback,
    /// What happened in the game.
    pub game: Game,
}

/// How those came back whose connections were dropped, and what it cost them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Comeback {
    /// How many went on with their session.
    pub resumed: u64,
    /// How many had none any more and joined anew.
    pub joined_anew: u64,
    /// Calls that had no answer yet when connections were dropped.
    pub under_way: u64,
    /// Messages that must not be lost and never came, by their numbers.
    pub messages_lost: u64,
    /// Messages that came again after they were heard, by their numbers.
    pub messages_doubled: u64,
    /// Changes of the inventory that were asked for and of which nothing came, or no answer.
    pub commands_lost: u64,
    /// Changes of the inventory that were asked for once and carried out more often.
    pub commands_doubled: u64,
}

impl fmt::Display for Comeback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resumed, joined_anew, under_way, .. } = self;
        let Self { messages_lost, messages_doubled, commands_lost, commands_doubled, .. } = self;
        write!(f, "{resumed} went on, {joined_anew} joined anew, {under_way} calls under way; ")?;
        write!(
            f,
            "lost {messages_lost} messages and {commands_lost} commands, doubled {messages_doubled} and {commands_doubled}"
        )
    }
}

/// What happened in the game. Swings are those that bots heard of that look at others.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Game {
    /// Swings of bots.
    pub swings: u64,
    /// Of these, criticals.
    pub criticals: u64,
    /// Attacks whose swing never came within the bot's patience.
    pub silent_attacks: u64,
    /// Turns of duels, counted for each of the two.
    pub duel_turns: u64,
    /// Deaths of bots.
    pub deaths: u64,
    /// Corrected movements.
    pub corrections: u64,
    /// Zones crossed into.
    pub crossings: u64,
    /// What NPCs said in conversations.
    pub dialogs: u64,
    /// Durable updates told: experience, items, quests.
    pub facts: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_add_up_and_are_used_again() {
        let mut second = Interval { frames: 3, bytes_in: 100, looks: 2, seen: 25, ..Interval::default() };
        second.move_ack.record(Duration::from_millis(20));
        second.move_ack.record(Duration::from_millis(40));
        let mut all = Interval::default();
        assert_eq!((all.visible(), all.move_ack.percentiles()), (None, None));
        all.add(&second);
        second.clear();
        assert_eq!((second.frames, second.move_ack.count(), second.visible()), (0, 0, None));
        second.move_ack.record(Duration::from_millis(60));
        second.frames = 1;
        all.add(&second);
        assert_eq!((all.frames, all.bytes_in, all.visible()), (4, 100, Some(12.5)));
        let summary = all.move_ack.summary();
        assert_eq!(summary.count, 3);
        assert!((summary.p50 - 40.0).abs() < 0.1 && (summary.max - 60.0).abs() < 0.1, "{summary:?}");
    }

    #[test]
    fn texts_are_bounded() {
        let mut texts = Texts::default();
        for number in 0..100 {
            texts.count(&format!("why {number}"));
        }
        assert_eq!(texts.as_map().len(), TEXTS_KEPT + 1);
        assert_eq!(texts.as_map()["(others)"], 100 - TEXTS_KEPT as u64);
    }
}
