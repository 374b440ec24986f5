//! An event from its beginning to both of its ends.

use super::*;
use crate::wit::exports::lore::script::event::Occasion;

/// Two stages: six kills of six, then holding out against three.
fn moment(stage: u32) -> Moment {
    let stages = vec![
        Stage { duration_ticks: 1_200, kills_needed: 8, creatures: 6, announcement: 71 },
        Stage { duration_ticks: 600, kills_needed: 0, creatures: 3, announcement: 72 },
    ];
    Moment {
        id: 4,
        event: 1,
        occasion: Occasion::Second,
        stage,
        stages,
        stage_ticks: 100,
        due: false,
        trigger_count: 0,
        trigger_needed: 0,
        cooldown_left_ticks: 0,
        kills: 0,
        spawned: if stage > 0 { 6 } else { 0 },
        alive: if stage > 0 { 6 } else { 0 },
        participants: 2,
        nearby: 2,
        on_success: 81,
        on_failure: 82,
        memory: 9,
        seed: 1,
    }
}

fn course(moment: &Moment) -> (Outcome, u32, u32, u32) {
    let course = conduct(moment);
    assert_eq!((course.id, course.memory), (moment.id, moment.memory));
    (course.outcome, course.stage, course.spawn, course.announcement)
}

#[test]
fn it_begins_when_it_is_due_or_brought_about_but_not_before_its_rest_is_over() {
    let rest = moment(0);
    assert_eq!(course(&rest), (Outcome::Idle, 0, 0, 0));
    let due = Moment { due: true, ..rest.clone() };
    assert_eq!(course(&due), (Outcome::Going, 1, 6, 71));
    assert_eq!(course(&Moment { cooldown_left_ticks: 1, ..due }).0, Outcome::Idle);
    let triggered = |trigger_count| Moment { trigger_count, trigger_needed: 15, ..rest.clone() };
    assert_eq!(course(&triggered(14)).0, Outcome::Idle);
    assert_eq!(course(&triggered(15)), (Outcome::Going, 1, 6, 71));
}

#[test]
fn kills_lead_to_the_next_stage_and_the_last_one_to_a_good_end() {
    assert_eq!(course(&moment(1)), (Outcome::Going, 1, 0, 0));
    let wave = Moment { kills: 6, alive: 0, ..moment(1) };
    assert_eq!(course(&wave), (Outcome::Going, 1, 6, 0), "two are missing, so others come");
    let done = Moment { kills: 8, alive: 4, ..moment(1) };
    assert_eq!(course(&done), (Outcome::Going, 2, 3, 72));
    assert!(conduct(&done).dismiss, "the rest of the wave leaves");
    let held = Moment { stage_ticks: 600, ..moment(2) };
    assert_eq!(course(&held), (Outcome::Success, 2, 0, 81));
}

#[test]
fn time_that_is_over_before_the_kills_is_a_bad_end() {
    let late = Moment { stage_ticks: 1_200, kills: 7, occasion: Occasion::StageOver, ..moment(1) };
    assert_eq!(course(&late), (Outcome::Failure, 1, 0, 82));
    assert_eq!(course(&Moment { kills: 8, ..late }).0, Outcome::Going, "the last blow counts");
}
