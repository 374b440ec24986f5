//! What a script may reach besides its arguments. A script declares what it imports; the operator grants what
//! scripts may declare. Where it may decide, and whether it may remember, is in `scope`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// What the operator lets scripts have: some capabilities to all, and to scripts of some names others instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// To every script that is not named.
    pub all: Vec<Capability>,
    /// To those that are, in place of that.
    pub by_name: BTreeMap<String, Vec<Capability>>,
}

impl Grants {
    /// The same to every script.
    pub fn to_all(grant: &[Capability]) -> Self {
        Self { all: grant.to_vec(), by_name: BTreeMap::new() }
    }

    /// To the script of this name.
    pub(crate) fn of(&self, script: &str) -> &[Capability] {
        self.by_name.get(script).unwrap_or(&self.all)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
