//! The book of presences: who is there, and who wants to know. No clock, no socket: a change rings the bells of those
//! who listen, each of whom then takes what is new to them, whenever they come to it.

use super::limits;
use super::state::{Change, Refused, Standing, State};
use sim::CharacterId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// One connection that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// What others are shown of a character that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: Arc<str>,
    /// Never [`State::Offline`].
    pub state: State,
    /// The name of its zone, if that is told.
    pub zone: Option<Arc<str>>,
    /// What the player says; empty for nothing.
    pub status: Arc<str>,
}

/// A character and what is seen of it: nothing if it is not there, or does not exist.
pub type Sighting = (CharacterId, Option<Arc<Seen>>);

/// Why nothing was subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// The connection would listen to more than [`limits::SUBSCRIPTIONS`].
    Own,
    /// All together would listen to more than [`limits::SUBSCRIPTIONS_IN_ALL`].
    All,
}

/// Rings when somebody has changed; once, until it is silenced.
#[derive(Debug, Default)]
pub struct Bell {
    rung: AtomicBool,
    notify: Notify,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }

    fn silence(&self) {
        self.rung.store(false, Ordering::Release);
    }

    /// Whether there is something to take.
    pub fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// Waits until there is something to take. For one who waits; cancel safe.
    pub async fn rung(&self) {
        while !self.is_rung() {
            self.notify.notified().await;
        }
    }
}

/// Who is there, and who listens to whom. What is not there takes no room, unless somebody listens to it.
#[derive(Default)]
pub struct Book {
    hides_zones: bool,
    there: HashMap<CharacterId, Entry>,
    names: HashMap<String, CharacterId>,
    ears: HashMap<ListenerId, Ear>,
    listeners: HashMap<CharacterId, Listeners>,
    subscriptions: usize,
}

struct Entry {
    standing: Standing,
    seen: Arc<Seen>,
}

/// What one connection listens to, and what it was told last of each.
struct Ear {
    bell: Arc<Bell>,
    told: BTreeMap<CharacterId, Option<Arc<Seen>>>,
}

/// Of one character, sorted. Most have a few; a list takes the least room, and who comes is the last.
type Listeners = Vec<(ListenerId, Arc<Bell>)>;

impl Book {
    /// Nobody is there.
    pub fn new(shows_zones: bool) -> Self {
        Self { hides_zones: !shows_zones, ..Self::default() }
    }

    /// A character comes into the world.
    pub fn enter(&mut self, character: CharacterId, name: &str, zone: &Arc<str>) {
        let before = self.there.get(&character).map_or_else(Standing::default, |entry| entry.standing);
        let Ok(standing) = before.after(Change::Joined) else { return };
        let (zone, status) = (self.shown(zone), Arc::from(""));
        let seen = Arc::new(Seen { name: name.into(), state: standing.state(), zone, status });
        self.names.insert(fold(name), character);
        self.there.insert(character, Entry { standing, seen });
        self.ring(character);
    }

    /// A character is gone from the world.
    pub fn leave(&mut self, character: CharacterId) {
        let Some(entry) = self.there.remove(&character) else { return };
        self.names.remove(&fold(&entry.seen.name));
        self.ring(character);
    }

    /// A character is in another zone.
    pub fn walk(&mut self, character: CharacterId, zone: &Arc<str>) {
        let Some(entry) = self.there.get(&character) else { return };
        let seen = Seen { zone: self.shown(zone), ..(*entry.seen).clone() };
        self.show(character, seen);
    }

    /// Something happens to how a character is there, and perhaps to what the player says of it.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed.
    pub fn change(
        &mut self,
        character: CharacterId,
        change: Change,
        status: Option<&str>,
    ) -> Result<(), Refused> {
        let entry = self.there.get_mut(&character).ok_or(Refused::NotThere)?;
        entry.standing = entry.standing.after(change)?;
        let status = status.map_or_else(|| Arc::clone(&entry.seen.status), Arc::from);
        let seen = Seen { state: entry.standing.state(), status, ..(*entry.seen).clone() };
        self.show(character, seen);
        Ok(())
    }

    /// What is seen of a character.
    pub fn seen(&self, character: CharacterId) -> Sighting {
        (character, self.there.get(&character).map(|entry| Arc::clone(&entry.seen)))
    }

    /// Who is there under a name, whatever its capitals.
    pub fn find(&self, name: &str) -> Option<(CharacterId, Arc<Seen>)> {
        let (character, seen) = self.seen(*self.names.get(&fold(name))?);
        Some((character, seen?))
    }

    /// Listens to characters, whether they exist or not; what is seen of each now.
    ///
    /// # Errors
    /// [`NoRoom`]; none was subscribed to.
    pub fn subscribe(
        &mut self,
        listener: ListenerId,
        bell: &Arc<Bell>,
        to: &[CharacterId],
    ) -> Result<Vec<Sighting>, NoRoom> {
        let known = self.ears.get(&listener).map(|ear| &ear.told);
        let is_new = |character: &CharacterId| known.is_none_or(|told| !told.contains_key(character));
        let new: BTreeSet<CharacterId> = to.iter().copied().filter(is_new).collect();
        let most = limits::SUBSCRIPTIONS;
        if to.len() > most || known.map_or(0, BTreeMap::len) + new.len() > most {
            return Err(NoRoom::Own);
        }
        if self.subscriptions + new.len() > limits::SUBSCRIPTIONS_IN_ALL {
            return Err(NoRoom::All);
        }
        self.subscriptions += new.len();
        for character in new {
            let listeners = self.listeners.entry(character).or_insert_with(|| Vec::with_capacity(1));
            let place = listeners.partition_point(|(other, _)| *other < listener);
            listeners.insert(place, (listener, Arc::clone(bell)));
        }
        let now: Vec<Sighting> = to.iter().map(|character| self.seen(*character)).collect();
        if !now.is_empty() {
            let ear = self.ears.entry(listener);
            let ear = ear.or_insert_with(|| Ear { bell: Arc::clone(bell), told: BTreeMap::new() });
            ear.told.extend(now.iter().cloned());
        }
        Ok(now)
    }

    /// Listens no more to these.
    pub fn unsubscribe(&mut self, listener: ListenerId, from: &[CharacterId]) {
        let Some(ear) = self.ears.get_mut(&listener) else { return };
        let known: Vec<CharacterId> =
            from.iter().copied().filter(|character| ear.told.remove(character).is_some()).collect();
        if ear.told.is_empty() {
            self.ears.remove(&listener);
        }
        self.unlisten(listener, known);
    }

    /// A connection is gone.
    pub fn forget(&mut self, listener: ListenerId) {
        let Some(ear) = self.ears.remove(&listener) else { return };
        self.unlisten(listener, ear.told.into_keys());
    }

    /// What has changed since it was told last, at most [`limits::TOLD_AT_ONCE`]; the bell has rung again if that is
    /// not all.
    pub fn take(&mut self, listener: ListenerId) -> Vec<Sighting> {
        let Some(ear) = self.ears.get_mut(&listener) else { return Vec::new() };
        ear.bell.silence();
        let mut changed = Vec::new();
        for (character, told) in &mut ear.told {
            let now = self.there.get(character).map(|entry| &entry.seen);
            if told.as_ref() == now {
                continue;
            }
            if changed.len() == limits::TOLD_AT_ONCE {
                ear.bell.ring();
                break;
            }
            *told = now.cloned();
            changed.push((*character, told.clone()));
        }
        changed
    }

    fn shown(&self, zone: &Arc<str>) -> Option<Arc<str>> {
        (!self.hides_zones).then(|| Arc::clone(zone))
    }

    fn show(&mut self, character: CharacterId, seen: Seen) {
        let Some(entry) = self.there.get_mut(&character) else { return };
        if *entry.seen != seen {
            entry.seen = Arc::new(seen);
            self.ring(character);
        }
    }

    fn ring(&self, character: CharacterId) {
        let listeners = self.listeners.get(&character);
        listeners.into_iter().flatten().for_each(|(_, bell)| bell.ring());
    }

    fn unlisten(&mut self, listener: ListenerId, from: impl IntoIterator<Item = CharacterId>) {
        for character in from {
            self.subscriptions -= 1;
            let Some(listeners) = self.listeners.get_mut(&character) else { continue };
            if let Ok(place) = listeners.binary_search_by_key(&listener, |(other, _)| *other) {
                listeners.remove(place);
            }
            if listeners.is_empty() {
                self.listeners.remove(&character);
            }
        }
    }
}

/// As the store tells names apart.
fn fold(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADA: CharacterId = CharacterId(1);
    const BOB: CharacterId = CharacterId(2);
    const NOBODY: CharacterId = CharacterId(99);
    const EAR: ListenerId = ListenerId(7);

    fn zone(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    fn states(sightings: &[Sighting]) -> Vec<(i64, Option<State>)> {
        let state = |(character, seen): &Sighting| (character.0, seen.as_ref().map(|seen| seen.state));
        sightings.iter().map(state).collect()
    }

    #[test]
    fn a_change_is_told_once_and_only_to_who_listens() {
        let mut book = Book::new(true);
        let (bell, other) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
        let now = book.subscribe(EAR, &bell, &[ADA, NOBODY]).expect("room");
        assert_eq!(
            states(&now),
            [(1, None), (99, None)],
            "who is not there and who does not exist look alike"
        );
        book.subscribe(ListenerId(8), &other, &[BOB]).expect("room");
        book.enter(ADA, "Ada", &zone("downtown"));
        assert!(bell.is_rung() && !other.is_rung());
        let told = book.take(EAR);
        let seen = told[0].1.as_ref().expect("there");
        assert_eq!((&*seen.name, seen.state, seen.zone.as_deref()), ("Ada", State::Online, Some("downtown")));
        assert_eq!((told.len(), bell.is_rung(), book.take(EAR).len()), (1, false, 0));
        book.walk(ADA, &zone("downtown"));
        book.change(ADA, Change::Chosen(State::Online), Some("")).expect("there");
        assert!(!bell.is_rung(), "nothing has changed");
        book.walk(ADA, &zone("westview"));
        assert_eq!(book.take(EAR)[0].1.as_ref().and_then(|seen| seen.zone.clone()), Some(zone("westview")));
        book.leave(ADA);
        assert_eq!(states(&book.take(EAR)), [(1, None)]);
    }

    #[test]
    fn what_came_and_went_before_it_was_told_is_not_told() {
        let mut book = Book::new(true);
        let bell = Arc::new(Bell::default());
        book.enter(ADA, "Ada", &zone("downtown"));
        book.subscribe(EAR, &bell, &[ADA, BOB]).expect("room");
        book.change(ADA, Change::Chosen(State::Busy), Some("in a duel")).expect("there");
        book.change(ADA, Change::Chosen(State::Online), Some("")).expect("there");
        book.enter(BOB, "Bob", &zone("downtown"));
        book.leave(BOB);
        assert!(bell.is_rung());
        assert_eq!(states(&book.take(EAR)), []);
    }

    #[test]
    fn who_is_there_is_found_by_name_until_they_leave() {
        let mut book = Book::new(false);
        book.enter(ADA, "Ada", &zone("downtown"));
        let (character, seen) = book.find("aDA").expect("there");
        assert_eq!((character, &*seen.name, seen.zone.clone()), (ADA, "Ada", None), "zones are hidden");
        assert_eq!(book.change(BOB, Change::Input, None), Err(Refused::NotThere));
        book.leave(ADA);
        assert_eq!((book.find("Ada"), book.seen(ADA)), (None, (ADA, None)));
    }

    #[test]
    fn a_connection_listens_to_so_many_and_no_more() {
        let mut book = Book::new(true);
        let bell = Arc::new(Bell::default());
        let many: Vec<CharacterId> = (1..=limits::SUBSCRIPTIONS as i64).map(CharacterId).collect();
        let (more, unknown) = (CharacterId(-1), CharacterId(-2));
        assert!(book.subscribe(EAR, &bell, &many).is_ok());
        assert!(book.subscribe(EAR, &bell, &many).is_ok(), "the same ones again");
        assert_eq!(book.subscribe(EAR, &bell, &[more]), Err(NoRoom::Own));
        book.unsubscribe(EAR, &[many[5], many[5], unknown]);
        assert!(book.subscribe(EAR, &bell, &[more, more]).is_ok(), "one has gone, one may come");
        assert_eq!(book.subscribe(EAR, &bell, &[unknown]), Err(NoRoom::Own));
        let too_many = [&many[..], &[more]].concat();
        assert_eq!(book.subscribe(ListenerId(8), &bell, &too_many), Err(NoRoom::Own));
        assert_eq!(book.ears.len(), 1, "none of those was subscribed to");
        book.forget(EAR);
        assert_eq!((book.subscriptions, book.listeners.len(), book.ears.len()), (0, 0, 0));
    }

    #[test]
    fn a_crowd_is_told_in_parts() {
        let mut book = Book::new(true);
        let bell = Arc::new(Bell::default());
        let many: Vec<CharacterId> = (1..=150).map(CharacterId).collect();
        book.subscribe(EAR, &bell, &many).expect("room");
        for character in &many {
            book.enter(*character, &format!("Hero{}", character.0), &zone("downtown"));
        }
        assert_eq!((book.take(EAR).len(), bell.is_rung()), (limits::TOLD_AT_ONCE, true));
        assert_eq!((book.take(EAR).len(), bell.is_rung()), (50, false));
    }

    proptest! {
        /// Whoever takes what is new knows what is so, and nothing is left over in the end.
        #[test]
        fn what_was_told_is_what_is(steps in proptest::collection::vec((0_u8..7, 0_i64..6, 0_u64..3), 0..80)) {
            let mut book = Book::new(true);
            let bells: Vec<Arc<Bell>> = (0..3).map(|_| Arc::default()).collect();
            let mut known: Vec<BTreeMap<CharacterId, Option<Arc<Seen>>>> = vec![BTreeMap::new(); 3];
            for (what, character, listener) in steps {
                let (character, id) = (CharacterId(character), ListenerId(listener));
                let (bell, known) = (&bells[listener as usize], &mut known[listener as usize]);
                match what {
                    0 => book.enter(character, &format!("N{}", character.0), &zone("a")),
                    1 => book.leave(character),
                    2 => book.walk(character, &zone("b")),
                    // Refused where nobody is there.
                    3 => {
                        let _ = book.change(character, Change::Chosen(State::Busy), Some("x"));
                    }
                    4 => known.extend(book.subscribe(id, bell, &[character]).expect("room")),
                    5 => {
                        book.unsubscribe(id, &[character]);
                        known.remove(&character);
                    }
                    _ => known.extend(book.take(id)),
                }
            }
            for (listener, known) in known.iter_mut().enumerate() {
                let id = ListenerId(listener as u64);
                let news = book.take(id);
                prop_assert!(news.iter().all(|(character, seen)| known.get(character).is_some_and(|old| old != seen)));
                known.extend(news);
                for (character, told) in &*known {
                    prop_assert_eq!(told, &book.seen(*character).1);
                }
                book.forget(id);
            }
            prop_assert_eq!((book.subscriptions, book.listeners.len(), book.ears.len()), (0, 0, 0));
        }
    }
}
