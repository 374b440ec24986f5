//! Fighting: from the wish to use an ability to wounds, statuses and graves. The ability script
//! says whether and what, the combat script how much; here both are asked in batches and obeyed.

use crate::content::Element;
use crate::death::Death;
use crate::entity::{Changes, Entity, EntityKind, SpawnedBy};
use crate::ids::{CharacterId, DefId, EntityId, RequestId};
use crate::limits;
use crate::output::{Accepted, Event, EventKind, Output, Rejection, Reply};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Attack, Cast, HitKind, Origin, Outcome, Plan, Rules, Verdict};
use crate::world::World;
use std::collections::BTreeSet;

/// Somebody's wish to use an ability, checked for everything but the script's matter.
pub(crate) struct CastRequest {
    pub(crate) caster: EntityId,
    pub(crate) target: EntityId,
    pub(crate) ability: DefId,
    pub(crate) reply_to: Option<(CharacterId, RequestId)>,
}

/// A swing that the ability script planned.
struct Swing {
    attack: Attack,
    plan: Plan,
    ability: DefId,
}

impl World {
    pub(crate) fn is_stunned(&self, entity: &Entity) -> bool {
        self.bears(entity, |status| status.stun)
    }

    fn bears(&self, entity: &Entity, what: impl Fn(&crate::content::Status) -> bool) -> bool {
        entity.statuses.iter().any(|bears| self.content.statuses.get(&bears.status).is_some_and(&what))
    }

    pub(crate) fn run_casts(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let mut requests = std::mem::take(&mut self.scratch.casts);
        let casts = self.view_casts(&mut requests, out);
        if casts.is_empty() {
            self.scratch.casts = requests;
            return;
        }
        let ctx = self.context();
        let mut plans = Vec::with_capacity(casts.len());
        rules.plan_casts(&ctx, &casts, &mut plans);
        assert_eq!(plans.len(), casts.len(), "one plan per cast");
        let mut swings = Vec::new();
        for ((request, cast), plan) in requests.drain(..).zip(&casts).zip(&plans) {
            let result = self.begin_cast(&request, cast, plan, &mut swings, out);
            if let Some((character, request)) = request.reply_to {
                let again_ticks = match &result {
                    Err(Rejection::Ability(verdict)) => self.ticks_until_allowed(cast, *verdict),
                    _ => None,
                };
                out.replies.push(Reply { again_ticks, ..Reply::new(character, request, result) });
            }
        }
        self.scratch.casts = requests;
        self.land_swings(rules, &swings, out);
    }

    /// Drops second wishes of one caster and describes the rest; `requests` keeps what has a view.
    fn view_casts(&self, requests: &mut Vec<CastRequest>, out: &mut Output) -> Vec<Cast> {
        let mut acting = BTreeSet::new();
        let mut casts = Vec::with_capacity(requests.len());
        requests.retain(|request| {
            let view = self.view_cast(request, casts.len() as u32);
            let acts_already = view.is_some() && !acting.insert(request.caster);
            let refused = match &view {
                None => Some(Rejection::NoTarget),
                Some(_) if acts_already => Some(Rejection::Ability(Verdict::TooSoon)),
                Some(_) => None,
            };
            if let (Some(rejection), Some((character, request))) = (refused, request.reply_to) {
                let again_ticks = acts_already.then(|| self.ticks(limits::ACTION_GAP_MS));
                out.replies.push(Reply { again_ticks, ..Reply::new(character, request, Err(rejection)) });
            }
            casts.extend(view.filter(|_| refused.is_none()));
            refused.is_none()
        });
        casts
    }

    fn view_cast(&self, request: &CastRequest, id: u32) -> Option<Cast> {
        let caster = self.entities.entry(request.caster)?;
        let target = self.entities.entry(request.target)?;
        let ability = self.content.abilities.get(&request.ability)?;
        let ready_at = caster.cooldowns.get(&request.ability).copied().unwrap_or(0);
        let since = caster.last_action.map_or(u64::from(u32::MAX), |at| self.tick - at);
        let (status, status_ms) = ability.status.unwrap_or((DefId::NONE, 0));
        Some(Cast {
            id,
            caster: caster.id,
            target: target.id,
            ability: request.ability,
            caster_level: caster.level,
            caster_is_npc: matches!(caster.kind, EntityKind::Npc(_)),
            distance_mm: caster.at.distance_mm(target.at),
            health: caster.health,
            health_max: caster.stats.health,
            mana: caster.mana,
            energy: caster.energy,
            cooldown_left_ticks: ready_at.saturating_sub(self.tick).min(u64::from(u32::MAX)) as u32,
            since_last_action_ticks: since.min(u64::from(u32::MAX)) as u32,
            stunned: self.is_stunned(caster),
            silenced: self.bears(caster, |status| status.silence),
            range_mm: ability.range_mm,
            mana_cost: ability.mana_cost,
            energy_cost: ability.energy_cost,
            cooldown_ticks: self.ticks(ability.cooldown_ms),
            power_permille: self.with_fight_power(&caster.kind, ability.power_permille),
            element: ability.element,
            status,
            status_ticks: self.ticks(status_ms),
            heal: ability.heal,
            seed: fork(self.seed, self.tick, caster.id.0, Purpose::Cast),
        })
    }

    /// Until what stood in the way of a cast is over, if that is a matter of time alone.
    fn ticks_until_allowed(&self, cast: &Cast, verdict: Verdict) -> Option<u32> {
        let left = match verdict {
            Verdict::OnCooldown => cast.cooldown_left_ticks,
            Verdict::TooSoon => {
                self.ticks(limits::ACTION_GAP_MS).saturating_sub(cast.since_last_action_ticks)
            }
            Verdict::Stunned => self.ticks_of_status(cast.caster, |status| status.stun),
            Verdict::Silenced => self.ticks_of_status(cast.caster, |status| status.silence),
            _ => 0,
        };
        (left > 0).then_some(left)
    }

    /// How long the longest status of a kind lasts; 0 if there is none.
    fn ticks_of_status(&self, bearer: EntityId, what: impl Fn(&crate::content::Status) -> bool) -> u32 {
        let statuses = self.entities.entry(bearer).map_or(&[][..], |entity| &entity.statuses);
        let of_that_kind =
            statuses.iter().filter(|bears| self.content.statuses.get(&bears.status).is_some_and(&what));
        let until = of_that_kind.map(|bears| bears.until).max().unwrap_or(0);
        until.saturating_sub(self.tick).min(u64::from(u32::MAX)) as u32
    }

    /// Pays for an allowed cast and starts what it sets in motion.
    fn begin_cast(
        &mut self,
        request: &CastRequest,
        cast: &Cast,
        answer: &Answer<Plan>,
        swings: &mut Vec<Swing>,
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let plan = answer.value;
        if plan.verdict != Verdict::Allow {
            return Err(Rejection::Ability(plan.verdict));
        }
        let tick = self.tick;
        let caster = self.entities.entry_mut(request.caster).ok_or(Rejection::NoTarget)?;
        let left = |have: i32, cost: u32| i32::try_from(cost).ok().and_then(|cost| have.checked_sub(cost));
        let mana = left(caster.mana, plan.mana_cost)
            .filter(|mana| *mana >= 0)
            .ok_or(Rejection::Ability(Verdict::NotEnoughMana))?;
        let energy = left(caster.energy, plan.energy_cost)
            .filter(|energy| *energy >= 0)
            .ok_or(Rejection::Ability(Verdict::NotEnoughEnergy))?;
        (caster.mana, caster.energy) = (mana, energy);
        if plan.mana_cost > 0 || plan.energy_cost > 0 {
            caster.changes.add(Changes::RESOURCES);
        }
        caster.last_action = Some(tick);
        caster.cooldowns.retain(|_, ready| *ready > tick);
        if plan.cooldown_ticks > 0 {
            caster.cooldowns.insert(request.ability, tick + u64::from(plan.cooldown_ticks));
        }
        if plan.heal > 0 {
            let heal = plan.heal.min(limits::AMOUNT_MAX as u32) as i32;
            let amount = self.restore(request.target, heal, 0);
            let at = self.entities.entry(request.target).map(|entity| entity.at);
            let (source, target, by) = (request.caster, request.target, request.ability);
            let kind = EventKind::Heal { source, target, by, amount };
            out.events.push(Event { at, origin: answer.origin, kind });
        }
        if plan.power_permille > 0 {
            let attack = self.view_attack(cast, &plan, swings.len() as u32);
            swings.extend(attack.map(|attack| Swing { attack, plan, ability: request.ability }));
        } else {
            self.put_status(request.caster, request.target, &plan);
        }
        Ok(Accepted::Done)
    }

    fn view_attack(&self, cast: &Cast, plan: &Plan, id: u32) -> Option<Attack> {
        let attacker = self.entities.entry(cast.caster)?;
        let defender = self.entities.entry(cast.target)?;
        Some(Attack {
            id,
            distance_mm: cast.distance_mm,
            power_permille: plan.power_permille.min(100_000),
            seed: fork(self.seed, self.tick, attacker.id.0, Purpose::Swing),
            ..offence(attacker, defender, plan.element)
        })
    }

    fn land_swings(&mut self, rules: &mut dyn Rules, swings: &[Swing], out: &mut Output) {
        if swings.is_empty() {
            return;
        }
        let attacks: Vec<Attack> = swings.iter().map(|swing| swing.attack).collect();
        let mut outcomes = Vec::with_capacity(attacks.len());
        rules.resolve(&self.context(), &attacks, &mut outcomes);
        assert_eq!(outcomes.len(), attacks.len(), "one outcome per attack");
        for (swing, answer) in swings.iter().zip(&outcomes) {
            self.land(swing, answer, out);
        }
    }

    fn land(&mut self, swing: &Swing, answer: &Answer<Outcome>, out: &mut Output) {
        let (attacker, defender) = (swing.attack.attacker, swing.attack.defender);
        let Some(entity) = self.entities.entry(defender) else { return };
        let (at, alive) = (entity.at, entity.is_alive());
        let outcome = answer.value;
        // Who fell to an earlier swing of this tick loses nothing more; the swing is seen all the same.
        let mut lost = 0;
        if alive {
            let amount = outcome.amount.clamp(0, limits::AMOUNT_MAX);
            lost = self.wound(defender, attacker, amount, answer.origin);
            self.threaten(defender, attacker, i64::from(outcome.threat.clamp(0, limits::AMOUNT_MAX)) + 1);
            if matches!(outcome.kind, HitKind::Hit | HitKind::Critical | HitKind::Block) {
                self.put_status(attacker, defender, &swing.plan);
            }
        }
        out.events.push(Event {
            at: Some(at),
            origin: answer.origin,
            kind: EventKind::Swing {
                attacker,
                defender,
                ability: swing.ability,
                hit: outcome.kind,
                base: outcome.base,
                raw: outcome.raw,
                amount: lost,
                element: swing.plan.element,
            },
        });
    }

    /// Takes health; returns what was lost. At 0 the entity is on the list of the dead.
    pub(crate) fn wound(&mut self, id: EntityId, by: EntityId, amount: i32, origin: Origin) -> i32 {
        let tick = self.tick;
        if let Some(attacker) = self.entities.entry_mut(by) {
            attacker.last_combat = Some(tick);
        }
        let Some(entity) = self.entities.entry_mut(id) else { return 0 };
        entity.last_combat = Some(tick);
        let lost = amount.min(entity.health);
        if lost > 0 {
            entity.health -= lost;
            entity.changes.add(Changes::HEALTH);
            if entity.health == 0 {
                self.scratch.deaths.push(Death { entity: id, killer: by, origin });
            }
            if let EntityKind::Npc(mind) = &entity.kind
                && let SpawnedBy::Event(event) = mind.spawned_by
            {
                self.count_wound(event, by, lost);
            }
        }
        lost
    }

    pub(crate) fn threaten(&mut self, npc: EntityId, enemy: EntityId, threat: i64) {
        if let Some(Entity { kind: EntityKind::Npc(mind), .. }) = self.entities.entry_mut(npc)
            && (mind.threat.contains_key(&enemy) || mind.threat.len() < limits::THREAT_ENTRIES)
        {
            let sum = mind.threat.entry(enemy).or_insert(0);
            *sum = sum.saturating_add(threat);
        }
    }
}

/// A swing between two, by their fighting numbers; where, how hard and with what dice is still to be said.
pub(crate) fn offence(attacker: &Entity, defender: &Entity, element: Element) -> Attack {
    let percent = |chance: i32| chance.clamp(0, 100) as u32;
    Attack {
        id: 0,
        attacker: attacker.id,
        defender: defender.id,
        element,
        attacker_level: attacker.level,
        defender_level: defender.level,
        attacker_is_npc: matches!(attacker.kind, EntityKind::Npc(_)),
        defender_is_npc: matches!(defender.kind, EntityKind::Npc(_)),
        accuracy: attacker.stats.accuracy,
        evasion: defender.stats.evasion,
        distance_mm: 0,
        attack_power: attacker.stats.attack,
        weapon_damage: attacker.stats.weapon_damage,
        power_permille: 0,
        critical_chance: percent(attacker.stats.critical_chance),
        defence: defender.stats.defence,
        resistance_permille: resistance(defender, element),
        block_chance: percent(defender.stats.block_chance),
        dodge_chance: percent(defender.stats.dodge_chance),
        defender_health: defender.health,
        defender_health_max: defender.stats.health,
        seed: 0,
    }
}

/// Resistance of an entity to an element, permille.
pub(crate) fn resistance(entity: &Entity, element: Element) -> i32 {
    entity.stats.resistance_permille[element as usize]
}
