//! What one export has cost and for what: fuel and time of every call, divided among the definitions
//! its views are about. Pure counting; what a call costs is measured in `instance`, where [`Pace`] says so.

use crate::instance::Cost;
use crate::limits::{CLOCKED_CALLS, CLOCKED_FIRST, CLOCKED_VIEWS, Limits, SUBJECTS};
use crate::manifest::Export;
use crate::stats::{Counters, SubjectStats};
use sim::DefId;

/// The account of one export of one module.
pub(crate) struct Account {
    pub(crate) export: Export,
    pub(crate) counters: Counters,
    pub(crate) pace: Pace,
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
        Self { export, counters: Counters::default(), pace: Pace::default(), subjects: Vec::new() }
    }

    /// Adds what a call has cost to the subjects of its views, to each its share by count: a call about
    /// one view is exact. Views that were asked `again`, to find a culprit, are not counted twice.
    pub(crate) fn divide(&mut self, mut subjects: impl Iterator<Item = DefId>, cost: Cost, again: bool) {
        let Some(first) = subjects.next() else { return };
        let (mut at, mut views, mut alike) = (self.place(first), 1, true);
        self.subjects[at].views = 1;
        for subject in subjects {
            // Neighbours in a batch are mostly alike.
            if self.subjects[at].stats.subject != subject {
                at = self.place(subject);
                alike = false;
            }
            self.subjects[at].views += 1;
            views += 1;
        }
        if alike {
            let Entry { stats, views } = &mut self.subjects[at];
            stats.fuel += cost.fuel;
            stats.time_ns += cost.time_ns;
            stats.items += if again { 0 } else { *views };
            *views = 0;
            return;
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

/// Which calls are clocked. Those about few views take so little that the clock would be a good part of it: one of
/// several is clocked, and the others have taken as long, but for the fuel between them.
#[derive(Default)]
pub(crate) struct Pace {
    /// Calls about few views so far.
    calls: u32,
    /// Of the last of them that was clocked.
    fuel: u64,
    time_ns: u64,
}

impl Pace {
    /// Whether a call about so many views is clocked. The first ones always are: the very first touches memory for
    /// the first time, and would be a bad measure for others.
    pub(crate) fn is_clocked(&mut self, views: usize) -> bool {
        if views > CLOCKED_VIEWS {
            return true;
        }
        let call = self.calls;
        self.calls = call.wrapping_add(1);
        call < CLOCKED_FIRST || call.is_multiple_of(CLOCKED_CALLS)
    }

    /// Keeps what a call has taken that was clocked and did not fail.
    pub(crate) fn note(&mut self, views: usize, cost: Cost) {
        if views <= CLOCKED_VIEWS {
            (self.fuel, self.time_ns) = (cost.fuel, cost.time_ns);
        }
    }

    /// Nanoseconds of a call that was not clocked.
    pub(crate) fn guess(&self, fuel: u64, limits: &Limits) -> u64 {
        match fuel.checked_sub(self.fuel) {
            Some(0) => self.time_ns,
            Some(more) => self.time_ns.saturating_add(limits.time_of(more)),
            None => self.time_ns.saturating_sub(limits.time_of(self.fuel - fuel)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_small_calls_is_clocked_and_stands_for_the_others() {
        let mut pace = Pace::default();
        let clocked: Vec<bool> = (0..2 * CLOCKED_CALLS).map(|_| pace.is_clocked(1)).collect();
        let due: Vec<usize> = (0..clocked.len()).filter(|&call| clocked[call]).collect();
        assert_eq!(due, [0, 1, 2, CLOCKED_CALLS as usize]);
        assert!((0..20).all(|_| pace.is_clocked(CLOCKED_VIEWS + 1)));

        let limits = Limits { fuel_per_ms: 1_000_000, ..Limits::default() };
        pace.note(1, cost(500));
        pace.note(CLOCKED_VIEWS + 1, cost(90_000));
        // A failure that used up its fuel has taken what that takes.
        assert_eq!(
            [500, 700, 300, 12_000_500].map(|fuel| pace.guess(fuel, &limits)),
            [5_000, 5_200, 4_800, 12_005_000]
        );
        assert_eq!(pace.guess(0, &Limits { fuel_per_ms: 1, ..limits }), 0);
    }

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
