//! Conversations: the script names the next node and the choices; the words are content.

use crate::content::Position;
use crate::ids::{CharacterId, DefId, EntityId, RequestId};
use crate::inventory::{Cause, carried, room};
use crate::limits;
use crate::output::{Accepted, FactKind, Notice, Output, Reason, Rejection, Reply};
use crate::quest::{PendingInquiry, may_be_offered};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Conversation, DialogAction, DialogReply, QuestState, Rules, Trigger};
use crate::state::Kept;
use crate::world::World;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct OpenDialog {
    npc: EntityId,
    pub(crate) dialog: DefId,
    pub(crate) node: DefId,
    choices: Vec<DefId>,
}

/// A conversation that goes on in this step.
pub(crate) struct PendingTalk {
    pub(crate) character: CharacterId,
    pub(crate) request: RequestId,
    pub(crate) npc: EntityId,
    pub(crate) dialog: DefId,
    pub(crate) node: DefId,
    pub(crate) choice: DefId,
}

type Offers = BTreeMap<(CharacterId, DefId), QuestState>;

impl World {
    pub(crate) fn choose_dialog(
        &mut self,
        id: CharacterId,
        request: RequestId,
        choice: DefId,
    ) -> crate::admit::Admission {
        let character = &self.characters[&id];
        let open = character.dialog.as_ref().ok_or(Rejection::NoDialog)?;
        if !open.choices.contains(&choice) {
            return Err(Rejection::UnknownChoice);
        }
        let place = |entity: EntityId| self.entities.entry(entity).map(|entity| entity.at);
        let (me, npc): (Option<Position>, Option<Position>) = (place(character.entity), place(open.npc));
        let near = me.zip(npc).is_some_and(|(me, npc)| me.distance_mm(npc) <= 2 * limits::INTERACT_RANGE_MM);
        if !near {
            return Err(Rejection::OutOfRange);
        }
        let talk = PendingTalk {
            character: id,
            request,
            npc: open.npc,
            dialog: open.dialog,
            node: open.node,
            choice,
        };
        self.scratch.talks.push(talk);
        Ok(None)
    }

    pub(crate) fn close_dialog(&mut self, id: CharacterId, out: &mut Output) -> Result<Accepted, Rejection> {
        let character = self.characters.get_mut(&id).ok_or(Rejection::NotInZone)?;
        character.dialog.take().ok_or(Rejection::NoDialog)?;
        Self::notify(out, id, Notice::DialogEnded);
        Ok(Accepted::Done)
    }

    pub(crate) fn run_dialogs(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        if self.scratch.talks.is_empty() {
            return;
        }
        let talks = std::mem::take(&mut self.scratch.talks);
        let offers = self.offered(rules, &talks);
        let mut by_script: BTreeMap<DefId, Vec<(PendingTalk, Conversation)>> = BTreeMap::new();
        for talk in talks {
            let view =
                self.content.dialogs.get(&talk.dialog).map(|dialog| dialog.script).and_then(|script| {
                    let batch = by_script.entry(script).or_default();
                    Some((script, self.view_talk(&talk, &offers, batch.len() as u32)?))
                });
            match view {
                Some((script, view)) => by_script.entry(script).or_default().push((talk, view)),
                None => {
                    let result = Err(Rejection::NoTarget);
                    out.replies.push(Reply::new(talk.character, talk.request, result));
                }
            }
        }
        let ctx = self.context();
        let mut answers = Vec::new();
        for (script, batch) in by_script {
            let views: Vec<Conversation> = batch.iter().map(|(_, view)| view.clone()).collect();
            rules.converse(&ctx, script, &views, &mut answers);
            assert_eq!(answers.len(), views.len(), "one reply per conversation");
            for ((talk, _), answer) in batch.into_iter().zip(&answers) {
                let result = self.apply_reply(&talk, answer, out);
                out.replies.push(Reply::new(talk.character, talk.request, result));
            }
        }
    }

    /// Asks the quest scripts which of the quests these dialogs name may be had.
    fn offered(&self, rules: &mut dyn Rules, talks: &[PendingTalk]) -> Offers {
        let mut questions = Vec::new();
        for talk in talks {
            let Some(character) = self.characters.get(&talk.character) else { continue };
            let Some(dialog) = self.content.dialogs.get(&talk.dialog) else { continue };
            for quest in &dialog.quests {
                let state =
                    character.state.quests.get(quest).map(|kept| kept.value.state).unwrap_or_default();
                let repeatable = self.content.quests.get(quest).is_some_and(|quest| quest.repeatable);
                if may_be_offered(state, repeatable) {
                    questions.push(PendingInquiry {
                        character: talk.character,
                        quest: *quest,
                        trigger: Trigger::Offer,
                        request: None,
                    });
                }
            }
        }
        self.inquire(rules, questions)
            .into_iter()
            .map(|(pending, _, answer)| ((pending.character, pending.quest), answer.value.state))
            .collect()
    }

    fn view_talk(&self, talk: &PendingTalk, offers: &Offers, id: u32) -> Option<Conversation> {
        let character = self.characters.get(&talk.character)?;
        let dialog = self.content.dialogs.get(&talk.dialog)?;
        let npc = self.entities.entry(talk.npc)?;
        let flags = character.state.dialog_flags.get(&talk.dialog);
        if flags.is_some_and(|kept| kept.schema != self.schema_of(dialog.script)) {
            return None;
        }
        let crate::entity::EntityKind::Npc(mind) = &npc.kind else { return None };
        let state = &character.state;
        let quest_state = |quest: &DefId| {
            let offered = offers.get(&(talk.character, *quest)).copied();
            offered.or_else(|| state.quests.get(quest).map(|kept| kept.value.state)).unwrap_or_default()
        };
        Some(Conversation {
            id,
            character: character.entity,
            npc: talk.npc,
            npc_template: mind.template,
            dialog: talk.dialog,
            level: state.level,
            gold: state.gold.min(u64::from(u32::MAX)) as u32,
            node: talk.node,
            choice: talk.choice,
            flags: flags.map_or(0, |kept| kept.value),
            quests: dialog.quests.iter().map(|quest| (*quest, quest_state(quest))).collect(),
            items: dialog.items.iter().map(|item| (*item, carried(state, *item))).collect(),
            seed: fork(self.seed, self.tick, character.entity.0, Purpose::Dialog),
        })
    }

    fn apply_reply(
        &mut self,
        talk: &PendingTalk,
        answer: &Answer<DialogReply>,
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let reply = &answer.value;
        self.check_reply(talk, reply)?;
        for action in &reply.actions {
            self.act_dialog(talk, *action, answer, out);
        }
        let dialog = &self.content.dialogs[&talk.dialog];
        let node = dialog.nodes.get(&reply.node);
        let text = node.map(|node| self.fill_in(&node.text, talk));
        let Some(character) = self.characters.get_mut(&talk.character) else {
            return Err(Rejection::NotInZone);
        };
        // Who chooses has a conversation already, who speaks to somebody learns that it is one.
        let accepted = if talk.choice == DefId::NONE { Accepted::Dialog } else { Accepted::Done };
        let Some(text) = text else {
            character.dialog = None;
            Self::notify(out, talk.character, Notice::DialogEnded);
            return Ok(accepted);
        };
        character.dialog = Some(OpenDialog {
            npc: talk.npc,
            dialog: talk.dialog,
            node: reply.node,
            choices: reply.choices.clone(),
        });
        let notice = Notice::DialogShown {
            npc: talk.npc,
            dialog: talk.dialog,
            node: reply.node,
            text,
            choices: reply.choices.clone(),
            origin: answer.origin,
        };
        Self::notify(out, talk.character, notice);
        Ok(accepted)
    }

    /// A reply counts as a whole: an unknown node or choice, or an action that cannot be carried
    /// out, drops all of it.
    fn check_reply(&self, talk: &PendingTalk, reply: &DialogReply) -> Result<(), Rejection> {
        let content = &self.content;
        let state = &self.characters.get(&talk.character).ok_or(Rejection::NotInZone)?.state;
        if reply.choices.len() > limits::DIALOG_ITEMS || reply.actions.len() > limits::DIALOG_ITEMS {
            return Err(Rejection::UnknownChoice);
        }
        if reply.node != DefId::NONE {
            let node =
                content.dialogs[&talk.dialog].nodes.get(&reply.node).ok_or(Rejection::UnknownChoice)?;
            if !reply.choices.iter().all(|choice| node.choices.contains_key(choice)) {
                return Err(Rejection::UnknownChoice);
            }
        }
        let mut gold = state.gold;
        for action in &reply.actions {
            let possible = match *action {
                DialogAction::AcceptQuest(quest) | DialogAction::TurnInQuest(quest) => {
                    content.quests.contains_key(&quest)
                }
                DialogAction::GiveItem { item, count } => {
                    content.items.contains_key(&item) && room(content, state, item) >= count
                }
                DialogAction::TakeItem { item, count } => carried(state, item) >= count,
                DialogAction::TakeGold(price) => {
                    let enough = gold >= u64::from(price);
                    gold = gold.saturating_sub(u64::from(price));
                    enough
                }
                DialogAction::Rest => true,
                DialogAction::SetFlag(flag) => flag < 64,
            };
            if !possible {
                return Err(Rejection::Requirement);
            }
        }
        Ok(())
    }

    fn act_dialog(
        &mut self,
        talk: &PendingTalk,
        action: DialogAction,
        answer: &Answer<DialogReply>,
        out: &mut Output,
    ) {
        let id = talk.character;
        let cause =
            Cause { origin: answer.origin, request: Some(talk.request), reason: Reason::Dialog(talk.dialog) };
        match action {
            DialogAction::AcceptQuest(quest) => self.ask(id, quest, Trigger::Accept, None),
            DialogAction::TurnInQuest(quest) => self.ask(id, quest, Trigger::TurnIn, None),
            DialogAction::GiveItem { item, count } => {
                // Two gifts in one reply may not fit together; the rest lies at the giver's feet.
                let left = self.give_items(id, item, count, cause, out);
                if let Some(at) = self.entities.entry(talk.npc).map(|npc| npc.at).filter(|_| left > 0) {
                    self.spawn_ground_item(item, left, at);
                }
            }
            DialogAction::TakeItem { item, count } => {
                let count = count.min(self.characters.get(&id).map_or(0, |c| carried(&c.state, item)));
                self.take_items(id, item, count, cause, out);
            }
            DialogAction::TakeGold(price) => self.change_gold(id, -i64::from(price), cause, out),
            DialogAction::Rest => {
                let entity = self.characters.get(&id).map_or(EntityId::NONE, |character| character.entity);
                self.restore(entity, i32::MAX, i32::MAX);
            }
            DialogAction::SetFlag(flag) => {
                let schema = self.schema_of(self.content.dialogs[&talk.dialog].script);
                let Some(character) = self.characters.get_mut(&id) else { return };
                let fresh = || Kept::new(0, schema);
                let kept = character.state.dialog_flags.entry(talk.dialog).or_insert_with(fresh);
                let flags = kept.value | 1 << flag;
                kept.change(flags);
                let kind = FactKind::DialogFlags { dialog: talk.dialog, flags, schema };
                Self::fact(out, id, cause.origin, cause.request, kind);
            }
        }
    }

    fn fill_in(&self, text: &str, talk: &PendingTalk) -> String {
        let Some(character) = self.characters.get(&talk.character) else { return text.to_owned() };
        let state = &character.state;
        let npc = match self.entities.entry(talk.npc).map(|npc| &npc.kind) {
            Some(crate::entity::EntityKind::Npc(mind)) => {
                self.content.npcs.get(&mind.template).map_or("", |npc| npc.title.as_str())
            }
            _ => "",
        };
        text.replace("{character}", &state.name)
            .replace("{npc}", npc)
            .replace("{level}", &state.level.to_string())
            .replace("{gold}", &state.gold.to_string())
    }
}
