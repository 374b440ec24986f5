//! Prices: `economy.quote-prices`.

use super::{Hook, call_export, same_cases, same_id, share};
use crate::bindings::economy::exports::lore::script::economy as wit;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::limits::PRICE_MAX;
use sim::rng::Rng;
use sim::rules::{Deal, Quote, Side};

pub(crate) struct QuotePrices;

impl Hook for QuotePrices {
    const EXPORT: Export = Export::QuotePrices;
    type View = Deal;
    type Answer = Quote;
    type Wire = wit::Deal;
    type Reply = wit::Quote;

    call_export!(Economy, lore_script_economy, call_quote_prices);

    fn sample() -> Deal {
        samples::deal()
    }

    fn vary(view: &mut Deal, number: u32, dice: &mut Rng) {
        made_up::deal(view, number, dice);
    }

    fn id(view: &Deal) -> u64 {
        view.id.into()
    }

    fn subject(view: &Deal) -> DefId {
        view.shop
    }

    fn lower(view: &Deal) -> wit::Deal {
        wit::Deal {
            id: view.id,
            side: view.side.into(),
            character: view.character.0,
            level: view.level,
            npc: view.npc.0,
            npc_template: view.npc_template.0,
            shop: view.shop.0,
            item: view.item.0,
            rarity: view.rarity.into(),
            value: view.value,
            count: view.count,
            permille: view.permille,
            seed: view.seed,
        }
    }

    fn lift(view: &Deal, reply: wit::Quote) -> Result<Quote, BadOutput> {
        same_id(view.id, reply.id)?;
        if reply.unit > PRICE_MAX {
            let (what, value) = ("unit", reply.unit.into());
            return Err(BadOutput::Number { what, value, expected: "0..=1,000,000,000" });
        }
        Ok(Quote { id: reply.id, agreed: reply.agreed, unit: reply.unit })
    }

    fn fallback(view: &Deal) -> Quote {
        Quote::fallback(view.id)
    }

    fn measure(answer: &Quote) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("agreed", share(answer.agreed)), ("price", answer.unit.into())]
    }

    fn distance(a: &Quote, b: &Quote) -> u64 {
        u64::from(a != b) + u64::from(a.unit.abs_diff(b.unit))
    }
}

same_cases! { Side = wit::Side { Buy, Sell } }
