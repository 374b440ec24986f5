//! From progress and trigger to progress.
//!
//! ```text
//! unavailable/available --accept--> active --all done--> complete --turn-in--> turned-in
//!                          ^           |                    |                     |
//!                          +---------- abandoned <--abandon-+                     |
//!                          +--------------------- if repeatable ------------------+
//! ```
//! A trigger that does not fit the state changes nothing and pays nothing.
//!
//! Objectives to deliver do not hold up `complete`: the goods change hands at turn-in, where the
//! host has counted them. Their `done` still follows what the host reports. The memory counts how
//! often the quest was turned in.

use crate::wit::exports::lore::script::quest::{Deed, Inquiry, Objective, QuestState, Step, Trigger};

/// The whole reward of the content.
const FULL_REWARD_PERMILLE: u32 = 1_000;

/// One answer.
pub fn advance(inquiry: &Inquiry) -> Step {
    let progress = &inquiry.progress;
    let unchanged = Step {
        id: inquiry.id,
        state: progress.state,
        done: progress.objectives.iter().map(|objective| objective.done).collect(),
        reward_permille: 0,
        memory: progress.memory,
    };
    match &inquiry.trigger {
        Trigger::Offer if is_open(inquiry) => {
            let state = if is_allowed(inquiry) { QuestState::Available } else { QuestState::Unavailable };
            Step { state, ..unchanged }
        }
        Trigger::Accept if is_open(inquiry) && is_allowed(inquiry) => {
            let done = vec![0; progress.objectives.len()];
            Step { state: state_of(&progress.objectives, &done), done, ..unchanged }
        }
        Trigger::Happened(event) if is_running(progress.state) => {
            let done: Vec<u32> = progress
                .objectives
                .iter()
                .map(|objective| {
                    let counts = objective.deed == event.deed && objective.subject == event.subject;
                    let more = if counts { event.amount } else { 0 };
                    objective.done.saturating_add(more).min(objective.needed)
                })
                .collect();
            Step { state: state_of(&progress.objectives, &done), done, ..unchanged }
        }
        Trigger::TurnIn if progress.state == QuestState::Complete => Step {
            state: QuestState::TurnedIn,
            done: progress.objectives.iter().map(|objective| objective.needed).collect(),
            reward_permille: FULL_REWARD_PERMILLE,
            memory: progress.memory.saturating_add(1),
            ..unchanged
        },
        Trigger::Abandon if is_running(progress.state) => {
            Step { state: QuestState::Abandoned, done: vec![0; progress.objectives.len()], ..unchanged }
        }
        _ => unchanged,
    }
}

/// Whether the quest could be accepted in its state.
fn is_open(inquiry: &Inquiry) -> bool {
    match inquiry.progress.state {
        QuestState::Unavailable | QuestState::Available | QuestState::Failed | QuestState::Abandoned => true,
        QuestState::TurnedIn => inquiry.repeatable,
        QuestState::Active | QuestState::Complete => false,
    }
}

/// Whether the character may have it.
fn is_allowed(inquiry: &Inquiry) -> bool {
    inquiry.level >= inquiry.required_level && inquiry.prerequisites_met
}

fn is_running(state: QuestState) -> bool {
    matches!(state, QuestState::Active | QuestState::Complete)
}

fn state_of(objectives: &[Objective], done: &[u32]) -> QuestState {
    let all = objectives
        .iter()
        .zip(done)
        .all(|(objective, done)| objective.deed == Deed::Deliver || *done >= objective.needed);
    if all { QuestState::Complete } else { QuestState::Active }
}
