//! Admission: one input after the other, in order of arrival, is carried out or turned down.
//! What a script decides is only queued here.

use crate::chat::PendingLine;
use crate::combat::CastRequest;
use crate::content::AbilityTarget;
use crate::dialog::PendingTalk;
use crate::entity::EntityKind;
use crate::ids::{CharacterId, DefId, EntityId, RequestId};
use crate::input::{Command, Input};
use crate::limits;
use crate::output::{Accepted, DepartureKind, Event, EventKind, Output, Rejection, Reply};
use crate::rules::is_speech;
use crate::shop::Wish;
use crate::world::World;

/// A command is answered at once, or by the script that decides it.
pub(crate) type Admission = Result<Option<Accepted>, Rejection>;

impl World {
    pub(crate) fn admit(&mut self, input: Input, out: &mut Output) {
        match input {
            Input::Enter(state) => self.enter(*state, out),
            Input::Leave { character } => self.depart(character, DepartureKind::Left, out, |_| ()),
            Input::Stop => self.scratch.stopping = true,
            Input::Command { character, request, command } => {
                let result = self.carry_out(character, request, command, out);
                let Some(result) = result.transpose() else { return };
                self.answer(character, request, result, out);
            }
        }
    }

    /// Answers a command, and says when the same may be accepted if it came to a full tick or from somebody dead.
    pub(crate) fn answer(
        &self,
        character: CharacterId,
        request: RequestId,
        result: Result<Accepted, Rejection>,
        out: &mut Output,
    ) {
        let again_ticks = match result {
            Err(Rejection::Dead) => self.ticks_until_life(character),
            Err(Rejection::ShopBusy | Rejection::CraftBusy) => Some(1),
            _ => None,
        };
        out.replies.push(Reply { again_ticks, ..Reply::new(character, request, result) });
    }

    /// Commands are looked at before the characters whose time has come return.
    fn ticks_until_life(&self, id: CharacterId) -> Option<u32> {
        let at = self.characters.get(&id)?.respawn_at?;
        u32::try_from(at.saturating_sub(self.tick) + 1).ok()
    }

    fn carry_out(
        &mut self,
        id: CharacterId,
        request: RequestId,
        command: Command,
        out: &mut Output,
    ) -> Admission {
        let Some(character) = self.characters.get(&id) else { return Err(Rejection::NotInZone) };
        let entity = character.entity;
        if let Command::Move { seq, to } = command {
            self.move_character(id, seq, to, out);
            return Ok(None);
        }
        let alive = self.entities.entry(entity).is_some_and(crate::entity::Entity::is_alive);
        if !alive
            && !matches!(command, Command::Chat { .. } | Command::CloseDialog | Command::AbandonQuest { .. })
        {
            return Err(Rejection::Dead);
        }
        match command {
            Command::Move { .. } => Ok(None),
            Command::Attack { target } => {
                let class = self.content.classes.get(&character.state.class);
                let basic = class.map(|class| class.basic).ok_or(Rejection::UnknownAbility)?;
                self.request_cast(id, request, basic, Some(target))
            }
            Command::UseSkill { ability, target } => self.request_cast(id, request, ability, target),
            Command::Interact { target } => self.interact(id, request, target, out),
            Command::ChooseDialog { choice } => self.choose_dialog(id, request, choice),
            Command::CloseDialog => self.close_dialog(id, out).map(Some),
            Command::AcceptQuest { quest } => self.request_accept(id, request, quest),
            Command::TurnInQuest { quest } => self.request_turn_in(id, request, quest),
            Command::AbandonQuest { quest } => self.request_abandon(id, request, quest),
            Command::Equip { slot } => self.equip(id, request, slot, out).map(Some),
            Command::Unequip { from } => self.unequip(id, request, from, out).map(Some),
            Command::UseItem { slot } => self.use_item(id, request, slot, out).map(Some),
            Command::Drop { slot, count } => self.drop_item(id, request, slot, count, out).map(Some),
            Command::MoveItem { from, to, count } => {
                self.move_item(id, request, (from, to, count), out).map(Some)
            }
            Command::Chat { text } => self.request_chat(id, request, text),
            Command::ListShop { npc } => self.request_trade(id, request, npc, Wish::List),
            Command::Buy { npc, item, count, price } => {
                self.request_trade(id, request, npc, Wish::Buy { item, count, price })
            }
            Command::Sell { npc, slot, count, price } => {
                self.request_trade(id, request, npc, Wish::Sell { slot, count, price })
            }
            Command::Challenge { target } => self.challenge(id, target, out),
            Command::AcceptDuel { duel } => self.accept_duel(id, duel),
            Command::DeclineDuel { duel } => self.decline_duel(id, duel, out),
            Command::DuelAct { duel, ability } => self.choose_act(id, duel, ability),
            Command::AutoDuel { on } => self.set_auto(id, on),
            Command::Surrender => self.surrender(id, request, out),
            Command::Craft { recipe, count } => self.request_craft(id, request, recipe, count),
        }
    }

    fn request_chat(&mut self, character: CharacterId, request: RequestId, text: String) -> Admission {
        if !is_speech(&text) {
            return Err(Rejection::BadText);
        }
        self.scratch.lines.push(PendingLine { character, request, text });
        Ok(None)
    }

    fn request_cast(
        &mut self,
        id: CharacterId,
        request: RequestId,
        ability: DefId,
        target: Option<EntityId>,
    ) -> Admission {
        let character = &self.characters[&id];
        let caster = character.entity;
        let class = self.content.classes.get(&character.state.class).ok_or(Rejection::UnknownAbility)?;
        let definition = self.content.abilities.get(&ability).ok_or(Rejection::UnknownAbility)?;
        let known = class.basic == ability || class.abilities.contains(&ability);
        if !known || character.state.level < definition.required_level {
            return Err(Rejection::UnknownAbility);
        }
        let target = match (definition.target, target) {
            (AbilityTarget::Caster, _) | (AbilityTarget::Ally, None) => caster,
            (_, Some(target)) => target,
            (AbilityTarget::Enemy, None) => return Err(Rejection::NoTarget),
        };
        self.check_target(caster, target, definition.target)?;
        self.scratch.casts.push(CastRequest { caster, target, ability, reply_to: Some((id, request)) });
        Ok(None)
    }

    /// Whether `caster` may use an ability of this kind on `target`. Range is the script's matter.
    pub(crate) fn check_target(
        &self,
        caster: EntityId,
        target: EntityId,
        kind: AbilityTarget,
    ) -> Result<(), Rejection> {
        let (Some(from), Some(to)) = (self.entities.entry(caster), self.entities.entry(target)) else {
            return Err(Rejection::NoTarget);
        };
        if from.at.distance_mm(to.at) > self.definition().interest_radius_mm {
            return Err(Rejection::NoTarget);
        }
        if matches!(to.kind, EntityKind::Item { .. }) || !to.is_alive() {
            return Err(Rejection::WrongTarget);
        }
        let fits = match kind {
            AbilityTarget::Enemy => self.are_enemies(caster, target),
            AbilityTarget::Caster => caster == target,
            AbilityTarget::Ally => !self.are_enemies(caster, target),
        };
        if fits { Ok(()) } else { Err(Rejection::WrongTarget) }
    }

    /// Characters and hostile NPCs fight each other; everybody else is at peace.
    pub(crate) fn are_enemies(&self, a: EntityId, b: EntityId) -> bool {
        let side = |id| match self.entities.entry(id).map(|entity| &entity.kind) {
            Some(EntityKind::Character(_)) => Some(false),
            Some(EntityKind::Npc(mind)) => self.content.npcs.get(&mind.template)?.hostile.then_some(true),
            _ => None,
        };
        matches!((side(a), side(b)), (Some(a), Some(b)) if a != b)
    }

    fn interact(
        &mut self,
        id: CharacterId,
        request: RequestId,
        target: EntityId,
        out: &mut Output,
    ) -> Admission {
        let character = &self.characters[&id];
        let (Some(me), Some(other)) = (self.entities.entry(character.entity), self.entities.entry(target))
        else {
            return Err(Rejection::NoTarget);
        };
        let distance = me.at.distance_mm(other.at);
        if distance > self.definition().interest_radius_mm {
            return Err(Rejection::NoTarget);
        }
        if distance > limits::INTERACT_RANGE_MM {
            return Err(Rejection::OutOfRange);
        }
        let at = other.at;
        let template = match &other.kind {
            EntityKind::Item { .. } => return self.pick_up(id, request, target, out).map(Some),
            EntityKind::Character(_) => return Err(Rejection::WrongTarget),
            EntityKind::Npc(mind) => mind.template,
        };
        let npc = self.content.npcs.get(&template).ok_or(Rejection::WrongTarget)?;
        if npc.hostile || !other.is_alive() {
            return Err(Rejection::WrongTarget);
        }
        let (dialog, name, greeting) = (npc.dialog, npc.title.clone(), npc.greeting.clone());
        self.deed(id, crate::content::Deed::Talk, template, 1);
        if dialog == DefId::NONE {
            let kind = EventKind::Chat { entity: target, name, text: greeting };
            out.events.push(Event { at: Some(at), origin: self.content_origin(), kind });
            return Ok(Some(Accepted::Greeting));
        }
        self.scratch.talks.push(PendingTalk {
            character: id,
            request,
            npc: target,
            dialog,
            node: DefId::NONE,
            choice: DefId::NONE,
        });
        Ok(None)
    }
}
