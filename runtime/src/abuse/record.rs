//! What is known of an account or an address while it is remembered, and tables of those that are bounded.

use crate::client::limits::SOCKETS;
use crate::client::{Client, CloseReason};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Accounts, or addresses, remembered at once: three times those that can be connected by default, 15 MiB.
const RECORDS: usize = 32_768;

// Whoever is connected is remembered, and so is for a while who was.
const _: () = assert!(RECORDS >= 2 * SOCKETS);

/// One account or address. Shared by its connections; a mutex, because nobody holds it longer than it takes
/// to count.
pub(super) struct Record<B>(Mutex<Held<B>>);

/// What a record holds.
#[derive(Default)]
pub(super) struct Held<B> {
    /// Open sockets, those included that are about to be.
    pub(super) sockets: u32,
    /// Whom a ban closes: at most as many as sockets, and those that are watched without one.
    pub(super) clients: Vec<Weak<Client>>,
    pub(super) points: Points,
    pub(super) buckets: B,
}

impl<B> Record<B> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Held<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds points; how many there are, if that is too many. Those are forgotten then.
    pub(super) fn charge(
        &self,
        points: u64,
        threshold: u32,
        decay_per_second: u32,
        now: Duration,
    ) -> Option<u64> {
        let mut held = self.lock();
        let sum = held.points.add(points, decay_per_second, now);
        if sum < u64::from(threshold) {
            return None;
        }
        held.points = Points::default();
        Some(sum)
    }

    /// Takes a place for a socket, if fewer than so many are taken.
    pub(super) fn take_socket(&self, most: u32) -> bool {
        let mut held = self.lock();
        let has_room = held.sockets < most;
        held.sockets += u32::from(has_room);
        has_room
    }

    /// Closes every connection.
    pub(super) fn close(&self, reason: CloseReason) {
        let clients = self.lock().clients.clone();
        clients.iter().filter_map(Weak::upgrade).for_each(|client| client.close(reason));
    }
}

/// Points of misbehaviour, which are forgotten evenly.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Points {
    micro: u64,
    at: Duration,
}

impl Points {
    /// Adds points at `now`; how many there are then.
    pub(super) fn add(&mut self, points: u64, decay_per_second: u32, now: Duration) -> u64 {
        let forgotten = now.saturating_sub(self.at).as_micros() * u128::from(decay_per_second);
        self.at = self.at.max(now);
        let left = self.micro.saturating_sub(u64::try_from(forgotten).unwrap_or(u64::MAX));
        self.micro = left.saturating_add(points.saturating_mul(1_000_000));
        self.micro / 1_000_000
    }
}

/// Records by account or address. When it is full, the quarter that was not seen for longest is forgotten; what
/// is in use stays, which is bounded by the number of connections.
pub(super) struct Table<K, B>(Mutex<HashMap<K, Row<B>>>);

struct Row<B> {
    record: Arc<Record<B>>,
    seen_at: Duration,
}

impl<K, B> Default for Table<K, B> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash, B: Default> Table<K, B> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Row<B>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record of this one, made if it is not known.
    pub(super) fn of(&self, key: K, now: Duration) -> Arc<Record<B>> {
        let mut rows = self.lock();
        if rows.len() >= RECORDS && !rows.contains_key(&key) {
            make_room(&mut rows);
        }
        let unknown = || Row { record: Arc::new(Record(Mutex::default())), seen_at: now };
        let row = rows.entry(key).or_insert_with(unknown);
        row.seen_at = now;
        Arc::clone(&row.record)
    }

    /// The record of this one, if it is known.
    pub(super) fn find(&self, key: &K) -> Option<Arc<Record<B>>> {
        self.lock().get(key).map(|row| Arc::clone(&row.record))
    }
}

fn make_room<K: Eq + Hash, B>(rows: &mut HashMap<K, Row<B>>) {
    let in_use = |row: &Row<B>| Arc::strong_count(&row.record) > 1;
    let mut seen: Vec<Duration> = rows.values().filter(|row| !in_use(row)).map(|row| row.seen_at).collect();
    if seen.is_empty() {
        return;
    }
    let quarter = seen.len() / 4;
    let (_, oldest, _) = seen.select_nth_unstable(quarter);
    let oldest = *oldest;
    rows.retain(|_, row| in_use(row) || row.seen_at > oldest);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn points_are_forgotten_evenly() {
        let mut points = Points::default();
        assert_eq!(points.add(30, 10, SECOND), 30);
        assert_eq!(points.add(5, 10, 2 * SECOND), 25);
        // However often it is looked at.
        for step in 0..1_000_000_u32 {
            points.add(0, 10, 2 * SECOND + Duration::from_micros(u64::from(step)));
        }
        assert_eq!(points.add(0, 10, 3 * SECOND), 15);
        assert_eq!(points.add(1, 10, 100 * SECOND), 1);
        assert!(points.add(u64::MAX, 1, 100 * SECOND) > 1_000_000, "no overflow");
    }

    #[test]
    fn points_are_forgotten_for_as_long_as_nothing_happens() {
        let mut points = Points::default();
        assert_eq!(points.add(9_000, 1, SECOND), 9_000);
        assert_eq!(points.add(0, 1, 8_001 * SECOND), 1_000);
        assert_eq!(points.add(0, 1, 90_000 * SECOND), 0);
        assert_eq!(points.add(u64::MAX, u32::MAX, SECOND), u64::MAX / 1_000_000);
        assert_eq!(points.add(0, u32::MAX, Duration::MAX), 0, "no overflow");
    }

    #[test]
    fn too_many_points_are_charged_once() {
        let record = Record::<()>(Mutex::default());
        let charge = |points| record.charge(points, 100, 10, SECOND);
        assert_eq!([99, 1, 99, 5].map(charge), [None, Some(100), None, Some(104)]);
        assert_eq!([(); 3].map(|()| record.take_socket(2)), [true, true, false]);
    }

    #[test]
    fn the_table_forgets_who_was_not_seen_for_longest() {
        let table = Table::<usize, ()>::default();
        let kept = table.of(0, Duration::ZERO);
        kept.lock().sockets = 7;
        for key in 1..4 * RECORDS {
            table.of(key, Duration::from_millis(key as u64));
        }
        assert!(table.lock().len() <= RECORDS);
        assert!(table.find(&1).is_none(), "long ago");
        assert!(table.find(&(4 * RECORDS - 1)).is_some(), "just now");
        assert_eq!(table.of(0, SECOND).lock().sockets, 7, "in use");
    }
}
