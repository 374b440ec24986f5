//! How far a script reaches: everywhere, in some zones only, or without a memory.

use crate::manifest::Kind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Zones one manifest may list.
const ZONES: usize = 256;

/// How far a script reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// It decides in every zone, and the host remembers for it what it asks for.
    #[default]
    World,
    /// It decides in the zones it lists and nowhere else; content of other zones cannot use it.
    Zone,
    /// It decides in every zone and remembers nothing: a change of it has no state to think of.
    Stateless,
}

impl Scope {
    /// As manifests write it: `world`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Zone => "zone",
            Self::Stateless => "stateless",
        }
    }

    pub(crate) fn is_world(&self) -> bool {
        *self == Self::World
    }

    /// Whether a script of `kind` can have this scope with these zones.
    pub(crate) fn check(self, kind: Kind, zones: &[String]) -> Result<(), ScopeError> {
        match (self, zones.len()) {
            (Self::Zone, _) if !kind.has_place() => Err(ScopeError::Placeless(kind)),
            (Self::Zone, 0) => Err(ScopeError::NoZone),
            (Self::Zone, count) if count > ZONES => Err(ScopeError::TooMany(count)),
            (Self::World | Self::Stateless, 1..) => Err(ScopeError::Zones(self)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a scope makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Its questions come from everywhere.
    #[error(
        "a script of kind `{0}` is asked in every zone; only those of NPCs, which stand somewhere, have the scope `zone`"
    )]
    Placeless(Kind),
    /// It would decide nowhere.
    #[error("the scope `zone` needs its zones; add `zones = [\"NAME\"]` to its lore.toml")]
    NoZone,
    /// More zones than a check should have to look up.
    #[error("{0} zones are listed, at most {ZONES} are allowed; use the scope `world`")]
    TooMany(usize),
    /// Zones that would be ignored.
    #[error(
        "it lists zones, but its scope is `{0}`; set `scope = \"zone\"` in its lore.toml or leave the zones out"
    )]
    Zones(Scope),
}
