//! Every field of a hot view arrives where `wit/` says: the guest folds all of them, read at the offsets that
//! wit-parser computes, and the test folds what it asked.

use crate::fixture::{CONTEXT, Guest, engine};
use host_api::{Generation, Kind, Module, ScriptRules};
use sim::content::{Element, Position};
use sim::rng::Rng;
use sim::rules::{Answer, Attack, Cast, NpcState, Origin, Perception, Pulse, Rules};
use sim::{DefId, EntityId, def_id};
use std::fmt::Write;

const VIEWS: u64 = 300;
const ELEMENTS: [Element; 8] = [
    Element::Physical,
    Element::Fire,
    Element::Frost,
    Element::Lightning,
    Element::Poison,
    Element::Holy,
    Element::Shadow,
    Element::Arcane,
];
const STATES: [NpcState; 6] = [
    NpcState::Idle,
    NpcState::Wander,
    NpcState::Chase,
    NpcState::Attack,
    NpcState::Flee,
    NpcState::ReturnHome,
];

/// A field by the name it has in `wit/`, as the number it crosses as.
struct Field {
    name: &'static str,
    load: &'static str,
    value: u64,
}

const fn byte(name: &'static str, value: u8) -> Field {
    Field { name, load: "i64.load8_u", value: value as u64 }
}

const fn word(name: &'static str, value: u32) -> Field {
    Field { name, load: "i64.load32_u", value: value as u64 }
}

const fn signed(name: &'static str, value: i32) -> Field {
    word(name, value as u32)
}

const fn wide(name: &'static str, value: u64) -> Field {
    Field { name, load: "i64.load", value }
}

/// What the guest computes of a view.
fn folded(fields: &[Field]) -> u64 {
    fields.iter().fold(0, |sum: u64, field| sum.wrapping_mul(31).wrapping_add(field.value))
}

/// WebAssembly that computes it into the global `$sum`.
fn fold(fields: &[Field]) -> String {
    let mut text = "(global.set $sum (i64.const 0))".to_owned();
    for Field { name, load, .. } in fields {
        let load = format!("({load} offset={{in.{name}}} (local.get $in))");
        write!(text, "(global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 31)) {load}))")
            .unwrap();
    }
    text
}

/// Rules of one guest that folds, and of the two that no generation is without.
fn folding(kind: Kind, items: &[(&'static str, String)]) -> ScriptRules {
    let mut guest = Guest::new(kind);
    guest.fields = "(global $sum (mut i64) (i64.const 0))".to_owned();
    guest.items = items.iter().cloned().collect();
    let others = [Kind::Ability, Kind::Combat].into_iter().filter(|other| *other != kind);
    let engine = engine();
    let guests = others.map(Guest::new).chain([guest]);
    let modules: Vec<Module> = guests.map(|guest| Module::load(&engine, &guest.bytes()).unwrap()).collect();
    ScriptRules::new(&Generation::new(1, modules).unwrap()).unwrap()
}

fn is_script<T>(answer: &Answer<T>) -> bool {
    matches!(answer.origin, Origin::Script(_))
}

fn dice() -> Rng {
    Rng(def_id("test/crossing").0.into())
}

fn number(dice: &mut Rng) -> i32 {
    dice.next_u64() as i32
}

fn unsigned(dice: &mut Rng) -> u32 {
    dice.next_u64() as u32
}

fn flag(dice: &mut Rng) -> bool {
    dice.below(2) == 1
}

fn element(dice: &mut Rng) -> Element {
    ELEMENTS[dice.below(8) as usize]
}

fn place(dice: &mut Rng) -> Position {
    Position { x_mm: number(dice), y_mm: number(dice) }
}

fn attack(dice: &mut Rng) -> Attack {
    Attack {
        id: unsigned(dice),
        attacker: EntityId(dice.next_u64()),
        defender: EntityId(dice.next_u64()),
        element: element(dice),
        attacker_level: unsigned(dice),
        defender_level: unsigned(dice),
        attacker_is_npc: flag(dice),
        defender_is_npc: flag(dice),
        accuracy: number(dice),
        evasion: number(dice),
        distance_mm: unsigned(dice),
        attack_power: number(dice),
        weapon_damage: number(dice),
        power_permille: unsigned(dice),
        critical_chance: unsigned(dice),
        defence: number(dice),
        resistance_permille: number(dice),
        block_chance: unsigned(dice),
        dodge_chance: unsigned(dice),
        defender_health: number(dice),
        defender_health_max: number(dice),
        seed: dice.next_u64(),
    }
}

fn fields_of_attack(view: &Attack) -> Vec<Field> {
    vec![
        word("id", view.id),
        wide("attacker", view.attacker.0),
        wide("defender", view.defender.0),
        byte("element", view.element as u8),
        word("attacker-level", view.attacker_level),
        word("defender-level", view.defender_level),
        byte("attacker-is-npc", view.attacker_is_npc.into()),
        byte("defender-is-npc", view.defender_is_npc.into()),
        signed("accuracy", view.accuracy),
        signed("evasion", view.evasion),
        word("distance-mm", view.distance_mm),
        signed("attack-power", view.attack_power),
        signed("weapon-damage", view.weapon_damage),
        word("power-permille", view.power_permille),
        word("critical-chance", view.critical_chance),
        signed("defence", view.defence),
        signed("resistance-permille", view.resistance_permille),
        word("block-chance", view.block_chance),
        word("dodge-chance", view.dodge_chance),
        signed("defender-health", view.defender_health),
        signed("defender-health-max", view.defender_health_max),
        wide("seed", view.seed),
    ]
}

#[test]
fn every_field_of_an_attack_arrives() {
    let mut dice = dice();
    let attacks: Vec<Attack> = (0..VIEWS).map(|_| attack(&mut dice)).collect();
    let store = "(i32.store offset={out.threat} (local.get $out) (i32.wrap_i64 (global.get $sum)))
        (i32.store offset={out.base} (local.get $out) (i32.wrap_i64 (i64.shr_u (global.get $sum) (i64.const 32))))
        (i32.store offset={out.amount} (local.get $out) (i32.const 0))";
    let item = fold(&fields_of_attack(&attacks[0])) + store;
    let mut rules = folding(Kind::Combat, &[("resolve", item)]);
    let mut answers = Vec::new();
    rules.resolve(&CONTEXT, &attacks, &mut answers);
    assert!(answers.iter().all(is_script), "{:?}", rules.drain_failures());
    for (attack, answer) in attacks.iter().zip(&answers) {
        let sum = u64::from(answer.value.base as u32) << 32 | u64::from(answer.value.threat as u32);
        assert_eq!(sum, folded(&fields_of_attack(attack)), "{attack:?}");
    }
}

fn cast(dice: &mut Rng) -> Cast {
    Cast {
        id: unsigned(dice),
        caster: EntityId(dice.next_u64()),
        target: EntityId(dice.next_u64()),
        ability: DefId(unsigned(dice)),
        caster_level: unsigned(dice),
        caster_is_npc: flag(dice),
        distance_mm: unsigned(dice),
        health: number(dice),
        health_max: number(dice),
        mana: number(dice),
        energy: number(dice),
        cooldown_left_ticks: unsigned(dice),
        since_last_action_ticks: unsigned(dice),
        stunned: flag(dice),
        silenced: flag(dice),
        range_mm: unsigned(dice),
        mana_cost: unsigned(dice),
        energy_cost: unsigned(dice),
        cooldown_ticks: unsigned(dice),
        power_permille: unsigned(dice),
        element: element(dice),
        status: DefId(unsigned(dice)),
        status_ticks: unsigned(dice),
        heal: unsigned(dice),
        seed: dice.next_u64(),
    }
}

fn fields_of_cast(view: &Cast) -> Vec<Field> {
    vec![
        word("id", view.id),
        wide("caster", view.caster.0),
        wide("target", view.target.0),
        word("ability", view.ability.0),
        word("caster-level", view.caster_level),
        byte("caster-is-npc", view.caster_is_npc.into()),
        word("distance-mm", view.distance_mm),
        signed("health", view.health),
        signed("health-max", view.health_max),
        signed("mana", view.mana),
        signed("energy", view.energy),
        word("cooldown-left-ticks", view.cooldown_left_ticks),
        word("since-last-action-ticks", view.since_last_action_ticks),
        byte("stunned", view.stunned.into()),
        byte("silenced", view.silenced.into()),
        word("range-mm", view.range_mm),
        word("mana-cost", view.mana_cost),
        word("energy-cost", view.energy_cost),
        word("cooldown-ticks", view.cooldown_ticks),
        word("power-permille", view.power_permille),
        byte("element", view.element as u8),
        word("status", view.status.0),
        word("status-ticks", view.status_ticks),
        word("heal", view.heal),
        wide("seed", view.seed),
    ]
}

fn pulse(dice: &mut Rng) -> Pulse {
    Pulse {
        id: unsigned(dice),
        source: EntityId(dice.next_u64()),
        bearer: EntityId(dice.next_u64()),
        status: DefId(unsigned(dice)),
        stacks: unsigned(dice),
        age_ticks: unsigned(dice),
        left_ticks: unsigned(dice),
        health: number(dice),
        health_max: number(dice),
        strength: number(dice),
        element: element(dice),
        resistance_permille: number(dice),
        seed: dice.next_u64(),
    }
}

fn fields_of_pulse(view: &Pulse) -> Vec<Field> {
    vec![
        word("id", view.id),
        wide("source", view.source.0),
        wide("bearer", view.bearer.0),
        word("status", view.status.0),
        word("stacks", view.stacks),
        word("age-ticks", view.age_ticks),
        word("left-ticks", view.left_ticks),
        signed("health", view.health),
        signed("health-max", view.health_max),
        signed("strength", view.strength),
        byte("element", view.element as u8),
        signed("resistance-permille", view.resistance_permille),
        wide("seed", view.seed),
    ]
}

#[test]
fn every_field_of_a_cast_and_of_a_pulse_arrives() {
    let mut dice = dice();
    let casts: Vec<Cast> = (0..VIEWS).map(|_| cast(&mut dice)).collect();
    let pulses: Vec<Pulse> = (0..VIEWS).map(|_| pulse(&mut dice)).collect();
    let plan = "(i32.store offset={out.mana-cost} (local.get $out) (i32.wrap_i64 (global.get $sum)))
        (i32.store offset={out.heal} (local.get $out) (i32.wrap_i64 (i64.shr_u (global.get $sum) (i64.const 32))))";
    // No damage beyond a million is accepted: 19 bits of the sum must do.
    let hurt = "(i32.store offset={out.damage} (local.get $out)
        (i32.wrap_i64 (i64.shr_u (i64.mul (global.get $sum) (i64.const 0x9e3779b97f4a7c15)) (i64.const 45))))";
    let items = [
        ("plan-casts", fold(&fields_of_cast(&casts[0])) + plan),
        ("pulse-statuses", fold(&fields_of_pulse(&pulses[0])) + hurt),
    ];
    let mut rules = folding(Kind::Ability, &items);
    let mut plans = Vec::new();
    rules.plan_casts(&CONTEXT, &casts, &mut plans);
    assert!(plans.iter().all(is_script), "{:?}", rules.drain_failures());
    for (cast, plan) in casts.iter().zip(&plans) {
        let sum = u64::from(plan.value.heal) << 32 | u64::from(plan.value.mana_cost);
        assert_eq!(sum, folded(&fields_of_cast(cast)), "{cast:?}");
    }
    let mut outcomes = Vec::new();
    rules.pulse_statuses(&CONTEXT, &pulses, &mut outcomes);
    assert!(outcomes.iter().all(is_script), "{:?}", rules.drain_failures());
    for (pulse, outcome) in pulses.iter().zip(&outcomes) {
        let sum = folded(&fields_of_pulse(pulse)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 45;
        assert_eq!(outcome.value.damage as u64, sum, "{pulse:?}");
    }
}

fn perception(dice: &mut Rng) -> Perception {
    Perception {
        id: EntityId(dice.below(u32::MAX).into()),
        template: DefId(unsigned(dice)),
        level: unsigned(dice),
        state: STATES[dice.below(6) as usize],
        state_ticks: unsigned(dice),
        memory: dice.next_u64() as i64,
        health_permille: unsigned(dice),
        at: place(dice),
        home: place(dice),
        distance_home_mm: unsigned(dice),
        target: EntityId(dice.next_u64()),
        target_at: place(dice),
        target_distance_mm: unsigned(dice),
        target_health_permille: unsigned(dice),
        nearest: EntityId(dice.next_u64()),
        nearest_distance_mm: unsigned(dice),
        friends_fighting: unsigned(dice),
        friends_idle: unsigned(dice),
        stunned: flag(dice),
        ready_in_ticks: unsigned(dice),
        aggro_mm: unsigned(dice),
        leash_mm: unsigned(dice),
        wander_mm: unsigned(dice),
        reach_mm: unsigned(dice),
        flee_below_permille: unsigned(dice),
        basic: DefId(unsigned(dice)),
        special: DefId(unsigned(dice)),
        special_ready_in_ticks: unsigned(dice),
        seed: dice.next_u64(),
    }
}

fn fields_of_perception(view: &Perception) -> Vec<Field> {
    vec![
        wide("id", view.id.0),
        word("template", view.template.0),
        word("level", view.level),
        byte("state", view.state as u8),
        word("state-ticks", view.state_ticks),
        wide("memory", view.memory as u64),
        word("health-permille", view.health_permille),
        signed("at", view.at.x_mm),
        signed("at+4", view.at.y_mm),
        signed("home", view.home.x_mm),
        signed("home+4", view.home.y_mm),
        word("distance-home-mm", view.distance_home_mm),
        wide("target", view.target.0),
        signed("target-at", view.target_at.x_mm),
        signed("target-at+4", view.target_at.y_mm),
        word("target-distance-mm", view.target_distance_mm),
        word("target-health-permille", view.target_health_permille),
        wide("nearest", view.nearest.0),
        word("nearest-distance-mm", view.nearest_distance_mm),
        word("friends-fighting", view.friends_fighting),
        word("friends-idle", view.friends_idle),
        byte("stunned", view.stunned.into()),
        word("ready-in-ticks", view.ready_in_ticks),
        word("aggro-mm", view.aggro_mm),
        word("leash-mm", view.leash_mm),
        word("wander-mm", view.wander_mm),
        word("reach-mm", view.reach_mm),
        word("flee-below-permille", view.flee_below_permille),
        word("basic", view.basic.0),
        word("special", view.special.0),
        word("special-ready-in-ticks", view.special_ready_in_ticks),
        wide("seed", view.seed),
    ]
}

#[test]
fn every_field_of_a_perception_arrives() {
    let mut dice = dice();
    let npcs: Vec<Perception> = (0..VIEWS).map(|_| perception(&mut dice)).collect();
    let store = "(i64.store offset={out.memory} (local.get $out) (global.get $sum))";
    let mut rules = folding(Kind::Npc, &[("think", fold(&fields_of_perception(&npcs[0])) + store)]);
    let mut answers = Vec::new();
    rules.think(&CONTEXT, def_id("script/npc"), &npcs, &mut answers);
    assert!(answers.iter().all(is_script), "{:?}", rules.drain_failures());
    for (npc, answer) in npcs.iter().zip(&answers) {
        assert_eq!(answer.value.memory as u64, folded(&fields_of_perception(npc)), "{npc:?}");
    }
}
