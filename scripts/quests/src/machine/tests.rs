//! The state machine, transition by transition.

use super::*;
use crate::wit::exports::lore::script::quest::{Event, Progress};

const WOLF: u32 = 1;
const MIRA: u32 = 2;
const PELT: u32 = 3;

fn asked(state: QuestState, done: [u32; 3], trigger: Trigger) -> Inquiry {
    let objective = |deed, subject, needed, done| Objective { deed, subject, needed, done };
    Inquiry {
        id: 4,
        character: 1,
        level: 3,
        required_level: 3,
        prerequisites_met: true,
        repeatable: false,
        progress: Progress {
            quest: 8,
            state,
            objectives: vec![
                objective(Deed::Kill, WOLF, 3, done[0]),
                objective(Deed::Talk, MIRA, 1, done[1]),
                objective(Deed::Deliver, PELT, 2, done[2]),
            ],
            memory: 5,
        },
        trigger,
        seed: 0,
    }
}

fn happened(deed: Deed, subject: u32, amount: u32) -> Trigger {
    Trigger::Happened(Event { deed, subject, amount })
}

fn check(inquiry: &Inquiry, state: QuestState, done: [u32; 3], reward: u32) {
    let step = advance(inquiry);
    assert_eq!((step.id, step.state, step.reward_permille), (4, state, reward));
    assert_eq!(step.done, done);
}

#[test]
fn is_offered_to_who_may_have_it() {
    use crate::wit::lore::script::types::QuestState::{Active, Available, TurnedIn, Unavailable};
    check(&asked(Unavailable, [0; 3], Trigger::Offer), Available, [0; 3], 0);
    let young = Inquiry { level: 2, ..asked(Available, [0; 3], Trigger::Offer) };
    check(&young, Unavailable, [0; 3], 0);
    let early = Inquiry { prerequisites_met: false, ..asked(Unavailable, [0; 3], Trigger::Offer) };
    check(&early, Unavailable, [0; 3], 0);
    check(&asked(Active, [1, 0, 0], Trigger::Offer), Active, [1, 0, 0], 0);
    check(&asked(TurnedIn, [3, 1, 2], Trigger::Offer), TurnedIn, [3, 1, 2], 0);
    let again = Inquiry { repeatable: true, ..asked(TurnedIn, [3, 1, 2], Trigger::Offer) };
    check(&again, Available, [3, 1, 2], 0);
}

#[test]
fn acceptance_starts_from_nothing() {
    use crate::wit::lore::script::types::QuestState::{Abandoned, Active, Complete, TurnedIn, Unavailable};
    check(&asked(Unavailable, [0; 3], Trigger::Accept), Active, [0; 3], 0);
    check(&asked(Abandoned, [2, 0, 0], Trigger::Accept), Active, [0; 3], 0);
    check(&asked(Complete, [3, 1, 0], Trigger::Accept), Complete, [3, 1, 0], 0);
    check(&asked(TurnedIn, [3, 1, 2], Trigger::Accept), TurnedIn, [3, 1, 2], 0);
    let again = Inquiry { repeatable: true, ..asked(TurnedIn, [3, 1, 2], Trigger::Accept) };
    check(&again, Active, [0; 3], 0);
    let young = Inquiry { level: 2, ..asked(Unavailable, [0; 3], Trigger::Accept) };
    check(&young, Unavailable, [0; 3], 0);
}

#[test]
fn deeds_count_up_to_what_is_needed() {
    use crate::wit::lore::script::types::QuestState::{Active, Available, Complete};
    check(&asked(Active, [0; 3], happened(Deed::Kill, WOLF, 1)), Active, [1, 0, 0], 0);
    check(&asked(Active, [2, 0, 0], happened(Deed::Kill, WOLF, u32::MAX)), Active, [3, 0, 0], 0);
    check(&asked(Active, [0; 3], happened(Deed::Kill, PELT, 1)), Active, [0; 3], 0);
    check(&asked(Active, [0; 3], happened(Deed::Collect, WOLF, 1)), Active, [0; 3], 0);
    check(&asked(Available, [0; 3], happened(Deed::Kill, WOLF, 1)), Available, [0; 3], 0);
    check(&asked(Active, [3, 0, 0], happened(Deed::Talk, MIRA, 1)), Complete, [3, 1, 0], 0);
    check(&asked(Complete, [3, 1, 0], happened(Deed::Deliver, PELT, 1)), Complete, [3, 1, 1], 0);
}

#[test]
fn only_a_complete_quest_pays_and_only_once() {
    use crate::wit::lore::script::types::QuestState::{Active, Complete, TurnedIn};
    check(&asked(Active, [3, 0, 0], Trigger::TurnIn), Active, [3, 0, 0], 0);
    let complete = asked(Complete, [3, 1, 0], Trigger::TurnIn);
    check(&complete, TurnedIn, [3, 1, 2], 1_000);
    assert_eq!(advance(&complete).memory, 6);
    check(&asked(TurnedIn, [3, 1, 2], Trigger::TurnIn), TurnedIn, [3, 1, 2], 0);
}

#[test]
fn what_is_given_up_is_lost() {
    use crate::wit::lore::script::types::QuestState::{Abandoned, Active, Complete, TurnedIn};
    check(&asked(Active, [2, 0, 0], Trigger::Abandon), Abandoned, [0; 3], 0);
    check(&asked(Complete, [3, 1, 0], Trigger::Abandon), Abandoned, [0; 3], 0);
    check(&asked(TurnedIn, [3, 1, 2], Trigger::Abandon), TurnedIn, [3, 1, 2], 0);
}
