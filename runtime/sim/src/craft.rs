//! Crafting: things become another one by a recipe, if the economy script lets it succeed. The fee, what is
//! used up and what is made change hands together or not at all.

use crate::admit::Admission;
use crate::content::{ItemCount, Recipe};
use crate::entity::{Entity, EntityKind};
use crate::ids::{CharacterId, DefId, EntityId, RequestId};
use crate::input::CharacterState;
use crate::inventory::{Cause, carried, put, take};
use crate::limits::{self, CRAFT_COUNT_MAX, CRAFTS_PER_TICK, UNCHANGED_PERMILLE};
use crate::output::{Accepted, Output, Reason, Rejection, Reply};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Attempt, Charge, Crafted, Fee, Rules, Service};
use crate::world::World;
use std::sync::Arc;

/// An attempt that is asked about in this step.
#[derive(Clone, Copy)]
pub(crate) struct PendingCraft {
    character: CharacterId,
    request: RequestId,
    recipe: DefId,
    count: u32,
}

impl World {
    pub(crate) fn request_craft(
        &mut self,
        character: CharacterId,
        request: RequestId,
        recipe: DefId,
        count: u32,
    ) -> Admission {
        let craft = PendingCraft { character, request, recipe, count };
        self.check_craft(&craft)?;
        if self.scratch.crafts.len() >= CRAFTS_PER_TICK {
            return Err(Rejection::CraftBusy);
        }
        self.scratch.crafts.push(craft);
        Ok(None)
    }

    /// Whether the character may try, whatever comes of it.
    fn check_craft(&self, craft: &PendingCraft) -> Result<(), Rejection> {
        let recipe = self.content.recipes.get(&craft.recipe).ok_or(Rejection::UnknownRecipe)?;
        if !(1..=CRAFT_COUNT_MAX).contains(&craft.count) {
            return Err(Rejection::BadCount);
        }
        let character = self.characters.get(&craft.character).ok_or(Rejection::NotInZone)?;
        let me = self.entities.entry(character.entity).ok_or(Rejection::NotInZone)?;
        if !me.is_alive() {
            return Err(Rejection::Dead);
        }
        let state = &character.state;
        if state.level < recipe.required_level {
            return Err(Rejection::Requirement);
        }
        if recipe.station != DefId::NONE && !self.is_beside(me, recipe.station) {
            return Err(Rejection::OutOfRange);
        }
        let needed = times(&recipe.ingredients, craft.count);
        if needed.iter().any(|some| carried(state, some.item) < some.count) {
            return Err(Rejection::MissingIngredients);
        }
        let made = times(&[recipe.product], craft.count);
        if self.fits(state, &needed, &made) { Ok(()) } else { Err(Rejection::InventoryFull) }
    }

    /// Whether a living NPC of this template is within reach.
    fn is_beside(&self, me: &Entity, template: DefId) -> bool {
        self.entities.iter().any(|other| {
            matches!(&other.kind, EntityKind::Npc(mind) if mind.template == template)
                && other.is_alive()
                && me.at.distance_mm(other.at) <= limits::INTERACT_RANGE_MM
        })
    }

    /// Whether there is room for what is given once what is taken is gone.
    fn fits(&self, state: &CharacterState, taken: &[ItemCount], given: &[ItemCount]) -> bool {
        let (mut trial, mut touched) = (state.clone(), Vec::new());
        taken.iter().for_each(|some| take(&mut trial, some.item, some.count, &mut touched));
        given.iter().all(|some| put(&self.content, &mut trial, some.item, some.count, &mut touched) == 0)
    }

    /// Asks what becomes of all attempts of this tick and carries it out in order of arrival.
    pub(crate) fn run_crafts(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        if self.scratch.crafts.is_empty() {
            return;
        }
        let mut crafts = std::mem::take(&mut self.scratch.crafts);
        crafts.retain(|PendingCraft { character, request, .. }| {
            let is_here = self.characters.contains_key(character);
            if !is_here {
                let result = Err(Rejection::NotInZone);
                out.replies.push(Reply::new(*character, *request, result));
            }
            is_here
        });
        let (charges, attempts): (Vec<Charge>, Vec<Attempt>) =
            (0..).zip(&crafts).map(|(id, craft)| self.view_craft(id, craft)).unzip();
        let fees = self.ask_fees(&charges, rules);
        let mut outcomes = Vec::with_capacity(attempts.len());
        if !attempts.is_empty() {
            rules.craft(&self.context(), &attempts, &mut outcomes);
            assert_eq!(outcomes.len(), attempts.len(), "one outcome per attempt");
        }
        let asked = crafts.iter().zip(&attempts);
        for ((craft, attempt), (fee, outcome)) in asked.zip(fees.iter().zip(&outcomes)) {
            let result = self.craft(craft, attempt, (fee, outcome), out);
            self.answer(craft.character, craft.request, result, out);
        }
        crafts.clear();
        self.scratch.crafts = crafts;
    }

    fn view_craft(&self, id: u32, craft: &PendingCraft) -> (Charge, Attempt) {
        let character = &self.characters[&craft.character];
        let recipe = &self.content.recipes[&craft.recipe];
        let service = (Service::Crafting, craft.recipe, craft.count);
        let charge = Self::view_charge(id, character, service, recipe.fee.saturating_mul(craft.count));
        let EntityId(entity) = character.entity;
        let attempt = Attempt {
            id,
            character: character.entity,
            level: character.state.level,
            recipe: craft.recipe,
            required_level: recipe.required_level,
            product: recipe.product.item,
            rarity: self.content.items[&recipe.product.item].rarity,
            pieces: recipe.product.count,
            masterwork: recipe.masterwork,
            chance_permille: recipe.chance_permille,
            quality_permille: recipe.quality_permille,
            count: craft.count,
            seed: fork(self.seed, self.tick, entity ^ (u64::from(craft.recipe.0) << 32), Purpose::Craft),
        };
        (charge, attempt)
    }

    fn craft(
        &mut self,
        craft: &PendingCraft,
        attempt: &Attempt,
        (fee, outcome): (&Answer<Fee>, &Answer<Crafted>),
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        // An earlier attempt of this tick may have used up what there was.
        self.check_craft(craft)?;
        let id = craft.character;
        let content = Arc::clone(&self.content);
        let recipe = &content.recipes[&craft.recipe];
        let (fee, charged_by) = (fee.value.gold, fee.origin);
        let (outcome, crafted_by) = (outcome.value.within(attempt), outcome.origin);
        let state = &self.characters[&id].state;
        if state.gold < u64::from(fee) {
            return Err(Rejection::NotEnoughGold);
        }
        let (taken, given) = (used_up(recipe, craft.count, &outcome), made(recipe, &outcome));
        if !self.fits(state, &taken, &given) {
            return Err(Rejection::InventoryFull);
        }
        let cause = |origin, reason| Cause { origin, request: Some(craft.request), reason };
        let paid = cause(charged_by, Reason::Fee(Service::Crafting));
        self.change_gold(id, -i64::from(fee), paid, out);
        let crafted = cause(crafted_by, Reason::Crafted(craft.recipe));
        for some in taken {
            self.take_items(id, some.item, some.count, crafted, out);
        }
        for some in &given {
            let left = self.give_items(id, some.item, some.count, crafted, out);
            assert_eq!(left, 0, "there was room");
        }
        let pieces = |item| given.iter().find(|some| some.item == item).map_or(0, |some| some.count);
        Ok(Accepted::Crafted {
            made: pieces(recipe.product.item),
            masterworks: pieces(recipe.masterwork),
            failed: craft.count - outcome.successes,
            fee,
        })
    }
}

/// So many times each.
fn times(some: &[ItemCount], count: u32) -> Vec<ItemCount> {
    some.iter().map(|one| ItemCount { item: one.item, count: one.count.saturating_mul(count) }).collect()
}

/// What an attempt takes: all of its tries' ingredients, but for what failed ones leave over.
fn used_up(recipe: &Recipe, count: u32, outcome: &Crafted) -> Vec<ItemCount> {
    let failed = u64::from(count - outcome.successes);
    let used = |some: &ItemCount| {
        let kept = u64::from(some.count) * failed * u64::from(outcome.kept_permille);
        let kept = (kept / u64::from(UNCHANGED_PERMILLE)) as u32;
        ItemCount { item: some.item, count: some.count.saturating_mul(count).saturating_sub(kept) }
    };
    recipe.ingredients.iter().map(used).filter(|some| some.count > 0).collect()
}

/// What an attempt gives.
fn made(recipe: &Recipe, outcome: &Crafted) -> Vec<ItemCount> {
    let pieces = |successes: u32| recipe.product.count.saturating_mul(successes);
    let plain = pieces(outcome.successes - outcome.masterworks).saturating_add(outcome.extra);
    let better = pieces(outcome.masterworks);
    let all = [(recipe.product.item, plain), (recipe.masterwork, better)];
    all.into_iter().filter(|(_, count)| *count > 0).map(|(item, count)| ItemCount { item, count }).collect()
}
