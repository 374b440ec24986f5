//! The starter's crafting and fees in Rust.

use crate::ids::DefId;
use crate::limits::CRAFT_COUNT_MAX;
use crate::rng::Rng;
use crate::rules::{Attempt, Charge, Crafted, Fee, Service};

/// A percent of chance and half a percent of quality more per level beyond the recipe's, at most twenty; who is
/// five beyond gets a piece more of what comes in several. Half of what fails is left over.
pub(super) fn attempt(attempt: &Attempt) -> Crafted {
    let beyond = attempt.level.saturating_sub(attempt.required_level).min(20);
    let chance = attempt.chance_permille.saturating_add(10 * beyond);
    let quality = attempt.quality_permille.saturating_add(5 * beyond);
    let mut dice = Rng(attempt.seed);
    let (mut successes, mut masterworks) = (0, 0);
    for _ in 0..attempt.count.min(CRAFT_COUNT_MAX) {
        if dice.below(1_000) >= chance {
            continue;
        }
        successes += 1;
        masterworks += u32::from(attempt.masterwork != DefId::NONE && dice.below(1_000) < quality);
    }
    let extra = if attempt.pieces > 1 && beyond >= 5 { successes - masterworks } else { 0 };
    Crafted { id: attempt.id, successes, masterworks, extra, kept_permille: 500 }
}

/// An attempt is a percent cheaper per level above the first, at most ten, rounded up. Up to level five the dead
/// return for nothing; each level more costs a tenth of the fee.
pub(super) fn fee(charge: &Charge) -> Fee {
    let amount = u64::from(charge.amount);
    let gold = match charge.service {
        Service::Crafting => {
            let better = u64::from(charge.level.saturating_sub(1).min(10));
            (amount * (100 - better)).div_ceil(100)
        }
        Service::Respawn => amount * u64::from(charge.level.saturating_sub(5).min(10)) / 10,
    };
    Fee { id: charge.id, gold: gold as u32 }
}
