//! What a bot carries, as it was told: what the server has committed and never told shows as a difference.

use protocol::v1::{Inventory, InventoryMove, InventoryUpdate};
use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::BTreeMap;

/// Places of an inventory.
const SLOTS: u32 = 32;

/// Item and count by place.
#[derive(Default)]
pub(super) struct Shelf {
    slots: BTreeMap<u32, (String, u32)>,
    was_listed: bool,
    is_known: bool,
}

impl Shelf {
    /// Whether it is known what is on it.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// What is on it has to be listed again before it is touched.
    pub fn look_again(&mut self) {
        self.is_known = false;
    }

    /// Takes over what is on it. How many places are not as they were told to be.
    pub fn list(&mut self, inventory: &Inventory) -> usize {
        let listed = inventory.slots.iter().map(|slot| (slot.slot, (slot.item.clone(), slot.count)));
        let before = std::mem::replace(&mut self.slots, listed.collect());
        self.is_known = true;
        if !std::mem::replace(&mut self.was_listed, true) {
            return 0;
        }
        (0..SLOTS).filter(|slot| before.get(slot) != self.slots.get(slot)).count()
    }

    /// Takes over a change.
    pub fn tell(&mut self, update: &InventoryUpdate) {
        for slot in &update.slots {
            match &slot.item {
                Some(item) if slot.count > 0 => self.slots.insert(slot.slot, (item.clone(), slot.count)),
                _ => self.slots.remove(&slot.slot),
            };
        }
    }

    /// A durable change: something goes to another place. `None` while it is not known what is there.
    pub fn shift(&self, rng: &mut StdRng) -> Option<InventoryMove> {
        if !self.is_known || self.slots.is_empty() {
            return None;
        }
        let (from, (_, count)) = self.slots.iter().nth(rng.random_range(0..self.slots.len()))?;
        let to = (from + rng.random_range(1..SLOTS)) % SLOTS;
        Some(InventoryMove { from: *from, to, count: *count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v1::{Slot, SlotUpdate};
    use rand::SeedableRng;

    fn inventory(slots: &[(u32, &str, u32)]) -> Inventory {
        let slot = |(slot, item, count): &(u32, &str, u32)| Slot {
            slot: *slot,
            item: (*item).to_owned(),
            count: *count,
            ..Slot::default()
        };
        Inventory { slots: slots.iter().map(slot).collect(), ..Inventory::default() }
    }

    fn update(slots: &[(u32, Option<&str>, u32)]) -> InventoryUpdate {
        let slot = |(slot, item, count): &(u32, Option<&str>, u32)| SlotUpdate {
            slot: *slot,
            item: item.map(str::to_owned),
            count: *count,
            ..SlotUpdate::default()
        };
        InventoryUpdate { slots: slots.iter().map(slot).collect(), ..InventoryUpdate::default() }
    }

    #[test]
    fn what_nobody_told_is_a_difference() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.list(&inventory(&[(0, "bread", 3), (1, "sword", 1)])), 0, "the first list is news");
        shelf.tell(&update(&[(0, None, 0), (5, Some("bread"), 3)]));
        assert_eq!(shelf.list(&inventory(&[(1, "sword", 1), (5, "bread", 3)])), 0);
        shelf.look_again();
        assert_eq!(shelf.list(&inventory(&[(1, "sword", 1), (7, "bread", 3)])), 2);
    }

    #[test]
    fn only_what_is_there_is_moved_and_to_another_place() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut shelf = Shelf::default();
        assert_eq!(shelf.shift(&mut rng), None);
        shelf.list(&inventory(&[(3, "bread", 3)]));
        for _ in 0..100 {
            let shift = shelf.shift(&mut rng).expect("something is there");
            assert_eq!((shift.from, shift.count), (3, 3));
            assert!(shift.to != 3 && shift.to < SLOTS);
        }
        shelf.look_again();
        assert_eq!(shelf.shift(&mut rng), None);
    }
}
