//! Whole logs: play and compare with what was recorded, compare two ways to play, find the swap that
//! changed the outcome.

use super::log::{Reader, Record};
use super::outcome::Outcome;
use super::player::{Difference, PlayError, Player, Step};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a replay has shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Played {
    /// Name of the zone.
    pub zone: String,
    /// First tick played.
    pub from: u64,
    /// Last tick played.
    pub to: u64,
    /// Ticks played.
    pub ticks: u64,
    /// Inputs in them.
    pub inputs: u64,
    /// Generation swaps in them.
    pub swaps: usize,
    /// Places where the log does not go on: gaps and restarts.
    pub breaks: u64,
    /// Calls that the clock ended.
    pub deadlines: u64,
    /// Whether the last file ends in the middle.
    pub cut_off: bool,
    /// Seconds it took, reading included.
    pub seconds: f64,
    /// Recorded time over that.
    pub times_real_time: f64,
    /// Digest of the world at the end.
    pub digest: u64,
    /// Totals.
    pub outcome: Outcome,
    /// First difference from what was recorded.
    pub difference: Option<Difference>,
}

/// Two ways to play one log.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// As recorded.
    pub recorded: Played,
    /// With the change.
    pub changed: Played,
    /// Where they part.
    pub difference: Option<Difference>,
}

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

/// Which swap changed the outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Bisected {
    /// Swaps in the log.
    pub swaps: usize,
    /// Times the log was played.
    pub plays: u32,
    /// The first swap without which the world at the end would be another; `None` if none matters.
    pub culprit: Option<Change>,
    /// The log without it and with it.
    pub outcomes: Option<(Outcome, Outcome)>,
}

/// The files of a log in order: the file itself, or all of a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn segments(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "replay") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The records of several files, one after the other.
struct Records<'a> {
    files: std::slice::Iter<'a, PathBuf>,
    reader: Option<Reader>,
    cut_off: bool,
}

impl<'a> Records<'a> {
    fn of(files: &'a [PathBuf]) -> Self {
        Self { files: files.iter(), reader: None, cut_off: false }
    }

    fn next_record(&mut self) -> Result<Option<Record>, PlayError> {
        loop {
            if let Some(reader) = &mut self.reader {
                if let Some(record) = reader.next_record()? {
                    return Ok(Some(record));
                }
                self.cut_off = reader.was_cut_off();
            }
            match self.files.next() {
                Some(file) => self.reader = Some(Reader::open(file)?),
                None => return Ok(None),
            }
        }
    }
}

/// Plays a log up to `until`, telling `progress` the tick now and then.
///
/// # Errors
/// [`PlayError`]; a difference is no error.
pub fn play(
    files: &[PathBuf],
    player: &mut Player,
    until: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Played, PlayError> {
    let (mut records, mut played) = (Records::of(files), Played::default());
    let started = Instant::now();
    while let Some(record) = records.next_record()? {
        if matches!(record, Record::Tick { .. }) && player.world().is_some_and(|world| world.tick() >= until)
        {
            break;
        }
        let step = player.play(&record)?;
        note(&mut played, player, &record, &step);
        if played.ticks.is_multiple_of(1_000) {
            progress(played.to);
        }
    }
    if played.ticks == 0 {
        return Err(PlayError::Nothing("no tick is recorded there".to_owned()));
    }
    finish(&mut played, player, started.elapsed());
    played.cut_off = records.cut_off;
    Ok(played)
}

fn note(played: &mut Played, player: &Player, record: &Record, step: &Step) {
    let tick = player.world().map_or(0, sim::World::tick);
    match (record, step) {
        (_, Step::Started { continues: false }) if played.ticks > 0 => played.breaks += 1,
        (_, Step::Swapped) => played.swaps += 1,
        (Record::Tick { inputs, .. }, Step::Ticked { expected, found }) => {
            if played.ticks == 0 {
                played.from = tick;
            }
            played.to = tick;
            played.ticks += 1;
            played.inputs += inputs.len() as u64;
            if expected != found && played.difference.is_none() {
                let (expected, found) = (*expected, *found);
                played.difference = Some(Difference { tick, entity: None, expected, found });
            }
        }
        (Record::Entities(entities), _) => {
            if let Some(difference) =
                played.difference.as_mut().filter(|difference| difference.entity.is_none())
            {
                difference.entity = player.differing(entities).map(|entity| (entity.0, tick));
            }
        }
        (Record::Deadline { .. }, _) => played.deadlines += 1,
        _ => {}
    }
}

fn finish(played: &mut Played, player: &Player, elapsed: Duration) {
    played.zone = player.zone().to_owned();
    played.outcome = player.outcome;
    played.seconds = elapsed.as_secs_f64();
    if let Some(world) = player.world() {
        played.digest = world.digest();
        let recorded = played.ticks as f64 * f64::from(world.tick_ms()) / 1_000.0;
        played.times_real_time = recorded / played.seconds.max(1e-9);
    }
}

/// Plays a log in two ways in lock step.
///
/// # Errors
/// [`PlayError`]
pub fn compare(
    files: &[PathBuf],
    recorded: &mut Player,
    changed: &mut Player,
    until: u64,
) -> Result<Compared, PlayError> {
    let mut records = Records::of(files);
    let mut played = (Played::default(), Played::default());
    let mut difference = None;
    let started = Instant::now();
    while let Some(record) = records.next_record()? {
        if matches!(record, Record::Tick { .. })
            && recorded.world().is_some_and(|world| world.tick() >= until)
        {
            break;
        }
        let steps = (recorded.play(&record)?, changed.play(&record)?);
        note(&mut played.0, recorded, &record, &steps.0);
        note(&mut played.1, changed, &record, &steps.1);
        if let (Step::Ticked { found: expected, .. }, Step::Ticked { found, .. }) = steps
            && expected != found
            && difference.is_none()
            && let Some(world) = recorded.world()
        {
            let entities: Vec<_> = world.entity_digests().collect();
            let entity = changed.differing(&entities).map(|entity| (entity.0, world.tick()));
            difference = Some(Difference { tick: world.tick(), entity, expected, found });
        }
    }
    if played.0.ticks == 0 {
        return Err(PlayError::Nothing("no tick is recorded there".to_owned()));
    }
    finish(&mut played.0, recorded, started.elapsed());
    finish(&mut played.1, changed, started.elapsed());
    Ok(Compared { recorded: played.0, changed: played.1, difference })
}

/// Finds the first swap that the world at the end depends on, by playing the log with more or fewer
/// of its swaps. `player` makes a new player every time.
///
/// # Errors
/// [`PlayError`]
pub fn bisect(
    files: &[PathBuf],
    mut player: impl FnMut() -> Player,
    until: u64,
    progress: &mut dyn FnMut(&str),
) -> Result<Bisected, PlayError> {
    let changes = changes(files)?;
    let mut plays = 0;
    let mut with = |count: usize| {
        plays += 1;
        progress(&format!("playing with {count} of {} swaps", changes.len()));
        play(files, &mut player().with_swaps(count), until, &mut |_| {})
    };
    let (none, all) = (with(0)?, with(changes.len())?);
    if none.digest == all.digest {
        return Ok(Bisected { swaps: changes.len(), plays, culprit: None, outcomes: None });
    }
    // Good plays as without any swap; bad does not.
    let (mut good, mut bad) = ((0, none), (changes.len(), all));
    while bad.0 - good.0 > 1 {
        let middle = good.0 + (bad.0 - good.0) / 2;
        let played = with(middle)?;
        if played.digest == good.1.digest {
            good = (middle, played);
        } else {
            bad = (middle, played);
        }
    }
    let culprit = changes.get(good.0).cloned();
    Ok(Bisected { swaps: changes.len(), plays, culprit, outcomes: Some((good.1.outcome, bad.1.outcome)) })
}

/// The swaps of a log, with what is new in each.
fn changes(files: &[PathBuf]) -> Result<Vec<Change>, PlayError> {
    let (mut records, mut changes, mut tick) = (Records::of(files), Vec::new(), 0);
    let mut before: Vec<String> = Vec::new();
    while let Some(record) = records.next_record()? {
        match record {
            Record::Start { running, continues, checkpoint, .. } => {
                if !continues {
                    tick = sim::checkpoint::tick_of(&checkpoint)?;
                }
                before = labels(&running);
            }
            Record::Tick { .. } => tick += 1,
            Record::Swap { running, .. } => {
                let now = labels(&running);
                let new = now.iter().filter(|label| !before.contains(label)).cloned().collect();
                changes.push(Change { number: changes.len() + 1, tick: tick + 1, labels: new });
                before = now;
            }
            _ => {}
        }
    }
    Ok(changes)
}

fn labels(running: &super::log::Running) -> Vec<String> {
    let content = format!("content+{:08x}", running.content >> 32);
    running.modules.iter().map(|module| module.label.clone()).chain([content]).collect()
}
