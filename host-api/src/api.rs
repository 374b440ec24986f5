//! Versions of the script interface that this host serves side by side, and how a name in a component says
//! which one it means. What differs between them is in `convert`; nothing above this crate knows.
//!
//! A version is the major and minor number of the package in `wit/`; within it only additions are made that
//! older components do not notice. A version that is no longer current stays in a folder of `wit/`, frozen.

use crate::manifest::Kind;
use std::fmt;
use wasmparser::{Parser, Payload};

/// A version of `lore:script`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// `wit/v0.1`.
    V0_1,
    /// `wit/`: a swing says who is an NPC and how much health the defender has unhurt.
    V0_2,
}

impl Api {
    /// All that are served, oldest first.
    pub const ALL: [Self; 2] = [Self::V0_1, Self::V0_2];
    /// What new scripts are built for.
    pub const CURRENT: Self = Self::V0_2;

    /// As manifests write it: `0.2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1",
            Self::V0_2 => "0.2",
        }
    }

    /// The version of this name, if it is served.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.name() == name)
    }

    /// The interface that a script of `kind` exports in this version: `lore:script/combat@0.2.0`.
    pub fn interface(self, kind: Kind) -> String {
        format!("{}@{self}.0", kind.interface())
    }

    /// The version in which a component exports the interface of `kind`: that of the files it was built
    /// against. Nothing is compiled; `None` if it does not export it, in no version that is served.
    pub fn exported(component: &[u8], kind: Kind) -> Option<Self> {
        let interface = kind.interface();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentExportSection(section) if depth == 0 => {
                    let mut exports = section.into_iter().flatten();
                    if let Some(api) = exports.find_map(|export| Self::of(export.name.name, &interface)) {
                        return Some(api);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Whether `name` is `interface` in this version, such as `lore:script/log@0.2.0`.
    pub(crate) fn has(self, name: &str, interface: &str) -> bool {
        name.strip_prefix(interface)
            .and_then(|rest| rest.strip_prefix('@'))
            .and_then(|version| version.strip_prefix(self.name()))
            .is_some_and(|patch| patch.starts_with('.'))
    }

    /// The version in which `name` is `interface`.
    pub(crate) fn of(name: &str, interface: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.has(name, interface))
    }

    /// `0.1 and 0.2`, for errors.
    pub(crate) fn served() -> String {
        Self::ALL.map(Self::name).join(" and ")
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_version() {
        let of = |name| Api::of(name, "lore:script/log");
        assert_eq!(of("lore:script/log@0.1.0"), Some(Api::V0_1));
        assert_eq!(of("lore:script/log@0.2.7"), Some(Api::V0_2));
        for other in
            ["lore:script/log", "lore:script/log@0.10.0", "lore:script/log@0.2", "lore:script/logs@0.2.0"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_newest_is_current() {
        assert_eq!(Api::ALL.last(), Some(&Api::CURRENT));
        assert!(Api::ALL.is_sorted());
        assert_eq!(Api::ALL.map(|api| Api::named(api.name())), Api::ALL.map(Some));
    }
}
