//! How a quest goes on. Quests of the content use it with `script = "__NAME__"`.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "quest-script", path: "../../wit" });
}

use wit::exports::lore::script::quest::{Context, Guest, Inquiry, QuestState, Step, Trigger};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn advance(_ctx: Context, inquiries: Vec<Inquiry>) -> Vec<Step> {
        lore_sdk::each(&inquiries, advance)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// Counts what the objectives ask for; all of it done is the whole reward.
pub fn advance(inquiry: &Inquiry) -> Step {
    let progress = &inquiry.progress;
    let mut done: Vec<u32> = progress.objectives.iter().map(|objective| objective.done).collect();
    let mut reward_permille = 0;
    let state = match (&inquiry.trigger, progress.state) {
        (Trigger::Offer, _) if inquiry.level < inquiry.required_level => QuestState::Unavailable,
        (Trigger::Offer, _) if inquiry.prerequisites_met => QuestState::Available,
        (Trigger::Offer, _) => QuestState::Unavailable,
        (Trigger::Accept, _) => {
            done.fill(0);
            QuestState::Active
        }
        (Trigger::Happened(event), QuestState::Active) => {
            for (done, objective) in done.iter_mut().zip(&progress.objectives) {
                if (objective.deed, objective.subject) == (event.deed, event.subject) {
                    *done = (*done + event.amount).min(objective.needed);
                }
            }
            let complete = done.iter().zip(&progress.objectives).all(|(done, o)| *done >= o.needed);
            if complete { QuestState::Complete } else { QuestState::Active }
        }
        (Trigger::TurnIn, QuestState::Complete) => {
            reward_permille = 1_000;
            QuestState::TurnedIn
        }
        (Trigger::Abandon, QuestState::Active | QuestState::Complete) => QuestState::Abandoned,
        (_, state) => state,
    };
    Step { id: inquiry.id, state, done, reward_permille, memory: progress.memory }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::exports::lore::script::quest::{Deed, Event, Objective, Progress};

    #[test]
    fn the_last_wolf_completes_it() {
        let subject = lore_sdk::def_id("npc/wolf");
        let objective = Objective { deed: Deed::Kill, subject, needed: 3, done: 2 };
        let inquiry = Inquiry {
            id: 1,
            character: 1,
            level: 1,
            required_level: 1,
            prerequisites_met: true,
            repeatable: false,
            progress: Progress {
                quest: lore_sdk::def_id("quest/__NAME__"),
                state: QuestState::Active,
                objectives: vec![objective],
                memory: 0,
            },
            trigger: Trigger::Happened(Event { deed: Deed::Kill, subject, amount: 1 }),
            seed: 1,
        };
        let step = advance(&inquiry);
        assert_eq!((step.state, step.done), (QuestState::Complete, vec![3]));
    }
}
