//! What the proof of a candidate says about letting it live.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How many calls a verdict rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Recorded ones, of all functions together.
    pub recorded: u64,
    /// Those made up, of functions of which few were recorded.
    pub made_up: u64,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recorded, made_up } = self;
        write!(f, "{recorded} recorded calls, {made_up} made up")
    }
}

/// Whether a proven candidate may go on by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It differs from what is live by no more than its thresholds allow.
    Accept,
    /// A person has to say yes: which thresholds it crosses.
    Hold {
        /// One line each.
        why: Vec<String>,
    },
    /// It must not go live: what it does wrong.
    Refuse {
        /// One line each.
        why: Vec<String>,
    },
}

impl Verdict {
    /// Refused for these reasons as well, if there are any.
    #[must_use]
    pub(super) fn refused_for(self, mut why: Vec<String>) -> Self {
        if why.is_empty() {
            return self;
        }
        if let Self::Refuse { why: others } = self {
            why.extend(others);
        }
        Self::Refuse { why }
    }
}
