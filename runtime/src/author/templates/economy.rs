//! What shops ask and pay, what services cost and what comes of crafting.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "economy-script", path: "../../wit" });
}

use wit::exports::lore::script::economy::{Attempt, Charge, Context, Crafted, Deal, Fee, Guest, Quote, Side};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn quote_prices(_ctx: Context, deals: Vec<Deal>) -> Vec<Quote> {
        lore_sdk::each(&deals, quote)
    }

    fn craft(_ctx: Context, attempts: Vec<Attempt>) -> Vec<Crafted> {
        lore_sdk::each(&attempts, craft)
    }

    fn fees(_ctx: Context, charges: Vec<Charge>) -> Vec<Fee> {
        lore_sdk::each(&charges, fee)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// What the shop's share of the value is, but nothing is sold below its value, and at most half of
/// it is paid.
pub fn quote(deal: &Deal) -> Quote {
    let value = u64::from(deal.value);
    let share = value * u64::from(deal.permille) / 1_000;
    let unit = match deal.side {
        Side::Buy => share.max(value),
        Side::Sell => share.min(value / 2),
    };
    let unit = unit.min(1_000_000_000) as u32;
    Quote { id: deal.id, agreed: unit > 0, unit }
}

/// Every try succeeds by the chance of the content, every success is a masterwork by its quality; of what fails half
/// is left over.
pub fn craft(attempt: &Attempt) -> Crafted {
    let mut dice = lore_sdk::Rng::new(attempt.seed);
    let (mut successes, mut masterworks) = (0, 0);
    for _ in 0..attempt.count.min(100) {
        if dice.permille(attempt.chance_permille) {
            successes += 1;
            masterworks += u32::from(attempt.masterwork != 0 && dice.permille(attempt.quality_permille));
        }
    }
    Crafted { id: attempt.id, successes, masterworks, extra: 0, kept_permille: 500 }
}

/// What the content says, for everybody.
pub fn fee(charge: &Charge) -> Fee {
    Fee { id: charge.id, gold: charge.amount }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::exports::lore::script::economy::{Rarity, Service};

    #[test]
    fn shops_live_off_the_difference() {
        let deal = |side, permille| Deal {
            id: 1,
            side,
            character: 1,
            level: 1,
            npc: 2,
            npc_template: lore_sdk::def_id("npc/tobin"),
            shop: lore_sdk::def_id("shop/trader"),
            item: lore_sdk::def_id("item/iron_sword"),
            rarity: Rarity::Uncommon,
            value: 40,
            count: 1,
            permille,
            seed: 1,
        };
        assert_eq!(quote(&deal(Side::Buy, 1_200)).unit, 48);
        assert_eq!(quote(&deal(Side::Buy, 500)).unit, 40);
        assert_eq!(quote(&deal(Side::Sell, 400)).unit, 16);
        assert_eq!(quote(&deal(Side::Sell, 900)).unit, 20);
        assert!(!quote(&deal(Side::Sell, 0)).agreed);
    }

    #[test]
    fn tries_succeed_by_the_chance_of_the_content() {
        let attempt = |seed| Attempt {
            id: 1,
            character: 1,
            level: 1,
            recipe: lore_sdk::def_id("recipe/leather_cap"),
            required_level: 1,
            product: lore_sdk::def_id("item/leather_cap"),
            rarity: Rarity::Common,
            pieces: 1,
            masterwork: 0,
            chance_permille: 700,
            quality_permille: 500,
            count: 10,
            seed,
        };
        let crafted = (0..1_000).map(|seed| craft(&attempt(seed)));
        let successes: u32 =
            crafted.inspect(|made| assert_eq!(made.masterworks, 0)).map(|made| made.successes).sum();
        assert!((6_800..7_200).contains(&successes), "{successes}");
    }

    #[test]
    fn services_cost_what_the_content_says() {
        let charge = Charge {
            id: 1,
            service: Service::Respawn,
            character: 1,
            level: 9,
            subject: 0,
            count: 1,
            amount: 20,
            balance: 5,
        };
        assert_eq!(fee(&charge).gold, 20);
    }
}
