//! The policy: every limit a client can run into, with its default. `docs/limits.md` lists them.
//!
//! What is not an operator's choice, because buffers are sized by it, is in `client::limits`.

use super::network::Block;
use super::origin::Origin;
use super::rate::{Bucket, Rate};
use crate::client::limits::{BATCH_CALLS, BATCH_MOVES, MESSAGE_BYTES, MESSAGES_BURST, SOCKETS};
use humantime_serde::re::humantime::format_duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What clients may do, and what becomes of those who do more.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Policy {
    /// Proxies that are believed when they say whom they speak for (`X-Forwarded-For`).
    pub trusted_proxies: Vec<Block>,
    /// Pages of other servers that may open a socket and ask over HTTP; the own ones always may.
    pub origins: Vec<Origin>,
    /// Open connections.
    pub sockets: SocketLimits,
    /// Calls of one connection.
    pub connection: CallRates,
    /// Calls of one account, over all its connections.
    pub account: CallRates,
    /// What comes from one address.
    pub address: AddressRates,
    /// What is asked over HTTP.
    pub http: HttpRates,
    /// Frames of one connection.
    pub frames: FrameLimits,
    /// Params of one call.
    pub size: SizeLimits,
    /// What of one connection is a flood.
    pub flood: FloodRule,
    /// What misbehaviour counts.
    pub score: Score,
    /// What becomes of a score that is too high.
    pub bans: BanRules,
}

/// Connections that may be open at once.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SocketLimits {
    /// Sockets of all: twice the load the server is made for. Each takes a file descriptor and some 15 KiB.
    pub in_all: u32,
    /// Sockets of one account: a player in two tabs who reconnects both before the server has noticed that
    /// the former sockets are dead.
    pub per_account: u32,
    /// Sockets of one address: a school or a mobile network shares one.
    pub per_address: u32,
    /// Connections of one address that speak HTTP, half-open ones included.
    pub http_per_address: u32,
}

/// Rates of calls: of any method, and of those that cost more.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CallRates {
    /// Calls of any method.
    pub messages: Rate,
    /// Movements: `world.move`, and each of those in a `world.position.batch`.
    #[serde(rename = "move")]
    pub movement: Rate,
    /// `combat.attack`.
    pub attack: Rate,
    /// `combat.use_skill`.
    pub skill: Rate,
    /// `chat.send`.
    pub chat: Rate,
    /// `duel.challenge`: nobody is pestered, and who is turned down may ask somebody else.
    pub challenge: Rate,
    /// `duel.act`: as often as an attack; a turn takes no less than half a second.
    pub turn: Rate,
    /// `quest.accept`.
    pub quest_accept: Rate,
    /// What changes the inventory: `inventory.*`, `shop.*` and `craft.*` but for the lists.
    pub inventory: Rate,
    /// `world.join`, which reads the store.
    pub join: Rate,
    /// `state.sync`, which writes all that is in sight.
    pub sync: Rate,
    /// `quest.list`, `inventory.list`, `shop.list` and `craft.list`.
    pub list: Rate,
    /// `presence.update`: whoever listens is told each time.
    pub presence: Rate,
    /// `presence.subscribe`, `presence.unsubscribe`, `presence.query`, `system.subscribe`, `system.unsubscribe`.
    pub subscription: Rate,
    /// `auth.refresh`, which checks a signature.
    pub refresh: Rate,
}

/// What may come from one address, over all its accounts.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AddressRates {
    /// Attempts to open a socket.
    pub handshakes: Rate,
    /// HTTP requests for whatever there is or is not, whoever asks. To come in with the web client takes some ten of
    /// them, and a school behind one address does so in one moment: its hundred players, the most that have sockets, at
    /// once, and all of them a second time. In the long run they ask once a second each.
    pub requests: Rate,
    /// Calls.
    pub messages: Rate,
    /// Bytes.
    pub bytes: Rate,
}

/// What may be asked over HTTP.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpRates {
    /// Requests of one account.
    pub requests: Rate,
    /// Logins, registrations and refreshes from one address.
    pub logins: Rate,
}

/// What the frames of one connection may look like.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FrameLimits {
    /// How long the head of an HTTP request may take, the handshake's included.
    #[serde(with = "humantime_serde")]
    pub head: Duration,
    /// Pings and pongs.
    pub control: Rate,
    /// Frames one message may come in.
    pub fragments: u32,
}

/// Bytes that the params of one call may have, as they are written: blanks and escapes included.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SizeLimits {
    /// Of any method but the following: some numbers and a name, or a status of 100 bytes.
    pub call: u32,
    /// `chat.send`: a line of 500 bytes, all of which may be escaped.
    pub chat: u32,
    /// `world.position.batch`: 16 moves, with a name for every number.
    pub moves: u32,
    /// `presence.subscribe`, `presence.unsubscribe`, `presence.query`, `system.subscribe`, `system.unsubscribe`: 200
    /// characters, by id or by name.
    pub lists: u32,
    /// `auth.refresh`, `session.resume`: a signed token.
    pub token: u32,
}

/// Refused calls that close a connection.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FloodRule {
    /// So many.
    pub calls: u32,
    /// Within this time.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
}

/// What misbehaviour counts, in points of the account and of the address it comes from.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Score {
    /// A call beyond a rate; a handshake or an HTTP request beyond that of its address.
    pub refused: u32,
    /// A call that is none, or has params that do not fit.
    pub malformed: u32,
    /// A movement that was impossible, unless the character was put elsewhere just before.
    pub corrected: u32,
    /// A token that was never issued, a wrong password.
    pub bad_token: u32,
    /// Frames that break the WebSocket protocol.
    pub breach: u32,
    /// A connection that was closed because of a flood.
    pub flood: u32,
    /// Points that are forgotten every second.
    pub decay_per_second: u32,
    /// Points at which an account is banned.
    pub account_threshold: u32,
    /// Points at which an address is banned; many players may share one.
    pub address_threshold: u32,
}

/// How long automatic bans last.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BanRules {
    /// The first one; each further one twice as long as the one before.
    #[serde(with = "humantime_serde")]
    pub first: Duration,
    /// The longest one.
    #[serde(with = "humantime_serde")]
    pub longest: Duration,
    /// How long after its end a ban is remembered for the length of the next.
    #[serde(with = "humantime_serde")]
    pub memory: Duration,
}

/// The call that counts as many as it holds.
const MOVES: &str = "world.position.batch";

/// Methods that share a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// See [`CallRates::movement`].
    Move,
    /// See [`CallRates::attack`].
    Attack,
    /// See [`CallRates::skill`].
    Skill,
    /// See [`CallRates::chat`].
    Chat,
    /// See [`CallRates::challenge`].
    Challenge,
    /// See [`CallRates::turn`].
    Turn,
    /// See [`CallRates::quest_accept`].
    QuestAccept,
    /// See [`CallRates::inventory`].
    Inventory,
    /// See [`CallRates::join`].
    Join,
    /// See [`CallRates::sync`].
    Sync,
    /// See [`CallRates::list`].
    List,
    /// See [`CallRates::presence`].
    Presence,
    /// See [`CallRates::subscription`].
    Subscription,
    /// See [`CallRates::refresh`].
    Refresh,
}

impl Group {
    const COUNT: usize = Self::Refresh as usize + 1;

    /// The group of a method; most are in none.
    pub fn of(method: &str) -> Option<Self> {
        Some(match method {
            "world.move" | MOVES => Self::Move,
            // As frequent.
            "world.ack" => return None,
            "combat.attack" => Self::Attack,
            "combat.use_skill" => Self::Skill,
            "chat.send" => Self::Chat,
            "duel.challenge" => Self::Challenge,
            "duel.act" => Self::Turn,
            "quest.accept" => Self::QuestAccept,
            "world.join" | "session.resume" => Self::Join,
            "state.sync" => Self::Sync,
            "auth.refresh" => Self::Refresh,
            "presence.update" => Self::Presence,
            "presence.subscribe"
            | "presence.unsubscribe"
            | "presence.query"
            | "system.subscribe"
            | "system.unsubscribe" => Self::Subscription,
            "quest.list" | "inventory.list" | "shop.list" | "craft.list" => Self::List,
            _ if ["inventory.", "shop.", "craft."].iter().any(|domain| method.starts_with(domain)) => {
                Self::Inventory
            }
            _ => return None,
        })
    }
}

impl CallRates {
    /// The rate of a group.
    pub fn rate(&self, group: Group) -> Rate {
        match group {
            Group::Move => self.movement,
            Group::Attack => self.attack,
            Group::Skill => self.skill,
            Group::Chat => self.chat,
            Group::Challenge => self.challenge,
            Group::Turn => self.turn,
            Group::QuestAccept => self.quest_accept,
            Group::Inventory => self.inventory,
            Group::Join => self.join,
            Group::Sync => self.sync,
            Group::List => self.list,
            Group::Presence => self.presence,
            Group::Subscription => self.subscription,
            Group::Refresh => self.refresh,
        }
    }
}

/// The buckets of one connection, or of one account.
#[derive(Clone, Debug, Default)]
pub struct CallBuckets {
    messages: Bucket,
    groups: [Bucket; Group::COUNT],
}

impl CallBuckets {
    /// Takes what a call of a method in this group costs.
    ///
    /// # Errors
    /// It is beyond a rate: how long it will be.
    pub fn take(&mut self, rates: &CallRates, group: Option<Group>, now: Duration) -> Result<(), Duration> {
        self.messages.take(rates.messages, now)?;
        match group {
            Some(group) => self.groups[group as usize].take(rates.rate(group), now),
            None => Ok(()),
        }
    }

    /// Takes so many more of what the group counts: the first is taken with the call.
    ///
    /// # Errors
    /// They are beyond the rate: how long it will be.
    pub fn take_more(
        &mut self,
        rates: &CallRates,
        group: Group,
        count: u32,
        now: Duration,
    ) -> Result<(), Duration> {
        self.groups[group as usize].take_many(count, rates.rate(group), now)
    }
}

impl SizeLimits {
    /// What the params of this method may have.
    pub fn of(&self, method: &str) -> u32 {
        match method {
            "chat.send" => self.chat,
            MOVES => self.moves,
            "auth.refresh" | "session.resume" => self.token,
            _ if Group::of(method) == Some(Group::Subscription) => self.lists,
            _ => self.call,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            origins: Vec::new(),
            sockets: SocketLimits { in_all: 10_000, per_account: 4, per_address: 100, http_per_address: 200 },
            connection: CallRates {
                messages: Rate::per_second(60, MESSAGES_BURST),
                // Two seconds of them, for who was held up on the way.
                movement: Rate::per_second(20, 40),
                attack: Rate::per_second(2, 2),
                // Two of them, half a second apart: abilities that are ready do not wait for each other.
                skill: Rate::per_second(1, 2),
                chat: Rate::per_minute(30, 5),
                challenge: Rate::per_minute(10, 5),
                turn: Rate::per_second(2, 2),
                quest_accept: Rate::per_second(1, 1),
                inventory: Rate::per_second(10, 10),
                join: Rate::per_minute(30, 5),
                sync: Rate::per_second(1, 3),
                list: Rate::per_second(2, 6),
                presence: Rate::per_minute(30, 5),
                subscription: Rate::per_second(2, 10),
                refresh: Rate::per_minute(30, 5),
            },
            // Two characters at once are played as freely as one.
            account: CallRates {
                messages: Rate::per_second(120, 240),
                movement: Rate::per_second(40, 80),
                attack: Rate::per_second(4, 4),
                skill: Rate::per_second(2, 4),
                chat: Rate::per_second(1, 10),
                challenge: Rate::per_minute(20, 10),
                turn: Rate::per_second(4, 4),
                quest_accept: Rate::per_second(2, 2),
                inventory: Rate::per_second(20, 20),
                join: Rate::per_second(1, 10),
                sync: Rate::per_second(2, 6),
                list: Rate::per_second(4, 12),
                presence: Rate::per_second(1, 10),
                subscription: Rate::per_second(4, 20),
                refresh: Rate::per_second(1, 10),
            },
            address: AddressRates {
                handshakes: Rate::per_second(20, 100),
                requests: Rate::per_second(100, 2_000),
                messages: Rate::per_second(2_000, 4_000),
                bytes: Rate::per_second(1_048_576, 4_194_304),
            },
            http: HttpRates { requests: Rate::per_minute(100, 100), logins: Rate::per_minute(60, 60) },
            frames: FrameLimits {
                head: Duration::from_secs(10),
                control: Rate::per_second(10, 40),
                fragments: 128,
            },
            size: SizeLimits { call: 1_024, chat: 4_096, moves: 2_048, lists: 8_192, token: 4_096 },
            flood: FloodRule { calls: 500, window: Duration::from_secs(10) },
            score: Score {
                refused: 1,
                malformed: 1,
                corrected: 1,
                bad_token: 20,
                breach: 50,
                flood: 200,
                decay_per_second: 10,
                account_threshold: 1_000,
                address_threshold: 3_000,
            },
            bans: BanRules {
                first: Duration::from_secs(10 * 60),
                longest: Duration::from_secs(7 * 24 * 60 * 60),
                memory: Duration::from_secs(24 * 60 * 60),
            },
        }
    }
}

/// Longest time of a rule about bans: about a year.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// What one read of a socket may bring, and more.
const READ_BYTES: u32 = 65_536;

impl Policy {
    /// Whether a page of another server may come in.
    pub fn allows_page(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed.is_of(origin))
    }

    /// What makes no sense, each with its name and what would.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut range = |name: &str, value: u32, least: u32, most: u32| {
            if !(least..=most).contains(&value) {
                mistakes.push(format!("{name}: it is {value}, must be {least} to {most}"));
            }
        };
        let most = SOCKETS as u32;
        range("sockets.in-all", self.sockets.in_all, 1, most);
        range("sockets.per-account", self.sockets.per_account, 1, most);
        range("sockets.per-address", self.sockets.per_address, 1, most);
        range("sockets.http-per-address", self.sockets.http_per_address, 1, most);
        // A whole batch fits; and the outbox is made for the answers to so many.
        let batch = BATCH_CALLS as u32;
        range("the burst of connection.messages", self.connection.messages.burst, batch, MESSAGES_BURST);
        range("the burst of account.messages", self.account.messages.burst, batch, u32::MAX);
        range("the burst of address.messages", self.address.messages.burst, batch, u32::MAX);
        range("the burst of address.bytes", self.address.bytes.burst, READ_BYTES, u32::MAX);
        let moves_of_a_call = BATCH_MOVES as u32;
        range("the burst of connection.move", self.connection.movement.burst, moves_of_a_call, u32::MAX);
        range("the burst of account.move", self.account.movement.burst, moves_of_a_call, u32::MAX);
        let SizeLimits { call, chat, moves, lists, token } = self.size;
        for (name, bytes) in [
            ("size.call", call),
            ("size.chat", chat),
            ("size.moves", moves),
            ("size.lists", lists),
            ("size.token", token),
        ] {
            range(name, bytes, 256, MESSAGE_BYTES as u32);
        }
        range("frames.fragments", self.frames.fragments, 1, 16_384);
        range("flood.calls", self.flood.calls, 1, u32::MAX);
        range("score.decay-per-second", self.score.decay_per_second, 1, u32::MAX);
        range("score.account-threshold", self.score.account_threshold, 1, u32::MAX);
        range("score.address-threshold", self.score.address_threshold, 1, u32::MAX);
        let mut span = |name: &str, value: Duration, least: Duration, most: Duration| {
            if !(least..=most).contains(&value) {
                let [value, least, most] = [value, least, most].map(format_duration);
                mistakes.push(format!("{name}: it is {value}, must be {least} to {most}"));
            }
        };
        let second = Duration::from_secs(1);
        span("frames.head", self.frames.head, second / 10, 60 * second);
        span("flood.window", self.flood.window, second, 600 * second);
        span("bans.longest", self.bans.longest, second, LONGEST);
        span("bans.first", self.bans.first, second, self.bans.longest.max(second));
        span("bans.memory", self.bans.memory, Duration::ZERO, LONGEST);
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_makes_sense() {
        assert_eq!(Policy::default().mistakes(), Vec::<String>::new());
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let mut policy = Policy::default();
        policy.sockets.per_account = 0;
        policy.connection.messages.burst = 500;
        policy.bans.first = Duration::from_secs(30 * 24 * 60 * 60);
        assert_eq!(
            policy.mistakes(),
            [
                "sockets.per-account: it is 0, must be 1 to 16384",
                "the burst of connection.messages: it is 500, must be 32 to 120",
                "bans.first: it is 30days, must be 1s to 7days",
            ]
        );
    }

    #[test]
    fn every_group_has_a_bucket_of_its_own() {
        let (rates, now) = (Policy::default().connection, Duration::from_secs(1));
        let mut buckets = CallBuckets::default();
        for method in ["quest.accept", "combat.attack", "combat.attack", "dialog.close"] {
            assert_eq!(buckets.take(&rates, Group::of(method), now), Ok(()), "{method}");
        }
        assert_eq!(buckets.take(&rates, Group::of("quest.accept"), now), Err(Duration::from_secs(1)));
        assert_eq!(buckets.take(&rates, Group::of("combat.attack"), now), Err(Duration::from_millis(500)));
        assert_eq!(Group::of("shop.buy"), Some(Group::Inventory));
        assert_eq!(Group::of("shop.list"), Some(Group::List));
        assert_eq!(Group::of("dialog.close"), None);
    }

    #[test]
    fn moves_cost_the_same_in_one_call_and_in_many() {
        let (rates, now) = (Policy::default().connection, Duration::from_secs(1));
        let mut buckets = CallBuckets::default();
        for _ in 0..2 {
            assert_eq!(buckets.take(&rates, Group::of("world.position.batch"), now), Ok(()));
            assert_eq!(buckets.take_more(&rates, Group::Move, 15, now), Ok(()));
        }
        for _ in 0..8 {
            assert_eq!(buckets.take(&rates, Group::of("world.move"), now), Ok(()));
        }
        assert_eq!(buckets.take(&rates, Group::of("world.move"), now), Err(Duration::from_millis(50)));
        let later = now + Duration::from_secs(1);
        assert_eq!(buckets.take(&rates, Group::of("world.position.batch"), later), Ok(()));
        assert_eq!(buckets.take_more(&rates, Group::Move, 15, later), Ok(()));
        assert_eq!(
            buckets.take_more(&rates, Group::Move, 15, later),
            Err(Duration::from_millis(11 * 50)),
            "4 are left"
        );
    }

    #[test]
    fn every_method_has_a_size() {
        let size = Policy::default().size;
        for method in protocol::v1::call::Method::NAMES.iter().copied() {
            assert!((1_024..=8_192).contains(&size.of(method)), "{method}");
        }
        assert_eq!(size.of("presence.query"), size.lists);
        assert_eq!(size.of("presence.update"), size.call);
    }
}
