//! The replay log: everything that entered a zone's ticks, and the player that lets it happen again.
//!
//! `record` is the zone's side and never waits; `writer` is a thread of its own that compresses and
//! rotates files; `log` is their format, `files` their order; `survey` finds what a log holds; `player` steps
//! a world from it, `session` plays whole logs; `explain` listens to what scripts were asked on the way,
//! `export` makes a test of it. What runs in a zone is named by digest and found in the archive; `stored`
//! finds there what people name by version.

mod explain;
mod export;
mod files;
mod log;
mod outcome;
mod player;
mod record;
mod session;
mod stored;
mod survey;
mod writer;

pub use explain::{Decision, Focus};
pub use export::{ExportError, ExportedTest, scenario};
pub use files::{segments, segments_from};
pub use log::{LogError, MAGIC, ModuleRef, Reader, Record, Running};
pub use outcome::Outcome;
pub use player::{Difference, Missed, PlayError, Player, Step};
pub use record::{RecordSender, Recorder};
pub use session::{Bisected, Compared, Played, bisect, compare, play};
pub use stored::{StoredError, is_label, stored_module};
pub use survey::Change;
pub use writer::{Keep, WriterThread, spawn_writer};

use host_api::Limits;

/// Ticks in one file, a minute at 20 Hz: what a replay has to read to reach any tick of it.
pub const SEGMENT_TICKS: u64 = 1_200;
/// From one list of entity digests to the next: a second at 20 Hz.
pub const SYNC_TICKS: u64 = 20;
/// Records that may wait for the writer, all zones together: several seconds.
pub const QUEUE: usize = 1_024;
/// Bytes of one record that are read; a checkpoint of 20,000 entities has 5 MB.
pub const RECORD_BYTES: u32 = 64 << 20;
/// Wall-clock backstop of one call in a replay, in epochs of 5 ms: 20 s, against 100 ms in a server. Nobody
/// waits for a tick here, and what a busy machine takes its time for must not change what happens.
const DEADLINE_EPOCHS: u64 = 4_000;

/// What scripts may cost in a replay: as in a server, but for the clock, whatever a manifest says of it.
pub fn limits() -> Limits {
    let (deadline_epochs, deadline_load_epochs) = (DEADLINE_EPOCHS, DEADLINE_EPOCHS);
    Limits { deadline_epochs, deadline_load_epochs, manifest_deadlines: false, ..Limits::default() }
}
