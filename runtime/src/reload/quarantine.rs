//! Digests that must not run again, and why. The newest, and those that there is still a way to: a digest that
//! was forgotten is taken like any other, through check, proof and probation.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Digests kept. All of it is written with every change: some 700 bytes each, most of it the last failure.
const KEPT: usize = 256;

/// Oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Quarantine(VecDeque<Barred>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Barred {
    digest: String,
    why: String,
}

/// As it stands in `live.json`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    List(VecDeque<Barred>),
    /// By earlier servers, which did not know the order.
    ByDigest(BTreeMap<String, String>),
}

impl From<Written> for Quarantine {
    fn from(written: Written) -> Self {
        match written {
            Written::List(list) => Self(list),
            Written::ByDigest(map) => {
                Self(map.into_iter().map(|(digest, why)| Barred { digest, why }).collect())
            }
        }
    }
}

impl Quarantine {
    /// Why this digest must not run; `None` if it may.
    pub fn why(&self, digest: &str) -> Option<&str> {
        self.0.iter().find(|barred| barred.digest == digest).map(|barred| barred.why.as_str())
    }

    /// Whether this digest must not run.
    pub fn holds(&self, digest: &str) -> bool {
        self.why(digest).is_some()
    }

    /// Bars a digest. When there are too many, the oldest is forgotten to which nothing leads any more.
    pub fn bar(&mut self, digest: String, why: String, is_reachable: impl Fn(&str) -> bool) {
        self.0.retain(|barred| barred.digest != digest);
        self.0.push_back(Barred { digest, why });
        while self.0.len() > KEPT
            && let Some(oldest) = self.0.iter().position(|barred| !is_reachable(&barred.digest))
        {
            self.0.remove(oldest);
        }
    }

    /// Digests and why, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|barred| (barred.digest.as_str(), barred.why.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_those_there_is_a_way_to() {
        let mut quarantine = Quarantine::default();
        let reachable = |digest: &str| digest == "0" || digest == "3";
        for number in 0..2 * KEPT {
            quarantine.bar(number.to_string(), "failed".to_owned(), reachable);
        }
        quarantine.bar("5".to_owned(), "failed again".to_owned(), reachable);
        assert_eq!(quarantine.iter().count(), KEPT);
        for kept in ["0", "3", "511"] {
            assert!(quarantine.holds(kept), "{kept}");
        }
        assert!(!quarantine.holds("4") && !quarantine.holds("258"));
        assert_eq!(quarantine.why("5"), Some("failed again"));
    }

    #[test]
    fn what_earlier_servers_wrote_is_read() {
        let before = r#"{"1a2b": "failed in 10 ticks", "3c4d": "failed"}"#;
        let quarantine: Quarantine = serde_json::from_str(before).expect("read");
        assert_eq!(quarantine.why("1a2b"), Some("failed in 10 ticks"));
        let again = serde_json::to_string(&quarantine).expect("JSON");
        let again: Quarantine = serde_json::from_str(&again).expect("read");
        assert!(again.iter().eq(quarantine.iter()));
    }
}
