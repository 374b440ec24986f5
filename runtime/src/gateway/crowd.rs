//! All open connections, to tell all of them something.

use crate::client::Client;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The clonable front. A mutex, because nobody holds it longer than one copy of the list.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<Members>>);

#[derive(Default)]
struct Members {
    next: u64,
    clients: BTreeMap<u64, Arc<Client>>,
}

/// A connection among the others, until this is dropped.
pub(super) struct Membership {
    crowd: Crowd,
    number: u64,
}

impl Crowd {
    fn lock(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection comes.
    pub(super) fn join(&self, client: &Arc<Client>) -> Membership {
        let mut members = self.lock();
        let number = members.next;
        members.next += 1;
        members.clients.insert(number, Arc::clone(client));
        Membership { crowd: self.clone(), number }
    }

    /// Everybody who is there.
    pub(super) fn clients(&self) -> Vec<Arc<Client>> {
        self.lock().clients.values().map(Arc::clone).collect()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.crowd.lock().clients.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::Encoding;

    #[test]
    fn a_connection_is_among_the_others_until_it_goes() {
        let crowd = Crowd::default();
        let clients: Vec<Arc<Client>> = (0..2).map(|_| Arc::new(Client::new(Encoding::Json).0)).collect();
        let mut members: Vec<Membership> = clients.iter().map(|client| crowd.join(client)).collect();
        assert_eq!(crowd.clients().len(), 2);
        members.remove(0);
        assert!(crowd.clients().iter().all(|client| Arc::ptr_eq(client, &clients[1])));
        assert_eq!(crowd.clients().len(), 1);
    }
}
