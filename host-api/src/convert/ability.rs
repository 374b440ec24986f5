//! Abilities and what they leave behind: `ability.plan-casts`, `ability.pulse-statuses`.

use super::{Hook, call_export, in_range, same_cases, same_id, share};
use crate::bindings::ability::exports::lore::script::ability as wit;
use crate::bulk::{flat, flat_enums};
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::limits::AMOUNT_MAX;
use sim::rng::Rng;
use sim::rules::{Cast, Plan, Pulse, PulseOutcome, Verdict};

pub(crate) struct PlanCasts;

impl Hook for PlanCasts {
    const EXPORT: Export = Export::PlanCasts;
    type View = Cast;
    type Answer = Plan;
    type Wire = wit::Cast;
    type Reply = wit::Plan;

    call_export!(Ability, lore_script_ability, func_plan_casts in bulk);

    fn sample() -> Cast {
        samples::cast()
    }

    fn vary(view: &mut Cast, number: u32, dice: &mut Rng) {
        made_up::cast(view, number, dice);
    }

    fn id(view: &Cast) -> u64 {
        view.id.into()
    }

    fn subject(view: &Cast) -> DefId {
        view.ability
    }

    fn lower(view: &Cast) -> wit::Cast {
        wit::Cast {
            id: view.id,
            caster: view.caster.0,
            target: view.target.0,
            ability: view.ability.0,
            caster_level: view.caster_level,
            caster_is_npc: view.caster_is_npc,
            distance_mm: view.distance_mm,
            health: view.health,
            health_max: view.health_max,
            mana: view.mana,
            energy: view.energy,
            cooldown_left_ticks: view.cooldown_left_ticks,
            since_last_action_ticks: view.since_last_action_ticks,
            stunned: view.stunned,
            silenced: view.silenced,
            range_mm: view.range_mm,
            mana_cost: view.mana_cost,
            energy_cost: view.energy_cost,
            cooldown_ticks: view.cooldown_ticks,
            power_permille: view.power_permille,
            element: view.element.into(),
            status: view.status.0,
            status_ticks: view.status_ticks,
            heal: view.heal,
            seed: view.seed,
        }
    }

    fn lift(view: &Cast, reply: wit::Plan) -> Result<Plan, BadOutput> {
        same_id(view.id, reply.id)?;
        Ok(Plan {
            id: reply.id,
            verdict: reply.verdict.into(),
            mana_cost: reply.mana_cost,
            energy_cost: reply.energy_cost,
            cooldown_ticks: reply.cooldown_ticks,
            power_permille: reply.power_permille,
            element: reply.element.into(),
            status: DefId(reply.status),
            status_ticks: reply.status_ticks,
            status_stacks: reply.status_stacks,
            heal: reply.heal,
        })
    }

    fn fallback(view: &Cast) -> Plan {
        Plan::fallback(view.id)
    }

    fn measure(answer: &Plan) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("allowed", share(answer.verdict == Verdict::Allow)), ("mana", answer.mana_cost.into())]
    }

    fn distance(a: &Plan, b: &Plan) -> u64 {
        u64::from(a != b) + u64::from(a.mana_cost.abs_diff(b.mana_cost))
    }
}

pub(crate) struct PulseStatuses;

impl Hook for PulseStatuses {
    const EXPORT: Export = Export::PulseStatuses;
    type View = Pulse;
    type Answer = PulseOutcome;
    type Wire = wit::Pulse;
    type Reply = wit::PulseOutcome;

    call_export!(Ability, lore_script_ability, func_pulse_statuses in bulk);

    fn sample() -> Pulse {
        samples::pulse()
    }

    fn vary(view: &mut Pulse, number: u32, dice: &mut Rng) {
        made_up::pulse(view, number, dice);
    }

    fn id(view: &Pulse) -> u64 {
        view.id.into()
    }

    fn subject(view: &Pulse) -> DefId {
        view.status
    }

    fn lower(view: &Pulse) -> wit::Pulse {
        wit::Pulse {
            id: view.id,
            source: view.source.0,
            bearer: view.bearer.0,
            status: view.status.0,
            stacks: view.stacks,
            age_ticks: view.age_ticks,
            left_ticks: view.left_ticks,
            health: view.health,
            health_max: view.health_max,
            strength: view.strength,
            element: view.element.into(),
            resistance_permille: view.resistance_permille,
            seed: view.seed,
        }
    }

    fn lift(view: &Pulse, reply: wit::PulseOutcome) -> Result<PulseOutcome, BadOutput> {
        same_id(view.id, reply.id)?;
        in_range("damage", reply.damage, -AMOUNT_MAX..=AMOUNT_MAX, "-1,000,000..=1,000,000")?;
        Ok(PulseOutcome { id: reply.id, damage: reply.damage, expire: reply.expire })
    }

    fn fallback(view: &Pulse) -> PulseOutcome {
        PulseOutcome::fallback(view.id)
    }

    fn measure(answer: &PulseOutcome) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("damage", answer.damage.into())]
    }

    fn distance(a: &PulseOutcome, b: &PulseOutcome) -> u64 {
        u64::from(a != b) + u64::from(a.damage.abs_diff(b.damage))
    }
}

same_cases! {
    Verdict = wit::Verdict {
        Allow, OutOfRange, OnCooldown, TooSoon, NotEnoughMana, NotEnoughEnergy, Stunned, Silenced, Invalid,
    }
}

flat_enums! {
    wit::Verdict {
        Allow, OutOfRange, OnCooldown, TooSoon, NotEnoughMana, NotEnoughEnergy, Stunned, Silenced, Invalid,
    }
}
flat! {
    wit::Cast {
        id, caster, target, ability, caster_level, caster_is_npc, distance_mm, health, health_max, mana, energy,
        cooldown_left_ticks, since_last_action_ticks, stunned, silenced, range_mm, mana_cost, energy_cost,
        cooldown_ticks, power_permille, element, status, status_ticks, heal, seed,
    }
    wit::Plan {
        id, verdict, mana_cost, energy_cost, cooldown_ticks, power_permille, element, status, status_ticks,
        status_stacks, heal,
    }
    wit::Pulse {
        id, source, bearer, status, stacks, age_ticks, left_ticks, health, health_max, strength, element,
        resistance_permille, seed,
    }
    wit::PulseOutcome { id, damage, expire }
}
