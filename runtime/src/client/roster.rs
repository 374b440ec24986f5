//! Who plays which character. A character has one connection at most, and stays taken until the
//! state it left with is in the store: only then may it be loaded again.

use super::{Client, ZoneIndex};
use crate::online::Online;
use crate::presence::Presences;
use sim::CharacterId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Before looking again at a character that is held back for one statement of the store.
const HELD: Duration = Duration::from_millis(20);

/// The clonable front. A mutex, because nobody holds it longer than a map access.
#[derive(Clone)]
pub struct Roster {
    seats: Arc<Mutex<HashMap<CharacterId, Seat>>>,
    online: Online,
    presences: Presences,
}

struct Seat {
    client: Arc<Client>,
    // Closed when the seat is given up.
    taken: watch::Sender<()>,
}

/// Who has the character, and how to wait for its return.
pub struct Occupied {
    /// The connection that plays it; `None` while it is held back for a moment.
    pub client: Option<Arc<Client>>,
    taken: Option<watch::Receiver<()>>,
}

impl Occupied {
    /// Waits until the character is saved and free, or may be.
    pub async fn freed(&mut self) {
        match &mut self.taken {
            Some(taken) => while taken.changed().await.is_ok() {},
            None => tokio::time::sleep(HELD).await,
        }
    }
}

impl Roster {
    /// Nobody plays. `online` mirrors it for those who must not know connections; who is given up is no longer in
    /// `presences`.
    pub fn new(online: Online, presences: Presences) -> Self {
        Self { seats: Arc::default(), online, presences }
    }

    /// Takes a character for a connection.
    ///
    /// # Errors
    /// It is taken: close the other connection and wait.
    pub fn claim(&self, character: CharacterId, client: &Arc<Client>) -> Result<(), Occupied> {
        let mut seats = self.lock();
        if let Some(seat) = seats.get(&character) {
            return Err(Occupied {
                client: Some(Arc::clone(&seat.client)),
                taken: Some(seat.taken.subscribe()),
            });
        }
        if !self.online.enter(character) {
            return Err(Occupied { client: None, taken: None });
        }
        seats.insert(character, Seat { client: Arc::clone(client), taken: watch::Sender::new(()) });
        Ok(())
    }

    /// Gives a character up: it was saved, or never entered the world.
    pub fn release(&self, character: CharacterId) {
        let mut seats = self.lock();
        // Before anybody else can claim it and be there.
        self.presences.leave(character);
        self.online.leave(character);
        seats.remove(&character);
    }

    /// The connections whose characters are in these zones.
    pub fn clients_in(&self, zones: &[ZoneIndex]) -> Vec<Arc<Client>> {
        let seats = self.lock();
        let clients = seats.values().map(|seat| &seat.client);
        clients.filter(|client| zones.contains(&client.zone())).map(Arc::clone).collect()
    }

    /// Characters that are taken.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nobody plays.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CharacterId, Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::Encoding;

    #[tokio::test]
    async fn a_taken_character_can_be_waited_for() {
        let roster = Roster::new(Online::default(), Presences::new(true));
        let (first, _outbox) = Client::new(Encoding::Json);
        let (second, _outbox) = Client::new(Encoding::Json);
        let (first, second) = (Arc::new(first), Arc::new(second));
        let ada = CharacterId(7);
        assert!(roster.claim(ada, &first).is_ok());
        let Err(mut occupied) = roster.claim(ada, &second) else { panic!("taken") };
        assert!(occupied.client.as_ref().is_some_and(|client| Arc::ptr_eq(client, &first)));
        roster.release(ada);
        occupied.freed().await;
        assert!(roster.claim(ada, &second).is_ok());
    }

    #[test]
    fn who_is_given_up_is_offline() {
        let presences = Presences::new(true);
        let roster = Roster::new(Online::default(), presences.clone());
        let client = Arc::new(Client::new(Encoding::Json).0);
        let ada = CharacterId(7);
        assert!(roster.claim(ada, &client).is_ok());
        client.set_zone(ZoneIndex(2));
        presences.enter(ada, "Ada", &Arc::from("downtown"));
        assert!(presences.look(&[ada], &[]).0[0].1.is_some());
        assert_eq!(
            (roster.clients_in(&[ZoneIndex(2)]).len(), roster.clients_in(&[ZoneIndex(0)]).len()),
            (1, 0)
        );
        roster.release(ada);
        assert!(presences.look(&[ada], &[]).0[0].1.is_none());
    }

    #[test]
    fn a_character_that_is_held_back_cannot_be_taken() {
        let online = Online::default();
        let roster = Roster::new(online.clone(), Presences::new(true));
        let client = Arc::new(Client::new(Encoding::Json).0);
        let held = online.hold(CharacterId(7)).expect("free");
        assert!(roster.claim(CharacterId(7), &client).is_err());
        drop(held);
        assert!(roster.claim(CharacterId(7), &client).is_ok());
        assert!(online.hold(CharacterId(7)).is_none());
    }
}
