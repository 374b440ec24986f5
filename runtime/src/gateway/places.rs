//! How many there are of something, in all and by account: open sockets, sessions without one.

use crate::store::AccountId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts them. A mutex, because nobody holds it longer than a map access.
#[derive(Clone)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    most: usize,
    most_by_account: usize,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_account: HashMap<i64, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The account has enough.
    Account,
    /// The server has enough.
    Server,
}

/// A place, given back when dropped.
pub(super) struct Place {
    places: Places,
    account: i64,
}

impl Places {
    /// So many in all, and so many of one account.
    pub(super) fn new(most: usize, most_by_account: usize) -> Self {
        Self { taken: Arc::default(), most, most_by_account }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place.
    pub(super) fn take(&self, account: AccountId) -> Result<Place, NoPlace> {
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(NoPlace::Server);
        }
        let mine = taken.by_account.entry(account.0).or_default();
        if *mine >= self.most_by_account {
            return Err(NoPlace::Account);
        }
        *mine += 1;
        taken.all += 1;
        Ok(Place { places: self.clone(), account: account.0 })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(mine) = taken.by_account.get_mut(&self.account) {
            *mine -= 1;
            if *mine == 0 {
                taken.by_account.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_places_and_gives_them_back() {
        let places = Places::new(5, 4);
        let mut mine: Vec<Place> = (0..4).map(|_| places.take(AccountId(1)).expect("a place")).collect();
        assert_eq!(places.take(AccountId(1)).err(), Some(NoPlace::Account));
        assert!(places.take(AccountId(2)).is_ok());
        mine.pop();
        assert!(places.take(AccountId(1)).is_ok());
        mine.push(places.take(AccountId(2)).expect("a place"));
        mine.push(places.take(AccountId(3)).expect("a place"));
        assert_eq!(places.take(AccountId(4)).err(), Some(NoPlace::Server));
    }
}
