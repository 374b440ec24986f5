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

fn sim_loop(mut rooms: Vec<Room>, tick: Duration) {
    let mut due = Instant::now();
    while !rooms.is_empty() {
        let now = Instant::now();
        if let Some(early) = due.checked_duration_since(now) {
            std::thread::sleep(early);
        }
        let lag = Instant::now().saturating_duration_since(due);
        for room in &mut rooms {
            room.tick(lag);
        }
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
