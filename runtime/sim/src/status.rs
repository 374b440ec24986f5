//! What lasts: how statuses come onto their bearers, and what they do each time their period is over.

use crate::combat::resistance;
use crate::entity::{Changes, Entity, StatusInstance};
use crate::ids::EntityId;
use crate::limits;
use crate::output::{Event, EventKind, Output};
use crate::rng::{Purpose, fork};
use crate::rules::{Plan, Pulse, Rules};
use crate::world::World;

impl World {
    pub(crate) fn put_status(&mut self, source: EntityId, bearer: EntityId, plan: &Plan) {
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
}
