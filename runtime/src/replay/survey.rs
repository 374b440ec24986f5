//! What a log holds, found without playing it: swaps, breaks, and who ran.

use super::files::{Records, is_beyond};
use super::log::{Record, Running};
use super::player::PlayError;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One swap of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Counted from 1.
    pub number: usize,
    /// First tick with it.
    pub tick: u64,
    /// What it brought, by label.
    pub labels: Vec<String>,
}

/// What a log holds up to some tick. At a break its world is another one, which already has everything that
/// was swapped before; a world that never ticks is none.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The swaps, with what is new in each.
    pub(super) swaps: Vec<Change>,
    /// Of them, those before the last break.
    pub(super) unjudged: usize,
    /// Places where the log does not go on: gaps and restarts.
    pub(super) breaks: u64,
    /// First tick after the last break; the first one of all if there is none.
    pub(super) unbroken_from: u64,
    /// Last tick.
    pub(super) to: u64,
    /// Place of the file that begins with the first tick after the last break.
    pub(super) file: usize,
    /// Names of the scripts that ran.
    pub(super) ran: BTreeSet<String>,
}

impl Survey {
    pub(super) fn of(files: &[PathBuf], until: u64) -> Result<Self, PlayError> {
        let (mut records, mut survey) = (Records::of(files), Self::default());
        let mut at: Option<u64> = None;
        let mut before: Vec<String> = Vec::new();
        // A world that has not ticked yet: its file, and the swaps before it.
        let mut begun: Option<(usize, usize)> = None;
        while let Some(record) = records.next_record()? {
            if is_beyond(&record, at, until) {
                break;
            }
            match record {
                Record::Start { running, continues, checkpoint, .. } => {
                    if !continues || at.is_none() {
                        begun = Some((records.file(), survey.swaps.len()));
                    }
                    at = Some(sim::checkpoint::tick_of(&checkpoint)?);
                    before = survey.meet(&running);
                }
                Record::Tick { .. } => {
                    let tick = at.unwrap_or(0) + 1;
                    if let Some((file, swaps)) = begun.take() {
                        survey.breaks += u64::from(survey.to > 0);
                        (survey.file, survey.unjudged, survey.unbroken_from) = (file, swaps, tick);
                    }
                    (at, survey.to) = (Some(tick), tick);
                }
                Record::Swap { running, .. } => {
                    let now = survey.meet(&running);
                    let new = now.iter().filter(|label| !before.contains(label)).cloned().collect();
                    let (number, tick) = (survey.swaps.len() + 1, at.unwrap_or(0) + 1);
                    survey.swaps.push(Change { number, tick, labels: new });
                    before = now;
                }
                _ => {}
            }
        }
        Ok(survey)
    }

    /// Labels of all that runs, or rests.
    fn meet(&mut self, running: &Running) -> Vec<String> {
        self.ran.extend(running.modules.iter().map(|module| module.name.clone()));
        let content = format!("content+{:08x}", running.content >> 32);
        let labels = running.modules.iter().map(|module| match module.rests {
            true => format!("{} rests", module.label),
            false => module.label.clone(),
        });
        labels.chain([content]).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::log::{LogWriter, ModuleRef};
    use super::super::segments;
    use super::*;
    use sim::{World, def_id};
    use std::path::Path;
    use std::sync::Arc;

    /// A Greywood that nobody has been in.
    pub(in crate::replay) fn world(tick: u64) -> World {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content");
        let (content, _) = crate::content::load(&folder).unwrap();
        World::new(def_id("zone/greywood"), Arc::new(content), 7, tick, 50)
    }

    /// These run, by label.
    fn running(labels: &[&str]) -> Running {
        let module = |label: &&str| {
            let (name, label) = (label.split('@').next().unwrap().to_owned(), (*label).to_owned());
            ModuleRef { name, label, digest: String::new(), rests: false }
        };
        Running { generation: 1, modules: labels.iter().map(module).collect(), content: 7 }
    }

    /// What a file begins with.
    pub(in crate::replay) fn start(tick: u64, continues: bool, labels: &[&str]) -> Record {
        let (zone, running) = ("greywood".to_owned(), running(labels));
        Record::Start { zone, continues, running, checkpoint: world(tick).checkpoint() }
    }

    fn swap(labels: &[&str]) -> Record {
        Record::Swap { running: running(labels), migrated: Vec::new() }
    }

    fn ticks(count: usize) -> Vec<Record> {
        vec![Record::Tick { inputs: Vec::new(), digest: 0 }; count]
    }

    fn write(folder: &Path, files: &[Vec<Record>]) -> Vec<PathBuf> {
        for (number, records) in files.iter().enumerate() {
            let mut writer = LogWriter::create(&folder.join(format!("{number}.replay"))).unwrap();
            records.iter().for_each(|record| writer.append(record).unwrap());
            writer.finish().unwrap();
        }
        segments(folder).unwrap()
    }

    #[test]
    fn a_script_that_goes_to_rest_is_named() {
        let mut running = running(&["combat@1", "wolf@1"]);
        running.modules[1].rests = true;
        let met = Survey::default().meet(&running);
        assert_eq!(met[..2], ["combat@1", "wolf@1 rests"].map(ToOwned::to_owned));
    }

    #[test]
    fn swaps_before_a_break_are_told_from_those_that_can_be_judged() {
        let folder = tempfile::tempdir().unwrap();
        // The oldest files are gone, so that the log begins with one that goes on; then a gap.
        let whole = [
            vec![start(1_000, true, &["combat@1"])],
            ticks(3),
            vec![swap(&["combat@2"])],
            ticks(2),
            vec![swap(&["combat@2", "wolf@1"])],
        ];
        let gap = [vec![start(1_100, false, &["combat@3"])], ticks(4), vec![swap(&["combat@4"])], ticks(1)];
        let more = [vec![start(1_105, true, &["combat@4"])], ticks(1)];
        // A server that was killed as soon as it had started.
        let killed = vec![start(1_100, false, &["combat@5"])];
        let files = write(folder.path(), &[whole.concat(), gap.concat(), more.concat(), killed]);

        let survey = Survey::of(&files, u64::MAX).unwrap();
        let swaps: Vec<_> = survey.swaps.iter().map(|swap| (swap.tick, swap.labels.join(" "))).collect();
        let expected = [(1_004, "combat@2"), (1_006, "wolf@1"), (1_105, "combat@4")];
        assert_eq!(swaps, expected.map(|(tick, label)| (tick, label.to_owned())));
        assert_eq!((survey.breaks, survey.unbroken_from, survey.to), (1, 1_101, 1_106));
        assert_eq!((survey.file, survey.unjudged), (1, 2));
        assert_eq!(survey.ran, BTreeSet::from(["combat", "wolf"].map(ToOwned::to_owned)));

        let survey = Survey::of(&files, 1_005).unwrap();
        assert_eq!((survey.breaks, survey.unbroken_from, survey.file), (0, 1_001, 0));
        assert_eq!((survey.swaps.len(), survey.unjudged), (1, 0), "the second one is of no tick until there");
    }
}
