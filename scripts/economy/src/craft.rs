//! What becomes of an attempt to make something.
//!
//! Every try is a roll of its own against the chance of the content. Who is beyond the recipe's level succeeds more
//! often, and makes more masterworks; of what comes in several pieces an old hand gets one more each time. What fails
//! is not all lost.

use crate::wit::exports::lore::script::economy::{Attempt, Crafted};
use lore_sdk::Rng;

/// Levels beyond the recipe's that still make a difference.
pub const BEYOND_MAX: u32 = 20;
/// Chance gained for each, permille.
pub const CHANCE_PER_LEVEL: u32 = 10;
/// Quality gained for each, permille.
pub const QUALITY_PER_LEVEL: u32 = 5;
/// From so many on there is a piece more.
pub const OLD_HAND: u32 = 5;
/// Share of the ingredients of failed tries that is left over, permille.
pub const KEPT: u32 = 500;
/// Most tries of one attempt; the host knows no more.
const TRIES_MAX: u32 = 100;

/// One attempt.
pub fn attempt(attempt: &Attempt) -> Crafted {
    let beyond = attempt.level.saturating_sub(attempt.required_level).min(BEYOND_MAX);
    let chance = attempt.chance_permille.saturating_add(CHANCE_PER_LEVEL * beyond);
    let quality = attempt.quality_permille.saturating_add(QUALITY_PER_LEVEL * beyond);
    let mut dice = Rng::new(attempt.seed);
    let (mut successes, mut masterworks) = (0, 0);
    for _ in 0..attempt.count.min(TRIES_MAX) {
        if dice.permille(chance) {
            successes += 1;
            masterworks += u32::from(attempt.masterwork != 0 && dice.permille(quality));
        }
    }
    let extra = if attempt.pieces > 1 && beyond >= OLD_HAND { successes - masterworks } else { 0 };
    Crafted { id: attempt.id, successes, masterworks, extra, kept_permille: KEPT }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::exports::lore::script::economy::Rarity;
    use lore_sdk::def_id;

    fn made(chance_permille: u32, level: u32, seed: u64) -> Crafted {
        attempt(&Attempt {
            id: 3,
            character: 1,
            level,
            recipe: def_id("recipe/fur_jerkin"),
            required_level: 2,
            product: def_id("item/leather_jerkin"),
            rarity: Rarity::Common,
            pieces: 1,
            masterwork: def_id("item/fur_jerkin"),
            chance_permille,
            quality_permille: 100,
            count: 10,
            seed,
        })
    }

    /// Successes and masterworks of ten thousand tries.
    fn of_ten_thousand(chance_permille: u32, level: u32) -> (u32, u32) {
        let all = (0..1_000).map(|seed| made(chance_permille, level, seed));
        all.fold((0, 0), |(good, better), made| (good + made.successes, better + made.masterworks))
    }

    #[test]
    fn tries_succeed_by_the_chance_and_by_what_the_level_adds() {
        let (good, better) = of_ten_thousand(600, 2);
        assert!((5_800..6_200).contains(&good) && (500..700).contains(&better), "{good} {better}");
        // Ten levels more: another tenth of the tries, and half as many masterworks again of what succeeds.
        let (good, better) = of_ten_thousand(600, 12);
        assert!((6_800..7_200).contains(&good) && (930..1_170).contains(&better), "{good} {better}");
        assert_eq!(of_ten_thousand(800, 60).0, 10_000, "twenty levels, and no more");
        assert_eq!(of_ten_thousand(0, 2), (0, 0));
    }

    #[test]
    fn old_hands_get_a_piece_more_of_what_comes_in_several() {
        let several = |level| Attempt {
            id: 3,
            character: 1,
            level,
            recipe: def_id("recipe/tusk_tonic"),
            required_level: 1,
            product: def_id("item/healing_potion"),
            rarity: Rarity::Uncommon,
            pieces: 2,
            masterwork: 0,
            chance_permille: 1_000,
            quality_permille: 0,
            count: 4,
            seed: 9,
        };
        assert_eq!([5, 6].map(|level| attempt(&several(level)).extra), [0, 4]);
        assert_eq!(attempt(&Attempt { pieces: 1, ..several(60) }).extra, 0);
    }
}
