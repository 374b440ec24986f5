//! Whole logs: play and compare with what was recorded, compare two ways to play, find the swap that
//! changed the outcome.

use super::files::{Records, is_beyond};
use super::log::Record;
use super::outcome::Outcome;
use super::player::{Difference, Missed, PlayError, Player, Step};
use super::survey::{Change, Survey};
use serde::Serialize;
use std::path::PathBuf;
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
    /// First tick after the last of them; the first one of all if there is none.
    pub unbroken_from: u64,
    /// Calls that the clock ended when it was recorded.
    pub deadlines: u64,
    /// Calls that the clock ended now, and not when it was recorded.
    pub missed: Vec<Missed>,
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

/// Two ways to play one log. At a break both begin anew with the world that was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// As recorded.
    pub recorded: Played,
    /// With the change.
    pub changed: Played,
    /// Where they part.
    pub difference: Option<Difference>,
}

/// Which swap changed the outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Bisected {
    /// Swaps in the log.
    pub swaps: usize,
    /// Of them, those before its last break: whatever runs instead, the world after it is the one that was
    /// recorded.
    pub unjudged: usize,
    /// Places where the log does not go on: gaps and restarts.
    pub breaks: u64,
    /// First tick after the last of them, from which on the log was played.
    pub unbroken_from: u64,
    /// Times the log was played.
    pub plays: u32,
    /// The first swap after the last break without which the world at the end would be another; `None` if
    /// none matters.
    pub culprit: Option<Change>,
    /// The log without it and with it.
    pub outcomes: Option<(Outcome, Outcome)>,
    /// Calls that the clock ended now, and not when it was recorded.
    pub missed: Vec<Missed>,
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
        if is_beyond(&record, player.world().map(sim::World::tick), until) {
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
        (_, Step::Started { continues: false }) => {
            played.breaks += u64::from(played.ticks > 0);
            played.unbroken_from = tick + 1;
        }
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
    played.missed.clone_from(&player.missed);
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
/// [`PlayError`]; `changed` runs a module in the place of one that never ran.
pub fn compare(
    files: &[PathBuf],
    recorded: &mut Player,
    changed: &mut Player,
    until: u64,
) -> Result<Compared, PlayError> {
    if let Some(module) = changed.replacement() {
        let ran = Survey::of(files, until)?.ran;
        if !ran.contains(module.name()) {
            let (name, label) = (module.name().to_owned(), module.label().to_owned());
            return Err(PlayError::NeverRan { name, label, ran: ran.into_iter().collect() });
        }
    }
    let mut records = Records::of(files);
    let mut played = (Played::default(), Played::default());
    let mut difference = None;
    let started = Instant::now();
    while let Some(record) = records.next_record()? {
        if is_beyond(&record, recorded.world().map(sim::World::tick), until) {
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

/// Finds the first swap that the world at the end depends on, by playing the log behind its last break with
/// more or fewer of its swaps. `player` makes a new player every time.
///
/// # Errors
/// [`PlayError`]
pub fn bisect(
    files: &[PathBuf],
    mut player: impl FnMut() -> Player,
    until: u64,
    progress: &mut dyn FnMut(&str),
) -> Result<Bisected, PlayError> {
    let Survey { swaps: changes, unjudged, breaks, unbroken_from, to, file, .. } = Survey::of(files, until)?;
    let mut bisected = Bisected {
        swaps: changes.len(),
        unjudged,
        breaks,
        unbroken_from,
        plays: 0,
        culprit: None,
        outcomes: None,
        missed: Vec::new(),
    };
    let mut with = |count: usize| {
        bisected.plays += 1;
        progress(&format!("playing with {count} of {} swaps", changes.len()));
        let played = play(&files[file..], &mut player().with_swaps(count - unjudged), to, &mut |_| {})?;
        bisected.missed.extend_from_slice(&played.missed);
        Ok::<Played, PlayError>(played)
    };
    let (none, all) = (with(unjudged)?, with(changes.len())?);
    if none.digest == all.digest {
        return Ok(bisected);
    }
    // Good plays as without any swap; bad does not.
    let (mut good, mut bad) = ((unjudged, none), (changes.len(), all));
    while bad.0 - good.0 > 1 {
        let middle = good.0 + (bad.0 - good.0) / 2;
        let played = with(middle)?;
        if played.digest == good.1.digest {
            good = (middle, played);
        } else {
            bad = (middle, played);
        }
    }
    bisected.culprit = changes.get(good.0).cloned();
    bisected.outcomes = Some((good.1.outcome, bad.1.outcome));
    Ok(bisected)
}
