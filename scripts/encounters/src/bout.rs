//! The phases of a boss.
//!
//! A phase begins when its health or its time has come, never goes back, and may skip those before it. At its
//! beginning its adds come, its announcement is made and its ability is used, which then comes again every
//! [`ABILITY_MS`]. Whoever fights longer than the content's patience faces twice the damage and no escape.
//!
//! The memory is the tick of the fight in which the ability was used last.

use crate::wit::exports::lore::script::encounter::{Bout, Direction, Occasion, Phase};

/// Milliseconds between two uses of a phase's ability.
pub const ABILITY_MS: u32 = 8_000;
/// Share of its speed a boss has that has lost its patience.
pub const ENRAGED_SPEED_PERMILLE: u32 = 1_300;
/// What the host accepts.
const POWER_PERMILLE: (u32, u32) = (100, 5_000);
const ADDS: u32 = 16;

/// One direction.
pub fn direct(bout: &Bout, tick_ms: u32) -> Direction {
    let still = Direction {
        id: bout.id,
        phase: 0,
        power_permille: 1_000,
        speed_permille: 1_000,
        summon: 0,
        ability: 0,
        heal_permille: 0,
        dismiss: false,
        announcement: 0,
        memory: 0,
    };
    if bout.occasion == Occasion::Reset {
        return Direction { dismiss: true, ..still };
    }
    let phase = phase_of(bout);
    let now = phase.checked_sub(1).and_then(|index| bout.phases.get(index as usize));
    let begins = phase > bout.phase;
    let enraged = bout.enrage_ticks > 0 && bout.fight_ticks >= bout.enrage_ticks;
    let power = now.map_or(1_000, |now| now.power_permille);
    let power = if enraged { power.saturating_mul(2) } else { power };
    let wait = i64::from(lore_sdk::ticks(ABILITY_MS, tick_ms));
    let again = i64::from(bout.fight_ticks) >= bout.memory.saturating_add(wait);
    let ability = now.map_or(0, |now| now.ability);
    let uses = ability != 0 && (begins || again);
    Direction {
        phase,
        power_permille: power.clamp(POWER_PERMILLE.0, POWER_PERMILLE.1),
        speed_permille: if enraged { ENRAGED_SPEED_PERMILLE } else { 1_000 },
        summon: now.filter(|_| begins).map_or(0, |now| now.adds_count.min(ADDS)),
        ability: if uses { ability } else { 0 },
        announcement: now.filter(|_| begins).map_or(0, |now| now.announcement),
        memory: if uses { i64::from(bout.fight_ticks) } else { bout.memory },
        ..still
    }
}

/// The last phase that has come, or the one it is in.
fn phase_of(bout: &Bout) -> u32 {
    let come = |phase: &Phase| {
        let hurt = phase.health_below_permille > 0 && bout.health_permille <= phase.health_below_permille;
        hurt || (phase.after_ticks > 0 && bout.fight_ticks >= phase.after_ticks)
    };
    let last = bout.phases.iter().rposition(come).map_or(0, |index| index as u32 + 1);
    last.max(bout.phase).min(bout.phases.len() as u32)
}

#[cfg(test)]
mod tests;
