//! What a zone tells about itself, written by its thread without locks and read by anybody.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Ticks remembered: a minute at 20 Hz.
const TICKS: usize = 1_200;

/// What a tick consists of, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the inbox and passing on what goes to other zones; swaps of generations too.
    Inbox,
    /// The step of the world, with its scripts.
    Step,
    /// What the replay log takes: copies of inputs, the digest.
    Record,
    /// Answers, notices, facts.
    Settle,
    /// Interest and deltas.
    Replicate,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Inbox, Self::Step, Self::Record, Self::Settle, Self::Replicate];

    /// For metrics and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Step => "step",
            Self::Record => "record",
            Self::Settle => "settle",
            Self::Replicate => "replicate",
        }
    }
}

/// Measures the phases of one tick, one after the other.
pub(super) struct Stopwatch {
    lap: Instant,
    nanos: [u64; Phase::ALL.len()],
}

impl Stopwatch {
    /// The first phase begins.
    pub(super) fn start() -> Self {
        Self { lap: Instant::now(), nanos: [0; Phase::ALL.len()] }
    }

    /// The phase that ran until now.
    pub(super) fn lap(&mut self, phase: Phase) {
        let now = Instant::now();
        self.nanos[phase as usize] += (now - self.lap).as_nanos() as u64;
        self.lap = now;
    }
}

/// Figures of one zone.
pub struct ZoneStats {
    phases: [AtomicU64; Phase::ALL.len()],
    micros: Box<[AtomicU32]>,
    ticks: AtomicUsize,
    /// Ticks since the zone's first start.
    pub tick: AtomicU64,
    /// Microseconds the last tick began after its time.
    pub lag_micros: AtomicU32,
    /// Inputs of the last tick.
    pub inputs: AtomicU32,
    /// Entities after the last tick.
    pub entities: AtomicU32,
    /// Live generation.
    pub generation: AtomicU64,
    /// The last generation that was not taken, because its state could not go along.
    pub refused_generation: AtomicU64,
    /// The zone stands still: the journal takes no more facts, or the couriers no more mail.
    pub stalled: AtomicBool,
    /// Ticks given up because the machine was too slow.
    pub dilated: AtomicU64,
    /// Microseconds that swaps have taken since they were last asked about.
    swap_micros: AtomicU32,
    /// Times the zone was restarted after a defect.
    pub restarts: AtomicU32,
}

/// Durations of the remembered ticks.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct TickSummary {
    /// Half the ticks took at most this long, milliseconds.
    pub p50: f64,
    /// 99 of 100 ticks took at most this long, milliseconds.
    pub p99: f64,
    /// The longest, milliseconds.
    pub max: f64,
}

impl Default for ZoneStats {
    fn default() -> Self {
        Self {
            phases: Default::default(),
            micros: (0..TICKS).map(|_| AtomicU32::new(0)).collect(),
            ticks: AtomicUsize::new(0),
            tick: AtomicU64::new(0),
            lag_micros: AtomicU32::new(0),
            inputs: AtomicU32::new(0),
            entities: AtomicU32::new(0),
            generation: AtomicU64::new(0),
            refused_generation: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            dilated: AtomicU64::new(0),
            swap_micros: AtomicU32::new(0),
            restarts: AtomicU32::new(0),
        }
    }
}

impl ZoneStats {
    /// Remembers how long a tick took.
    pub fn record(&self, duration: Duration) {
        let micros = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        let index = self.ticks.fetch_add(1, Relaxed) % TICKS;
        self.micros[index].store(micros, Relaxed);
    }

    /// Adds the phases of a tick to those before.
    pub(super) fn record_phases(&self, watch: &Stopwatch) {
        for (sum, nanos) in self.phases.iter().zip(watch.nanos) {
            // The zone's thread alone writes.
            sum.store(sum.load(Relaxed) + nanos, Relaxed);
        }
    }

    /// Nanoseconds spent in each phase since the start of the process.
    pub fn phases(&self) -> [(Phase, u64); Phase::ALL.len()] {
        Phase::ALL.map(|phase| (phase, self.phases[phase as usize].load(Relaxed)))
    }

    /// Ticks since the start of the process.
    pub fn ticks(&self) -> u64 {
        self.ticks.load(Relaxed) as u64
    }

    /// Remembers that a swap was part of the tick.
    pub fn record_swap(&self, duration: Duration) {
        let micros = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        self.swap_micros.fetch_add(micros, Relaxed);
    }

    /// How long swaps took since the last call.
    pub fn take_swap_time(&self) -> Duration {
        Duration::from_micros(self.swap_micros.swap(0, Relaxed).into())
    }

    /// The remembered ticks in short.
    pub fn summary(&self) -> TickSummary {
        self.summary_of(TICKS)
    }

    /// The last `most` of the remembered ticks in short.
    pub fn summary_of(&self, most: usize) -> TickSummary {
        let ticks = self.ticks.load(Relaxed);
        let last = ticks.saturating_sub(most.min(TICKS))..ticks;
        let mut micros: Vec<u32> = last.map(|tick| self.micros[tick % TICKS].load(Relaxed)).collect();
        micros.sort_unstable();
        let Some(&max) = micros.last() else { return TickSummary::default() };
        let at = |percent: usize| f64::from(micros[(micros.len() - 1) * percent / 100]) / 1_000.0;
        TickSummary { p50: at(50), p99: at(99), max: f64::from(max) / 1_000.0 }
    }
}
