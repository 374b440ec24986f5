//! When zones tick: a fixed rate from the intended time, on threads of their own.

use super::room::Room;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Late ticks that are made up for; beyond that game time is given up (dilated).
const CATCH_UP: u32 = 5;

/// A running thread and the zones it owns.
pub type SimThread = JoinHandle<()>;

/// Starts a thread that ticks its zones until the last one has ended.
///
/// # Errors
/// The system gives no thread.
pub fn spawn(number: usize, rooms: Vec<Room>, tick: Duration) -> std::io::Result<SimThread> {
    std::thread::Builder::new().name(format!("sim-{number}")).spawn(move || sim_loop(rooms, tick))
}

/// Why the ticks of a thread's zones together took longer than one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    /// Without the swaps in it there would have been time enough.
    Swap,
    /// There was too much to do anyhow.
    Load,
}

impl Late {
    fn of(took: Duration, swaps: Duration, budget: Duration) -> Option<Self> {
        if took <= budget {
            None
        } else if took.saturating_sub(swaps) <= budget {
            Some(Self::Swap)
        } else {
            Some(Self::Load)
        }
    }
}

/// Ticks that made the next one late, by what made them so; there from the start, so that zero can
/// be told from missing.
struct LateTicks {
    swap: metrics::Counter,
    load: metrics::Counter,
}

impl LateTicks {
    fn new() -> Self {
        let counter = |cause: &'static str| {
            let counter = metrics::counter!("game_ticks_late_total", "cause" => cause);
            counter.increment(0);
            counter
        };
        Self { swap: counter("swap"), load: counter("load") }
    }

    fn count(&self, late: Option<Late>) {
        match late {
            Some(Late::Swap) => self.swap.increment(1),
            Some(Late::Load) => self.load.increment(1),
            None => {}
        }
    }
}

fn sim_loop(mut rooms: Vec<Room>, tick: Duration) {
    let late_ticks = LateTicks::new();
    let mut due = Instant::now();
    while !rooms.is_empty() {
        let now = Instant::now();
        if let Some(early) = due.checked_duration_since(now) {
            std::thread::sleep(early);
        }
        let began = Instant::now();
        let lag = began.saturating_duration_since(due);
        for room in &mut rooms {
            room.tick(lag);
        }
        let swaps = rooms.iter().map(|room| room.handle().stats.take_swap_time()).sum();
        late_ticks.count(Late::of(began.elapsed(), swaps, tick));
        rooms.retain(|room| !room.has_ended());
        due += tick;
        let behind = Instant::now().saturating_duration_since(due);
        if behind > tick * CATCH_UP {
            let lost = behind.as_micros() / tick.as_micros().max(1);
            for room in &rooms {
                room.handle().stats.dilated.fetch_add(lost as u64, Relaxed);
            }
            tracing::warn!(
                ?behind,
                ticks = lost,
                "the machine is too slow for the tick rate; game time was given up"
            );
            metrics::counter!("game_ticks_dilated_total").increment(lost as u64);
            due = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_is_blamed_only_for_what_it_alone_made_late() {
        let late = |took, swaps| {
            Late::of(Duration::from_millis(took), Duration::from_millis(swaps), Duration::from_millis(50))
        };
        assert_eq!(late(50, 50), None);
        assert_eq!(late(51, 1), Some(Late::Swap));
        assert_eq!(late(51, 0), Some(Late::Load));
        assert_eq!(late(90, 10), Some(Late::Load));
    }
}
