//! What the proof of a candidate says about letting it live.

use serde::{Deserialize, Serialize};

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
