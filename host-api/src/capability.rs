//! What a script may reach besides its arguments. A script declares what it imports; the operator grants what
//! scripts may declare. Where it may decide, and whether it may remember, is in `scope`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something a script can import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Lines in the server's log, a limited number.
    Log,
}

impl Capability {
    /// All there are.
    pub const ALL: [Self; 1] = [Self::Log];

    /// As manifests and settings write it: `log`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
        }
    }

    /// The interface it stands for, without its version.
    pub(crate) const fn interface(self) -> &'static str {
        match self {
            Self::Log => "lore:script/log",
        }
    }

    /// `log`, or `nothing`, for errors.
    pub(crate) fn list(these: &[Self]) -> String {
        match these {
            [] => "nothing".to_owned(),
            _ => these.iter().map(|capability| capability.name()).collect::<Vec<_>>().join(", "),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
