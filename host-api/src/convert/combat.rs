//! Swings: `combat.resolve`.

use super::{Hook, call_export, in_range, same_cases, same_id, share};
use crate::bindings::combat::exports::lore::script::combat as wit;
use crate::bindings::types;
use crate::bindings::v0_1::combat::exports::lore::script::combat as v0_1;
use crate::bulk::{flat, flat_enums};
use crate::failure::BadOutput;
use crate::instance::ScriptState;
use crate::made_up;
use crate::manifest::Export;
use crate::older;
use crate::samples;
use sim::limits::AMOUNT_MAX;
use sim::rng::Rng;
use sim::rules::{Attack, HitKind, Outcome};
use wasmtime::Store;
use wasmtime::component::Func;

pub(crate) struct Resolve;

impl Hook for Resolve {
    const EXPORT: Export = Export::Resolve;
    type View = Attack;
    type Answer = Outcome;
    type Wire = wit::Attack;
    type Reply = wit::Outcome;

    call_export!(Combat, lore_script_combat, func_resolve in bulk);

    fn sample() -> Attack {
        samples::attack()
    }

    fn vary(view: &mut Attack, number: u32, dice: &mut Rng) {
        made_up::attack(view, number, dice);
    }

    /// API 0.1 does not say who is an NPC, nor how much health the defender has unhurt.
    fn call_older(
        function: Func,
        store: &mut Store<ScriptState>,
        ctx: types::Context,
        views: &[wit::Attack],
    ) -> wasmtime::Result<Vec<wit::Outcome>> {
        let views: Vec<v0_1::Attack> = views.iter().map(lower_0_1).collect();
        older::call(function, store, ctx, &views)
    }

    fn id(view: &Attack) -> u64 {
        view.id.into()
    }

    fn lower(view: &Attack) -> wit::Attack {
        wit::Attack {
            id: view.id,
            attacker: view.attacker.0,
            defender: view.defender.0,
            element: view.element.into(),
            attacker_level: view.attacker_level,
            defender_level: view.defender_level,
            attacker_is_npc: view.attacker_is_npc,
            defender_is_npc: view.defender_is_npc,
            accuracy: view.accuracy,
            evasion: view.evasion,
            distance_mm: view.distance_mm,
            attack_power: view.attack_power,
            weapon_damage: view.weapon_damage,
            power_permille: view.power_permille,
            critical_chance: view.critical_chance,
            defence: view.defence,
            resistance_permille: view.resistance_permille,
            block_chance: view.block_chance,
            dodge_chance: view.dodge_chance,
            defender_health: view.defender_health,
            defender_health_max: view.defender_health_max,
            seed: view.seed,
        }
    }

    fn lift(view: &Attack, reply: wit::Outcome) -> Result<Outcome, BadOutput> {
        same_id(view.id, reply.id)?;
        in_range("amount", reply.amount, 0..=AMOUNT_MAX, "0..=1,000,000")?;
        Ok(Outcome {
            id: reply.id,
            kind: reply.kind.into(),
            base: reply.base,
            raw: reply.raw,
            amount: reply.amount,
            threat: reply.threat,
        })
    }

    fn fallback(view: &Attack) -> Outcome {
        Outcome::fallback(view.id)
    }

    fn measure(answer: &Outcome) -> impl IntoIterator<Item = (&'static str, f64)> {
        let hits = matches!(answer.kind, HitKind::Hit | HitKind::Block | HitKind::Critical);
        [
            ("damage", answer.amount.into()),
            ("hit", share(hits)),
            ("critical", share(answer.kind == HitKind::Critical)),
        ]
    }

    fn distance(a: &Outcome, b: &Outcome) -> u64 {
        u64::from(a != b) + u64::from(a.amount.abs_diff(b.amount))
    }
}

fn lower_0_1(view: &wit::Attack) -> v0_1::Attack {
    v0_1::Attack {
        id: view.id,
        attacker: view.attacker,
        defender: view.defender,
        element: view.element,
        attacker_level: view.attacker_level,
        defender_level: view.defender_level,
        accuracy: view.accuracy,
        evasion: view.evasion,
        distance_mm: view.distance_mm,
        attack_power: view.attack_power,
        weapon_damage: view.weapon_damage,
        power_permille: view.power_permille,
        critical_chance: view.critical_chance,
        defence: view.defence,
        resistance_permille: view.resistance_permille,
        block_chance: view.block_chance,
        dodge_chance: view.dodge_chance,
        defender_health: view.defender_health,
        seed: view.seed,
    }
}

same_cases! { HitKind = wit::HitKind { Miss, Dodge, Block, Hit, Critical } }

flat_enums! { wit::HitKind { Miss, Dodge, Block, Hit, Critical } }
flat! {
    wit::Attack {
        id, attacker, defender, element, attacker_level, defender_level, attacker_is_npc, defender_is_npc,
        accuracy, evasion, distance_mm, attack_power, weapon_damage, power_permille, critical_chance, defence,
        resistance_permille, block_chance, dodge_chance, defender_health, defender_health_max, seed,
    }
    wit::Outcome { id, kind, base, raw, amount, threat }
}
