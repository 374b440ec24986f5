//! Who may not come in, for how long, and why.

use super::network::Network;
use super::policy::BanRules;
use crate::auth::AccountId;
use crate::store::{BanRow, unix_seconds};
use humantime_serde::re::humantime::format_duration;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Bans known at once.
const BANS: usize = 50_000;

/// Who is banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An account, from wherever it comes.
    Account(AccountId),
    /// Whoever comes from there.
    Address(Network),
}

impl Subject {
    /// `account` or `address`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Address(_) => "address",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account {account}"),
            Self::Address(network) => write!(f, "address {network}"),
        }
    }
}

impl FromStr for Subject {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(' ') {
            Some(("account", id)) => id.parse().map(|id| Self::Account(AccountId(id))).map_err(drop),
            Some(("address", network)) => network.parse().map(Self::Address).map_err(drop),
            _ => Err(()),
        }
    }
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ban {
    /// Who.
    #[serde(serialize_with = "as_text")]
    pub subject: Subject,
    /// The account's name, or the address.
    pub name: String,
    /// Since when, unix seconds.
    pub since_s: i64,
    /// Until when, unix seconds; `None` for good.
    pub until_s: Option<i64>,
    /// For the banned and for operators.
    pub why: String,
    /// Which operator, or `loreforge`.
    pub by: String,
    /// How many automatic ones there have been, each longer than the one before.
    pub times: u32,
}

fn as_text<S: serde::Serializer>(subject: &Subject, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(subject)
}

impl Ban {
    /// Whether it is in force.
    pub fn holds_at(&self, now_s: i64) -> bool {
        self.until_s.is_none_or(|until_s| until_s > now_s)
    }

    /// Seconds until it ends, at least 1; `None` if it does not.
    pub fn left_s(&self) -> Option<u64> {
        let left = self.until_s?.saturating_sub(unix_seconds());
        Some(u64::try_from(left).unwrap_or(0).max(1))
    }

    /// What the banned are told.
    pub fn told(&self) -> String {
        match self.left_s() {
            Some(left_s) => {
                format!("banned for {} more: {}", format_duration(Duration::from_secs(left_s)), self.why)
            }
            None => format!("banned for good: {}", self.why),
        }
    }

    pub(super) fn row(&self) -> BanRow {
        let Self { subject, name, since_s, until_s, why, by, times } = self.clone();
        BanRow { subject: subject.to_string(), name, since_s, until_s, why, by, times }
    }

    pub(super) fn from_row(row: BanRow) -> Option<Self> {
        let BanRow { subject, name, since_s, until_s, why, by, times } = row;
        Some(Self { subject: subject.parse().ok()?, name, since_s, until_s, why, by, times })
    }
}

/// Bans in memory: looked up at every handshake and request, written when somebody is banned.
#[derive(Default)]
pub(super) struct Registry(RwLock<HashMap<Subject, Ban>>);

impl Registry {
    pub(super) fn get(&self, subject: Subject) -> Option<Ban> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&subject).cloned()
    }

    /// The ban in force.
    pub(super) fn in_force(&self, subject: Subject) -> Option<Ban> {
        self.get(subject).filter(|ban| ban.holds_at(unix_seconds()))
    }

    /// All that are in force, the latest first.
    pub(super) fn all_in_force(&self) -> Vec<Ban> {
        let now_s = unix_seconds();
        let bans = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut bans: Vec<Ban> = bans.values().filter(|ban| ban.holds_at(now_s)).cloned().collect();
        bans.sort_by(|a, b| b.since_s.cmp(&a.since_s).then_with(|| a.name.cmp(&b.name)));
        bans
    }

    /// How many are in force; those that ended are remembered for a while, too.
    pub(super) fn count_in_force(&self) -> usize {
        let now_s = unix_seconds();
        let bans = self.0.read().unwrap_or_else(PoisonError::into_inner);
        bans.values().filter(|ban| ban.holds_at(now_s)).count()
    }

    /// Puts a ban in force. False if there are too many.
    pub(super) fn insert(&self, ban: Ban) -> bool {
        let mut bans = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if bans.len() >= BANS && !bans.contains_key(&ban.subject) {
            let now_s = unix_seconds();
            bans.retain(|_, ban| ban.holds_at(now_s));
            if bans.len() >= BANS {
                return false;
            }
        }
        bans.insert(ban.subject, ban);
        true
    }

    pub(super) fn remove(&self, subject: Subject) -> Option<Ban> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&subject)
    }

    /// Forgets those that ended before.
    pub(super) fn forget_before(&self, then_s: i64) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|_, ban| ban.holds_at(then_s));
    }
}

/// How long the n-th automatic ban lasts; `times` is n.
pub(super) fn length(rules: &BanRules, times: u32) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
    rules.first.saturating_mul(factor).min(rules.longest)
}

/// So long after a moment, unix seconds.
pub(super) fn end_after(now_s: i64, length: Duration) -> i64 {
    now_s.saturating_add(i64::try_from(length.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abuse::Policy;

    fn ban(subject: Subject, until_s: Option<i64>) -> Ban {
        let name = subject.to_string();
        Ban { subject, name, since_s: 5, until_s, why: "spam".to_owned(), by: "ada".to_owned(), times: 1 }
    }

    #[test]
    fn subjects_are_read_as_they_are_written() {
        let address = |text: &str| Subject::Address(text.parse().expect("an address"));
        for subject in [Subject::Account(AccountId(-3)), address("192.0.2.1"), address("2001:db8::1")] {
            assert_eq!(subject.to_string().parse::<Subject>(), Ok(subject));
        }
        for wrong in ["", "account", "account x", "address 1", "zone 3"] {
            assert_eq!(wrong.parse::<Subject>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn each_ban_is_twice_as_long_up_to_the_longest() {
        let rules = Policy::default().bans;
        let minutes = |times| length(&rules, times).as_secs() / 60;
        assert_eq!([1, 2, 3, 4].map(minutes), [10, 20, 40, 80]);
        assert_eq!([11, 12, 40, u32::MAX].map(minutes), [7 * 24 * 60; 4]);
    }

    #[test]
    fn a_ban_ends_by_itself() {
        let (registry, subject) = (Registry::default(), Subject::Account(AccountId(1)));
        let now_s = unix_seconds();
        assert!(registry.insert(ban(subject, Some(now_s - 1))));
        assert_eq!(registry.in_force(subject), None);
        assert!(registry.get(subject).is_some(), "it is remembered for the next one");
        assert_eq!(registry.count_in_force(), 0);
        registry.forget_before(now_s - 10);
        assert!(registry.get(subject).is_some());
        registry.forget_before(now_s);
        assert_eq!(registry.get(subject), None);
        assert!(registry.insert(ban(subject, None)));
        assert!(registry.in_force(subject).is_some_and(|ban| ban.left_s().is_none()));
        registry.forget_before(i64::MAX);
        assert_eq!((registry.all_in_force().len(), registry.count_in_force()), (1, 1));
        assert_eq!(
            registry.remove(subject).and_then(|ban| Ban::from_row(ban.row())),
            Some(ban(subject, None))
        );
    }
}
