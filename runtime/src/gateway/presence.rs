//! What a client asks of the gateway itself: presences and topics. The book is in `crate::presence`; here are its
//! messages, and one connection's part in it: whose presences it is told, and when its own player was last heard of.

use super::session::Action;
use crate::client::rpc::RpcError;
use crate::client::topics::Topic;
use crate::client::{Client, ZoneIndex};
use crate::presence::{Change, Listener, Named, NoRoom, Presences, Refused, Seen, Sighting, State, limits};
use crate::zone::{Ask, Zones};
use protocol::v1;
use protocol::v1::call::Method;
use protocol::v1::notification::Method as Notice;
use protocol::v1::response::Outcome;
use sim::CharacterId;
use sim::content::Chat;
use std::time::Duration;
use tokio::time::Instant;

/// When a client should try again whose subscriptions had no room among all.
const RETRY: Duration = Duration::from_secs(5);

/// A question that the gateway answers without a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// How the own character wants to be seen.
    Update {
        /// How it is there.
        state: State,
        /// What is said of it from now on, if that changes.
        status: Option<String>,
    },
    /// Whose changes to tell.
    Subscribe(Vec<CharacterId>),
    /// Whose not to tell any more.
    Unsubscribe(Vec<CharacterId>),
    /// How these are there.
    Query {
        /// By their keys.
        characters: Vec<CharacterId>,
        /// By their names.
        names: Vec<String>,
    },
    /// Which topics to tell of, or no longer.
    Topics {
        /// Which.
        topics: Vec<Topic>,
        /// Whether to tell of them.
        on: bool,
    },
}

impl Inquiry {
    /// The question in a call.
    ///
    /// # Errors
    /// Its params make no sense, or more is asked for than a connection can have.
    pub fn read(method: Method) -> Result<Self, RpcError> {
        Ok(match method {
            Method::PresenceUpdate(update) => {
                let status = update.status.as_deref().map(status).transpose()?;
                Self::Update { state: state(update.state())?, status }
            }
            Method::PresenceSubscribe(to) if to.characters.len() > limits::SUBSCRIPTIONS => {
                return Err(RpcError::SubscriptionLimit);
            }
            Method::PresenceSubscribe(to) => Self::Subscribe(keys(&to.characters)),
            Method::PresenceUnsubscribe(from) => Self::Unsubscribe(keys(&from.characters)),
            Method::PresenceQuery(query) => {
                let most = limits::QUERIED;
                if query.characters.len() + query.names.len() > most {
                    let why = format!("`characters` and `names`: at most {most} together");
                    return Err(RpcError::InvalidParams(why));
                }
                Self::Query { characters: keys(&query.characters), names: query.names }
            }
            Method::SystemSubscribe(to) => Self::Topics { topics: topics(&to.topics)?, on: true },
            Method::SystemUnsubscribe(from) => Self::Topics { topics: topics(&from.topics)?, on: false },
            _ => return Err(RpcError::Internal),
        })
    }

    /// The same, with what is said of the own character as others may read it. The filter itself is not asked: it judges
    /// lines in the tick of a zone, and this goes to all of them.
    pub(super) fn masked(self, chat: &Chat) -> Self {
        match self {
            Self::Update { state, status: Some(status) } => {
                Self::Update { state, status: Some(chat.mask(&status)) }
            }
            other => other,
        }
    }

    /// Whether it is about the own character, which must be in the world.
    pub fn needs_character(&self) -> bool {
        matches!(self, Self::Update { .. })
    }
}

fn keys(characters: &[i64]) -> Vec<CharacterId> {
    characters.iter().copied().map(CharacterId).collect()
}

fn state(state: v1::PresenceState) -> Result<State, RpcError> {
    match state {
        v1::PresenceState::Online => Ok(State::Online),
        v1::PresenceState::Away => Ok(State::Away),
        v1::PresenceState::Busy => Ok(State::Busy),
        v1::PresenceState::Offline => Ok(State::Offline),
        v1::PresenceState::Unspecified => {
            Err(RpcError::InvalidParams("`state` is none of online, away, busy".to_owned()))
        }
    }
}

fn status(text: &str) -> Result<String, RpcError> {
    if text.len() > limits::STATUS_BYTES || text.chars().any(char::is_control) {
        let most = limits::STATUS_BYTES;
        let why =
            format!("`status`: one line of at most {most} bytes without control characters is expected");
        return Err(RpcError::InvalidParams(why));
    }
    Ok(text.trim().to_owned())
}

fn topics(names: &[String]) -> Result<Vec<Topic>, RpcError> {
    let topic = |name: &String| {
        let known = Topic::ALL.map(Topic::name).join(", ");
        let short: String = name.chars().take(40).collect();
        let why = || RpcError::InvalidParams(format!("`topics`: there is no `{short}`; there are {known}"));
        Topic::named(name).ok_or_else(why)
    };
    names.iter().map(topic).collect()
}

impl From<Refused> for RpcError {
    fn from(refused: Refused) -> Self {
        Self::InvalidState(match refused {
            Refused::NotThere => "join the world first: `world.join`",
            Refused::StillThere => "`offline` is who is not in the world: `world.leave`",
        })
    }
}

impl From<NoRoom> for RpcError {
    fn from(no_room: NoRoom) -> Self {
        match no_room {
            NoRoom::Own => Self::SubscriptionLimit,
            NoRoom::All => Self::Busy(RETRY),
        }
    }
}

/// Whether the player has done something, and not only the program that holds the connection.
pub(super) fn is_input(action: &Action) -> bool {
    match action {
        Action::Join { .. } => true,
        Action::Submit { ask, .. } => {
            matches!(ask, Ask::Command(_) | Ask::Moves(_) | Ask::Choose(_) | Ask::Craft { .. })
        }
        Action::Inquire { inquiry, .. } => inquiry.needs_character(),
        _ => false,
    }
}

/// One connection's part in the book of presences.
pub(super) struct Attendance {
    presences: Presences,
    listener: Listener,
    /// When what has changed is told; set by the first change.
    due: Option<Instant>,
    /// The zone that the book was told last.
    zone: Option<ZoneIndex>,
    /// Since [`crate::abuse::Abuse::epoch`].
    last_input: Duration,
    /// What the book was told last: that the player does something, or not. Nothing was told at first.
    attentive: Option<bool>,
    /// The book was told that the player does nothing because the connection broke, and for no other reason.
    is_lost: bool,
}

impl Attendance {
    /// Of a connection without a character, which listens to nobody.
    pub(super) fn new(presences: &Presences) -> Self {
        Self {
            presences: presences.clone(),
            listener: presences.listen(),
            due: None,
            zone: None,
            last_input: Duration::ZERO,
            attentive: None,
            is_lost: false,
        }
    }

    /// Answers a question of the client, whose character is in the world or not.
    pub(super) fn answer(
        &mut self,
        inquiry: Inquiry,
        character: Option<CharacterId>,
        client: &Client,
    ) -> Result<Outcome, RpcError> {
        let generation = self.presences.generation();
        let all = |presences| Ok(Outcome::Presences(v1::Presences { generation, presences }));
        match inquiry {
            Inquiry::Update { state, status } => {
                let character = character.ok_or(Refused::NotThere)?;
                self.presences.change(character, Change::Chosen(state), status.as_deref())?;
                Ok(Outcome::Done(v1::Done {}))
            }
            Inquiry::Subscribe(to) => all(self.listener.subscribe(&to)?.into_iter().map(sighting).collect()),
            Inquiry::Unsubscribe(from) => {
                self.listener.unsubscribe(&from);
                Ok(Outcome::Done(v1::Done {}))
            }
            Inquiry::Query { characters, names } => {
                let (seen, found) = self.presences.look(&characters, &names);
                let found = names.into_iter().zip(found).map(named);
                all(seen.into_iter().map(sighting).chain(found).collect())
            }
            Inquiry::Topics { topics, on } => {
                topics.into_iter().for_each(|topic| client.topics.set(topic, on));
                Ok(Outcome::Topics(v1::Topics { topics: client.topics.names() }))
            }
        }
    }

    /// The player has done something, `now` after [`crate::abuse::Abuse::epoch`].
    pub(super) fn input(&mut self, character: Option<CharacterId>, now: Duration) {
        self.last_input = now;
        self.attend(character, true);
    }

    /// Looks whether the player has done nothing for `away_after`; never if that is zero.
    pub(super) fn look_idle(&mut self, character: Option<CharacterId>, now: Duration, away_after: Duration) {
        if !away_after.is_zero() && now.saturating_sub(self.last_input) >= away_after {
            self.attend(character, false);
        }
    }

    /// The client has no connection, and so nobody looks: the player is away, unless they chose to be busy.
    pub(super) fn lose(&mut self, character: Option<CharacterId>) {
        // Who was away before is so when the client is back.
        if character.is_some() && self.attentive != Some(false) {
            self.is_lost = true;
            self.attend(character, false);
        }
    }

    /// The client is back: all is as it was before [`Attendance::lose`].
    pub(super) fn regain(&mut self, character: Option<CharacterId>) {
        if std::mem::take(&mut self.is_lost) {
            self.attend(character, true);
        }
    }

    fn attend(&mut self, character: Option<CharacterId>, attentive: bool) {
        if self.attentive == Some(attentive) {
            return;
        }
        self.attentive = Some(attentive);
        if let Some(character) = character {
            let change = if attentive { Change::Input } else { Change::Idle };
            // Refused for who is on the way out of the world: they are gone then.
            let _ = self.presences.change(character, change, None);
        }
    }

    /// Tells the book when the character has come to another zone.
    pub(super) fn walk(&mut self, character: Option<CharacterId>, zone: ZoneIndex, zones: &Zones) {
        let Some(character) = character.filter(|_| self.zone != Some(zone)) else { return };
        self.zone = Some(zone);
        self.presences.walk(character, &zones.handle(zone).name);
    }

    /// Whether there may ever be something [`Attendance::due`].
    pub(super) fn listens(&self) -> bool {
        self.listener.listens()
    }

    /// Waits until changes are to be told. Cancel safe.
    pub(super) async fn due(&mut self) {
        let due = match self.due {
            Some(due) => due,
            None => {
                self.listener.rung().await;
                *self.due.insert(Instant::now() + limits::GATHER)
            }
        };
        tokio::time::sleep_until(due).await;
    }

    /// What there is to tell; nothing if all is again as it was told.
    pub(super) fn changes(&mut self) -> Option<Notice> {
        self.due = None;
        let presences: Vec<v1::Presence> = self.listener.take().into_iter().map(sighting).collect();
        (!presences.is_empty()).then_some(Notice::PresenceChanged(v1::PresenceChanged { presences }))
    }
}

/// A character as it is seen.
fn sighting((character, seen): Sighting) -> v1::Presence {
    match seen {
        Some(seen) => presence(character, &seen),
        None => v1::Presence { character: Some(character.0), ..offline() },
    }
}

/// Who is there under a name.
fn named((name, found): (String, Named)) -> v1::Presence {
    match found {
        Some((character, seen)) => presence(character, &seen),
        None => v1::Presence { name: Some(name), ..offline() },
    }
}

/// Who is not there, or does not exist.
fn offline() -> v1::Presence {
    v1::Presence { state: v1::PresenceState::Offline.into(), ..v1::Presence::default() }
}

fn presence(character: CharacterId, seen: &Seen) -> v1::Presence {
    let state = match seen.state {
        State::Offline => v1::PresenceState::Offline,
        State::Online => v1::PresenceState::Online,
        State::Away => v1::PresenceState::Away,
        State::Busy => v1::PresenceState::Busy,
    };
    v1::Presence {
        character: Some(character.0),
        name: Some(seen.name.to_string()),
        state: state.into(),
        zone: seen.zone.as_deref().map(str::to_owned),
        status: (!seen.status.is_empty()).then(|| seen.status.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::Encoding;
    use std::sync::Arc;

    const ADA: CharacterId = CharacterId(7);

    fn update(state: v1::PresenceState, status: Option<&str>) -> Result<Inquiry, RpcError> {
        let update = v1::PresenceUpdate { state: state.into(), status: status.map(str::to_owned) };
        Inquiry::read(Method::PresenceUpdate(update))
    }

    fn presences(outcome: Result<Outcome, RpcError>) -> Vec<v1::Presence> {
        match outcome {
            Ok(Outcome::Presences(all)) => all.presences,
            other => panic!("no presences: {other:?}"),
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_it_is_looked_up() {
        let state = v1::PresenceState::Busy;
        let line = "x".repeat(limits::STATUS_BYTES);
        assert!(update(state, Some(&line)).is_ok());
        for status in [format!("{line}x"), "a\nb".to_owned(), "\u{7f}".to_owned()] {
            let refused = update(state, Some(&status));
            assert!(
                matches!(&refused, Err(RpcError::InvalidParams(why)) if why.starts_with("`status`")),
                "{refused:?}"
            );
        }
        assert!(matches!(update(v1::PresenceState::Unspecified, None), Err(RpcError::InvalidParams(_))));
        let unknown = v1::SystemSubscribe { topics: vec!["events".to_owned(), "weather".to_owned()] };
        let refused = Inquiry::read(Method::SystemSubscribe(unknown)).expect_err("unknown").to_string();
        assert_eq!(refused, "`topics`: there is no `weather`; there are announcements, events, operator");
        let characters: Vec<i64> = (0..=limits::SUBSCRIPTIONS as i64).collect();
        let subscribe = v1::PresenceSubscribe { characters: characters.clone() };
        assert_eq!(Inquiry::read(Method::PresenceSubscribe(subscribe)), Err(RpcError::SubscriptionLimit));
        let query = v1::PresenceQuery { characters, names: Vec::new() };
        assert!(matches!(Inquiry::read(Method::PresenceQuery(query)), Err(RpcError::InvalidParams(_))));
    }

    #[tokio::test]
    async fn who_is_not_there_and_who_does_not_exist_look_alike() {
        let book = Presences::new(true);
        let (client, _outbox) = Client::new(Encoding::Json);
        let mut attendance = Attendance::new(&book);
        let query =
            || Inquiry::Query { characters: vec![ADA], names: vec!["aDA".to_owned(), "Nix".to_owned()] };
        let offline = |name: &str| v1::Presence { name: Some(name.to_owned()), ..offline() };
        let gone = presences(attendance.answer(query(), None, &client));
        let key = v1::Presence {
            character: Some(7),
            state: v1::PresenceState::Offline.into(),
            ..Default::default()
        };
        assert_eq!(gone, [key, offline("aDA"), offline("Nix")]);
        book.enter(ADA, "Ada", &Arc::from("downtown"));
        let there = presences(attendance.answer(query(), None, &client));
        assert_eq!((&there[0], &there[2]), (&there[1], &offline("Nix")));
        assert_eq!((there[0].name.as_deref(), there[0].zone.as_deref()), (Some("Ada"), Some("downtown")));
    }

    #[tokio::test]
    async fn changes_are_gathered_and_told_once() {
        let book = Presences::new(true);
        let (client, _outbox) = Client::new(Encoding::Json);
        let mut watcher = Attendance::new(&book);
        assert!(!watcher.listens());
        let subscribed = watcher.answer(Inquiry::Subscribe(vec![ADA]), None, &client);
        assert_eq!((presences(subscribed).len(), watcher.listens()), (1, true));
        book.enter(ADA, "Ada", &Arc::from("downtown"));
        assert!(tokio::time::timeout(Duration::ZERO, watcher.due()).await.is_err(), "not at once");
        let due = watcher.due;
        for state in [State::Away, State::Busy] {
            let inquiry = Inquiry::Update { state, status: Some("in a duel".to_owned()) };
            assert!(watcher.answer(inquiry, Some(ADA), &client).is_ok());
        }
        assert!(tokio::time::timeout(Duration::ZERO, watcher.due()).await.is_err(), "nor the next");
        assert_eq!(watcher.due, due, "a wait that was given up goes on where it was");
        watcher.due().await;
        let Some(Notice::PresenceChanged(told)) = watcher.changes() else { panic!("nothing to tell") };
        assert_eq!(told.presences.len(), 1);
        let told = &told.presences[0];
        assert_eq!((told.state(), told.status.as_deref()), (v1::PresenceState::Busy, Some("in a duel")));
        assert_eq!(watcher.changes(), None);
    }

    #[test]
    fn a_player_is_away_after_a_while_and_back_at_the_first_input() {
        let book = Presences::new(true);
        let mut own = Attendance::new(&book);
        let seen = || book.look(&[ADA], &[]).0[0].1.as_ref().map(|seen| seen.state);
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        own.input(None, second);
        book.enter(ADA, "Ada", &Arc::from("downtown"));
        own.look_idle(Some(ADA), minute, minute);
        assert_eq!(seen(), Some(State::Online));
        own.look_idle(Some(ADA), minute * 9, Duration::ZERO);
        assert_eq!(seen(), Some(State::Online), "zero is never");
        own.look_idle(Some(ADA), minute + second, minute);
        assert_eq!(seen(), Some(State::Away));
        own.input(Some(ADA), minute * 2);
        assert_eq!(seen(), Some(State::Online));
        // Another connection goes on with the character: it does not know what the book holds.
        own.look_idle(Some(ADA), minute * 3, minute);
        let mut heir = Attendance::new(&book);
        heir.input(Some(ADA), second);
        assert_eq!(seen(), Some(State::Online));
    }

    #[test]
    fn who_lost_the_connection_is_away_and_as_before_when_they_are_back() {
        let book = Presences::new(true);
        let mut own = Attendance::new(&book);
        let seen = || book.look(&[ADA], &[]).0[0].1.as_ref().map(|seen| seen.state);
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        own.input(None, second);
        // It broke while the character was on its way into the world.
        own.lose(None);
        book.enter(ADA, "Ada", &Arc::from("downtown"));
        assert_eq!(seen(), Some(State::Online));
        for _ in 0..2 {
            own.lose(Some(ADA));
            assert_eq!(seen(), Some(State::Away));
        }
        own.regain(Some(ADA));
        assert_eq!(seen(), Some(State::Online));
        own.look_idle(Some(ADA), minute * 2, minute);
        own.lose(Some(ADA));
        own.regain(Some(ADA));
        assert_eq!(seen(), Some(State::Away), "they did nothing before, nor since");
        own.input(Some(ADA), minute * 2);
        assert_eq!(seen(), Some(State::Online));
        for chosen in [State::Busy, State::Away, State::Online] {
            assert_eq!(book.change(ADA, Change::Chosen(chosen), None), Ok(()));
            own.lose(Some(ADA));
            assert_eq!(seen(), Some(if chosen == State::Busy { State::Busy } else { State::Away }));
            own.regain(Some(ADA));
            assert_eq!(seen(), Some(chosen));
        }
    }
}
