//! How characters become more, and what a death costs them.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "progression-script", path: "../../wit" });
}

use wit::exports::lore::script::progression::{
    Context, Fall, Gain, Growth, Grown, Guest, Kill, Requirement, Step, Toll,
};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn require_experience(_ctx: Context, steps: Vec<Step>) -> Vec<Requirement> {
        lore_sdk::each(&steps, |step| Requirement { id: step.id, experience: step.experience })
    }

    fn grow_stats(_ctx: Context, growths: Vec<Growth>) -> Vec<Grown> {
        lore_sdk::each(&growths, grow)
    }

    fn reward_kills(_ctx: Context, kills: Vec<Kill>) -> Vec<Gain> {
        lore_sdk::each(&kills, reward)
    }

    fn punish_deaths(_ctx: Context, falls: Vec<Fall>) -> Vec<Toll> {
        lore_sdk::each(&falls, |fall| Toll { id: fall.id, experience: 0, respawn_ticks: fall.respawn_ticks })
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// Health and attack grow with every level; all else is as at the first.
pub fn grow(growth: &Growth) -> Grown {
    let levels = growth.level.clamp(1, 60) as i32 - 1;
    let mut stats = growth.base;
    stats.health = stats.health.saturating_add(growth.per_level.health.saturating_mul(levels));
    stats.attack = stats.attack.saturating_add(growth.per_level.attack.saturating_mul(levels));
    Grown { id: growth.id, stats }
}

/// By how much each did; nothing for prey of less than half one's level.
pub fn reward(kill: &Kill) -> Gain {
    let share = u64::from(kill.experience) * u64::from(kill.share_permille.min(1_000)) / 1_000;
    let too_easy = u64::from(kill.npc_level) * 2 < u64::from(kill.level);
    Gain { id: kill.id, experience: if too_easy { 0 } else { share } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_did_more_gets_more() {
        let kill = |level, share_permille| Kill {
            id: 1,
            character: 1,
            level,
            prey: 2,
            npc: lore_sdk::def_id("npc/wolf"),
            npc_level: 4,
            boss: false,
            experience: 80,
            fighters: 2,
            share_permille,
            seed: 1,
        };
        assert_eq!(reward(&kill(4, 750)).experience, 60);
        assert_eq!(reward(&kill(8, 250)).experience, 20);
        assert_eq!(reward(&kill(9, 1_000)).experience, 0);
    }
}
