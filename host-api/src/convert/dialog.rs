//! Conversations: `dialog.converse`.

use super::{Hook, call_export, same_id, share};
use crate::bindings::dialog::exports::lore::script::dialog as wit;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::limits::DIALOG_ITEMS;
use sim::rng::Rng;
use sim::rules::{Conversation, DialogAction, DialogReply};
use sim::state::StateValue;

pub(crate) struct Converse;

impl Hook for Converse {
    const EXPORT: Export = Export::Converse;
    type View = Conversation;
    type Answer = DialogReply;
    type Wire = wit::Conversation;
    type Reply = wit::Reply;

    call_export!(Dialog, lore_script_dialog, func_converse);

    fn sample() -> Conversation {
        samples::conversation()
    }

    fn vary(view: &mut Conversation, number: u32, dice: &mut Rng) {
        made_up::conversation(view, number, dice);
    }

    /// Who is greeted and has no flag has left nothing behind.
    fn state(view: &Conversation) -> Option<StateValue> {
        let Conversation { dialog, flags, node, .. } = *view;
        let spoken = flags != 0 || node != DefId::NONE;
        spoken.then_some(StateValue::Dialog { dialog, flags, node })
    }

    /// A conversation that does not stay where it was has ended: the next one begins with a greeting.
    fn set_state(view: &mut Conversation, state: StateValue) {
        let StateValue::Dialog { flags, node, .. } = state else { return };
        view.flags = flags;
        if node != view.node {
            (view.node, view.choice) = (DefId::NONE, DefId::NONE);
        }
    }

    /// What a flag means is the script's own affair.
    fn forget_state(answer: &mut DialogReply) {
        answer.actions.retain(|action| !matches!(action, DialogAction::SetFlag(_)));
    }

    fn id(view: &Conversation) -> u64 {
        view.id.into()
    }

    fn subject(view: &Conversation) -> DefId {
        view.dialog
    }

    fn lower(view: &Conversation) -> wit::Conversation {
        let quests = view.quests.iter();
        let items = view.items.iter();
        wit::Conversation {
            id: view.id,
            character: view.character.0,
            npc: view.npc.0,
            npc_template: view.npc_template.0,
            dialog: view.dialog.0,
            level: view.level,
            gold: view.gold,
            node: view.node.0,
            choice: view.choice.0,
            flags: view.flags,
            quests: quests
                .map(|&(quest, state)| wit::QuestStatus { quest: quest.0, state: state.into() })
                .collect(),
            items: items.map(|&(item, count)| wit::ItemCount { item: item.0, count }).collect(),
            seed: view.seed,
        }
    }

    fn lift(view: &Conversation, reply: wit::Reply) -> Result<DialogReply, BadOutput> {
        same_id(view.id, reply.id)?;
        for (what, len) in [("choices", reply.choices.len()), ("actions", reply.actions.len())] {
            if len > DIALOG_ITEMS {
                return Err(BadOutput::List { what, len, expected: format!("at most {DIALOG_ITEMS}") });
            }
        }
        Ok(DialogReply {
            id: reply.id,
            node: DefId(reply.node),
            choices: reply.choices.into_iter().map(DefId).collect(),
            actions: reply.actions.into_iter().map(lift_action).collect::<Result<_, _>>()?,
        })
    }

    fn fallback(view: &Conversation) -> DialogReply {
        DialogReply::fallback(view.id)
    }

    fn remembers(answer: &DialogReply) -> bool {
        answer.actions.iter().any(|action| matches!(action, DialogAction::SetFlag(_)))
    }

    fn measure(answer: &DialogReply) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("ended", share(answer.node == DefId::NONE)), ("actions", answer.actions.len() as f64)]
    }
}

fn lift_action(action: wit::Action) -> Result<DialogAction, BadOutput> {
    use wit::Action as Wit;
    Ok(match action {
        Wit::AcceptQuest(quest) => DialogAction::AcceptQuest(DefId(quest)),
        Wit::TurnInQuest(quest) => DialogAction::TurnInQuest(DefId(quest)),
        Wit::GiveItem(item) => DialogAction::GiveItem { item: DefId(item.item), count: item.count },
        Wit::TakeItem(item) => DialogAction::TakeItem { item: DefId(item.item), count: item.count },
        Wit::TakeGold(gold) => DialogAction::TakeGold(gold),
        Wit::Rest => DialogAction::Rest,
        Wit::SetFlag(flag @ 0..=63) => DialogAction::SetFlag(flag),
        Wit::SetFlag(flag) => {
            return Err(BadOutput::Number { what: "flag", value: flag.into(), expected: "0..=63" });
        }
    })
}
