//! How characters become more, and what they lose.
//!
//! - The steps between levels are those of the content.
//! - A class grows by the same for every level.
//! - A kill is worth what the content says, a tenth more or less for every level between prey and
//!   killer: at least [`LEAST_PERCENT`], at most [`MOST_PERCENT`]. All who took part share it
//!   evenly, rounded up.
//! - A death costs the content's share of what the level needs, but no more than there is of it.
//!
//! Whole numbers only; divisions round towards zero where nothing else is said.

use crate::wit::exports::lore::script::progression::{
    Fall, Gain, Grown, Growth, Kill, Requirement, Stats, Step, Toll,
};

/// Worth of the easiest prey, percent.
pub const LEAST_PERCENT: i64 = 10;
/// Worth of the hardest prey, percent.
pub const MOST_PERCENT: i64 = 150;
/// Highest level there is.
const LEVEL_MAX: u32 = 60;

/// Experience from one level to the next.
pub fn require(step: &Step) -> Requirement {
    Requirement { id: step.id, experience: step.experience }
}

/// The numbers of a class at a level.
pub fn grow(growth: &Growth) -> Grown {
    let times = growth.level.clamp(1, LEVEL_MAX) as i32 - 1;
    Grown { id: growth.id, stats: plus(&growth.base, &growth.per_level, times) }
}

/// What a kill is worth to one of those who took part.
pub fn reward(kill: &Kill) -> Gain {
    let apart = i64::from(kill.npc_level) - i64::from(kill.level);
    let percent = (100 + 10 * apart).clamp(LEAST_PERCENT, MOST_PERCENT) as u64;
    let whole = u64::from(kill.experience) * percent / 100;
    Gain { id: kill.id, experience: whole.div_ceil(u64::from(kill.fighters.max(1))) }
}

/// What a death costs.
pub fn punish(fall: &Fall) -> Toll {
    let share = u128::from(fall.needed) * u128::from(fall.loss_permille) / 1_000;
    let experience = share.min(u128::from(fall.experience)) as u64;
    Toll { id: fall.id, experience, respawn_ticks: fall.respawn_ticks }
}

/// `base` and `times` times `more`, saturating.
fn plus(base: &Stats, more: &Stats, times: i32) -> Stats {
    let add = |a: i32, b: i32| a.saturating_add(b.saturating_mul(times));
    Stats {
        health: add(base.health, more.health),
        mana: add(base.mana, more.mana),
        energy: add(base.energy, more.energy),
        attack: add(base.attack, more.attack),
        weapon_damage: add(base.weapon_damage, more.weapon_damage),
        accuracy: add(base.accuracy, more.accuracy),
        evasion: add(base.evasion, more.evasion),
        defence: add(base.defence, more.defence),
        critical_chance: add(base.critical_chance, more.critical_chance),
        block_chance: add(base.block_chance, more.block_chance),
        dodge_chance: add(base.dodge_chance, more.dodge_chance),
        luck: add(base.luck, more.luck),
        physical: add(base.physical, more.physical),
        fire: add(base.fire, more.fire),
        frost: add(base.frost, more.frost),
        lightning: add(base.lightning, more.lightning),
        poison: add(base.poison, more.poison),
        holy: add(base.holy, more.holy),
        shadow: add(base.shadow, more.shadow),
        arcane: add(base.arcane, more.arcane),
    }
}

#[cfg(test)]
mod tests;
