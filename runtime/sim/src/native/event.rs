//! The starter's world events in Rust.

use crate::ids::DefId;
use crate::limits::{EVENT_REWARD_PERMILLE, SUMMONED_PER_SUMMONER};
use crate::rules::{Course, EventMoment, EventOutcome, Merit, Prize, StageView};

/// What the one who did most gets on top, permille, if there were others.
const FIRST_BONUS: u32 = 200;
/// What who took part gets at least and, however much it did, at most.
const PART: (u64, u64) = (250, 1_000);

/// Begins when it is due or brought about, goes from stage to stage as their kills are done, and fails with
/// a stage whose time is over before.
pub(super) fn conduct(moment: &EventMoment) -> Course {
    let Some(stage) = moment.stages.get((moment.stage as usize).wrapping_sub(1)) else {
        return start(moment);
    };
    let over = moment.stage_ticks >= stage.duration_ticks;
    let done = if stage.kills_needed > 0 { moment.kills >= stage.kills_needed } else { over };
    if done && moment.stage as usize == moment.stages.len() {
        return end(moment, EventOutcome::Success, moment.on_success);
    }
    if done {
        return enter(moment, moment.stage + 1);
    }
    if over {
        return end(moment, EventOutcome::Failure, moment.on_failure);
    }
    // The next wave, once the last one is dead.
    let wave = if moment.alive == 0 && moment.spawned > 0 { crowd(stage) } else { 0 };
    Course { spawn: wave, ..Course::fallback(moment) }
}

fn start(moment: &EventMoment) -> Course {
    let triggered = moment.trigger_needed > 0 && moment.trigger_count >= moment.trigger_needed;
    if moment.cooldown_left_ticks == 0 && (moment.due || triggered) && !moment.stages.is_empty() {
        return enter(moment, 1);
    }
    Course::fallback(moment)
}

fn enter(moment: &EventMoment, stage: u32) -> Course {
    let view = &moment.stages[stage as usize - 1];
    Course {
        outcome: EventOutcome::Going,
        stage,
        spawn: crowd(view),
        // Who is left of the stage before has no part in this one.
        dismiss: moment.alive > 0,
        announcement: view.announcement,
        ..Course::fallback(moment)
    }
}

fn end(moment: &EventMoment, outcome: EventOutcome, announcement: DefId) -> Course {
    Course { outcome, announcement, dismiss: true, ..Course::fallback(moment) }
}

fn crowd(stage: &StageView) -> u32 {
    stage.creatures.min(SUMMONED_PER_SUMMONER as u32)
}

/// The content's reward for an equal part or more, less for less; something on top for the first.
pub(super) fn reward(merit: &Merit) -> Prize {
    let equal = u64::from(merit.share_permille) * u64::from(merit.participants);
    let part = equal.clamp(PART.0, PART.1) as u32;
    let bonus = if merit.rank == 1 && merit.participants > 1 { FIRST_BONUS } else { 0 };
    Prize { id: merit.id, reward_permille: (part + bonus).min(EVENT_REWARD_PERMILLE) }
}
