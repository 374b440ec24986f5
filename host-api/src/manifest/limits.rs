//! What a manifest may say about limits: `[limits]` for all of a script, `[limits.FUNCTION]` for one of its
//! functions. What is given at most, and what holds where nothing is said, stands in `crate::limits`.

use super::Kind;
use crate::closest::closest;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Members of [`ManifestLimits`] that are no functions.
const NAMES: [&str; 8] = [
    "fuel_base",
    "fuel_per_item",
    "deadline_ms",
    "output_bytes",
    "log_lines",
    "memory_bytes",
    "tick_share_percent",
    "probation_ticks",
];

/// Functions of `migration`, which a script of any kind may export beside those of its kind.
pub(crate) const MIGRATION: [&str; 3] = ["schema", "migrate", "revert"];

/// Limits a script may ask for; what is absent is the host's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ManifestLimits {
    /// Fuel of a call before its first item, at most 10,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel_base: Option<u64>,
    /// Fuel per item, at most 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel_per_item: Option<u64>,
    /// Milliseconds of wall-clock time of a call, at most 100; counted in steps of 5, two at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Bytes handed over in the answers of a call or in one log line, at most 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Log lines kept of a call, at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<u64>,
    /// Bytes of linear memory, at most 128 MiB. One memory serves all functions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Share of a tick of all its calls together, at most 50 percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick_share_percent: Option<u64>,
    /// Ticks for which a new version is watched before it is trusted; the server's own minimum holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probation_ticks: Option<u32>,
    /// Those of single functions by their name, such as `resolve`; what is absent there is as above.
    #[serde(flatten)]
    pub exports: BTreeMap<String, ExportLimits>,
}

/// Limits of the calls of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportLimits {
    /// See [`ManifestLimits::fuel_base`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_base: Option<u64>,
    /// See [`ManifestLimits::fuel_per_item`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_per_item: Option<u64>,
    /// See [`ManifestLimits::deadline_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// See [`ManifestLimits::output_bytes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// See [`ManifestLimits::log_lines`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<u64>,
}

impl ManifestLimits {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What holds for each function that says nothing else.
    pub(crate) fn every(&self) -> ExportLimits {
        let Self { fuel_base, fuel_per_item, deadline_ms, output_bytes, log_lines, .. } = *self;
        ExportLimits { fuel_base, fuel_per_item, deadline_ms, output_bytes, log_lines }
    }

    /// The first function it names that a script of `kind` cannot have.
    pub(super) fn foreign(&self, kind: Kind) -> Option<&str> {
        let mut names = self.exports.keys().map(String::as_str).filter(|name| !is_of_migration(name));
        names.find(|name| kind.exports().iter().all(|export| export.function() != *name))
    }

    /// The first function of `migration` that it names.
    pub(crate) fn of_migration(&self) -> Option<&str> {
        self.exports.keys().map(String::as_str).find(|name| is_of_migration(name))
    }
}

fn is_of_migration(name: &str) -> bool {
    MIGRATION.contains(&name)
}

impl<'de> Deserialize<'de> for ManifestLimits {
    /// By hand, so that a misspelt name is told at its own line, with the one that was meant.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = ManifestLimits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of limits")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ManifestLimits, A::Error> {
        let mut limits = ManifestLimits::default();
        while let Some(Name(name)) = members.next_key()? {
            match name.as_str() {
                "fuel_base" => limits.fuel_base = members.next_value()?,
                "fuel_per_item" => limits.fuel_per_item = members.next_value()?,
                "deadline_ms" => limits.deadline_ms = members.next_value()?,
                "output_bytes" => limits.output_bytes = members.next_value()?,
                "log_lines" => limits.log_lines = members.next_value()?,
                "memory_bytes" => limits.memory_bytes = members.next_value()?,
                "tick_share_percent" => limits.tick_share_percent = members.next_value()?,
                "probation_ticks" => limits.probation_ticks = members.next_value()?,
                _ => {
                    limits.exports.insert(name, members.next_value()?);
                }
            }
        }
        Ok(limits)
    }
}

/// One of [`NAMES`], or a function of any kind: which of them the script has is known once its kind is.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let exports = || Kind::ALL.into_iter().flat_map(|kind| kind.exports().iter());
        let known = || NAMES.into_iter().chain(exports().map(|export| export.function())).chain(MIGRATION);
        if known().any(|known| known == name) {
            return Ok(Self(name));
        }
        let shown: String = name.chars().take(40).collect();
        // Messages and tables write `combat.resolve`.
        let function = shown.rsplit('.').next().unwrap_or(&shown);
        let hint = match closest(function, known()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!(
                "limits are {}; a function stands there by its own name, as in [limits.resolve]",
                NAMES.join(", ")
            ),
        };
        Err(format!("no limit and no function is called `{shown}`: {hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<ManifestLimits, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn every_name_is_read_and_written() {
        for name in NAMES {
            let json = format!(r#"{{"{name}":7}}"#);
            let limits = parse(&json).unwrap();
            assert!(limits.exports.is_empty() && !limits.is_empty(), "{name}");
            assert_eq!(serde_json::to_string(&limits).unwrap(), json);
        }
        let json = r#"{"fuel_base":7,"plan-casts":{"fuel_per_item":8,"log_lines":0},"pulse-statuses":{}}"#;
        let limits = parse(json).unwrap();
        assert_eq!(limits.every(), ExportLimits { fuel_base: Some(7), ..ExportLimits::default() });
        let own = ExportLimits { fuel_per_item: Some(8), log_lines: Some(0), ..ExportLimits::default() };
        assert_eq!(limits.exports["plan-casts"], own);
        assert_eq!(serde_json::to_string(&limits).unwrap(), json);
    }

    #[test]
    fn a_misspelt_name_is_told_with_the_one_that_was_meant() {
        let meant = |json: &str, says: &str| {
            let error = parse(json).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        meant(r#"{"plan_casts":{}}"#, "`plan_casts`: did you mean `plan-casts`?");
        meant(r#"{"combat.resolve":{}}"#, "`combat.resolve`: did you mean `resolve`?");
        meant(r#"{"fule_base":3}"#, "`fule_base`: did you mean `fuel_base`?");
        meant(r#"{"combat":{"resolve":{}}}"#, "by its own name, as in [limits.resolve]");
        meant(
            r#"{"resolve":{"memory_bytes":1}}"#,
            "unknown field `memory_bytes`, expected one of `fuel_base`",
        );
        meant(r#"{"resolve":3}"#, "invalid type: integer `3`");
        meant(r#"{"fuel_base":-3}"#, "invalid value: integer `-3`");
    }

    #[test]
    fn a_function_of_another_kind_is_found() {
        let limits = parse(r#"{"resolve":{}}"#).unwrap();
        assert_eq!((limits.foreign(Kind::Combat), limits.foreign(Kind::Npc)), (None, Some("resolve")));
        let limits = parse(r#"{"think":{},"migrate":{"fuel_base":7}}"#).unwrap();
        assert_eq!((limits.foreign(Kind::Npc), limits.of_migration()), (None, Some("migrate")));
        assert_eq!(limits.foreign(Kind::Combat), Some("think"));
    }
}
