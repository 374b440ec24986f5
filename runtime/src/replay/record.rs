//! The zone's side of the replay log. It never waits: when the writer is behind, the log has a gap and
//! begins anew with a checkpoint a little later. A checkpoint costs the tick most of all, so that what is
//! overloaded makes no more of them than what is not.

use super::log::{Record, Running};
use super::{SEGMENT_TICKS, SYNC_TICKS};
use crate::zone::ZoneIndex;
use host_api::{FailureKind, ScriptFailure};
use sim::World;
use sim::input::Input;
use sim::state::Migrated;
use std::sync::mpsc::{SyncSender, TrySendError};

/// Where records go.
pub type RecordSender = SyncSender<(ZoneIndex, Record)>;

/// Records one zone.
pub struct Recorder {
    zone: ZoneIndex,
    name: String,
    sender: RecordSender,
    running: Running,
    /// Ticks in the current file; `None` before the first and in a gap.
    ticks: Option<u64>,
    /// Ticks until a gap may end.
    pause: u64,
    continues: bool,
    /// Of the tick that runs.
    inputs: Vec<Input>,
    gaps: metrics::Counter,
}

impl Recorder {
    /// A recorder for a zone that has not ticked yet.
    pub fn new(zone: ZoneIndex, name: &str, running: Running, sender: RecordSender) -> Self {
        let gaps = metrics::counter!("game_replay_gaps_total", "zone" => name.to_owned());
        let (ticks, pause, continues, inputs) = (None, 0, false, Vec::new());
        Self { zone, name: name.to_owned(), sender, running, ticks, pause, continues, inputs, gaps }
    }

    /// Before the step: what it will be given.
    pub fn begin(&mut self, world: &World, inputs: &[Input]) {
        match self.ticks {
            Some(ticks) if ticks < SEGMENT_TICKS => {}
            None if self.pause > 0 => self.pause -= 1,
            _ => self.start(world),
        }
        self.inputs.clear();
        if self.ticks.is_some() {
            let admitted = inputs.len().min(sim::limits::INPUTS_PER_TICK);
            self.inputs.extend_from_slice(&inputs[..admitted]);
        }
    }

    /// After the step.
    pub fn end(&mut self, world: &World) {
        let Some(ticks) = self.ticks else { return };
        let inputs = std::mem::take(&mut self.inputs);
        self.send(Record::Tick { inputs, digest: world.digest() });
        if world.tick().is_multiple_of(SYNC_TICKS) {
            self.send(Record::Entities(world.entity_digests().collect()));
        }
        self.ticks = self.ticks.map(|_| ticks + 1);
    }

    /// A call that the clock ended is not repeatable.
    pub fn failure(&mut self, failure: &ScriptFailure) {
        if matches!(failure.kind, FailureKind::Deadline { .. }) {
            let (module, export) = (failure.module.clone(), failure.export.to_string());
            self.send(Record::Deadline { module, export });
        }
    }

    /// Another generation runs from the next tick on.
    pub fn swap(&mut self, running: Running, migrated: &[Migrated]) {
        self.running = running.clone();
        self.send(Record::Swap { running, migrated: migrated.to_vec() });
    }

    /// The world was replaced by a new one.
    pub fn restart(&mut self) {
        (self.ticks, self.continues) = (None, false);
    }

    fn start(&mut self, world: &World) {
        self.ticks = Some(0);
        self.send(Record::Start {
            zone: self.name.clone(),
            continues: self.continues,
            running: self.running.clone(),
            checkpoint: world.checkpoint(),
        });
        self.continues = self.ticks.is_some();
    }

    fn send(&mut self, record: Record) {
        if self.ticks.is_none() {
            return;
        }
        if let Err(error) = self.sender.try_send((self.zone, record)) {
            // Without a writer there is no log to have a gap.
            if matches!(error, TrySendError::Full(_)) {
                self.gaps.increment(1);
            }
            (self.ticks, self.pause, self.continues) = (None, SEGMENT_TICKS, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::survey::tests::world;
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn after_a_full_queue_the_next_checkpoint_is_that_of_the_next_file() {
        let world = world(0);
        let running = Running { generation: 1, modules: Vec::new(), content: world.content().digest };
        let (sender, records) = sync_channel(1);
        let mut recorder = Recorder::new(ZoneIndex(0), "greywood", running, sender);
        let mut tick = || {
            recorder.begin(&world, &[]);
            recorder.end(&world);
            records.try_iter().any(|(_, record)| matches!(record, Record::Start { continues: false, .. }))
        };
        // There is room for the start of a file, and not for the tick after it.
        assert!(tick());
        for number in 0..SEGMENT_TICKS {
            assert!(!tick(), "a checkpoint {number} ticks after the last");
        }
        assert!(tick());
    }
}
