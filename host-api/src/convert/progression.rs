//! Levels: `progression.require-experience`, `progression.grow-stats`, `progression.reward-kills`,
//! `progression.punish-deaths`.

use super::{Hook, call_export, in_range, same_id};
use crate::bindings::progression::exports::lore::script::progression as wit;
use crate::bulk::flat;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::content::{Element, Stats};
use sim::limits::{AMOUNT_MAX, EXPERIENCE_MAX, RESPAWN_TICKS_MAX};
use sim::rng::Rng;
use sim::rules::{Fall, Gain, Grown, Growth, Kill, LevelStep, Requirement, Toll};

pub(crate) struct RequireExperience;

impl Hook for RequireExperience {
    const EXPORT: Export = Export::RequireExperience;
    type View = LevelStep;
    type Answer = Requirement;
    type Wire = wit::Step;
    type Reply = wit::Requirement;

    call_export!(Progression, lore_script_progression, func_require_experience in bulk);

    fn sample() -> LevelStep {
        samples::level_step()
    }

    fn vary(view: &mut LevelStep, number: u32, dice: &mut Rng) {
        made_up::level_step(view, number, dice);
    }

    fn id(view: &LevelStep) -> u64 {
        view.id.into()
    }

    fn lower(view: &LevelStep) -> wit::Step {
        wit::Step { id: view.id, level: view.level, top: view.top, experience: view.experience }
    }

    fn lift(view: &LevelStep, reply: wit::Requirement) -> Result<Requirement, BadOutput> {
        same_id(view.id, reply.id)?;
        Ok(Requirement { id: reply.id, experience: experience(reply.experience)? })
    }

    fn fallback(view: &LevelStep) -> Requirement {
        Requirement::fallback(view)
    }

    fn measure(answer: &Requirement) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("experience", answer.experience as f64)]
    }

    fn distance(a: &Requirement, b: &Requirement) -> u64 {
        a.experience.abs_diff(b.experience)
    }
}

pub(crate) struct GrowStats;

impl Hook for GrowStats {
    const EXPORT: Export = Export::GrowStats;
    type View = Growth;
    type Answer = Grown;
    type Wire = wit::Growth;
    type Reply = wit::Grown;

    call_export!(Progression, lore_script_progression, func_grow_stats in bulk);

    fn sample() -> Growth {
        samples::growth()
    }

    fn vary(view: &mut Growth, number: u32, dice: &mut Rng) {
        made_up::growth(view, number, dice);
    }

    fn id(view: &Growth) -> u64 {
        view.id.into()
    }

    fn subject(view: &Growth) -> DefId {
        view.class
    }

    fn lower(view: &Growth) -> wit::Growth {
        let (base, per_level) = (lower_stats(&view.base), lower_stats(&view.per_level));
        wit::Growth { id: view.id, class: view.class.0, level: view.level, base, per_level }
    }

    fn lift(view: &Growth, reply: wit::Grown) -> Result<Grown, BadOutput> {
        same_id(view.id, reply.id)?;
        let stats = lift_stats(&reply.stats);
        for (what, value) in fields(&stats) {
            in_range(what, value, -AMOUNT_MAX..=AMOUNT_MAX, "-1,000,000..=1,000,000")?;
        }
        Ok(Grown { id: reply.id, stats })
    }

    fn fallback(view: &Growth) -> Grown {
        Grown::fallback(view)
    }

    fn measure(answer: &Grown) -> impl IntoIterator<Item = (&'static str, f64)> {
        let stats = &answer.stats;
        [
            ("health", stats.health.into()),
            ("mana", stats.mana.into()),
            ("attack", stats.attack.into()),
            ("defence", stats.defence.into()),
        ]
    }

    fn distance(a: &Grown, b: &Grown) -> u64 {
        fields(&a.stats).zip(fields(&b.stats)).map(|((_, a), (_, b))| u64::from(a.abs_diff(b))).sum()
    }
}

pub(crate) struct RewardKills;

impl Hook for RewardKills {
    const EXPORT: Export = Export::RewardKills;
    type View = Kill;
    type Answer = Gain;
    type Wire = wit::Kill;
    type Reply = wit::Gain;

    call_export!(Progression, lore_script_progression, func_reward_kills in bulk);

    fn sample() -> Kill {
        samples::kill()
    }

    fn vary(view: &mut Kill, number: u32, dice: &mut Rng) {
        made_up::kill(view, number, dice);
    }

    fn id(view: &Kill) -> u64 {
        view.id.into()
    }

    fn subject(view: &Kill) -> DefId {
        view.npc
    }

    fn lower(view: &Kill) -> wit::Kill {
        wit::Kill {
            id: view.id,
            character: view.character.0,
            level: view.level,
            prey: view.prey.0,
            npc: view.npc.0,
            npc_level: view.npc_level,
            boss: view.boss,
            experience: view.experience,
            fighters: view.fighters,
            share_permille: view.share_permille,
            seed: view.seed,
        }
    }

    fn lift(view: &Kill, reply: wit::Gain) -> Result<Gain, BadOutput> {
        same_id(view.id, reply.id)?;
        Ok(Gain { id: reply.id, experience: experience(reply.experience)? })
    }

    fn fallback(view: &Kill) -> Gain {
        Gain::fallback(view)
    }

    fn measure(answer: &Gain) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("experience", answer.experience as f64)]
    }

    fn distance(a: &Gain, b: &Gain) -> u64 {
        a.experience.abs_diff(b.experience)
    }
}

pub(crate) struct PunishDeaths;

impl Hook for PunishDeaths {
    const EXPORT: Export = Export::PunishDeaths;
    type View = Fall;
    type Answer = Toll;
    type Wire = wit::Fall;
    type Reply = wit::Toll;

    call_export!(Progression, lore_script_progression, func_punish_deaths in bulk);

    fn sample() -> Fall {
        samples::fall()
    }

    fn vary(view: &mut Fall, number: u32, dice: &mut Rng) {
        made_up::fall(view, number, dice);
    }

    fn id(view: &Fall) -> u64 {
        view.id.into()
    }

    fn lower(view: &Fall) -> wit::Fall {
        wit::Fall {
            id: view.id,
            character: view.character.0,
            level: view.level,
            experience: view.experience,
            needed: view.needed,
            killer: view.killer.0,
            loss_permille: view.loss_permille,
            respawn_ticks: view.respawn_ticks,
            seed: view.seed,
        }
    }

    fn lift(view: &Fall, reply: wit::Toll) -> Result<Toll, BadOutput> {
        same_id(view.id, reply.id)?;
        if reply.respawn_ticks > RESPAWN_TICKS_MAX {
            let (what, value) = ("respawn-ticks", reply.respawn_ticks.into());
            return Err(BadOutput::Number { what, value, expected: "0..=72,000" });
        }
        let experience = experience(reply.experience)?;
        Ok(Toll { id: reply.id, experience, respawn_ticks: reply.respawn_ticks })
    }

    fn fallback(view: &Fall) -> Toll {
        Toll::fallback(view)
    }

    fn measure(answer: &Toll) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("experience lost", answer.experience as f64), ("ticks dead", answer.respawn_ticks.into())]
    }

    fn distance(a: &Toll, b: &Toll) -> u64 {
        a.experience.abs_diff(b.experience) + u64::from(a.respawn_ticks.abs_diff(b.respawn_ticks))
    }
}

fn experience(value: u64) -> Result<u64, BadOutput> {
    if value <= EXPERIENCE_MAX {
        return Ok(value);
    }
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Err(BadOutput::Number { what: "experience", value, expected: "0..=1,000,000,000,000" })
}

const RESISTANCES: [&str; 8] =
    ["physical", "fire", "frost", "lightning", "poison", "holy", "shadow", "arcane"];

/// Every number with its name in the interface.
fn fields(stats: &Stats) -> impl Iterator<Item = (&'static str, i32)> {
    let plain = [
        ("health", stats.health),
        ("mana", stats.mana),
        ("energy", stats.energy),
        ("attack", stats.attack),
        ("weapon-damage", stats.weapon_damage),
        ("accuracy", stats.accuracy),
        ("evasion", stats.evasion),
        ("defence", stats.defence),
        ("critical-chance", stats.critical_chance),
        ("block-chance", stats.block_chance),
        ("dodge-chance", stats.dodge_chance),
        ("luck", stats.luck),
    ];
    plain.into_iter().chain(RESISTANCES.into_iter().zip(stats.resistance_permille))
}

fn lower_stats(stats: &Stats) -> wit::Stats {
    let resists = |element: Element| stats.resistance_permille[element as usize];
    wit::Stats {
        health: stats.health,
        mana: stats.mana,
        energy: stats.energy,
        attack: stats.attack,
        weapon_damage: stats.weapon_damage,
        accuracy: stats.accuracy,
        evasion: stats.evasion,
        defence: stats.defence,
        critical_chance: stats.critical_chance,
        block_chance: stats.block_chance,
        dodge_chance: stats.dodge_chance,
        luck: stats.luck,
        physical: resists(Element::Physical),
        fire: resists(Element::Fire),
        frost: resists(Element::Frost),
        lightning: resists(Element::Lightning),
        poison: resists(Element::Poison),
        holy: resists(Element::Holy),
        shadow: resists(Element::Shadow),
        arcane: resists(Element::Arcane),
    }
}

fn lift_stats(stats: &wit::Stats) -> Stats {
    Stats {
        health: stats.health,
        mana: stats.mana,
        energy: stats.energy,
        attack: stats.attack,
        weapon_damage: stats.weapon_damage,
        accuracy: stats.accuracy,
        evasion: stats.evasion,
        defence: stats.defence,
        critical_chance: stats.critical_chance,
        block_chance: stats.block_chance,
        dodge_chance: stats.dodge_chance,
        luck: stats.luck,
        resistance_permille: [
            stats.physical,
            stats.fire,
            stats.frost,
            stats.lightning,
            stats.poison,
            stats.holy,
            stats.shadow,
            stats.arcane,
        ],
    }
}

flat! {
    wit::Step { id, level, top, experience }
    wit::Requirement { id, experience }
    wit::Stats {
        health, mana, energy, attack, weapon_damage, accuracy, evasion, defence, critical_chance, block_chance,
        dodge_chance, luck, physical, fire, frost, lightning, poison, holy, shadow, arcane,
    }
    wit::Growth { id, class, level, base, per_level }
    wit::Grown { id, stats }
    wit::Kill {
        id, character, level, prey, npc, npc_level, boss, experience, fighters, share_permille, seed,
    }
    wit::Gain { id, experience }
    wit::Fall { id, character, level, experience, needed, killer, loss_permille, respawn_ticks, seed }
    wit::Toll { id, experience, respawn_ticks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_cross_and_come_back_field_by_field() {
        let mut stats = Stats::default();
        let numbers = [
            &mut stats.health,
            &mut stats.mana,
            &mut stats.energy,
            &mut stats.attack,
            &mut stats.weapon_damage,
            &mut stats.accuracy,
            &mut stats.evasion,
            &mut stats.defence,
            &mut stats.critical_chance,
            &mut stats.block_chance,
            &mut stats.dodge_chance,
            &mut stats.luck,
        ];
        for (value, number) in (1..).zip(numbers) {
            *number = value;
        }
        stats.resistance_permille = std::array::from_fn(|index| 13 + index as i32);
        assert_eq!(lift_stats(&lower_stats(&stats)), stats);
        assert!(fields(&stats).map(|(_, value)| value).eq(1..=20));
    }
}
