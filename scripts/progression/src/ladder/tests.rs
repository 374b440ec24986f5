//! The ladder, worked out by hand.

use super::*;

const NOTHING: Stats = Stats {
    health: 0,
    mana: 0,
    energy: 0,
    attack: 0,
    weapon_damage: 0,
    accuracy: 0,
    evasion: 0,
    defence: 0,
    critical_chance: 0,
    block_chance: 0,
    dodge_chance: 0,
    luck: 0,
    physical: 0,
    fire: 0,
    frost: 0,
    lightning: 0,
    poison: 0,
    holy: 0,
    shadow: 0,
    arcane: 0,
};

fn kill(level: u32, npc_level: u32, fighters: u32) -> Kill {
    Kill {
        id: 4,
        character: 1,
        level,
        prey: 2,
        npc: lore_sdk::def_id("npc/wolf"),
        npc_level,
        boss: false,
        experience: 100,
        fighters,
        share_permille: 1_000 / fighters.max(1),
        seed: 0,
    }
}

#[test]
fn experience_follows_the_difference_of_levels() {
    let worth = |level, npc_level, fighters| reward(&kill(level, npc_level, fighters)).experience;
    assert_eq!(worth(5, 5, 1), 100);
    assert_eq!(worth(5, 8, 1), 130);
    assert_eq!(worth(20, 5, 1), 10);
    assert_eq!(worth(5, 20, 1), 150);
    assert_eq!(worth(5, 5, 3), 34);
    assert_eq!(worth(5, 5, 0), 100);
}

#[test]
fn every_level_adds_the_same() {
    let base = Stats { health: 100, attack: 12, arcane: -50, ..NOTHING };
    let per_level = Stats { health: 12, attack: 2, arcane: 5, ..NOTHING };
    let at = |level| grow(&Growth { id: 1, class: 9, level, base, per_level }).stats;
    let shown = |stats: Stats| (stats.health, stats.attack, stats.arcane, stats.mana);
    assert_eq!(shown(at(1)), (100, 12, -50, 0));
    assert_eq!(shown(at(11)), (220, 32, 0, 0));
    assert_eq!(shown(at(60)), shown(at(u32::MAX)), "no level is beyond the highest");
}

#[test]
fn a_death_costs_a_share_but_never_the_level() {
    let toll = |experience, needed, loss_permille| {
        let fall = Fall {
            id: 1,
            character: 1,
            level: 3,
            experience,
            needed,
            killer: 0,
            loss_permille,
            respawn_ticks: 100,
            seed: 0,
        };
        let toll = punish(&fall);
        assert_eq!(toll.respawn_ticks, 100);
        toll.experience
    };
    assert_eq!(toll(300, 1_000, 50), 50);
    assert_eq!(toll(20, 1_000, 50), 20);
    assert_eq!(toll(300, 0, 50), 0, "at the top there is nothing to lose");
    assert_eq!(toll(u64::MAX, u64::MAX, 1_000), u64::MAX);
}

#[test]
fn the_steps_are_those_of_the_content() {
    assert_eq!(require(&Step { id: 7, level: 2, top: 20, experience: 250 }).experience, 250);
}
