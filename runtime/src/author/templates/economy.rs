//! What shops ask and pay.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "economy-script", path: "../../wit" });
}

use wit::exports::lore::script::economy::{Context, Deal, Guest, Quote, Side};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn quote_prices(_ctx: Context, deals: Vec<Deal>) -> Vec<Quote> {
        lore_sdk::each(&deals, quote)
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

#[cfg(test)]
mod tests {
    use super::*;
    use wit::exports::lore::script::economy::Rarity;

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
}
