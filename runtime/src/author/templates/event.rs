//! World events. Content names it in `[event.NAME]`: `script = "__NAME__"`.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "event-script", path: "../../wit" });
}

use wit::exports::lore::script::event::{Context, Course, Guest, Merit, Moment, Outcome, Prize};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn conduct(_ctx: Context, moments: Vec<Moment>) -> Vec<Course> {
        lore_sdk::each(&moments, conduct)
    }

    fn reward(_ctx: Context, merits: Vec<Merit>) -> Vec<Prize> {
        lore_sdk::each(&merits, reward)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// Begins when it is due, goes on with the kills of each stage, fails when the time of one is over.
pub fn conduct(moment: &Moment) -> Course {
    let stay = |outcome| Course {
        id: moment.id,
        outcome,
        stage: moment.stage,
        spawn: 0,
        dismiss: false,
        announcement: 0,
        memory: moment.memory,
    };
    let enter = |stage: u32| match moment.stages.get(stage as usize - 1) {
        Some(view) => {
            Course { stage, spawn: view.creatures, announcement: view.announcement, ..stay(Outcome::Going) }
        }
        None => Course { announcement: moment.on_success, ..stay(Outcome::Success) },
    };
    let Some(stage) = moment.stages.get((moment.stage as usize).wrapping_sub(1)) else {
        let begins = moment.due && moment.cooldown_left_ticks == 0 && !moment.stages.is_empty();
        return if begins { enter(1) } else { stay(Outcome::Idle) };
    };
    if moment.kills >= stage.kills_needed {
        enter(moment.stage + 1)
    } else if moment.stage_ticks >= stage.duration_ticks {
        Course { announcement: moment.on_failure, ..stay(Outcome::Failure) }
    } else {
        stay(Outcome::Going)
    }
}

/// Everybody gets what the content says.
pub fn reward(merit: &Merit) -> Prize {
    Prize { id: merit.id, reward_permille: 1_000 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::exports::lore::script::event::{Occasion, Stage};

    #[test]
    fn kills_end_it_well_and_time_badly() {
        let stage = Stage { duration_ticks: 600, kills_needed: 3, creatures: 4, announcement: 0 };
        let moment = |stage_ticks, kills| Moment {
            id: 1,
            event: lore_sdk::def_id("event/wolf_moon"),
            occasion: Occasion::Second,
            stage: 1,
            stages: vec![stage],
            stage_ticks,
            due: true,
            trigger_count: 0,
            trigger_needed: 0,
            cooldown_left_ticks: 0,
            kills,
            spawned: 4,
            alive: 4,
            participants: 1,
            nearby: 1,
            on_success: 0,
            on_failure: 0,
            memory: 0,
            seed: 1,
        };
        assert_eq!(conduct(&moment(20, 2)).outcome, Outcome::Going);
        assert_eq!(conduct(&moment(20, 3)).outcome, Outcome::Success);
        assert_eq!(conduct(&moment(600, 2)).outcome, Outcome::Failure);
        let rest = Moment { stage: 0, ..moment(0, 0) };
        assert_eq!(conduct(&rest).spawn, 4);
    }
}
