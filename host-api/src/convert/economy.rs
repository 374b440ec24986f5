//! Prices, fees and crafting: `economy.quote-prices`, `economy.craft`, `economy.fees`.

use super::{Hook, call_export, same_cases, same_id, share};
use crate::bindings::economy::exports::lore::script::economy as wit;
use crate::bulk::{flat, flat_enums};
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::limits::PRICE_MAX;
use sim::rng::Rng;
use sim::rules::{Attempt, Charge, Crafted, Deal, Fee, Quote, Service, Side};

pub(crate) struct QuotePrices;

impl Hook for QuotePrices {
    const EXPORT: Export = Export::QuotePrices;
    type View = Deal;
    type Answer = Quote;
    type Wire = wit::Deal;
    type Reply = wit::Quote;

    call_export!(Economy, lore_script_economy, func_quote_prices in bulk);

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

pub(crate) struct Craft;

impl Hook for Craft {
    const EXPORT: Export = Export::Craft;
    type View = Attempt;
    type Answer = Crafted;
    type Wire = wit::Attempt;
    type Reply = wit::Crafted;

    call_export!(Economy, lore_script_economy, func_craft in bulk);

    fn sample() -> Attempt {
        samples::attempt()
    }

    fn vary(view: &mut Attempt, number: u32, dice: &mut Rng) {
        made_up::attempt(view, number, dice);
    }

    fn id(view: &Attempt) -> u64 {
        view.id.into()
    }

    fn subject(view: &Attempt) -> DefId {
        view.recipe
    }

    fn lower(view: &Attempt) -> wit::Attempt {
        wit::Attempt {
            id: view.id,
            character: view.character.0,
            level: view.level,
            recipe: view.recipe.0,
            required_level: view.required_level,
            product: view.product.0,
            rarity: view.rarity.into(),
            pieces: view.pieces,
            masterwork: view.masterwork.0,
            chance_permille: view.chance_permille,
            quality_permille: view.quality_permille,
            count: view.count,
            seed: view.seed,
        }
    }

    fn lift(view: &Attempt, reply: wit::Crafted) -> Result<Crafted, BadOutput> {
        same_id(view.id, reply.id)?;
        let wit::Crafted { id, successes, masterworks, extra, kept_permille } = reply;
        let answer = Crafted { id, successes, masterworks, extra, kept_permille };
        let within = answer.within(view);
        at_most("successes", successes, within.successes, "0..=`count`")?;
        at_most("masterworks", masterworks, within.masterworks, "0..=`successes`, without a masterwork 0,")?;
        at_most("extra", extra, within.extra, "at most as many pieces as the other successes give")?;
        at_most("kept-permille", kept_permille, within.kept_permille, "0..=1,000")?;
        Ok(answer)
    }

    fn fallback(view: &Attempt) -> Crafted {
        Crafted::fallback(view)
    }

    fn measure(answer: &Crafted) -> impl IntoIterator<Item = (&'static str, f64)> {
        [
            ("successes", f64::from(answer.successes)),
            ("masterworks", f64::from(answer.masterworks)),
            ("extra", f64::from(answer.extra)),
            ("kept", f64::from(answer.kept_permille) / 1_000.0),
        ]
    }

    fn distance(a: &Crafted, b: &Crafted) -> u64 {
        let apart = a.successes.abs_diff(b.successes) + a.masterworks.abs_diff(b.masterworks);
        u64::from(a != b) + u64::from(apart)
    }
}

pub(crate) struct Fees;

impl Hook for Fees {
    const EXPORT: Export = Export::Fees;
    type View = Charge;
    type Answer = Fee;
    type Wire = wit::Charge;
    type Reply = wit::Fee;

    call_export!(Economy, lore_script_economy, func_fees in bulk);

    fn sample() -> Charge {
        samples::charge()
    }

    fn vary(view: &mut Charge, number: u32, dice: &mut Rng) {
        made_up::charge(view, number, dice);
    }

    fn id(view: &Charge) -> u64 {
        view.id.into()
    }

    fn subject(view: &Charge) -> DefId {
        view.subject
    }

    fn lower(view: &Charge) -> wit::Charge {
        wit::Charge {
            id: view.id,
            service: view.service.into(),
            character: view.character.0,
            level: view.level,
            subject: view.subject.0,
            count: view.count,
            amount: view.amount,
            balance: view.balance,
        }
    }

    fn lift(view: &Charge, reply: wit::Fee) -> Result<Fee, BadOutput> {
        same_id(view.id, reply.id)?;
        at_most("gold", reply.gold, view.amount, "0..=`amount`")?;
        Ok(Fee { id: reply.id, gold: reply.gold })
    }

    fn fallback(view: &Charge) -> Fee {
        Fee::fallback(view)
    }

    fn measure(answer: &Fee) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("gold", f64::from(answer.gold))]
    }

    fn distance(a: &Fee, b: &Fee) -> u64 {
        u64::from(a != b) + u64::from(a.gold.abs_diff(b.gold))
    }
}

fn at_most(what: &'static str, value: u32, most: u32, expected: &'static str) -> Result<(), BadOutput> {
    if value <= most { Ok(()) } else { Err(BadOutput::Number { what, value: value.into(), expected }) }
}

same_cases! { Side = wit::Side { Buy, Sell } }
same_cases! { Service = wit::Service { Crafting, Respawn } }

flat_enums! {
    wit::Side { Buy, Sell }
    wit::Service { Crafting, Respawn }
}
flat! {
    wit::Deal {
        id, side, character, level, npc, npc_template, shop, item, rarity, value, count, permille, seed,
    }
    wit::Quote { id, agreed, unit }
    wit::Charge { id, service, character, level, subject, count, amount, balance }
    wit::Fee { id, gold }
    wit::Attempt {
        id, character, level, recipe, required_level, product, rarity, pieces, masterwork, chance_permille,
        quality_permille, count, seed,
    }
    wit::Crafted { id, successes, masterworks, extra, kept_permille }
}
