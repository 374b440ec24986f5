//! Prices, fees and crafting. How they are made stands in [`price`], [`fee`] and [`craft`]; here is only the door to
//! the host.

pub mod craft;
pub mod fee;
pub mod price;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "economy-script", path: "../../wit" });
}

use wit::exports::lore::script::economy::{Attempt, Charge, Context, Crafted, Deal, Fee, Guest, Quote};

/// What this script exports.
pub struct Economy;

impl Guest for Economy {
    fn quote_prices(_ctx: Context, deals: Vec<Deal>) -> Vec<Quote> {
        lore_sdk::each(&deals, price::quote)
    }

    fn craft(_ctx: Context, attempts: Vec<Attempt>) -> Vec<Crafted> {
        lore_sdk::each(&attempts, craft::attempt)
    }

    fn fees(_ctx: Context, charges: Vec<Charge>) -> Vec<Fee> {
        lore_sdk::each(&charges, fee::of)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Economy with_types_in wit);
