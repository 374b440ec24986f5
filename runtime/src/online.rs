//! Which characters are in the world right now, on this node.

use sim::CharacterId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The clonable front of the set. Written by the gateway (join, leave), read by HTTP routes that
/// must not touch a character that is being played and hold it meanwhile. A mutex, because nobody holds it for longer
/// than one insertion.
#[derive(Clone, Default)]
pub struct Online(Arc<Mutex<HashSet<CharacterId>>>);

impl Online {
    /// Marks a character as in the world. False if it was there already.
    pub fn enter(&self, character: CharacterId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(character)
    }

    /// Keeps a character out of the world; `None` if it is in it.
    pub fn hold(&self, character: CharacterId) -> Option<Held> {
        self.enter(character).then(|| Held { online: self.clone(), character })
    }

    /// Marks a character as gone.
    pub fn leave(&self, character: CharacterId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&character);
    }

    /// Whether a character is in the world.
    pub fn contains(&self, character: CharacterId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&character)
    }
}

/// A character nobody can join with until this is dropped.
pub struct Held {
    online: Online,
    character: CharacterId,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.online.leave(self.character);
    }
}
