//! Fighting: from the wish to use an ability to wounds, statuses and graves. The ability script
//! says whether and what, the combat script how much; here both are asked in batches and obeyed.

use crate::content::Element;
use crate::entity::{Changes, Entity, EntityKind, NpcMind, StatusInstance};
use crate::ids::{CharacterId, DefId, EntityId, RequestId};
use crate::inventory::Cause;
use crate::limits;
use crate::output::{Accepted, Event, EventKind, FactKind, Notice, Output, Reason, Rejection, Reply};
use crate::rng::{Purpose, Rng, fork};
use crate::rules::{Answer, Attack, Cast, HitKind, Origin, Outcome, Plan, Pulse, Rules, Verdict};
use crate::world::World;
use std::collections::BTreeSet;

/// Somebody's wish to use an ability, checked for everything but the script's matter.
pub(crate) struct CastRequest {
    pub(crate) caster: EntityId,
    pub(crate) target: EntityId,
    pub(crate) ability: DefId,
    pub(crate) reply_to: Option<(CharacterId, RequestId)>,
}

/// Somebody whose health reached 0 in this step.
pub(crate) struct Death {
    entity: EntityId,
    killer: EntityId,
    origin: Origin,
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
                out.replies.push(Reply { character, request, result });
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
            let refused = match &view {
                None => Some(Rejection::NoTarget),
                Some(_) if !acting.insert(request.caster) => Some(Rejection::Ability(Verdict::TooSoon)),
                Some(_) => None,
            };
            if let (Some(rejection), Some((character, request))) = (refused, request.reply_to) {
                out.replies.push(Reply { character, request, result: Err(rejection) });
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
            power_permille: ability.power_permille,
            element: ability.element,
            status,
            status_ticks: self.ticks(status_ms),
            heal: ability.heal,
            seed: fork(self.seed, self.tick, caster.id.0, Purpose::Cast),
        })
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
        caster.mana = left(caster.mana, plan.mana_cost)
            .filter(|mana| *mana >= 0)
            .ok_or(Rejection::Ability(Verdict::NotEnoughMana))?;
        caster.energy = left(caster.energy, plan.energy_cost)
            .filter(|energy| *energy >= 0)
            .ok_or(Rejection::Ability(Verdict::NotEnoughEnergy))?;
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
        let percent = |chance: i32| chance.clamp(0, 100) as u32;
        Some(Attack {
            id,
            attacker: attacker.id,
            defender: defender.id,
            element: plan.element,
            attacker_level: attacker.level,
            defender_level: defender.level,
            accuracy: attacker.stats.accuracy,
            evasion: defender.stats.evasion,
            distance_mm: cast.distance_mm,
            attack_power: attacker.stats.attack,
            weapon_damage: attacker.stats.weapon_damage,
            power_permille: plan.power_permille.min(100_000),
            critical_chance: percent(attacker.stats.critical_chance),
            defence: defender.stats.defence,
            resistance_permille: resistance(defender, plan.element),
            block_chance: percent(defender.stats.block_chance),
            dodge_chance: percent(defender.stats.dodge_chance),
            defender_health: defender.health,
            seed: fork(self.seed, self.tick, attacker.id.0, Purpose::Swing),
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
        // Who fell to an earlier swing of this tick cannot be hit again.
        let Some(at) = self.entities.entry(defender).filter(|e| e.is_alive()).map(|e| e.at) else { return };
        let outcome = answer.value;
        let amount = outcome.amount.clamp(0, limits::AMOUNT_MAX);
        let lost = self.wound(defender, attacker, amount, answer.origin);
        self.threaten(defender, attacker, i64::from(outcome.threat.clamp(0, limits::AMOUNT_MAX)) + 1);
        if matches!(outcome.kind, HitKind::Hit | HitKind::Critical | HitKind::Block) {
            self.put_status(attacker, defender, &swing.plan);
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
    fn wound(&mut self, id: EntityId, by: EntityId, amount: i32, origin: Origin) -> i32 {
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
        }
        lost
    }

    fn threaten(&mut self, npc: EntityId, enemy: EntityId, threat: i64) {
        if let Some(Entity { kind: EntityKind::Npc(mind), .. }) = self.entities.entry_mut(npc)
            && (mind.threat.contains_key(&enemy) || mind.threat.len() < limits::THREAT_ENTRIES)
        {
            let sum = mind.threat.entry(enemy).or_insert(0);
            *sum = sum.saturating_add(threat);
        }
    }

    fn put_status(&mut self, source: EntityId, bearer: EntityId, plan: &Plan) {
        let Some(definition) = self.content.statuses.get(&plan.status) else { return };
        let (max_stacks, tick) = (definition.max_stacks, self.tick);
        let until = tick + u64::from(plan.status_ticks);
        let Some(entity) = self.entities.entry_mut(bearer).filter(|entity| entity.is_alive()) else { return };
        if until <= tick || plan.status_stacks == 0 {
            return;
        }
        let same = |s: &&mut StatusInstance| s.status == plan.status && s.source == source;
        if let Some(instance) = entity.statuses.iter_mut().find(same) {
            instance.stacks = instance.stacks.saturating_add(plan.status_stacks).min(max_stacks);
            instance.until = until;
        } else if entity.statuses.len() < limits::STATUSES_PER_ENTITY {
            let stacks = plan.status_stacks.min(max_stacks);
            entity.statuses.push(StatusInstance { status: plan.status, source, stacks, since: tick, until });
        }
        entity.changes.add(Changes::STATUSES);
    }

    /// Statuses whose period is over hurt or heal.
    pub(crate) fn run_pulses(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let mut pulses = Vec::new();
        for entity in self.entities.iter().filter(|entity| entity.is_alive()) {
            for instance in &entity.statuses {
                pulses.extend(self.view_pulse(entity, instance, pulses.len() as u32));
            }
        }
        if pulses.is_empty() {
            return;
        }
        let mut answers = Vec::with_capacity(pulses.len());
        rules.pulse_statuses(&self.context(), &pulses, &mut answers);
        assert_eq!(answers.len(), pulses.len(), "one outcome per pulse");
        for (pulse, answer) in pulses.iter().zip(&answers) {
            let Some(bearer) = self.entities.entry_mut(pulse.bearer).filter(|e| e.is_alive()) else {
                continue;
            };
            let at = bearer.at;
            if answer.value.expire {
                bearer.statuses.retain(|s| s.status != pulse.status || s.source != pulse.source);
                bearer.changes.add(Changes::STATUSES);
            }
            let damage = answer.value.damage.clamp(-limits::AMOUNT_MAX, limits::AMOUNT_MAX);
            let amount = if damage < 0 {
                -self.restore(pulse.bearer, -damage, 0)
            } else {
                self.threaten(pulse.bearer, pulse.source, i64::from(damage));
                self.wound(pulse.bearer, pulse.source, damage, answer.origin)
            };
            let kind =
                EventKind::Pulse { source: pulse.source, bearer: pulse.bearer, status: pulse.status, amount };
            out.events.push(Event { at: Some(at), origin: answer.origin, kind });
        }
    }

    fn view_pulse(&self, entity: &Entity, instance: &StatusInstance, id: u32) -> Option<Pulse> {
        let status = self.content.statuses.get(&instance.status)?;
        let age = self.tick - instance.since;
        let period = u64::from(self.ticks(status.period_ms));
        if period == 0 || age == 0 || !age.is_multiple_of(period) {
            return None;
        }
        Some(Pulse {
            id,
            source: instance.source,
            bearer: entity.id,
            status: instance.status,
            stacks: instance.stacks,
            age_ticks: age.min(u64::from(u32::MAX)) as u32,
            left_ticks: (instance.until - self.tick).min(u64::from(u32::MAX)) as u32,
            health: entity.health,
            health_max: entity.stats.health,
            strength: status.strength,
            element: status.element,
            resistance_permille: resistance(entity, status.element),
            seed: fork(
                self.seed,
                self.tick,
                entity.id.0 ^ (u64::from(instance.status.0) << 32),
                Purpose::Pulse,
            ),
        })
    }

    /// What deaths bring: rewards for the killers, a grave for the NPC, a wait for the character.
    pub(crate) fn bury(&mut self, out: &mut Output) {
        let mut deaths = std::mem::take(&mut self.scratch.deaths);
        for death in deaths.drain(..) {
            let Some(entity) = self.entities.entry_mut(death.entity) else { continue };
            entity.statuses.clear();
            entity.changes.add(Changes::STATUSES);
            let at = entity.at;
            let kind = EventKind::Death { entity: death.entity, killer: death.killer };
            out.events.push(Event { at: Some(at), origin: death.origin, kind });
            match entity.kind.clone() {
                EntityKind::Character(id) => self.bury_character(id, &death, out),
                EntityKind::Npc(mind) => {
                    self.reward(&mind, death.entity, at, out);
                    self.vacate(mind.spawn);
                    self.despawn(death.entity);
                }
                EntityKind::Item { .. } => {}
            }
        }
        self.scratch.deaths = deaths;
    }

    fn bury_character(&mut self, id: CharacterId, death: &Death, out: &mut Output) {
        let killer = match self.entities.entry(death.killer).map(|killer| &killer.kind) {
            Some(EntityKind::Npc(mind)) => mind.template,
            _ => DefId::NONE,
        };
        let respawn_ticks = self.ticks(self.content.progression.respawn_ms);
        let Some(character) = self.characters.get_mut(&id) else { return };
        character.respawn_at = Some(self.tick + u64::from(respawn_ticks));
        let ended_dialog = character.dialog.take().is_some();
        for entity in self.entities.iter_mut() {
            if let EntityKind::Npc(mind) = &mut entity.kind {
                mind.threat.remove(&death.entity);
            }
        }
        Self::fact(out, id, death.origin, None, FactKind::Died { killer });
        self.lose_experience(id, death.origin, out);
        if ended_dialog {
            Self::notify(out, id, Notice::DialogEnded);
        }
        Self::notify(out, id, Notice::Died { respawn_ticks });
    }

    /// Experience and credit for everybody who took part, gold and loot for who did most.
    fn reward(&mut self, mind: &NpcMind, prey: EntityId, at: crate::content::Position, out: &mut Output) {
        let template = mind.template;
        let mut fighters: Vec<(CharacterId, EntityId, i64)> = mind
            .threat
            .iter()
            .filter_map(|(entity, threat)| Some((self.character_of(*entity)?, *entity, *threat)))
            .collect();
        fighters.sort_by_key(|(_, entity, threat)| (std::cmp::Reverse(*threat), *entity));
        let Some(&(looter, _, _)) = fighters.first() else { return };
        let Some(npc) = self.content.npcs.get(&template) else { return };
        let (level, experience, gold, loot) = (npc.level, npc.experience, npc.gold, npc.loot);
        let origin = self.content_origin();
        for (id, _, _) in &fighters {
            let character_level = self.characters.get(id).map_or(level, |c| c.state.level);
            let gained = share(experience, level, character_level, fighters.len() as u64);
            if gained > 0 {
                let cause = Cause { origin, request: None, reason: Reason::Kill(template) };
                self.gain_experience(*id, gained, cause, out);
            }
            self.deed(*id, crate::content::Deed::Kill, template, 1);
        }
        let cause = Cause { origin, request: None, reason: Reason::Loot(template) };
        let mut rng = Rng(fork(self.seed, self.tick, prey.0, Purpose::Loot));
        let coins = rng.within(gold.0, gold.1);
        self.change_gold(looter, i64::from(coins), cause, out);
        for (item, count) in self.roll_loot(loot, &mut rng) {
            let left = self.give_items(looter, item, count, cause, out);
            if left > 0 {
                self.spawn_ground_item(item, left, at);
            }
        }
    }

    fn roll_loot(&self, table: DefId, rng: &mut Rng) -> Vec<(DefId, u32)> {
        let Some(table) = self.content.loot_tables.get(&table) else { return Vec::new() };
        let mut drops: Vec<(DefId, u32)> =
            table.always.iter().map(|entry| (entry.item, rng.within(entry.count.0, entry.count.1))).collect();
        let total: u32 = table.entries.iter().map(|entry| entry.weight).sum();
        for _ in 0..table.rolls {
            let mut left = rng.below(total);
            for entry in &table.entries {
                if left < entry.weight {
                    drops.push((entry.item, rng.within(entry.count.0, entry.count.1)));
                    break;
                }
                left -= entry.weight;
            }
        }
        drops.retain(|(item, count)| *item != DefId::NONE && *count > 0);
        drops
    }

    /// Puts an item on the ground; false when the zone is full.
    pub(crate) fn spawn_ground_item(
        &mut self,
        item: DefId,
        count: u32,
        at: crate::content::Position,
    ) -> bool {
        if self.entities.len() >= limits::ENTITIES_PER_ZONE {
            return false;
        }
        let id = self.next_id();
        let until = self.tick + u64::from(self.ticks(limits::GROUND_ITEM_MS));
        self.entities.push(Entity {
            id,
            kind: EntityKind::Item { stack: crate::content::ItemCount { item, count }, until },
            at,
            level: 0,
            health: 0,
            mana: 0,
            energy: 0,
            stats: crate::content::Stats::default(),
            statuses: Vec::new(),
            cooldowns: std::collections::BTreeMap::new(),
            last_action: None,
            last_combat: None,
            changes: Changes::SPAWNED,
        });
        true
    }
}

fn resistance(entity: &Entity, element: Element) -> i32 {
    entity.stats.resistance_permille[element as usize]
}

/// Experience of one of `fighters`: less for easy prey (a tenth per level, at least a tenth), more
/// for hard prey (at most half as much again), divided by how many took part.
fn share(experience: u32, prey_level: u32, own_level: u32, fighters: u64) -> u64 {
    let percent = (100 + 10 * (i64::from(prey_level) - i64::from(own_level))).clamp(10, 150) as u64;
    (u64::from(experience) * percent / 100).div_ceil(fighters.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experience_follows_the_difference_of_levels() {
        assert_eq!(share(100, 5, 5, 1), 100);
        assert_eq!(share(100, 5, 20, 1), 10);
        assert_eq!(share(100, 20, 5, 1), 150);
        assert_eq!(share(100, 5, 5, 3), 34);
    }
}
