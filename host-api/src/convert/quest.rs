//! Progress: `quest.advance`.

use super::{Hook, call_export, same_cases, same_id, share};
use crate::bindings::quest::exports::lore::script::quest as wit;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::content::Deed;
use sim::input::QuestProgress;
use sim::rng::Rng;
use sim::rules::{Inquiry, QuestState, QuestStep, Trigger};
use sim::state::StateValue;

pub(crate) struct Advance;

impl Hook for Advance {
    const EXPORT: Export = Export::Advance;
    type View = Inquiry;
    type Answer = QuestStep;
    type Wire = wit::Inquiry;
    type Reply = wit::Step;

    call_export!(Quest, lore_script_quest, func_advance);

    fn sample() -> Inquiry {
        samples::inquiry()
    }

    fn vary(view: &mut Inquiry, number: u32, dice: &mut Rng) {
        made_up::inquiry(view, number, dice);
    }

    /// Who has never taken a quest has no progress in it.
    fn state(view: &Inquiry) -> Option<StateValue> {
        let done = view.objectives.iter().map(|objective| objective.done).collect();
        let progress = QuestProgress { state: view.state, done, memory: view.memory };
        let taken = progress.state != QuestState::Unavailable || progress.memory != 0;
        taken.then_some(StateValue::Quest { quest: view.quest, progress })
    }

    fn set_state(view: &mut Inquiry, state: StateValue) {
        let StateValue::Quest { progress, .. } = state else { return };
        (view.state, view.memory) = (progress.state, progress.memory);
        for (objective, done) in view.objectives.iter_mut().zip(progress.done) {
            objective.done = done.min(objective.needed);
        }
    }

    fn forget_state(answer: &mut QuestStep) {
        answer.memory = 0;
    }

    fn id(view: &Inquiry) -> u64 {
        view.id.into()
    }

    fn subject(view: &Inquiry) -> DefId {
        view.quest
    }

    fn lower(view: &Inquiry) -> wit::Inquiry {
        let objectives = view.objectives.iter().map(|objective| wit::Objective {
            deed: objective.deed.into(),
            subject: objective.subject.0,
            needed: objective.needed,
            done: objective.done,
        });
        wit::Inquiry {
            id: view.id,
            character: view.entity.0,
            level: view.level,
            required_level: view.required_level,
            prerequisites_met: view.prerequisites_met,
            repeatable: view.repeatable,
            progress: wit::Progress {
                quest: view.quest.0,
                state: view.state.into(),
                objectives: objectives.collect(),
                memory: view.memory,
            },
            trigger: match view.trigger {
                Trigger::Offer => wit::Trigger::Offer,
                Trigger::Accept => wit::Trigger::Accept,
                Trigger::Happened { deed, subject, amount } => {
                    wit::Trigger::Happened(wit::Event { deed: deed.into(), subject: subject.0, amount })
                }
                Trigger::TurnIn => wit::Trigger::TurnIn,
                Trigger::Abandon => wit::Trigger::Abandon,
            },
            seed: view.seed,
        }
    }

    fn lift(view: &Inquiry, reply: wit::Step) -> Result<QuestStep, BadOutput> {
        same_id(view.id, reply.id)?;
        let expected = view.objectives.len();
        if reply.done.len() != expected {
            let (what, len) = ("counts of done objectives", reply.done.len());
            return Err(BadOutput::List { what, len, expected: expected.to_string() });
        }
        Ok(QuestStep {
            id: reply.id,
            state: reply.state.into(),
            done: reply.done,
            reward_permille: reply.reward_permille,
            memory: reply.memory,
        })
    }

    fn fallback(view: &Inquiry) -> QuestStep {
        QuestStep::fallback(view)
    }

    fn remembers(answer: &QuestStep) -> bool {
        answer.memory != 0
    }

    fn measure(answer: &QuestStep) -> impl IntoIterator<Item = (&'static str, f64)> {
        [
            ("completed", share(answer.state == QuestState::Complete)),
            ("rewarded", share(answer.reward_permille > 0)),
        ]
    }
}

same_cases! { Deed = wit::Deed { Kill, Collect, Deliver, Talk, Reach, UseItem } }
