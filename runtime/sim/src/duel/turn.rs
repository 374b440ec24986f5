//! Turns of duels: who begins, who acts, and what a swing takes from the health of the duel. The duel script
//! says what is done, the combat script what a swing does; both are asked about all duels of a tick at once.

use super::{Duel, Entry, Side};
use crate::combat::offence;
use crate::content::AbilityTarget;
use crate::ids::{DefId, DuelId};
use crate::limits;
use crate::output::{DuelBlow, DuelEnd, Output};
use crate::rng::{Purpose, fork};
use crate::rules::{
    Act, Answer, Attack, DuelVerdict, DuelistView, Move, Outcome, Pairing, Rules, Terms, Turn,
};
use crate::world::World;

/// Keeps the swings of duels apart from those of the open world.
const DUEL_SEED: u64 = 1 << 63;

impl World {
    /// Asks who begins the duels that nobody was asked about yet.
    pub(super) fn open_duels(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let fresh = self.duels.running().filter(|(_, duel)| !duel.is_open);
        let pairs = fresh.filter_map(|(id, duel)| Some((id, self.view_pairing(id, duel)?)));
        let (ids, mut pairs): (Vec<DuelId>, Vec<Pairing>) = pairs.unzip();
        if ids.is_empty() {
            return;
        }
        for (index, pair) in pairs.iter_mut().enumerate() {
            pair.id = index as u32;
        }
        let mut answers: Vec<Answer<Terms>> = Vec::with_capacity(ids.len());
        rules.open_duels(&self.context(), self.content.duel.script, &pairs, &mut answers);
        assert_eq!(answers.len(), pairs.len(), "terms for each pairing");
        let tick = self.tick;
        for (id, answer) in ids.into_iter().zip(&answers) {
            let Some(duel) = self.duels.running.get_mut(&id) else { continue };
            let terms = &answer.value;
            duel.is_open = true;
            duel.actor = usize::from(!terms.challenger_begins);
            duel.turn_ticks = terms.turn_ticks.clamp(limits::TURN_TICKS.0, limits::TURN_TICKS.1);
            duel.turn_since = tick;
            duel.memory.change(terms.memory);
            self.show_duel(id, None, answer.origin, false, out);
        }
    }

    fn view_pairing(&self, id: DuelId, duel: &Duel) -> Option<Pairing> {
        let turn_ticks = self.ticks(self.content.duel.turn_ms);
        Some(Pairing {
            id: 0,
            challenger: self.view_side(&duel.sides[0])?,
            opponent: self.view_side(&duel.sides[1])?,
            turn_ticks: turn_ticks.clamp(limits::TURN_TICKS.0, limits::TURN_TICKS.1),
            seed: fork(self.seed, self.tick, id.0, Purpose::Duel),
        })
    }

    fn view_side(&self, side: &Side) -> Option<DuelistView> {
        let entity = self.entities.entry(side.entity)?;
        Some(DuelistView {
            entity: side.entity,
            is_npc: side.character.is_none(),
            level: entity.level,
            health: side.health,
            health_max: side.health_max,
            mana: side.mana,
            energy: side.energy,
            accuracy: entity.stats.accuracy,
            evasion: entity.stats.evasion,
        })
    }

    /// What a side can do: what hurts a foe or heals oneself, the plain attack first.
    pub(super) fn moves(&self, side: &Side) -> Vec<Move> {
        let (abilities, level) = match side.character {
            Some(id) => {
                let state = self.characters.get(&id).map(|character| &character.state);
                let class = state.and_then(|state| self.content.classes.get(&state.class));
                let all = class.into_iter().flat_map(|class| {
                    let others = class.abilities.iter().filter(|ability| **ability != class.basic);
                    std::iter::once(class.basic).chain(others.copied())
                });
                (all.collect::<Vec<_>>(), state.map_or(0, |state| state.level))
            }
            None => {
                let npc = self.content.npcs.get(&side.template);
                let all = npc.into_iter().flat_map(|npc| [npc.basic, npc.special]);
                (all.collect(), limits::LEVEL_MAX)
            }
        };
        let known = abilities.into_iter().filter_map(|id| Some((id, self.content.abilities.get(&id)?)));
        let moves = known.filter(|(_, ability)| ability.required_level <= level).map(|(id, ability)| {
            let hurts = ability.target == AbilityTarget::Enemy;
            let cooldown_turns = side.cooldowns.get(&id).copied().unwrap_or(0);
            let pays = |have: i32, cost: u32| i64::from(have) >= i64::from(cost);
            Move {
                ability: id,
                power_permille: if hurts { ability.power_permille } else { 0 },
                heal: if hurts { 0 } else { ability.heal },
                mana_cost: ability.mana_cost,
                energy_cost: ability.energy_cost,
                cooldown_ticks: self.ticks(ability.cooldown_ms),
                cooldown_turns,
                ready: cooldown_turns == 0
                    && pays(side.mana, ability.mana_cost)
                    && pays(side.energy, ability.energy_cost),
            }
        });
        moves.filter(|known| known.power_permille > 0 || known.heal > 0).collect()
    }

    /// Lets everybody act whose turn is due.
    pub(super) fn take_turns(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let script = self.content.duel.script;
        let schema = self.schema_of(script);
        let due = self.duels.running().filter(|(_, duel)| duel.is_open && duel.memory.schema == schema);
        let due = due.filter_map(|(id, duel)| Some((id, self.view_turn(id, duel)?)));
        let (ids, mut turns): (Vec<DuelId>, Vec<Turn>) = due.unzip();
        if ids.is_empty() {
            return;
        }
        for (index, turn) in turns.iter_mut().enumerate() {
            turn.id = index as u32;
        }
        let ctx = self.context();
        let mut acts = Vec::with_capacity(turns.len());
        rules.take_turns(&ctx, script, &turns, &mut acts);
        assert_eq!(acts.len(), turns.len(), "one act per turn");
        let mut attacks = Vec::new();
        for ((id, turn), act) in ids.iter().zip(&turns).zip(&acts) {
            attacks.extend(self.view_duel_swing(*id, turn, &act.value));
        }
        let mut outcomes = Vec::with_capacity(attacks.len());
        if !attacks.is_empty() {
            rules.resolve(&ctx, &attacks, &mut outcomes);
            assert_eq!(outcomes.len(), attacks.len(), "one outcome per attack");
        }
        for ((id, turn), act) in ids.into_iter().zip(&turns).zip(&acts) {
            let swing = attacks.iter().position(|attack| attack.id == turn.id).map(|index| &outcomes[index]);
            self.apply_act(id, turn, act, swing, out);
        }
    }

    /// The turn of a duel, if it is due: chosen or left to the script, and no sooner after the one before than
    /// any action; or out of time.
    fn view_turn(&self, id: DuelId, duel: &Duel) -> Option<Turn> {
        let (actor, foe) = (&duel.sides[duel.actor], &duel.sides[1 - duel.actor]);
        let waited = self.tick - duel.turn_since;
        let timed_out = waited >= u64::from(duel.turn_ticks);
        let decided = duel.chosen.is_some() || actor.auto;
        let rested = waited >= u64::from(self.ticks(limits::ACTION_GAP_MS));
        if !(timed_out || (decided && rested)) {
            return None;
        }
        Some(Turn {
            id: 0,
            round: duel.round(),
            actor: self.view_side(actor)?,
            foe: self.view_side(foe)?,
            chosen: duel.chosen.unwrap_or(DefId::NONE),
            auto: actor.auto && duel.chosen.is_none(),
            timed_out: timed_out && !decided,
            moves: self.moves(actor),
            memory: duel.memory.value,
            seed: fork(self.seed, self.tick, id.0, Purpose::Duel),
        })
    }

    /// The swing of an act, if it has one. They stand face to face, wherever they stand.
    fn view_duel_swing(&self, id: DuelId, turn: &Turn, act: &Act) -> Option<Attack> {
        let made = turn.ready_move(act.ability).filter(|made| made.power_permille > 0)?;
        let attacker = self.entities.entry(turn.actor.entity)?;
        let defender = self.entities.entry(turn.foe.entity)?;
        let element = self.content.abilities.get(&act.ability)?.element;
        let share = u64::from(act.power_permille.min(limits::ACT_POWER_MAX_PERMILLE));
        let power = u64::from(made.power_permille) * share / u64::from(limits::UNCHANGED_PERMILLE);
        Some(Attack {
            id: turn.id,
            distance_mm: 0,
            power_permille: power.min(100_000) as u32,
            defender_health: turn.foe.health,
            defender_health_max: turn.foe.health_max,
            seed: fork(self.seed, self.tick, id.0 | DUEL_SEED, Purpose::Swing),
            ..offence(attacker, defender, element)
        })
    }

    fn apply_act(
        &mut self,
        id: DuelId,
        turn: &Turn,
        answer: &Answer<Act>,
        swing: Option<&Answer<Outcome>>,
        out: &mut Output,
    ) {
        let (act, tick) = (&answer.value, self.tick);
        let Some(duel) = self.duels.running.get_mut(&id) else { return };
        let made = turn.ready_move(act.ability);
        let actor = duel.actor;
        let [own, other] = pair_mut(&mut duel.sides, actor);
        own.cooldowns.retain(|_, turns| {
            *turns = turns.saturating_sub(1);
            *turns > 0
        });
        let mut heal = 0;
        if let Some(made) = made {
            own.mana = own.mana.saturating_sub_unsigned(made.mana_cost).max(0);
            own.energy = own.energy.saturating_sub_unsigned(made.energy_cost).max(0);
            let turns = act.cooldown_turns.min(limits::COOLDOWN_TURNS_MAX);
            if turns > 0 {
                own.cooldowns.insert(made.ability, turns);
            }
            let share = u64::from(act.power_permille.min(limits::ACT_POWER_MAX_PERMILLE));
            let given = u64::from(made.heal) * share / u64::from(limits::UNCHANGED_PERMILLE);
            let room = own.health_max - own.health;
            heal = (given.min(limits::AMOUNT_MAX as u64) as i32).min(room);
            own.health += heal;
        }
        let most = swing.map_or(0, |swing| swing.value.amount.clamp(0, limits::AMOUNT_MAX));
        let amount = most.min(other.health);
        other.health -= amount;
        let beaten = other.health == 0;
        let ability = made.map_or(DefId::NONE, |made| made.ability);
        if duel.log.len() == limits::DUEL_LOG {
            duel.log.pop_front();
        }
        duel.log.push_back(Entry { actor, ability, amount, heal });
        if duel.memory.value != act.memory {
            duel.memory.change(act.memory);
        }
        let blow = DuelBlow {
            actor: turn.actor.entity,
            ability,
            hit: swing.map(|swing| swing.value.kind),
            amount,
            heal,
            timed_out: turn.timed_out,
            origin: swing.map_or(answer.origin, |swing| swing.origin),
        };
        let end = match act.verdict {
            _ if beaten => Some((Some(actor), DuelEnd::Health)),
            DuelVerdict::GoOn => None,
            DuelVerdict::ActorWins => Some((Some(actor), DuelEnd::Verdict)),
            DuelVerdict::FoeWins => Some((Some(1 - actor), DuelEnd::Verdict)),
            DuelVerdict::Draw => Some((None, DuelEnd::Verdict)),
        };
        duel.chosen = None;
        if end.is_none() {
            duel.turns = duel.turns.saturating_add(1);
            duel.actor = if act.again { actor } else { 1 - actor };
            duel.turn_since = tick;
        }
        self.show_duel(id, Some(&blow), answer.origin, end.is_some(), out);
        if let Some((winner, why)) = end {
            self.end_duel(id, winner, why, (answer.origin, None), out);
        }
    }
}

/// The side that acts, and the other one.
fn pair_mut(sides: &mut [Side; 2], actor: usize) -> [&mut Side; 2] {
    let [first, second] = sides;
    if actor == 0 { [first, second] } else { [second, first] }
}
