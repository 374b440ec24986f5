//! Shops: what an NPC sells and buys, at prices that the economy script decides for each item and
//! character. Gold and items change hands together or not at all.

use crate::admit::Admission;
use crate::content::{ItemKind, Shop};
use crate::entity::EntityKind;
use crate::ids::{CharacterId, DefId, EntityId, RequestId};
use crate::input::CharacterState;
use crate::inventory::{Cause, room};
use crate::limits::{self, PRICE_MAX, PRICES_PER_TICK, TRADE_COUNT_MAX};
use crate::output::{Accepted, Output, Price, PriceList, Reason, Rejection};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Deal, Origin, Quote, Rules, Side};
use crate::world::World;
use std::collections::BTreeSet;

/// What a character wants of a shop.
#[derive(Clone, Copy)]
pub(crate) enum Wish {
    List,
    Buy { item: DefId, count: u32, price: Option<u32> },
    Sell { slot: u16, count: u32, price: Option<u32> },
}

/// A wish whose prices are asked for in this step.
pub(crate) struct PendingTrade {
    character: CharacterId,
    request: RequestId,
    npc: EntityId,
    template: DefId,
    shop: DefId,
    wish: Wish,
}

impl World {
    pub(crate) fn request_trade(
        &mut self,
        id: CharacterId,
        request: RequestId,
        npc: EntityId,
        wish: Wish,
    ) -> Admission {
        let (template, shop) = self.shop_of(id, npc)?;
        let goods = &self.content.shops[&shop].goods;
        let prices = match wish {
            Wish::List => goods.len() + usize::from(limits::INVENTORY_SLOTS),
            Wish::Buy { item, count, .. } => {
                if !goods.contains(&item) || !self.content.items.contains_key(&item) {
                    return Err(Rejection::NotForSale);
                }
                if !(1..=TRADE_COUNT_MAX).contains(&count) {
                    return Err(Rejection::BadCount);
                }
                1
            }
            Wish::Sell { slot, count, .. } => {
                self.check_sale(id, slot, count)?;
                1
            }
        };
        if self.scratch.prices + prices > PRICES_PER_TICK {
            return Err(Rejection::ShopBusy);
        }
        self.scratch.prices += prices;
        self.scratch.trades.push(PendingTrade { character: id, request, npc, template, shop, wish });
        Ok(None)
    }

    /// Template and shop of an NPC nearby.
    fn shop_of(&self, id: CharacterId, npc: EntityId) -> Result<(DefId, DefId), Rejection> {
        let me = self.entities.entry(self.characters[&id].entity).ok_or(Rejection::NotInZone)?;
        let keeper = self.entities.entry(npc).ok_or(Rejection::NoTarget)?;
        let distance = me.at.distance_mm(keeper.at);
        if distance > self.definition().interest_radius_mm {
            return Err(Rejection::NoTarget);
        }
        let EntityKind::Npc(mind) = &keeper.kind else { return Err(Rejection::WrongTarget) };
        let shop = self.content.npcs.get(&mind.template).map_or(DefId::NONE, |npc| npc.shop);
        if !self.content.shops.contains_key(&shop) || !keeper.is_alive() {
            return Err(Rejection::WrongTarget);
        }
        if distance > limits::INTERACT_RANGE_MM {
            return Err(Rejection::OutOfRange);
        }
        Ok((mind.template, shop))
    }

    /// The item in a slot, if that many of it can be sold.
    fn check_sale(&self, id: CharacterId, slot: u16, count: u32) -> Result<DefId, Rejection> {
        let stack = self.stack_at(id, slot)?;
        if count == 0 || count > stack.count {
            return Err(Rejection::BadCount);
        }
        if self.is_sellable(stack.item) { Ok(stack.item) } else { Err(Rejection::WrongItem) }
    }

    fn is_sellable(&self, item: DefId) -> bool {
        self.content.items.get(&item).is_some_and(|item| item.kind != ItemKind::Quest)
    }

    /// Asks for the prices of all trades of this tick and carries them out in order of arrival.
    pub(crate) fn run_trades(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        if self.scratch.trades.is_empty() {
            return;
        }
        self.scratch.prices = 0;
        let mut trades = std::mem::take(&mut self.scratch.trades);
        let mut deals = Vec::new();
        let ends: Vec<usize> = trades
            .iter()
            .map(|trade| {
                self.view_trade(trade, &mut deals);
                deals.len()
            })
            .collect();
        let mut quotes = Vec::with_capacity(deals.len());
        if !deals.is_empty() {
            rules.quote_prices(&self.context(), &deals, &mut quotes);
            assert_eq!(quotes.len(), deals.len(), "one quote per deal");
        }
        let mut start = 0;
        for (trade, end) in trades.drain(..).zip(ends) {
            let result = self.trade(&trade, &deals[start..end], &quotes[start..end], out);
            self.answer(trade.character, trade.request, result, out);
            start = end;
        }
        self.scratch.trades = trades;
    }

    /// One deal for each price that a trade asks for.
    fn view_trade(&self, trade: &PendingTrade, deals: &mut Vec<Deal>) {
        let Some(character) = self.characters.get(&trade.character) else { return };
        let Some(shop) = self.content.shops.get(&trade.shop) else { return };
        let state = &character.state;
        let mut ask = |side, item, count| {
            let id = deals.len() as u32;
            deals.extend(self.view_deal(trade, (character.entity, state), shop, (side, item, count), id));
        };
        match trade.wish {
            Wish::List => {
                shop.goods.iter().for_each(|item| ask(Side::Buy, *item, 1));
                let carried: BTreeSet<DefId> = state.inventory.values().map(|stack| stack.item).collect();
                carried.into_iter().filter(|item| self.is_sellable(*item)).for_each(|item| {
                    ask(Side::Sell, item, 1);
                });
            }
            Wish::Buy { item, count, .. } => ask(Side::Buy, item, count),
            Wish::Sell { slot, count, .. } => {
                if let Some(stack) = state.inventory.get(&slot) {
                    ask(Side::Sell, stack.item, count);
                }
            }
        }
    }

    fn view_deal(
        &self,
        trade: &PendingTrade,
        (entity, state): (EntityId, &CharacterState),
        shop: &Shop,
        (side, item, count): (Side, DefId, u32),
        id: u32,
    ) -> Option<Deal> {
        let definition = self.content.items.get(&item)?;
        Some(Deal {
            id,
            side,
            character: entity,
            level: state.level,
            npc: trade.npc,
            npc_template: trade.template,
            shop: trade.shop,
            item,
            rarity: definition.rarity,
            value: definition.value,
            count,
            permille: if side == Side::Buy { shop.asks_permille } else { shop.pays_permille },
            seed: fork(self.seed, self.tick, entity.0 ^ (u64::from(item.0) << 32), Purpose::Trade),
        })
    }

    fn trade(
        &mut self,
        trade: &PendingTrade,
        deals: &[Deal],
        quotes: &[Answer<Quote>],
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let id = trade.character;
        let character = self.characters.get(&id).ok_or(Rejection::NotInZone)?;
        if !self.entities.entry(character.entity).is_some_and(crate::entity::Entity::is_alive) {
            return Err(Rejection::Dead);
        }
        let (count, price) = match trade.wish {
            Wish::List => return Ok(Accepted::Prices(Box::new(self.list(trade.shop, deals, quotes)))),
            Wish::Buy { count, price, .. } | Wish::Sell { count, price, .. } => (count, price),
        };
        let (deal, quote) = deals.first().zip(quotes.first()).ok_or(Rejection::EmptySlot)?;
        let unit = quote.value.unit.min(PRICE_MAX);
        if !quote.value.agreed {
            return Err(Rejection::NotForSale);
        }
        let worse = |price| if deal.side == Side::Buy { unit > price } else { unit < price };
        if price.is_some_and(worse) {
            return Err(Rejection::PriceChanged);
        }
        let total = u64::from(unit) * u64::from(count);
        let cause = |reason| Cause { origin: quote.origin, request: Some(trade.request), reason };
        match trade.wish {
            Wish::Sell { slot, .. } => {
                // An earlier trade of this tick may have emptied the slot, or changed what is in it.
                if self.check_sale(id, slot, count)? != deal.item {
                    return Err(Rejection::WrongItem);
                }
                if self.characters[&id].state.gold.saturating_add(total) > limits::GOLD_MAX {
                    return Err(Rejection::Requirement);
                }
                let cause = cause(Reason::Sold(trade.shop));
                self.remove_from_slot(id, slot, count, cause, out);
                self.change_gold(id, total.cast_signed(), cause, out);
            }
            _ => {
                let state = &self.characters[&id].state;
                if state.gold < total {
                    return Err(Rejection::NotEnoughGold);
                }
                if room(&self.content, state, deal.item) < count {
                    return Err(Rejection::InventoryFull);
                }
                let cause = cause(Reason::Bought(trade.shop));
                self.change_gold(id, -total.cast_signed(), cause, out);
                let left = self.give_items(id, deal.item, count, cause, out);
                assert_eq!(left, 0, "there was room");
            }
        }
        Ok(Accepted::Traded { unit, count })
    }

    fn list(&self, shop: DefId, deals: &[Deal], quotes: &[Answer<Quote>]) -> PriceList {
        let agreed = |side| {
            let pairs =
                deals.iter().zip(quotes).filter(move |(deal, quote)| deal.side == side && quote.value.agreed);
            let price = |(deal, quote): (&Deal, &Answer<Quote>)| Price {
                item: deal.item,
                unit: quote.value.unit.min(PRICE_MAX),
            };
            pairs.map(price).collect()
        };
        let origin: Origin = quotes.first().map_or_else(|| self.content_origin(), |quote| quote.origin);
        PriceList { shop, asks: agreed(Side::Buy), pays: agreed(Side::Sell), origin }
    }
}
