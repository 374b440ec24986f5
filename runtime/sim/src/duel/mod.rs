//! Duels: two who fight in turns, with health of their own that nothing outside depends on. Here is who
//! fights whom, and how it ends; what becomes of a turn is in `turn`.

mod turn;

use crate::admit::Admission;
use crate::content::Position;
use crate::entity::{Entity, EntityKind};
use crate::ids::{CharacterId, DefId, DuelId, EntityId, RequestId};
use crate::limits;
use crate::output::{
    Accepted, DuelBlow, DuelEnd, DuelResult, DuelState, DuelistState, FactKind, MoveState, Notice, Opponent,
    Output, Rejection,
};
use crate::rules::{Origin, Rules, Verdict};
use crate::state::Kept;
use crate::world::World;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::{BTreeMap, VecDeque};

/// All challenges and duels of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Duels {
    last: u64,
    challenges: BTreeMap<DuelId, Challenge>,
    running: BTreeMap<DuelId, Duel>,
}

/// A question nobody has answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
struct Challenge {
    challenger: CharacterId,
    opponent: CharacterId,
    /// First tick in which it is no longer open.
    until: u64,
}

/// A duel. The challenger is the first of the sides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Duel {
    pub(crate) sides: [Side; 2],
    /// Where it is held.
    place: Position,
    since: u64,
    /// Whether the script was asked who begins.
    is_open: bool,
    /// Turns taken.
    pub(crate) turns: u32,
    /// Index of who has the turn.
    pub(crate) actor: usize,
    /// Tick the turn began.
    turn_since: u64,
    turn_ticks: u32,
    /// What the actor has chosen; [`DefId::NONE`] to pass.
    chosen: Option<DefId>,
    pub(crate) memory: Kept<i64>,
    pub(crate) log: VecDeque<Entry>,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Side {
    entity: EntityId,
    /// `None` for an NPC.
    character: Option<CharacterId>,
    /// `npc/NAME`, or none for a character.
    template: DefId,
    health: i32,
    health_max: i32,
    mana: i32,
    mana_max: i32,
    pub(crate) energy: i32,
    energy_max: i32,
    auto: bool,
    /// Own turns until abilities are ready again.
    pub(crate) cooldowns: BTreeMap<DefId, u32>,
}

/// A turn as the journal keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Entry {
    /// Index of the side.
    pub(crate) actor: usize,
    pub(crate) ability: DefId,
    pub(crate) amount: i32,
    heal: i32,
}

impl Side {
    fn of(entity: &Entity) -> Self {
        let (character, template) = match &entity.kind {
            EntityKind::Character(id) => (Some(*id), DefId::NONE),
            EntityKind::Npc(mind) => (None, mind.template),
            EntityKind::Item { .. } => (None, DefId::NONE),
        };
        let most = |value: i32| value.max(0);
        Self {
            entity: entity.id,
            character,
            template,
            health: entity.stats.health.max(1),
            health_max: entity.stats.health.max(1),
            mana: most(entity.stats.mana),
            mana_max: most(entity.stats.mana),
            energy: most(entity.stats.energy),
            energy_max: most(entity.stats.energy),
            auto: character.is_none(),
            cooldowns: BTreeMap::new(),
        }
    }

    fn state(&self) -> DuelistState {
        DuelistState {
            entity: self.entity,
            health: self.health,
            health_max: self.health_max,
            mana: self.mana,
            mana_max: self.mana_max,
            energy: self.energy,
            energy_max: self.energy_max,
            auto: self.auto,
        }
    }
}

impl Duel {
    fn side_of(&self, character: CharacterId) -> Option<usize> {
        self.sides.iter().position(|side| side.character == Some(character))
    }

    /// 1 and up; everybody has one turn in it if the turns alternate.
    fn round(&self) -> u32 {
        self.turns / 2 + 1
    }
}

impl Duels {
    fn next(&mut self) -> DuelId {
        self.last += 1;
        DuelId(self.last)
    }

    fn count(&self) -> usize {
        self.challenges.len() + self.running.len()
    }

    fn challenge_of(&self, character: CharacterId) -> Option<DuelId> {
        let takes_part =
            |challenge: &Challenge| challenge.challenger == character || challenge.opponent == character;
        self.challenges.iter().find(|(_, challenge)| takes_part(challenge)).map(|(id, _)| *id)
    }

    fn duel_of(&self, character: CharacterId) -> Option<(DuelId, usize)> {
        self.running.iter().find_map(|(id, duel)| Some((*id, duel.side_of(character)?)))
    }

    fn is_engaged(&self, character: CharacterId) -> bool {
        self.challenge_of(character).is_some() || self.duel_of(character).is_some()
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = (DuelId, &Duel)> {
        self.running.iter().map(|(id, duel)| (*id, duel))
    }

    pub(crate) fn running_mut(&mut self) -> impl Iterator<Item = (DuelId, &mut Duel)> {
        self.running.iter_mut().map(|(id, duel)| (*id, duel))
    }
}

/// What players ask.
impl World {
    pub(crate) fn challenge(&mut self, id: CharacterId, target: EntityId, out: &mut Output) -> Admission {
        if self.content.duel.script == DefId::NONE {
            return Err(Rejection::NoDuel);
        }
        let (me, opponent) = self.opponents(id, target)?;
        if self.duels.is_engaged(id) || opponent.is_some_and(|opponent| self.duels.is_engaged(opponent)) {
            return Err(Rejection::DuelBusy);
        }
        if self.duels.count() >= limits::DUELS_PER_ZONE {
            return Err(Rejection::DuelBusy);
        }
        let duel = self.duels.next();
        let Some(opponent) = opponent else {
            // An NPC that duels takes every challenge.
            self.begin_duel(duel, [me, target]);
            return Ok(Some(Accepted::Challenged { duel }));
        };
        let answer_ticks = self.ticks(self.content.duel.invitation_ms);
        let until = self.tick + u64::from(answer_ticks);
        let name = self.characters[&id].state.name.clone();
        self.duels.challenges.insert(duel, Challenge { challenger: id, opponent, until });
        Self::notify(out, opponent, Notice::DuelChallenged { duel, from: me, name, answer_ticks });
        Ok(Some(Accepted::Challenged { duel }))
    }

    /// The own entity, and the character behind the other's if it is one, if the two can duel.
    fn opponents(
        &self,
        id: CharacterId,
        target: EntityId,
    ) -> Result<(EntityId, Option<CharacterId>), Rejection> {
        let me = self.entities.entry(self.characters[&id].entity).ok_or(Rejection::NotInZone)?;
        let other = self.entities.entry(target).ok_or(Rejection::NoTarget)?;
        let distance = me.at.distance_mm(other.at);
        if distance > self.definition().interest_radius_mm {
            return Err(Rejection::NoTarget);
        }
        let opponent = match &other.kind {
            EntityKind::Character(opponent) if *opponent != id => Some(*opponent),
            EntityKind::Npc(mind) if self.content.npcs.get(&mind.template).is_some_and(|npc| npc.duels) => {
                None
            }
            _ => return Err(Rejection::WrongTarget),
        };
        if !other.is_alive() {
            return Err(Rejection::WrongTarget);
        }
        if distance > limits::INTERACT_RANGE_MM {
            return Err(Rejection::OutOfRange);
        }
        Ok((me.id, opponent))
    }

    pub(crate) fn accept_duel(&mut self, id: CharacterId, duel: DuelId) -> Admission {
        let challenge = self.duels.challenges.get(&duel).filter(|challenge| challenge.opponent == id);
        let challenger = challenge.ok_or(Rejection::NoDuel)?.challenger;
        let other = self.characters.get(&challenger).ok_or(Rejection::NoDuel)?.entity;
        let (me, _) = self.opponents(id, other)?;
        self.duels.challenges.remove(&duel);
        self.begin_duel(duel, [other, me]);
        Ok(Some(Accepted::Done))
    }

    pub(crate) fn decline_duel(&mut self, id: CharacterId, duel: DuelId, out: &mut Output) -> Admission {
        if self.duels.challenge_of(id) != Some(duel) {
            return Err(Rejection::NoDuel);
        }
        self.end_challenge(duel, DuelEnd::Declined, out);
        Ok(Some(Accepted::Done))
    }

    pub(crate) fn choose_act(&mut self, id: CharacterId, duel: DuelId, ability: Option<DefId>) -> Admission {
        let found = self.duels.running.get(&duel).and_then(|running| Some((running, running.side_of(id)?)));
        let (running, side) = found.ok_or(Rejection::NoDuel)?;
        if running.actor != side || !running.is_open {
            return Err(Rejection::NotYourTurn);
        }
        if let Some(ability) = ability {
            let moves = self.moves(&running.sides[side]);
            let known =
                moves.iter().find(|known| known.ability == ability).ok_or(Rejection::UnknownAbility)?;
            if known.cooldown_turns > 0 {
                return Err(Rejection::Ability(Verdict::OnCooldown));
            }
            if i64::from(known.mana_cost) > i64::from(running.sides[side].mana) {
                return Err(Rejection::Ability(Verdict::NotEnoughMana));
            }
            if !known.ready {
                return Err(Rejection::Ability(Verdict::NotEnoughEnergy));
            }
        }
        if let Some(running) = self.duels.running.get_mut(&duel) {
            running.chosen = Some(ability.unwrap_or(DefId::NONE));
        }
        Ok(Some(Accepted::Done))
    }

    pub(crate) fn set_auto(&mut self, id: CharacterId, on: bool) -> Admission {
        let (duel, side) = self.duels.duel_of(id).ok_or(Rejection::NoDuel)?;
        if let Some(duel) = self.duels.running.get_mut(&duel) {
            duel.sides[side].auto = on;
        }
        Ok(Some(Accepted::Done))
    }

    pub(crate) fn surrender(&mut self, id: CharacterId, request: RequestId, out: &mut Output) -> Admission {
        let (duel, side) = self.duels.duel_of(id).ok_or(Rejection::NoDuel)?;
        let origin = self.content_origin();
        self.end_duel(duel, Some(1 - side), DuelEnd::Surrender, (origin, Some((id, request))), out);
        Ok(Some(Accepted::Done))
    }
}

/// From beginning to end.
impl World {
    fn begin_duel(&mut self, id: DuelId, sides: [EntityId; 2]) {
        let [Some(challenger), Some(opponent)] = sides.map(|side| self.entities.entry(side)) else { return };
        let duel = Duel {
            sides: [Side::of(challenger), Side::of(opponent)],
            place: opponent.at,
            since: self.tick,
            is_open: false,
            turns: 0,
            actor: 0,
            turn_since: self.tick,
            turn_ticks: 0,
            chosen: None,
            memory: Kept::new(0, self.schema_of(self.content.duel.script)),
            log: VecDeque::new(),
        };
        self.duels.running.insert(id, duel);
    }

    /// Ends what is over, opens what was accepted, and lets everybody act whose turn is due.
    pub(crate) fn run_duels(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        if self.duels.count() == 0 {
            return;
        }
        let tick = self.tick;
        let expired = |(id, challenge): (&DuelId, &Challenge)| (challenge.until <= tick).then_some(*id);
        let expired: Vec<DuelId> = self.duels.challenges.iter().filter_map(expired).collect();
        for id in expired {
            self.end_challenge(id, DuelEnd::Expired, out);
        }
        let over: Vec<_> = self
            .duels
            .running()
            .filter_map(|(id, duel)| self.is_over(duel).map(|(winner, why)| (id, winner, why)))
            .collect();
        for (id, winner, why) in over {
            let origin = self.content_origin();
            self.end_duel(id, winner, why, (origin, None), out);
        }
        self.open_duels(rules, out);
        self.take_turns(rules, out);
    }

    /// Why a duel cannot go on, and who has won it.
    fn is_over(&self, duel: &Duel) -> Option<(Option<usize>, DuelEnd)> {
        if self.content.duel.script == DefId::NONE {
            return Some((None, DuelEnd::Cancelled));
        }
        let out_of_it = |side: &Side| match self.entities.entry(side.entity) {
            None => Some(DuelEnd::Left),
            Some(entity) if !entity.is_alive() => Some(DuelEnd::Died),
            Some(entity) if entity.at.distance_mm(duel.place) > limits::DUEL_RANGE_MM => Some(DuelEnd::Left),
            Some(_) => None,
        };
        let longest = u64::from(self.ticks(self.content.duel.longest_ms));
        match [out_of_it(&duel.sides[0]), out_of_it(&duel.sides[1])] {
            [Some(why), Some(_)] => Some((None, why)),
            [Some(why), None] => Some((Some(1), why)),
            [None, Some(why)] => Some((Some(0), why)),
            [None, None] if duel.since + longest <= self.tick => Some((None, DuelEnd::Time)),
            [None, None] => None,
        }
    }

    /// Whom a character fights in a duel now.
    pub fn duel_opponent(&self, id: CharacterId) -> Option<EntityId> {
        let (duel, side) = self.duels.duel_of(id)?;
        self.duels.running.get(&duel).map(|duel| duel.sides[1 - side].entity)
    }

    /// A character leaves the zone, and with it what it was challenged to.
    pub(crate) fn leave_duels(&mut self, id: CharacterId, out: &mut Output) {
        if let Some(challenge) = self.duels.challenge_of(id) {
            self.end_challenge(challenge, DuelEnd::Left, out);
        }
        if let Some((duel, side)) = self.duels.duel_of(id) {
            let origin = self.content_origin();
            self.end_duel(duel, Some(1 - side), DuelEnd::Left, (origin, None), out);
        }
    }

    fn end_challenge(&mut self, duel: DuelId, why: DuelEnd, out: &mut Output) {
        let Some(challenge) = self.duels.challenges.remove(&duel) else { return };
        for character in [challenge.challenger, challenge.opponent] {
            Self::notify(out, character, Notice::ChallengeEnded { duel, why });
        }
    }

    /// Says who has won; for the characters among the two it is a fact, and they are told after its commit.
    fn end_duel(
        &mut self,
        id: DuelId,
        winner: Option<usize>,
        why: DuelEnd,
        (origin, asked): (Origin, Option<(CharacterId, RequestId)>),
        out: &mut Output,
    ) {
        let Some(duel) = self.duels.running.remove(&id) else { return };
        for (index, side) in duel.sides.iter().enumerate() {
            let Some(character) = side.character else { continue };
            let other = &duel.sides[1 - index];
            let opponent = other.character.map_or(Opponent::Npc(other.template), Opponent::Character);
            let result = match winner {
                Some(winner) if winner == index => DuelResult::Won,
                Some(_) => DuelResult::Lost,
                None => DuelResult::Drawn,
            };
            let log = duel.log.iter().map(|entry| crate::output::DuelEntry {
                own: entry.actor == index,
                ability: entry.ability,
                amount: entry.amount,
                heal: entry.heal,
            });
            let kind =
                FactKind::Duel { duel: id, opponent, result, why, rounds: duel.round(), log: log.collect() };
            let request = asked.filter(|(who, _)| *who == character).map(|(_, request)| request);
            Self::fact(out, character, origin, request, kind);
        }
    }

    /// Tells both how the duel stands.
    fn show_duel(&self, id: DuelId, last: Option<&DuelBlow>, origin: Origin, over: bool, out: &mut Output) {
        let Some(duel) = self.duels.running.get(&id) else { return };
        let until = duel.turn_since + u64::from(duel.turn_ticks);
        for side in &duel.sides {
            let Some(character) = side.character else { continue };
            let moves = self.moves(side).into_iter().map(|known| MoveState {
                ability: known.ability,
                mana_cost: known.mana_cost,
                energy_cost: known.energy_cost,
                cooldown_turns: known.cooldown_turns,
                ready: known.ready,
            });
            let state = DuelState {
                duel: id,
                round: duel.round(),
                actor: if over { EntityId::NONE } else { duel.sides[duel.actor].entity },
                turn_ticks: until.saturating_sub(self.tick).min(u64::from(u32::MAX)) as u32,
                sides: [duel.sides[0].state(), duel.sides[1].state()],
                moves: moves.collect(),
                last: last.copied(),
                origin,
            };
            Self::notify(out, character, Notice::DuelTurn(Box::new(state)));
        }
    }
}
