//! What a bot carries, as it was told: what the server has committed and never told shows as a difference. And what became
//! of the changes it asked for: the server tells of each once, before it answers.

use protocol::v1::{Inventory, InventoryMove, InventoryUpdate};
use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::BTreeMap;

/// Places of an inventory.
const SLOTS: u32 = 32;

/// What became of a change that was asked for once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was carried out once or, if it was refused, not at all.
    Fine,
    /// It is done, but nobody told of it.
    Lost,
    /// It was carried out more often.
    Doubled,
}

/// A change that was asked for.
struct Shift {
    from: u32,
    to: u32,
    item: String,
    told: u32,
    is_answered: bool,
}

/// Item and count by place.
#[derive(Default)]
pub(super) struct Shelf {
    slots: BTreeMap<u32, (String, u32)>,
    /// The last one.
    shift: Option<Shift>,
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

    /// The same, and what was asked for will not be answered.
    pub fn begin_anew(&mut self) {
        self.look_again();
        self.shift = None;
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

    /// Takes over a change. Whether it is what was asked for, a second time.
    pub fn tell(&mut self, update: &InventoryUpdate) -> bool {
        for slot in &update.slots {
            match &slot.item {
                Some(item) if slot.count > 0 => self.slots.insert(slot.slot, (item.clone(), slot.count)),
                _ => self.slots.remove(&slot.slot),
            };
        }
        let names = |place: u32| update.slots.iter().any(|slot| slot.slot == place);
        // Whatever else happens to an inventory does not happen to both places at once.
        let asked = self.shift.as_mut().filter(|shift| names(shift.from) && names(shift.to));
        asked.is_some_and(|shift| {
            shift.told += 1;
            shift.told > 1
        })
    }

    /// A durable change: something goes to another place. `None` while it is not known what is there, and until the one
    /// before is answered.
    pub fn shift(&mut self, rng: &mut StdRng) -> Option<InventoryMove> {
        if !self.is_known || self.slots.is_empty() || self.waits() {
            return None;
        }
        let (from, (item, count)) = self.slots.iter().nth(rng.random_range(0..self.slots.len()))?;
        let to = (from + rng.random_range(1..SLOTS)) % SLOTS;
        self.shift = Some(Shift { from: *from, to, item: item.clone(), told: 0, is_answered: false });
        Some(InventoryMove { from: *from, to, count: *count })
    }

    /// Whether what was asked for has no answer yet.
    pub fn waits(&self) -> bool {
        self.shift.as_ref().is_some_and(|shift| !shift.is_answered)
    }

    /// What was asked for is answered. What was told twice has been counted by [`Shelf::tell`].
    pub fn answered(&mut self, is_done: bool) -> Fate {
        let Some(shift) = &mut self.shift else { return Fate::Fine };
        shift.is_answered = true;
        let is_there = self.slots.get(&shift.to).is_some_and(|(item, _)| *item == shift.item);
        match (is_done, shift.told) {
            (true, 0) => Fate::Lost,
            // There and back again in one tick, or refused where it went from already.
            (true, 1) if !is_there => Fate::Doubled,
            (false, 1) => Fate::Doubled,
            _ => Fate::Fine,
        }
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
            assert_eq!(shelf.shift(&mut rng), None, "one at a time");
            assert_eq!(shelf.answered(false), Fate::Fine);
        }
        shelf.look_again();
        assert_eq!(shelf.shift(&mut rng), None);
    }

    /// A shelf whose bread is on its way, and the update that says that it has gone there.
    fn shifting() -> (Shelf, InventoryUpdate) {
        let mut shelf = Shelf::default();
        shelf.list(&inventory(&[(3, "bread", 3)]));
        let shift = shelf.shift(&mut StdRng::seed_from_u64(1)).expect("something is there");
        (shelf, update(&[(3, None, 0), (shift.to, Some("bread"), 3)]))
    }

    #[test]
    fn what_is_told_once_before_its_answer_is_fine() {
        let (mut shelf, moved) = shifting();
        // The connection may break meanwhile.
        shelf.look_again();
        assert!(!shelf.tell(&update(&[(3, Some("bread"), 3)])), "of one place: something else");
        assert!(shelf.waits() && !shelf.tell(&moved));
        assert_eq!(shelf.answered(true), Fate::Fine);
        assert!(!shelf.waits());
    }

    #[test]
    fn what_is_done_and_not_told_is_lost() {
        let (mut shelf, _) = shifting();
        assert_eq!(shelf.answered(true), Fate::Lost);
    }

    #[test]
    fn what_is_carried_out_again_is_noticed() {
        let (mut shelf, moved) = shifting();
        assert!(!shelf.tell(&moved));
        assert_eq!(shelf.answered(true), Fate::Fine);
        assert!(shelf.tell(&moved), "after its answer");

        let (mut shelf, moved) = shifting();
        shelf.tell(&moved);
        assert_eq!(shelf.answered(false), Fate::Doubled, "the second time nothing was there");

        let (mut shelf, mut moved) = shifting();
        moved.slots.swap(0, 1);
        moved.slots[0].item = None;
        moved.slots[1].item = Some("bread".to_owned());
        moved.slots[1].count = 3;
        shelf.tell(&moved);
        assert_eq!(shelf.answered(true), Fate::Doubled, "there and back");
    }

    #[test]
    fn nobody_waits_for_what_another_session_asked_for() {
        let (mut shelf, moved) = shifting();
        shelf.begin_anew();
        assert!(!shelf.waits() && !shelf.tell(&moved));
        assert_eq!(shelf.answered(true), Fate::Fine);
    }
}
