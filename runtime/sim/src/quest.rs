//! Quests: what happened is put to the quest's script, and what it answers is kept and paid.
//!
//! A batch holds at most one inquiry per character and quest, so that each sees what the one before
//! it changed. What is left over goes into the next batch of the same step, up to a bound.

use crate::content::{Deed, Quest};
use crate::ids::{CharacterId, DefId, RequestId};
use crate::input::{CharacterState, QuestProgress};
use crate::inventory::{Cause, carried, put, take};
use crate::limits;
use crate::output::{Accepted, FactKind, Output, Reason, Rejection, Reply};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Inquiry, ObjectiveView, QuestState, QuestStep, Rules, Trigger};
use crate::state::Kept;
use crate::world::World;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::{BTreeMap, BTreeSet};

/// Batches per step; one is the rule, more follow from deeds that a reward is.
const ROUNDS: u32 = 8;
/// Most a script may pay of a reward, permille.
const REWARD_PERMILLE_MAX: u32 = 2_000;

/// A question to a quest script that has not been asked yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct PendingInquiry {
    pub(crate) character: CharacterId,
    pub(crate) quest: DefId,
    pub(crate) trigger: Trigger,
    /// The command that asks, if one does.
    pub(crate) request: Option<RequestId>,
}

/// What stands in the log as the state of a quest the character may not have yet.
pub(crate) fn may_be_offered(state: QuestState, repeatable: bool) -> bool {
    match state {
        QuestState::Unavailable | QuestState::Available | QuestState::Failed | QuestState::Abandoned => true,
        QuestState::TurnedIn => repeatable,
        QuestState::Active | QuestState::Complete => false,
    }
}

impl World {
    /// A deed of a character: every quest of its log that asks for it will hear of it.
    pub(crate) fn deed(&mut self, id: CharacterId, deed: Deed, subject: DefId, amount: u32) {
        let Some(character) = self.characters.get(&id) else { return };
        for (quest, kept) in &character.state.quests {
            let open = matches!(kept.value.state, QuestState::Active | QuestState::Complete);
            let Some(definition) = self.content.quests.get(quest).filter(|_| open) else { continue };
            let readable = kept.schema == self.schema_of(definition.script);
            if !readable || !definition.objectives.iter().any(|o| o.deed == deed && o.subject == subject) {
                continue;
            }
            let known = self.inquiries.iter_mut().find_map(|pending| match &mut pending.trigger {
                Trigger::Happened { deed: d, subject: s, amount }
                    if pending.character == id && pending.quest == *quest && *d == deed && *s == subject =>
                {
                    Some(amount)
                }
                _ => None,
            });
            match known {
                Some(sum) => *sum = sum.saturating_add(amount),
                None => self.inquiries.push(PendingInquiry {
                    character: id,
                    quest: *quest,
                    trigger: Trigger::Happened { deed, subject, amount },
                    request: None,
                }),
            }
        }
    }

    pub(crate) fn item_gained(&mut self, id: CharacterId, item: DefId, count: u32) {
        self.deed(id, Deed::Collect, item, count);
        self.deed(id, Deed::Deliver, item, count);
    }

    pub(crate) fn request_accept(
        &mut self,
        id: CharacterId,
        request: RequestId,
        quest: DefId,
    ) -> crate::admit::Admission {
        let definition = self.content.quests.get(&quest).ok_or(Rejection::UnknownQuest)?;
        self.check_near(id, definition.giver)?;
        self.ask_once(id, quest, Trigger::Accept, request)
    }

    pub(crate) fn request_turn_in(
        &mut self,
        id: CharacterId,
        request: RequestId,
        quest: DefId,
    ) -> crate::admit::Admission {
        let definition = self.content.quests.get(&quest).ok_or(Rejection::UnknownQuest)?;
        self.check_near(id, definition.completer)?;
        self.ask_once(id, quest, Trigger::TurnIn, request)
    }

    pub(crate) fn request_abandon(
        &mut self,
        id: CharacterId,
        request: RequestId,
        quest: DefId,
    ) -> crate::admit::Admission {
        let known = self.content.quests.contains_key(&quest);
        if !known || !self.characters[&id].state.quests.contains_key(&quest) {
            return Err(Rejection::UnknownQuest);
        }
        self.ask_once(id, quest, Trigger::Abandon, request)
    }

    /// Whether the script of a quest can read how far a character is in it.
    fn is_readable(&self, state: &CharacterState, quest: DefId) -> bool {
        let (kept, definition) = (state.quests.get(&quest), self.content.quests.get(&quest));
        kept.zip(definition).is_none_or(|(kept, quest)| kept.schema == self.schema_of(quest.script))
    }

    /// A command that asks a script; only one per quest can be under way.
    fn ask_once(
        &mut self,
        id: CharacterId,
        quest: DefId,
        trigger: Trigger,
        request: RequestId,
    ) -> crate::admit::Admission {
        let same = |p: &PendingInquiry| p.character == id && p.quest == quest && p.request.is_some();
        if self.inquiries.iter().any(same) || !self.is_readable(&self.characters[&id].state, quest) {
            return Err(Rejection::QuestState);
        }
        self.ask(id, quest, trigger, Some(request));
        Ok(None)
    }

    pub(crate) fn ask(
        &mut self,
        id: CharacterId,
        quest: DefId,
        trigger: Trigger,
        request: Option<RequestId>,
    ) {
        self.inquiries.push(PendingInquiry { character: id, quest, trigger, request });
    }

    /// Whether an NPC of this template is close enough to talk to.
    fn check_near(&self, id: CharacterId, template: DefId) -> Result<(), Rejection> {
        let Some(me) = self.characters.get(&id).and_then(|c| self.entities.entry(c.entity)) else {
            return Err(Rejection::NotInZone);
        };
        let mut near = false;
        self.grid.within(me.at, 2 * limits::INTERACT_RANGE_MM, |point| {
            if let Some(crate::entity::EntityKind::Npc(mind)) =
                self.entities.entry(point.id).map(|entity| &entity.kind)
            {
                near |= mind.template == template;
            }
        });
        if near { Ok(()) } else { Err(Rejection::OutOfRange) }
    }

    /// Asks the scripts everything there is to ask, in as many batches as that takes.
    pub(crate) fn run_inquiries(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        for _ in 0..ROUNDS {
            if self.inquiries.is_empty() {
                return;
            }
            self.run_batch(rules, out);
        }
    }

    /// One question per character and quest.
    fn run_batch(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let mut asked = BTreeSet::new();
        let (now, later): (Vec<PendingInquiry>, Vec<PendingInquiry>) = std::mem::take(&mut self.inquiries)
            .into_iter()
            .partition(|pending| asked.insert((pending.character, pending.quest)));
        self.inquiries = later;
        for (pending, inquiry, answer) in self.inquire(rules, now) {
            let result = self.apply_step(&pending, &inquiry, &answer, out);
            if let Some(request) = pending.request {
                out.replies.push(Reply::new(pending.character, request, result));
            }
        }
    }

    /// Puts questions to their scripts, one batch per script, and returns them with the answers.
    pub(crate) fn inquire(
        &self,
        rules: &mut dyn Rules,
        questions: Vec<PendingInquiry>,
    ) -> Vec<(PendingInquiry, Inquiry, Answer<QuestStep>)> {
        let mut by_script: BTreeMap<DefId, Vec<(PendingInquiry, Inquiry)>> = BTreeMap::new();
        for pending in questions {
            let Some(character) = self.characters.get(&pending.character) else { continue };
            let Some(quest) = self.content.quests.get(&pending.quest) else { continue };
            if !self.is_readable(&character.state, pending.quest) {
                continue;
            }
            let batch = by_script.entry(quest.script).or_default();
            let inquiry =
                self.view_inquiry(&character.state, character.entity, quest, &pending, batch.len() as u32);
            batch.push((pending, inquiry));
        }
        let ctx = self.context();
        let (mut results, mut answers) = (Vec::new(), Vec::new());
        for (script, batch) in by_script {
            let inquiries: Vec<Inquiry> = batch.iter().map(|(_, inquiry)| inquiry.clone()).collect();
            rules.advance(&ctx, script, &inquiries, &mut answers);
            assert_eq!(answers.len(), inquiries.len(), "one step per inquiry");
            results.extend(batch.into_iter().zip(answers.drain(..)).map(|((p, i), answer)| (p, i, answer)));
        }
        results
    }

    fn view_inquiry(
        &self,
        state: &CharacterState,
        entity: crate::ids::EntityId,
        quest: &Quest,
        pending: &PendingInquiry,
        id: u32,
    ) -> Inquiry {
        let fresh = QuestProgress::default();
        let progress = state.quests.get(&pending.quest).map_or(&fresh, |kept| &kept.value);
        let objectives = quest.objectives.iter().enumerate().map(|(index, objective)| {
            let done = match objective.deed {
                Deed::Deliver => {
                    carried_before(state, objective.subject, pending.trigger).min(objective.needed)
                }
                _ => progress.done.get(index).copied().unwrap_or(0),
            };
            ObjectiveView { deed: objective.deed, subject: objective.subject, needed: objective.needed, done }
        });
        Inquiry {
            id,
            character: state.id,
            entity,
            level: state.level,
            required_level: quest.required_level,
            prerequisites_met: quest.requires.iter().all(|needed| {
                state.quests.get(needed).is_some_and(|p| p.value.state == QuestState::TurnedIn)
            }),
            repeatable: quest.repeatable,
            quest: pending.quest,
            state: progress.state,
            objectives: objectives.collect(),
            memory: progress.memory,
            trigger: pending.trigger,
            seed: fork(self.seed, self.tick, entity.0 ^ (u64::from(pending.quest.0) << 32), Purpose::Quest),
        }
    }

    fn apply_step(
        &mut self,
        pending: &PendingInquiry,
        inquiry: &Inquiry,
        answer: &Answer<QuestStep>,
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let (id, quest) = (pending.character, pending.quest);
        let step = &answer.value;
        if step.done.len() != inquiry.objectives.len() {
            return Err(Rejection::QuestState);
        }
        let done: Vec<u32> =
            step.done.iter().zip(&inquiry.objectives).map(|(d, o)| (*d).min(o.needed)).collect();
        let progress = QuestProgress { state: step.state, done, memory: step.memory };
        let before = inquiry.state;
        let allowed = match pending.trigger {
            Trigger::Offer => false,
            Trigger::Accept => {
                may_be_offered(before, inquiry.repeatable)
                    && matches!(step.state, QuestState::Active | QuestState::Complete)
            }
            Trigger::Happened { .. } => matches!(before, QuestState::Active | QuestState::Complete),
            Trigger::TurnIn => {
                matches!(before, QuestState::Active | QuestState::Complete)
                    && step.state == QuestState::TurnedIn
            }
            Trigger::Abandon => {
                matches!(before, QuestState::Active | QuestState::Complete)
                    && step.state == QuestState::Abandoned
            }
        };
        if !allowed {
            return Err(Rejection::QuestState);
        }
        if pending.trigger == Trigger::Accept && self.open_quests(id) >= limits::ACTIVE_QUESTS {
            return Err(Rejection::QuestLimit);
        }
        let finished = step.state == QuestState::TurnedIn && before != QuestState::TurnedIn;
        if finished {
            self.check_hand_over(id, quest, step.reward_permille.min(REWARD_PERMILLE_MAX))?;
        }
        let origin = answer.origin;
        let known = self.characters[&id].state.quests.get(&quest);
        if known.is_none_or(|kept| kept.value != progress) {
            let schema = self.content.quests.get(&quest).map_or(0, |quest| self.schema_of(quest.script));
            if let Some(character) = self.characters.get_mut(&id) {
                character.state.quests.insert(quest, Kept::new(progress.clone(), schema));
            }
            Self::fact(out, id, origin, pending.request, FactKind::Quest { quest, progress, schema });
        }
        if finished {
            self.hand_over(
                id,
                quest,
                step.reward_permille.min(REWARD_PERMILLE_MAX),
                pending.request,
                origin,
                out,
            );
        }
        Ok(Accepted::Done)
    }

    fn open_quests(&self, id: CharacterId) -> usize {
        let open =
            |p: &&Kept<QuestProgress>| matches!(p.value.state, QuestState::Active | QuestState::Complete);
        self.characters[&id].state.quests.values().filter(open).count()
    }

    /// Whether the character carries what is to be delivered and has room for the reward after it:
    /// tried out on a copy.
    fn check_hand_over(&self, id: CharacterId, quest: DefId, permille: u32) -> Result<(), Rejection> {
        let Some(definition) = self.content.quests.get(&quest) else { return Err(Rejection::UnknownQuest) };
        let (mut state, mut touched) = (self.characters[&id].state.clone(), Vec::new());
        for objective in definition.objectives.iter().filter(|o| o.deed == Deed::Deliver) {
            if carried(&state, objective.subject) < objective.needed {
                return Err(Rejection::QuestState);
            }
            take(&mut state, objective.subject, objective.needed, &mut touched);
        }
        for reward in &definition.reward.items {
            let count = part(reward.count, permille) as u32;
            if put(&self.content, &mut state, reward.item, count, &mut touched) > 0 {
                return Err(Rejection::InventoryFull);
            }
        }
        Ok(())
    }

    fn hand_over(
        &mut self,
        id: CharacterId,
        quest: DefId,
        permille: u32,
        request: Option<RequestId>,
        origin: crate::rules::Origin,
        out: &mut Output,
    ) {
        let Some(definition) = self.content.quests.get(&quest) else { return };
        let (objectives, reward) = (definition.objectives.clone(), definition.reward.clone());
        let delivery = Cause { origin, request, reason: Reason::QuestDelivery(quest) };
        for objective in objectives.iter().filter(|objective| objective.deed == Deed::Deliver) {
            self.take_items(id, objective.subject, objective.needed, delivery, out);
        }
        let cause = Cause { origin, request, reason: Reason::QuestReward(quest) };
        if part(reward.experience, permille) > 0 {
            self.gain_experience(id, part(reward.experience, permille), cause, out);
        }
        self.change_gold(id, part(reward.gold, permille) as i64, cause, out);
        for item in reward.items {
            let left = self.give_items(id, item.item, part(item.count, permille) as u32, cause, out);
            assert_eq!(left, 0, "there was room on the copy");
        }
    }
}

/// A share of a reward.
pub(crate) fn part(whole: u32, permille: u32) -> u64 {
    u64::from(whole) * u64::from(permille) / 1_000
}

/// How many of an item were carried before what `trigger` tells of happened, so that a script may
/// simply add the amount of the event.
fn carried_before(state: &CharacterState, item: DefId, trigger: Trigger) -> u32 {
    let now = carried(state, item);
    match trigger {
        Trigger::Happened { deed: Deed::Deliver, subject, amount } if subject == item => {
            now.saturating_sub(amount)
        }
        _ => now,
    }
}
