//! What a script says about itself: its manifest, and the kinds of script with what each exports. What a
//! manifest may say about limits is in `limits`, where it stands in a component in `section`.

mod limits;
mod section;

pub use limits::{ExportLimits, ManifestLimits};

use crate::api::Api;
use crate::capability::Capability;
use crate::scope::{Scope, ScopeError};
use semver::Version;
use serde::{Deserialize, Serialize};
use sim::{DefId, def_id};
use std::fmt;

/// Bytes of a manifest: a name, a version and a list of content names.
const MANIFEST_BYTES: usize = 64 << 10;
/// Content names one script may require.
const REQUIRES: usize = 1_024;

/// What a script decides; one world of `wit/worlds.wit` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `combat-script`: what becomes of a swing.
    Combat,
    /// `ability-script`: costs, cooldowns, statuses.
    Ability,
    /// `npc-script`: the mind of NPCs.
    Npc,
    /// `quest-script`: progress of quests.
    Quest,
    /// `dialog-script`: conversations.
    Dialog,
    /// `chat-script`: what may be said.
    Chat,
    /// `zone-script`: the hours of a zone.
    Zone,
    /// `loot-script`: what the dead leave.
    Loot,
    /// `progression-script`: levels, what a kill is worth, what a death costs.
    Progression,
    /// `economy-script`: prices, fees, what comes of crafting.
    Economy,
    /// `encounter-script`: phases of bosses, turns of duels.
    Encounter,
    /// `event-script`: world events.
    Event,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Combat,
        Self::Ability,
        Self::Npc,
        Self::Quest,
        Self::Dialog,
        Self::Chat,
        Self::Zone,
        Self::Loot,
        Self::Progression,
        Self::Economy,
        Self::Encounter,
        Self::Event,
    ];

    /// As manifests write it: `combat`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Combat => "combat",
            Self::Ability => "ability",
            Self::Npc => "npc",
            Self::Quest => "quest",
            Self::Dialog => "dialog",
            Self::Chat => "chat",
            Self::Zone => "zone",
            Self::Loot => "loot",
            Self::Progression => "progression",
            Self::Economy => "economy",
            Self::Encounter => "encounter",
            Self::Event => "event",
        }
    }

    /// The interface a script of this kind must export, without its version.
    pub fn interface(self) -> String {
        format!("lore:script/{}", self.name())
    }

    /// The functions of that interface.
    pub const fn exports(self) -> &'static [Export] {
        match self {
            Self::Combat => &[Export::Resolve],
            Self::Ability => &[Export::PlanCasts, Export::PulseStatuses],
            Self::Npc => &[Export::Think],
            Self::Quest => &[Export::Advance],
            Self::Dialog => &[Export::Converse],
            Self::Chat => &[Export::Judge],
            Self::Zone => &[Export::Govern],
            Self::Loot => &[Export::RollLoot],
            Self::Progression => {
                &[Export::RequireExperience, Export::GrowStats, Export::RewardKills, Export::PunishDeaths]
            }
            Self::Economy => &[Export::QuotePrices, Export::Craft, Export::Fees],
            Self::Encounter => &[Export::Direct, Export::OpenDuels, Export::TakeTurns],
            Self::Event => &[Export::Conduct, Export::Reward],
        }
    }

    /// The first version of the script interface that has this kind.
    pub const fn since(self) -> Api {
        match self {
            Self::Combat | Self::Ability | Self::Npc | Self::Quest | Self::Dialog => Api::V0_1,
            Self::Chat | Self::Zone | Self::Event => Api::V0_2,
            Self::Loot | Self::Progression | Self::Economy | Self::Encounter => Api::V0_2,
        }
    }

    /// Whether it decides for what stands in a zone, so that zones can have scripts of their own.
    pub const fn has_place(self) -> bool {
        matches!(self, Self::Npc | Self::Dialog)
    }

    /// Whether a generation has at most one module of this kind; of the others any number, chosen by
    /// name.
    pub const fn is_single(self) -> bool {
        matches!(self, Self::Combat | Self::Ability | Self::Loot | Self::Progression | Self::Economy)
    }

    /// Whether a generation cannot be without a module of this kind. Without one of another kind its
    /// fallback answers.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Combat | Self::Ability)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A function that scripts export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Export {
    Resolve,
    PlanCasts,
    PulseStatuses,
    Think,
    Advance,
    Converse,
    Judge,
    Govern,
    RollLoot,
    RequireExperience,
    GrowStats,
    RewardKills,
    PunishDeaths,
    QuotePrices,
    Craft,
    Fees,
    Direct,
    OpenDuels,
    TakeTurns,
    Conduct,
    Reward,
}

impl Export {
    /// Interface and function as in `wit/`: `combat.resolve`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "combat.resolve",
            Self::PlanCasts => "ability.plan-casts",
            Self::PulseStatuses => "ability.pulse-statuses",
            Self::Think => "npc.think",
            Self::Advance => "quest.advance",
            Self::Converse => "dialog.converse",
            Self::Judge => "chat.judge",
            Self::Govern => "zone.govern",
            Self::RollLoot => "loot.roll",
            Self::RequireExperience => "progression.require-experience",
            Self::GrowStats => "progression.grow-stats",
            Self::RewardKills => "progression.reward-kills",
            Self::PunishDeaths => "progression.punish-deaths",
            Self::QuotePrices => "economy.quote-prices",
            Self::Craft => "economy.craft",
            Self::Fees => "economy.fees",
            Self::Direct => "encounter.direct",
            Self::OpenDuels => "encounter.open-duels",
            Self::TakeTurns => "encounter.take-turns",
            Self::Conduct => "event.conduct",
            Self::Reward => "event.reward",
        }
    }

    /// The function alone: `resolve`.
    pub(crate) fn function(self) -> &'static str {
        self.name().split_once('.').map_or(self.name(), |(_, function)| function)
    }

    /// Its place among the exports of `kind`: where there are things for each, nothing is looked up.
    ///
    /// # Panics
    /// The kind does not have it. Of constants it is computed when this crate is compiled.
    pub(crate) const fn place_in(self, kind: Kind) -> usize {
        let exports = kind.exports();
        let mut place = 0;
        while place < exports.len() {
            if exports[place] as u8 == self as u8 {
                return place;
            }
            place += 1;
        }
        panic!("an export of another kind")
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who a script is and what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Lower-case letters, digits and dashes, at most 64; content refers to `script/NAME`.
    pub name: String,
    /// Version of the script, for people; code is told apart by digest.
    pub version: Version,
    /// Which world the script implements.
    pub kind: Kind,
    /// Version of the script interface it was built for, major and minor: `0.2`. The component must export
    /// its interface in this version.
    pub api: String,
    /// What it imports. A script of API 0.1 has the log without asking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// How far it reaches.
    #[serde(default, skip_serializing_if = "Scope::is_world")]
    pub scope: Scope,
    /// Where it decides, for the scope `zone`: names of zones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Content that must exist, such as `ability/strike`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Limits the script asks to have changed.
    #[serde(default, skip_serializing_if = "ManifestLimits::is_empty")]
    pub limits: ManifestLimits,
    /// How far its answers may be from those of the version before.
    #[serde(default, skip_serializing_if = "ManifestProof::is_empty")]
    pub proof: ManifestProof,
}

/// What a new version may change in the answers to recorded calls without a person saying yes. What is
/// absent may change at will. Those of the version before hold as well: of two, the stricter counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ManifestProof {
    /// Views decided otherwise, of 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differ_permille: Option<u32>,
    /// Change of any average, up or down, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_percent: Option<u32>,
    /// More fuel per view, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_percent: Option<u32>,
    /// Recorded views of all functions together: with fewer a person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_views: Option<u32>,
    /// What is beyond these is refused, and nobody can say yes.
    #[serde(default, skip_serializing_if = "Thresholds::is_empty")]
    pub refuse: Thresholds,
}

impl ManifestProof {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Beyond these a person is asked.
    pub fn hold(&self) -> Thresholds {
        let Self { differ_permille, drift_percent, fuel_percent, .. } = *self;
        Thresholds { differ_permille, drift_percent, fuel_percent }
    }

    /// Of both, what is stricter.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let Thresholds { differ_permille, drift_percent, fuel_percent } = self.hold().stricter(&other.hold());
        let least_views = self.least_views.max(other.least_views);
        let refuse = self.refuse.stricter(&other.refuse);
        Self { differ_permille, drift_percent, fuel_percent, least_views, refuse }
    }
}

/// How far answers may be apart; what is absent may be any distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Thresholds {
    /// Views decided otherwise, of 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differ_permille: Option<u32>,
    /// Change of any average, up or down, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_percent: Option<u32>,
    /// More fuel per view, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_percent: Option<u32>,
}

impl Thresholds {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn stricter(&self, other: &Self) -> Self {
        let least = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();
        Self {
            differ_permille: least(self.differ_permille, other.differ_permille),
            drift_percent: least(self.drift_percent, other.drift_percent),
            fuel_percent: least(self.fuel_percent, other.fuel_percent),
        }
    }
}

/// Why a component's manifest is no good.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The component was not made by `lore build`.
    #[error("no `lore:manifest` section; build the script with `lore build`")]
    Missing,
    /// Two sections: whichever were read, somebody would be deceived.
    #[error("more than one `lore:manifest` section; build the script anew")]
    Duplicate,
    /// Larger than any honest manifest.
    #[error(
        "the manifest has {bytes} bytes, at most {MANIFEST_BYTES} are read; shorten `requires` in its lore.toml"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON, or a field that is missing, unknown or of the wrong type.
    #[error("the manifest is not valid: {0}; build the script with the `lore` of this server's version")]
    Json(#[from] serde_json::Error),
    /// The name does not have the form content refers to.
    #[error(
        "the script's name `{0}` must be 1 to 64 of a-z, 0-9 and `-`, starting with a letter; rename it in its lore.toml"
    )]
    Name(String),
    /// Built for a version of the script interface that is not served.
    #[error(
        "{name} is built for script API {need}, this server serves {served}; build it for {current} \
         (`api = \"{current}\"` in its lore.toml, the files of {current} in `wit/`) or run it where {need} is served",
        served = Api::served(),
        current = Api::CURRENT
    )]
    Api {
        /// The script.
        name: String,
        /// What it was built for.
        need: String,
    },
    /// Built for a version of the script interface that did not have its kind yet.
    #[error(
        "{name} is of kind `{kind}`, which script API {since} was the first to have, but says it is built for \
         {have}; build it for {since} or later"
    )]
    Since {
        /// The script.
        name: String,
        /// Its kind.
        kind: Kind,
        /// The version it says it was built for.
        have: Api,
        /// The first version with this kind.
        since: Api,
    },
    /// Its scope makes no sense.
    #[error("{name}: {source}")]
    Scope {
        /// The script.
        name: String,
        /// Why.
        source: ScopeError,
    },
    /// Limits for a function that its kind does not have.
    #[error(
        "{name}: limits.{function} limits nothing: a script of kind `{kind}` has {}; rename the table or remove it",
        functions(*kind)
    )]
    Limits {
        /// The script.
        name: String,
        /// Its kind.
        kind: Kind,
        /// As the manifest writes it.
        function: String,
    },
    /// More names than a check should have to look up.
    #[error(
        "{name} requires {count} content names, at most {REQUIRES} are allowed; list only what the script itself names"
    )]
    Requires {
        /// The script.
        name: String,
        /// How many it lists.
        count: usize,
    },
    /// The bytes could not be read up to the manifest.
    #[error("not a readable component: {0}; build it again")]
    Malformed(#[from] wasmparser::BinaryReaderError),
}

impl Manifest {
    /// The id content uses for this script: `script/NAME`.
    pub fn script(&self) -> DefId {
        script_id(&self.name)
    }

    /// The version of the script interface it was built for.
    ///
    /// # Errors
    /// [`ManifestError::Api`]: it is not served.
    pub fn api(&self) -> Result<Api, ManifestError> {
        let need = || self.api.chars().take(40).collect();
        Api::named(&self.api).ok_or_else(|| ManifestError::Api { name: self.name.clone(), need: need() })
    }

    /// Whether it may import what `capability` stands for.
    pub(crate) fn declares(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability) || self.api == Api::V0_1.name()
    }

    /// Parses and checks the JSON of a manifest.
    fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        if json.len() > MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { bytes: json.len() });
        }
        let manifest: Self = serde_json::from_slice(json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether name, API version and requirements are what a server accepts.
    ///
    /// # Errors
    /// [`ManifestError::Name`], [`ManifestError::Api`], [`ManifestError::Since`],
    /// [`ManifestError::Scope`], [`ManifestError::Limits`] or [`ManifestError::Requires`].
    pub fn check(&self) -> Result<(), ManifestError> {
        let name = &self.name;
        if !is_script_name(name) {
            return Err(ManifestError::Name(name.chars().take(80).collect()));
        }
        let have = self.api()?;
        let (kind, since) = (self.kind, self.kind.since());
        if have < since {
            return Err(ManifestError::Since { name: name.clone(), kind, have, since });
        }
        let scope = self.scope.check(kind, &self.zones);
        scope.map_err(|source| ManifestError::Scope { name: name.clone(), source })?;
        if let Some(function) = self.limits.foreign(kind) {
            return Err(ManifestError::Limits { name: name.clone(), kind, function: function.to_owned() });
        }
        if self.requires.len() > REQUIRES {
            return Err(ManifestError::Requires { name: name.clone(), count: self.requires.len() });
        }
        Ok(())
    }
}

/// Whether a script may have this name: 1 to 64 of a-z, 0-9 and `-`, starting with a letter.
pub fn is_script_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The functions of a kind, for errors.
fn functions(kind: Kind) -> String {
    kind.exports().iter().map(|export| export.function()).collect::<Vec<_>>().join(", ")
}

/// The id of the script with this name.
pub(crate) fn script_id(name: &str) -> DefId {
    def_id(&format!("script/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_COMPONENT: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];

    fn manifest() -> Manifest {
        Manifest {
            name: "wolf".into(),
            version: Version::new(1, 2, 3),
            kind: Kind::Npc,
            api: Api::CURRENT.name().into(),
            capabilities: vec![Capability::Log],
            scope: Scope::Zone,
            zones: vec!["greywood".into()],
            requires: vec!["ability/bite".into(); 40],
            limits: ManifestLimits {
                fuel_per_item: Some(7),
                exports: [(
                    "think".to_owned(),
                    ExportLimits { log_lines: Some(3), ..ExportLimits::default() },
                )]
                .into(),
                ..ManifestLimits::default()
            },
            proof: ManifestProof { differ_permille: Some(50), ..ManifestProof::default() },
        }
    }

    #[test]
    fn what_is_embedded_is_read_back() {
        let bytes = Manifest::embed(&EMPTY_COMPONENT, &manifest());
        assert_eq!(Manifest::read(&bytes).unwrap(), manifest());
    }

    #[test]
    fn of_two_versions_the_stricter_proof_counts() {
        let of = |json: &str| serde_json::from_str::<ManifestProof>(json).unwrap();
        let both = of(r#"{"differ-permille":50,"least-views":10}"#).stricter(&of(r#"{"least-views":200}"#));
        assert_eq!(both, of(r#"{"differ-permille":50,"least-views":200}"#));
        assert_eq!(both.stricter(&ManifestProof::default()), both);
    }

    #[test]
    fn a_second_manifest_is_refused() {
        let bytes = Manifest::embed(&Manifest::embed(&EMPTY_COMPONENT, &manifest()), &manifest());
        assert!(matches!(Manifest::read(&bytes), Err(ManifestError::Duplicate)));
    }

    #[test]
    fn faults_are_named() {
        let check = |json: &str, says: &str| {
            let error = Manifest::parse(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check(r#"{"name":"a","version":"1.0.0","kind":"npc","api":"0.1","x":1}"#, "unknown field `x`");
        check(r#"{"name":"a","version":"1.0.0","kind":"poet","api":"0.1"}"#, "unknown variant `poet`");
        check(r#"{"name":"a","version":"one","kind":"npc","api":"0.1"}"#, "major version");
        check(r#"{"name":"../a","version":"1.0.0","kind":"npc","api":"0.1"}"#, "`../a`");
        let scope = |more: &str, says: &str| {
            check(&format!(r#"{{"name":"a","version":"1.0.0","kind":"quest","api":"0.2",{more}}}"#), says);
        };
        scope(r#""scope":"zone","zones":["b"]"#, "a: a script of kind `quest` is asked in every zone");
        scope(r#""zones":["b"]"#, "it lists zones, but its scope is `world`");
        scope(r#""scope":"galaxy""#, "unknown variant `galaxy`, expected one of `world`");
        scope(r#""capabilities":["net"]"#, "unknown variant `net`, expected `log`");
        scope(r#""limits":{"advence":{}}"#, "`advence`: did you mean `advance`?");
        scope(
            r#""limits":{"think":{"fuel_base":1}}"#,
            "a: limits.think limits nothing: a script of kind `quest` has advance; rename the table or remove it",
        );
        check(
            r#"{"name":"a","version":"1.0.0","kind":"npc","api":"0.2","scope":"zone"}"#,
            "the scope `zone` needs its zones",
        );
        check(
            r#"{"name":"a","version":"1.0.0","kind":"npc","api":"0.9"}"#,
            "a is built for script API 0.9, this server serves 0.1 and 0.2; build it for 0.2 \
             (`api = \"0.2\"` in its lore.toml, the files of 0.2 in `wit/`) or run it where 0.9 is served",
        );
    }
}
