//! The replay log: everything that entered a zone's ticks, and the player that lets it happen again.
//!
//! `record` is the zone's side and never waits; `writer` is a thread of its own that compresses and
//! rotates files; `log` is their format; `player` steps a world from a log; `explain` listens to what
//! scripts were asked on the way, `export` makes a test of it. What runs in a zone is named by digest
//! and found in the archive.

mod explain;
mod export;
mod log;
mod outcome;
mod player;
mod record;
mod session;
mod writer;

pub use explain::{Decision, Focus};
pub use export::{ExportError, ExportedTest, scenario};
pub use log::{LogError, MAGIC, ModuleRef, Reader, Record, Running};
pub use outcome::Outcome;
pub use player::{Difference, PlayError, Player, Step};
pub use record::{RecordSender, Recorder};
pub use session::{Bisected, Change, Compared, Played, bisect, compare, play, segments};
pub use writer::{Keep, WriterThread, spawn_writer};

/// Ticks in one file, a minute at 20 Hz: what a replay has to read to reach any tick of it.
pub const SEGMENT_TICKS: u64 = 1_200;
/// From one list of entity digests to the next: a second at 20 Hz.
pub const SYNC_TICKS: u64 = 20;
/// Records that may wait for the writer, all zones together: several seconds.
pub const QUEUE: usize = 1_024;
/// Bytes of one record that are read; a checkpoint of 20,000 entities has 5 MB.
pub const RECORD_BYTES: u32 = 64 << 20;
