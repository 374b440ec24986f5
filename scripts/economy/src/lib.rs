//! Prices. How they are made stands in [`price`]; here is only the door to the host.

pub mod price;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "economy-script", path: "../../wit" });
}

use wit::exports::lore::script::economy::{Context, Deal, Guest, Quote};

/// What this script exports.
pub struct Economy;

impl Guest for Economy {
    fn quote_prices(_ctx: Context, deals: Vec<Deal>) -> Vec<Quote> {
        lore_sdk::each(&deals, price::quote)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Economy with_types_in wit);
