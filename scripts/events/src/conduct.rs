//! From stage to stage: an event begins when it is due or brought about, enters the next stage when the kills
//! of one are done, ends well after the last and badly with one whose time is over before.

use crate::wit::exports::lore::script::event::{Course, Moment, Outcome, Stage};

/// Most creatures the host lets come at once.
const CROWD_MAX: u32 = 64;

/// How an event goes on.
pub fn conduct(moment: &Moment) -> Course {
    let Some(stage) = moment.stages.get((moment.stage as usize).wrapping_sub(1)) else {
        return start(moment);
    };
    let over = moment.stage_ticks >= stage.duration_ticks;
    // Where nothing is to be killed, holding out is all.
    let done = if stage.kills_needed > 0 { moment.kills >= stage.kills_needed } else { over };
    if done && moment.stage as usize == moment.stages.len() {
        return end(moment, Outcome::Success, moment.on_success);
    }
    if done {
        return enter(moment, moment.stage + 1);
    }
    if over {
        return end(moment, Outcome::Failure, moment.on_failure);
    }
    // The next wave, once the last one is dead.
    let wave = if moment.alive == 0 && moment.spawned > 0 { crowd(stage) } else { 0 };
    Course { spawn: wave, ..unchanged(moment) }
}

fn start(moment: &Moment) -> Course {
    let triggered = moment.trigger_needed > 0 && moment.trigger_count >= moment.trigger_needed;
    if moment.cooldown_left_ticks == 0 && (moment.due || triggered) && !moment.stages.is_empty() {
        return enter(moment, 1);
    }
    unchanged(moment)
}

fn enter(moment: &Moment, stage: u32) -> Course {
    let view = &moment.stages[stage as usize - 1];
    Course {
        outcome: Outcome::Going,
        stage,
        spawn: crowd(view),
        // Who is left of the stage before has no part in this one.
        dismiss: moment.alive > 0,
        announcement: view.announcement,
        ..unchanged(moment)
    }
}

fn end(moment: &Moment, outcome: Outcome, announcement: u32) -> Course {
    Course { outcome, announcement, dismiss: true, ..unchanged(moment) }
}

fn unchanged(moment: &Moment) -> Course {
    Course {
        id: moment.id,
        outcome: if moment.stage == 0 { Outcome::Idle } else { Outcome::Going },
        stage: moment.stage,
        spawn: 0,
        dismiss: false,
        announcement: 0,
        memory: moment.memory,
    }
}

fn crowd(stage: &Stage) -> u32 {
    stage.creatures.min(CROWD_MAX)
}

#[cfg(test)]
mod tests;
