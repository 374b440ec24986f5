//! Presences: who is online, away, busy or offline, and who wants to know. Kept in memory only, for they are true only
//! as long as the sockets of this node are: after a restart everybody is offline, and the generation is another.
//!
//! What does not live here: messages and sockets (`crate::gateway`). Zones do not know of it; characters come with
//! their join and go when the roster gives them up.

pub mod limits;

mod book;
mod state;

pub use book::{Bell, Book, ListenerId, NoRoom, Seen, Sighting};
pub use state::{Change, Refused, Standing, State};

use sim::CharacterId;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clonable front of the book. A mutex, because nobody holds it longer than one pass over the listeners of a
/// character, or over the subscriptions of a listener.
#[derive(Clone)]
pub struct Presences(Arc<Shared>);

struct Shared {
    book: Mutex<Book>,
    generation: u64,
    listeners: AtomicU64,
}

impl Presences {
    /// Nobody is there. `shows_zones` is whether others are told in which zone somebody is.
    pub fn new(shows_zones: bool) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (book, generation) = (Mutex::new(Book::new(shows_zones)), now.as_millis() as u64);
        Self(Arc::new(Shared { book, generation, listeners: AtomicU64::new(0) }))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grows with every start of the server.
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// A character comes into the world.
    pub fn enter(&self, character: CharacterId, name: &str, zone: &Arc<str>) {
        self.book().enter(character, name, zone);
    }

    /// A character is gone from the world.
    pub fn leave(&self, character: CharacterId) {
        self.book().leave(character);
    }

    /// A character is in another zone.
    pub fn walk(&self, character: CharacterId, zone: &Arc<str>) {
        self.book().walk(character, zone);
    }

    /// Something happens to how a character is there; `status` is what the player says of it from now on, if that
    /// changes too.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed.
    pub fn change(
        &self,
        character: CharacterId,
        change: Change,
        status: Option<&str>,
    ) -> Result<(), Refused> {
        self.book().change(character, change, status)
    }

    /// What is seen of characters, and who is there under names; in the order asked.
    pub fn look(&self, characters: &[CharacterId], names: &[String]) -> (Vec<Sighting>, Vec<Named>) {
        let book = self.book();
        let seen = characters.iter().map(|character| book.seen(*character)).collect();
        (seen, names.iter().map(|name| book.find(name)).collect())
    }

    /// A listener for one connection; it listens to nobody yet.
    pub fn listen(&self) -> Listener {
        let id = ListenerId(self.0.listeners.fetch_add(1, Ordering::Relaxed));
        Listener { presences: self.clone(), id, bell: Arc::default(), listens: false }
    }
}

/// Who is there under a name, if anybody is.
pub type Named = Option<(CharacterId, Arc<Seen>)>;

/// The ear of one connection. What it listens to ends when it is dropped.
pub struct Listener {
    presences: Presences,
    id: ListenerId,
    bell: Arc<Bell>,
    listens: bool,
}

impl Listener {
    /// Whether it has ever listened to anybody: before that its bell never rings.
    pub fn listens(&self) -> bool {
        self.listens
    }

    /// Waits until there is something to [`Listener::take`]. Cancel safe.
    pub async fn rung(&self) {
        self.bell.rung().await;
    }

    /// Listens to characters, whether they exist or not; what is seen of each now, in the order asked.
    ///
    /// # Errors
    /// [`NoRoom`]; none was subscribed to.
    pub fn subscribe(&mut self, to: &[CharacterId]) -> Result<Vec<Sighting>, NoRoom> {
        let now = self.presences.book().subscribe(self.id, &self.bell, to)?;
        self.listens |= !now.is_empty();
        Ok(now)
    }

    /// Listens no more to these.
    pub fn unsubscribe(&mut self, from: &[CharacterId]) {
        self.presences.book().unsubscribe(self.id, from);
    }

    /// What has changed since it was told last, at most [`limits::TOLD_AT_ONCE`].
    pub fn take(&mut self) -> Vec<Sighting> {
        self.presences.book().take(self.id)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.listens {
            self.presences.book().forget(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_is_woken_and_forgotten() {
        let presences = Presences::new(true);
        let (ada, zone) = (CharacterId(1), Arc::from("downtown"));
        let mut listener = presences.listen();
        assert!(!listener.listens());
        assert_eq!(listener.subscribe(&[ada]).expect("room"), [(ada, None)]);
        presences.enter(ada, "Ada", &zone);
        listener.rung().await;
        assert_eq!(listener.take().len(), 1);
        let (seen, named) = presences.look(&[ada, CharacterId(2)], &["ADA".to_owned(), "Bob".to_owned()]);
        assert_eq!((seen[0].1.is_some(), seen[1].1.is_some()), (true, false));
        assert_eq!(
            (named[0].as_ref().map(|(character, _)| *character), named[1].is_none()),
            (Some(ada), true)
        );
        let bell = Arc::clone(&listener.bell);
        drop(listener);
        presences.leave(ada);
        assert!(!bell.is_rung(), "nobody listens any more");
    }
}
