//! What a zone tells about itself, written by its thread without locks and read by anybody.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Ticks remembered: a minute at 20 Hz.
const TICKS: usize = 1_200;

/// Figures of one zone.
pub struct ZoneStats {
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
    /// The journal takes no more facts: the zone stands still.
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
            micros: (0..TICKS).map(|_| AtomicU32::new(0)).collect(),
            ticks: AtomicUsize::new(0),
            tick: AtomicU64::new(0),
            lag_micros: AtomicU32::new(0),
            inputs: AtomicU32::new(0),
            entities: AtomicU32::new(0),
            generation: AtomicU64::new(0),
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
