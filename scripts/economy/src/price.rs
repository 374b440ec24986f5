//! What one piece costs whom.
//!
//! A shop asks and pays a share of an item's value. Who is known in the world gets a percent better
//! for every level above the first, at most [`BETTER_PERCENT`]. Two bounds hold whatever the content
//! says, so that nobody can live off buying and selling back: nothing is sold below its value, and
//! at most [`PAID_PERCENT`] of it are paid.
//!
//! Whole numbers only: what is asked is rounded up, what is paid is rounded down. What would be
//! worth nothing is not dealt in.

use crate::wit::exports::lore::script::economy::{Deal, Quote, Side};

/// Most that a high level improves a price, percent.
pub const BETTER_PERCENT: u32 = 10;
/// Most of an item's value that a shop pays, percent.
pub const PAID_PERCENT: u64 = 90;
/// Most gold for one piece; the host accepts no more.
pub const PRICE_MAX: u64 = 1_000_000_000;
/// Largest share of a value, permille; content knows no larger one.
const PERMILLE_MAX: u32 = 10_000;

/// The price of one piece.
pub fn quote(deal: &Deal) -> Quote {
    let value = u64::from(deal.value);
    let better = u64::from(deal.level.saturating_sub(1).min(BETTER_PERCENT));
    let share = value * u64::from(deal.permille.min(PERMILLE_MAX));
    let unit = match deal.side {
        Side::Buy => (share * (100 - better)).div_ceil(100_000).max(value),
        Side::Sell => (share * (100 + better) / 100_000).min(value * PAID_PERCENT / 100),
    };
    let unit = unit.min(PRICE_MAX) as u32;
    Quote { id: deal.id, agreed: unit > 0, unit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::exports::lore::script::economy::Rarity;
    use lore_sdk::Rng;

    fn deal(side: Side, value: u32, permille: u32, level: u32) -> Deal {
        Deal {
            id: 3,
            side,
            character: 1,
            level,
            npc: 2,
            npc_template: lore_sdk::def_id("npc/tobin"),
            shop: lore_sdk::def_id("shop/trader"),
            item: lore_sdk::def_id("item/bread"),
            rarity: Rarity::Common,
            value,
            count: 1,
            permille,
            seed: 0,
        }
    }

    #[test]
    fn a_share_of_the_value_is_asked_and_paid() {
        let unit = |side, value, permille| quote(&deal(side, value, permille, 1)).unit;
        assert_eq!(unit(Side::Buy, 40, 1_200), 48);
        assert_eq!(unit(Side::Buy, 1, 1_200), 2, "rounded up");
        assert_eq!(unit(Side::Sell, 40, 400), 16);
        assert_eq!(unit(Side::Sell, 3, 400), 1, "rounded down");
    }

    #[test]
    fn levels_are_worth_something_up_to_a_point() {
        let asked = |level| quote(&deal(Side::Buy, 1_000, 1_500, level)).unit;
        assert_eq!([1, 2, 6, 11, 60].map(asked), [1_500, 1_485, 1_425, 1_350, 1_350]);
        let paid = |level| quote(&deal(Side::Sell, 1_000, 400, level)).unit;
        assert_eq!([0, 1, 2, 11, 60].map(paid), [400, 400, 404, 440, 440]);
    }

    #[test]
    fn what_is_worth_nothing_is_not_dealt_in() {
        assert!(!quote(&deal(Side::Sell, 1, 400, 1)).agreed);
        assert!(!quote(&deal(Side::Buy, 0, 1_200, 1)).agreed);
        assert!(quote(&deal(Side::Buy, 1, 1, 1)).agreed);
    }

    #[test]
    fn nobody_gains_by_selling_back_whatever_the_shops_say() {
        const SEED: u64 = 20_261_125;
        let mut dice = Rng::new(SEED);
        for _ in 0..100_000 {
            let bits = dice.below(32);
            let value = dice.below(u32::MAX >> bits);
            let (buy, sell) = (dice.below(20_000), dice.below(20_000));
            let (young, old) = (1 + dice.below(60), 1 + dice.below(60));
            let asked = quote(&deal(Side::Buy, value, buy, young));
            let paid = quote(&deal(Side::Sell, value, sell, old));
            let both = asked.agreed && paid.agreed && u64::from(value) < PRICE_MAX;
            assert!(!both || paid.unit < asked.unit, "{asked:?} {paid:?} value {value}, seed {SEED}");
        }
    }
}
