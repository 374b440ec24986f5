//! What a character carries and wears: slots, stacks, and the facts their changes make.

use crate::content::{Content, EquipSlot, ItemKind};
use crate::ids::{CharacterId, DefId, EntityId, RequestId};
use crate::input::{CharacterState, Stack};
use crate::limits::INVENTORY_SLOTS;
use crate::output::{Accepted, Event, EventKind, FactKind, Output, Reason, Rejection};
use crate::rules::Origin;
use crate::world::World;

/// Why a character's possessions change, and who decided it.
#[derive(Clone, Copy)]
pub(crate) struct Cause {
    pub(crate) origin: Origin,
    pub(crate) request: Option<RequestId>,
    pub(crate) reason: Reason,
}

/// How many of an item are carried.
pub(crate) fn carried(state: &CharacterState, item: DefId) -> u32 {
    let count = |stack: &Stack| if stack.item == item { stack.count } else { 0 };
    state.inventory.values().map(count).fold(0, u32::saturating_add)
}

/// How many more of an item fit.
pub(crate) fn room(content: &Content, state: &CharacterState, item: DefId) -> u32 {
    let max_stack = content.items[&item].max_stack;
    let free = u32::from(INVENTORY_SLOTS).saturating_sub(state.inventory.len() as u32);
    let partial = state.inventory.values().filter(|stack| stack.item == item);
    partial
        .map(|stack| max_stack.saturating_sub(stack.count))
        .fold(free.saturating_mul(max_stack), u32::saturating_add)
}

/// Puts up to `count` of an item into the slots, partial stacks first; returns what did not fit.
pub(crate) fn put(
    content: &Content,
    state: &mut CharacterState,
    item: DefId,
    count: u32,
    touched: &mut Vec<u16>,
) -> u32 {
    let max_stack = content.items[&item].max_stack;
    let mut left = count;
    for (slot, stack) in &mut state.inventory {
        if left > 0 && stack.item == item && stack.count < max_stack {
            let moved = left.min(max_stack - stack.count);
            stack.count += moved;
            left -= moved;
            touched.push(*slot);
        }
    }
    for slot in 0..INVENTORY_SLOTS {
        if left > 0 && !state.inventory.contains_key(&slot) {
            let moved = left.min(max_stack);
            state.inventory.insert(slot, Stack { item, count: moved });
            left -= moved;
            touched.push(slot);
        }
    }
    left
}

/// Takes `count` of an item out of the slots, last slots first. The caller has checked that there
/// are as many.
pub(crate) fn take(state: &mut CharacterState, item: DefId, count: u32, touched: &mut Vec<u16>) {
    let mut left = count;
    for (slot, stack) in state.inventory.iter_mut().rev() {
        if left > 0 && stack.item == item {
            let moved = left.min(stack.count);
            stack.count -= moved;
            left -= moved;
            touched.push(*slot);
        }
    }
    state.inventory.retain(|_, stack| stack.count > 0);
}

impl World {
    /// Gives items to a character; what does not fit is returned. Quests hear of it.
    pub(crate) fn give_items(
        &mut self,
        id: CharacterId,
        item: DefId,
        count: u32,
        cause: Cause,
        out: &mut Output,
    ) -> u32 {
        let Some(character) = self.characters.get_mut(&id) else { return count };
        let mut touched = Vec::new();
        let left = put(&self.content, &mut character.state, item, count, &mut touched);
        if left < count {
            let delta = i64::from(count - left);
            Self::fact(
                out,
                id,
                cause.origin,
                cause.request,
                FactKind::Item { item, delta, reason: cause.reason },
            );
            self.slot_facts(id, &touched, cause.origin, cause.request, out);
            self.item_gained(id, item, count - left);
        }
        left
    }

    /// Takes items from a character.
    ///
    /// # Panics
    /// If it does not carry as many: callers check first.
    pub(crate) fn take_items(
        &mut self,
        id: CharacterId,
        item: DefId,
        count: u32,
        cause: Cause,
        out: &mut Output,
    ) {
        let Some(character) = self.characters.get_mut(&id) else { return };
        assert!(carried(&character.state, item) >= count, "taking more than is carried");
        let mut touched = Vec::new();
        take(&mut character.state, item, count, &mut touched);
        let delta = -i64::from(count);
        Self::fact(
            out,
            id,
            cause.origin,
            cause.request,
            FactKind::Item { item, delta, reason: cause.reason },
        );
        self.slot_facts(id, &touched, cause.origin, cause.request, out);
    }

    /// Changes a character's gold, saturating at both ends.
    pub(crate) fn change_gold(&mut self, id: CharacterId, delta: i64, cause: Cause, out: &mut Output) {
        let Some(character) = self.characters.get_mut(&id) else { return };
        let before = character.state.gold;
        let gold = before.saturating_add_signed(delta).min(crate::limits::GOLD_MAX);
        character.state.gold = gold;
        if gold != before {
            let delta = gold as i64 - before as i64;
            let kind = FactKind::Gold { delta, reason: cause.reason, gold };
            Self::fact(out, id, cause.origin, cause.request, kind);
        }
    }

    fn slot_facts(
        &self,
        id: CharacterId,
        slots: &[u16],
        origin: Origin,
        request: Option<RequestId>,
        out: &mut Output,
    ) {
        let inventory = &self.characters[&id].state.inventory;
        for &slot in slots {
            let kind = FactKind::Slot { slot, stack: inventory.get(&slot).copied() };
            Self::fact(out, id, origin, request, kind);
        }
    }

    fn command_cause(&self, request: RequestId, reason: Reason) -> Cause {
        Cause { origin: self.content_origin(), request: Some(request), reason }
    }

    pub(crate) fn stack_at(&self, id: CharacterId, slot: u16) -> Result<Stack, Rejection> {
        self.characters[&id].state.inventory.get(&slot).copied().ok_or(Rejection::EmptySlot)
    }

    pub(crate) fn equip(
        &mut self,
        id: CharacterId,
        request: RequestId,
        slot: u16,
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let stack = self.stack_at(id, slot)?;
        let item = self.content.items.get(&stack.item).ok_or(Rejection::WrongItem)?;
        let ItemKind::Equipment(place) = item.kind else { return Err(Rejection::WrongItem) };
        let state = &self.characters[&id].state;
        let worn = state.equipment.get(&place);
        if worn.is_some_and(|worn| !self.content.items.contains_key(worn)) {
            return Err(Rejection::WrongItem);
        }
        let class_fits = item.classes.is_empty() || item.classes.contains(&state.class);
        if state.level < item.required_level || !class_fits {
            return Err(Rejection::Requirement);
        }
        // Equipment does not stack, so the slot becomes free for what was worn.
        if stack.count != 1 {
            return Err(Rejection::WrongItem);
        }
        let character = self.characters.get_mut(&id).ok_or(Rejection::NotInZone)?;
        character.state.inventory.remove(&slot);
        if let Some(worn) = character.state.equipment.insert(place, stack.item) {
            character.state.inventory.insert(slot, Stack { item: worn, count: 1 });
        }
        self.change_of_clothes(id, request, slot, place, out);
        self.refresh_stats(id);
        Ok(Accepted::Done)
    }

    pub(crate) fn unequip(
        &mut self,
        id: CharacterId,
        request: RequestId,
        place: EquipSlot,
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let character = self.characters.get_mut(&id).ok_or(Rejection::NotInZone)?;
        let item = *character.state.equipment.get(&place).ok_or(Rejection::EmptySlot)?;
        if !self.content.items.contains_key(&item) {
            return Err(Rejection::WrongItem);
        }
        let free = (0..INVENTORY_SLOTS).find(|slot| !character.state.inventory.contains_key(slot));
        let slot = free.ok_or(Rejection::InventoryFull)?;
        character.state.equipment.remove(&place);
        character.state.inventory.insert(slot, Stack { item, count: 1 });
        self.change_of_clothes(id, request, slot, place, out);
        self.refresh_stats(id);
        Ok(Accepted::Done)
    }

    /// The facts of an inventory slot and an equipment slot that exchanged what was in them.
    fn change_of_clothes(
        &self,
        id: CharacterId,
        request: RequestId,
        slot: u16,
        place: EquipSlot,
        out: &mut Output,
    ) {
        let origin = self.content_origin();
        self.slot_facts(id, &[slot], origin, Some(request), out);
        let item = self.characters[&id].state.equipment.get(&place).copied();
        Self::fact(out, id, origin, Some(request), FactKind::Equipment { slot: place, item });
    }

    pub(crate) fn use_item(
        &mut self,
        id: CharacterId,
        request: RequestId,
        slot: u16,
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let stack = self.stack_at(id, slot)?;
        let item = self.content.items.get(&stack.item).ok_or(Rejection::WrongItem)?;
        if item.kind != ItemKind::Consumable {
            return Err(Rejection::WrongItem);
        }
        if self.characters[&id].state.level < item.required_level {
            return Err(Rejection::Requirement);
        }
        let (heal, mana) = (item.heal as i32, item.restore_mana as i32);
        let cause = self.command_cause(request, Reason::Consumed);
        let entity = self.characters[&id].entity;
        self.remove_from_slot(id, slot, 1, cause, out);
        let gained = self.restore(entity, heal, mana);
        let at = self.entities.entry(entity).map(|entity| entity.at);
        let kind = EventKind::Heal { source: entity, target: entity, by: stack.item, amount: gained };
        out.events.push(Event { at, origin: cause.origin, kind });
        self.deed(id, crate::content::Deed::UseItem, stack.item, 1);
        Ok(Accepted::Done)
    }

    pub(crate) fn drop_item(
        &mut self,
        id: CharacterId,
        request: RequestId,
        slot: u16,
        count: u32,
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let stack = self.stack_at(id, slot)?;
        if count == 0 || count > stack.count {
            return Err(Rejection::BadCount);
        }
        if self.content.items.get(&stack.item).is_none_or(|item| item.kind == ItemKind::Quest) {
            return Err(Rejection::WrongItem);
        }
        let entity = self.characters[&id].entity;
        let at = self.entities.entry(entity).map(|entity| entity.at).ok_or(Rejection::NotInZone)?;
        if !self.spawn_ground_item(stack.item, count, at) {
            return Err(Rejection::ZoneFull);
        }
        let cause = self.command_cause(request, Reason::Dropped);
        self.remove_from_slot(id, slot, count, cause, out);
        Ok(Accepted::Done)
    }

    pub(crate) fn remove_from_slot(
        &mut self,
        id: CharacterId,
        slot: u16,
        count: u32,
        cause: Cause,
        out: &mut Output,
    ) {
        let Some(character) = self.characters.get_mut(&id) else { return };
        let Some(stack) = character.state.inventory.get_mut(&slot) else { return };
        let item = stack.item;
        stack.count -= count;
        if stack.count == 0 {
            character.state.inventory.remove(&slot);
        }
        let delta = -i64::from(count);
        Self::fact(
            out,
            id,
            cause.origin,
            cause.request,
            FactKind::Item { item, delta, reason: cause.reason },
        );
        self.slot_facts(id, &[slot], cause.origin, cause.request, out);
    }

    pub(crate) fn move_item(
        &mut self,
        id: CharacterId,
        request: RequestId,
        (from, to, count): (u16, u16, u32),
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let stack = self.stack_at(id, from)?;
        if count == 0 || count > stack.count || to >= INVENTORY_SLOTS || from == to {
            return Err(Rejection::BadCount);
        }
        // What the content no longer knows stays where it is: nobody could write down where it went.
        let max_stack = self.content.items.get(&stack.item).ok_or(Rejection::WrongItem)?.max_stack;
        let inventory = &mut self.characters.get_mut(&id).ok_or(Rejection::NotInZone)?.state.inventory;
        match inventory.get(&to).copied() {
            None => {
                inventory.insert(to, Stack { item: stack.item, count });
                leave(inventory, from, stack.count - count);
            }
            Some(other) if other.item == stack.item => {
                let moved = count.min(max_stack.saturating_sub(other.count));
                if moved == 0 {
                    return Err(Rejection::BadCount);
                }
                inventory.insert(to, Stack { item: stack.item, count: other.count + moved });
                leave(inventory, from, stack.count - moved);
            }
            Some(other) if !self.content.items.contains_key(&other.item) => {
                return Err(Rejection::WrongItem);
            }
            // Different things change places, but only whole stacks can.
            Some(other) if count == stack.count => {
                inventory.insert(to, stack);
                inventory.insert(from, other);
            }
            Some(_) => return Err(Rejection::BadCount),
        }
        self.slot_facts(id, &[from, to], self.content_origin(), Some(request), out);
        Ok(Accepted::Done)
    }

    /// Takes a ground item; what does not fit stays.
    pub(crate) fn pick_up(
        &mut self,
        id: CharacterId,
        request: RequestId,
        ground: EntityId,
        out: &mut Output,
    ) -> Result<Accepted, Rejection> {
        let entity = self.entities.entry(ground).ok_or(Rejection::NoTarget)?;
        let crate::entity::EntityKind::Item { stack, .. } = entity.kind else {
            return Err(Rejection::WrongTarget);
        };
        if room(&self.content, &self.characters[&id].state, stack.item) < stack.count {
            return Err(Rejection::InventoryFull);
        }
        self.despawn(ground);
        let cause = self.command_cause(request, Reason::PickedUp);
        self.give_items(id, stack.item, stack.count, cause, out);
        Ok(Accepted::PickedUp)
    }
}

fn leave(inventory: &mut std::collections::BTreeMap<u16, Stack>, slot: u16, count: u32) {
    if count == 0 {
        inventory.remove(&slot);
    } else if let Some(stack) = inventory.get_mut(&slot) {
        stack.count = count;
    }
}
