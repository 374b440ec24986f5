//! What one export has cost and for what: fuel and time of every call, divided among the definitions
//! its views are about. Pure counting; what a call costs is measured in `instance`.

use crate::instance::Cost;
use crate::limits::SUBJECTS;
use crate::manifest::Export;
use crate::stats::{Counters, SubjectStats};
use sim::DefId;

/// The account of one export of one module.
pub(crate) struct Account {
    pub(crate) export: Export,
    pub(crate) counters: Counters,
    /// Sorted by subject, so that a long content costs no more than a few comparisons a view.
    subjects: Vec<Entry>,
}

struct Entry {
    stats: SubjectStats,
    /// Views about it in the call that is being divided.
    views: u64,
}

impl Account {
    pub(crate) fn new(export: Export) -> Self {
        Self { export, counters: Counters::default(), subjects: Vec::new() }
    }

    /// Adds what a call has cost to the subjects of its views, to each its share by count: a call about
    /// one view is exact. Views that were asked `again`, to find a culprit, are not counted twice.
    pub(crate) fn divide(&mut self, subjects: impl Iterator<Item = DefId>, cost: Cost, again: bool) {
        let (mut at, mut views) = (usize::MAX, 0);
        for subject in subjects {
            // Neighbours in a batch are mostly alike.
            if self.subjects.get(at).is_none_or(|entry| entry.stats.subject != subject) {
                at = self.place(subject);
            }
            self.subjects[at].views += 1;
            views += 1;
        }
        // Each takes its part of what is left, so that the parts add up to the whole.
        let Cost { mut fuel, mut time_ns, .. } = cost;
        for Entry { stats, views: here } in self.subjects.iter_mut().filter(|entry| entry.views > 0) {
            let here = std::mem::take(here);
            let part = |whole: u64| whole.saturating_mul(here) / views;
            let (part_fuel, part_ns) = (part(fuel), part(time_ns));
            stats.fuel += part_fuel;
            stats.time_ns += part_ns;
            stats.items += if again { 0 } else { here };
            (fuel, time_ns, views) = (fuel - part_fuel, time_ns - part_ns, views - here);
        }
    }

    /// Where a subject is counted; beyond [`SUBJECTS`] of them, with those that have no name.
    fn place(&mut self, subject: DefId) -> usize {
        let find =
            |entries: &[Entry], subject| entries.binary_search_by_key(&subject, |entry| entry.stats.subject);
        let (subject, missing) = match find(&self.subjects, subject) {
            Ok(at) => return at,
            Err(at) if self.subjects.len() < SUBJECTS => (subject, at),
            Err(_) => match find(&self.subjects, DefId::NONE) {
                Ok(at) => return at,
                Err(at) => (DefId::NONE, at),
            },
        };
        let stats = SubjectStats { subject, ..SubjectStats::default() };
        self.subjects.insert(missing, Entry { stats, views: 0 });
        missing
    }

    /// What each subject has cost; nothing where the views of this export are about none.
    pub(crate) fn subjects(&self) -> Vec<SubjectStats> {
        let named = self.subjects.iter().any(|entry| entry.stats.subject != DefId::NONE);
        self.subjects.iter().filter(|_| named).map(|entry| entry.stats).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(fuel: u64) -> Cost {
        Cost { fuel, time_ns: 10 * fuel, ..Cost::default() }
    }

    #[test]
    fn parts_are_by_count_and_add_up_to_the_whole() {
        let mut account = Account::new(Export::Think);
        let ids = [3, 3, 1, 3, 2, 2, 3].map(DefId);
        account.divide(ids.into_iter(), cost(1_000), false);
        account.divide([DefId(2)].into_iter(), cost(7), true);
        let subjects = account.subjects();
        let rows: Vec<_> = subjects.iter().map(|row| (row.subject.0, row.items, row.fuel)).collect();
        assert_eq!(rows, [(1, 1, 142), (2, 2, 286 + 7), (3, 4, 572)]);
        assert_eq!(subjects.iter().map(|row| row.time_ns).sum::<u64>(), 10_070);
    }

    #[test]
    fn a_content_without_end_does_not_make_an_account_without_end() {
        let mut account = Account::new(Export::Think);
        for id in 1..=10 * SUBJECTS as u32 {
            account.divide([DefId(id)].into_iter(), cost(1), false);
        }
        let subjects = account.subjects();
        assert_eq!(subjects.len(), SUBJECTS + 1);
        assert_eq!((subjects[0].subject, subjects[0].fuel), (DefId::NONE, 9 * SUBJECTS as u64));
    }

    #[test]
    fn views_about_nothing_in_particular_make_no_rows() {
        let mut account = Account::new(Export::Resolve);
        account.divide([DefId::NONE; 5].into_iter(), cost(5), false);
        account.divide(std::iter::empty(), cost(5), false);
        assert_eq!(account.subjects(), []);
    }
}
