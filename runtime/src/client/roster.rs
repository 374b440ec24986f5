//! Who plays which character. A character has one connection at most, and stays taken until the
//! state it left with is in the store: only then may it be loaded again.

use super::Client;
use crate::online::Online;
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
    /// Nobody plays. `online` mirrors it for those who must not know connections.
    pub fn new(online: Online) -> Self {
        Self { seats: Arc::default(), online }
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
        self.online.leave(character);
        seats.remove(&character);
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
        let roster = Roster::new(Online::default());
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
    fn a_character_that_is_held_back_cannot_be_taken() {
        let online = Online::default();
        let roster = Roster::new(online.clone());
        let client = Arc::new(Client::new(Encoding::Json).0);
        let held = online.hold(CharacterId(7)).expect("free");
        assert!(roster.claim(CharacterId(7), &client).is_err());
        drop(held);
        assert!(roster.claim(CharacterId(7), &client).is_ok());
        assert!(online.hold(CharacterId(7)).is_none());
    }
}
