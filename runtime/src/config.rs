//! Settings: defaults, then one TOML file, then `LORE_*` variables; the command line comes last
//! (`crate::cli`). Names are kebab-case in the file (`access-ttl = "24h"`) and upper snake case in
//! the environment (`LORE_ACCESS_TTL=24h`).

use crate::abuse::{ANY_IN_PRODUCTION, Origin, Policy};
use host_api::{Capability, Grants, is_script_name};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A day at 20 ticks a second: a version that is never trusted would have no successor to go back to.
const MOST_PROBATION_TICKS: u32 = 1_728_000;
/// Whoever is away for longer logs in again; until then his character holds a place in its zone.
const MOST_LINKDEAD: Duration = Duration::from_secs(600);

/// Who did nothing for a day is away, whatever the operator thinks of it.
const LONGEST_AWAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the server runs with.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// `production` refuses what is only fit for a developer's machine.
    pub profile: Profile,
    /// Players' HTTP and WebSocket; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Operators' HTTP.
    pub admin_listen: SocketAddr,
    /// Folder of the embedded database, keys and caches.
    pub data: PathBuf,
    /// PostgreSQL instead of the embedded SQLite; also `DATABASE_URL`.
    pub database_url: Option<String>,
    /// Redis instead of the in-memory cache; also `REDIS_URL`.
    pub redis_url: Option<String>,
    /// NATS, to tell others what happens; also `NATS_URL`.
    pub nats_url: Option<String>,
    /// Length of a tick, milliseconds.
    pub tick_ms: u32,
    /// Seed of the zones' randomness.
    pub seed: u64,
    /// Threads that run zones; 0 is one per two cores.
    pub sim_threads: usize,
    /// How long an access token is good.
    #[serde(with = "humantime_serde")]
    pub access_ttl: Duration,
    /// How long a session lasts without a refresh.
    #[serde(with = "humantime_serde")]
    pub refresh_ttl: Duration,
    /// Pages that are added to `limits.origins` at the start; an operator may replace all of them while the server runs.
    pub cors_origins: Vec<Origin>,
    /// Whether `POST /v1/auth/guest` makes accounts.
    pub guests: bool,
    /// Whether `/debug/ws-echo` is there, which sends back what comes: for checkers of WebSocket, not for production.
    pub ws_echo: bool,
    /// From one ping of a client's socket to the next; shorter than the idle limit of any proxy between.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// How long a character stays in the world when its connection breaks, for its client to come back to; 0 takes it
    /// out at once.
    #[serde(with = "humantime_serde")]
    pub linkdead: Duration,
    /// How long the replay logs of the zones are kept; 0 records none.
    #[serde(with = "humantime_serde")]
    pub replay_keep: Duration,
    /// Bearer token of the operator interface; without one it serves loopback only.
    pub admin_token: Option<String>,
    /// What players see of each other's presence.
    pub presence: Presence,
    /// How changes become live.
    pub reload: Reload,
    /// What scripts may have.
    pub scripts: Scripts,
    /// What clients may do; see [`Config::policy`].
    #[serde(deserialize_with = "Policy::in_settings")]
    pub limits: Policy,
}

/// What players see of each other's presence.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Presence {
    /// How long a player does nothing before others are told that they are away; looked at with each heartbeat.
    /// 0 tells it of those alone who have lost the connection.
    #[serde(with = "humantime_serde")]
    pub away_after: Duration,
    /// Whether others are told in which zone somebody is.
    pub show_zones: bool,
}

impl Default for Presence {
    fn default() -> Self {
        Self { away_after: Duration::from_secs(5 * 60), show_zones: true }
    }
}

/// What the operator lets scripts have.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Scripts {
    /// Capabilities they may declare; one that needs another is refused.
    pub grant: Vec<Capability>,
    /// The same for scripts of these names, in place of `grant`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub grant_to: BTreeMap<String, Vec<Capability>>,
}

impl Scripts {
    /// Both together.
    pub fn grants(&self) -> Grants {
        Grants { all: self.grant.clone(), by_name: self.grant_to.clone() }
    }
}

impl Default for Scripts {
    fn default() -> Self {
        Self { grant: vec![Capability::Log], grant_to: BTreeMap::new() }
    }
}

/// How changes of scripts and content become live.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Reload {
    /// Ticks for which a change is watched where it runs before it is trusted; a script's manifest may
    /// ask for more.
    pub probation_ticks: u32,
}

impl Default for Reload {
    fn default() -> Self {
        Self { probation_ticks: 200 }
    }
}

/// What the server is run for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Everything works out of the box.
    #[default]
    Development,
    /// Real players.
    Production,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or a variable cannot be read as settings.
    #[error("{0}")]
    Unreadable(#[from] config::ConfigError),
    /// A value makes no sense; names it and says what does.
    #[error("{name}: {reason}")]
    Refused {
        /// In kebab-case.
        name: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            profile: Profile::Development,
            listen: SocketAddr::from(([127, 0, 0, 1], 7777)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 7878)),
            data: PathBuf::from("./data"),
            database_url: None,
            redis_url: None,
            nats_url: None,
            tick_ms: 50,
            seed: 1,
            sim_threads: 0,
            access_ttl: Duration::from_secs(24 * 60 * 60),
            refresh_ttl: Duration::from_secs(30 * 24 * 60 * 60),
            cors_origins: Vec::new(),
            guests: true,
            ws_echo: false,
            heartbeat: Duration::from_secs(30),
            linkdead: Duration::from_secs(30),
            replay_keep: Duration::from_secs(60 * 60),
            admin_token: None,
            presence: Presence::default(),
            reload: Reload::default(),
            scripts: Scripts::default(),
            limits: Policy::default(),
        }
    }
}

impl Config {
    /// Reads the settings; `file` is the one named by `--config`. What the command line overrides
    /// is set afterwards, then [`Config::check`] has the last word.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], with the file and the member it is about.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_sources(file, &std::env::vars().collect())
    }

    fn from_sources(file: Option<&Path>, variables: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let mut sources = config::Config::builder();
        if let Some(file) = file {
            sources = sources.add_source(config::File::from(file).format(config::FileFormat::Toml));
        }
        // The names that other tools set come first, so that ours override them. Only known names
        // are taken: LORE_JWT_KEYS and the like are read where they are needed.
        for (variable, setting) in
            [("DATABASE_URL", "database-url"), ("REDIS_URL", "redis-url"), ("NATS_URL", "nats-url")]
        {
            if let Some(value) = variables.get(variable) {
                sources = sources.set_override(setting, value.as_str())?;
            }
        }
        let limits = Policy::default().limits();
        let limits: Vec<String> = limits.into_iter().map(|(name, _)| format!("limits.{name}")).collect();
        for setting in SETTINGS.iter().copied().chain(limits.iter().map(String::as_str)) {
            let variable = format!("LORE_{}", setting.replace(['-', '.'], "_").to_uppercase());
            let Some(value) = variables.get(&variable) else { continue };
            sources = if LISTS.contains(&setting) {
                let items: Vec<_> = value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
                sources.set_override(setting, items)?
            } else {
                sources.set_override(setting, value.as_str())?
            };
        }
        Ok(sources.build()?.try_deserialize()?)
    }

    /// Refuses values that cannot work, and in production what is unsafe.
    ///
    /// # Errors
    /// [`ConfigError::Refused`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |name, reason: String| Err(ConfigError::Refused { name, reason });
        let span = |span: Duration| humantime_serde::re::humantime::format_duration(span).to_string();
        if !(10..=1_000).contains(&self.tick_ms) {
            return refuse(
                "tick-ms",
                format!("it is {} ms, must be 10 to 1000; the default is 50", self.tick_ms),
            );
        }
        let ticks = self.reload.probation_ticks;
        if !(1..=MOST_PROBATION_TICKS).contains(&ticks) {
            let most = format!("must be 1 to {MOST_PROBATION_TICKS}, which is a day at 20 a second");
            return refuse("reload.probation-ticks", format!("it is {ticks} ticks, {most}"));
        }
        if self.access_ttl.is_zero() {
            return refuse(
                "access-ttl",
                "it is 0s: nobody could use a token; the default is \"24h\"".to_owned(),
            );
        }
        if self.refresh_ttl < self.access_ttl {
            let (refresh, access) = (span(self.refresh_ttl), span(self.access_ttl));
            let reason = format!("it is {refresh}, must be at least access-ttl, which is {access}");
            return refuse("refresh-ttl", reason);
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(600)).contains(&self.heartbeat) {
            return refuse("heartbeat", format!("it is {}, must be 100ms to 10m", span(self.heartbeat)));
        }
        if self.linkdead > MOST_LINKDEAD {
            return refuse("linkdead", format!("it is {}, must be 0s to 10m", span(self.linkdead)));
        }
        let away = self.presence.away_after;
        if !away.is_zero() && !(Duration::from_millis(100)..=LONGEST_AWAY).contains(&away) {
            let reason = format!("it is {}, must be 100ms to 1day, or 0s for never", span(away));
            return refuse("presence.away-after", reason);
        }
        if let Some(name) = self.scripts.grant_to.keys().find(|name| !is_script_name(name)) {
            return refuse("scripts.grant-to", format!("`{name}` is no name that a script can have"));
        }
        if self.profile == Profile::Production {
            for (name, origins) in
                [("cors-origins", &self.cors_origins), ("limits.origins", &self.limits.origins)]
            {
                if origins.iter().any(Origin::is_any) {
                    return refuse(name, ANY_IN_PRODUCTION.to_owned());
                }
            }
            if self.ws_echo {
                let reason = "it answers whatever it is sent, which is not for production; leave it out";
                return refuse("ws-echo", reason.to_owned());
            }
            let len = self.admin_token.as_ref().map_or(0, String::len);
            if len < 32 {
                let reason =
                    format!("it has {len} characters, production needs at least 32: `openssl rand -hex 32`");
                return refuse("admin-token", reason);
            }
        }
        Ok(())
    }

    /// What clients may do until an operator says otherwise.
    pub fn policy(&self) -> Policy {
        let mut policy = self.limits.clone();
        let further = self.cors_origins.iter().filter(|origin| !self.limits.origins.contains(*origin));
        policy.origins.extend(further.cloned());
        policy
    }

    /// The settings as TOML for people to read at start: secrets are not in it.
    pub fn redacted(&self) -> String {
        let mut shown = self.clone();
        shown.admin_token = shown.admin_token.map(|_| "<redacted>".to_owned());
        for url in [&mut shown.database_url, &mut shown.redis_url, &mut shown.nats_url] {
            *url = url.take().map(|url| redact_password(&url));
        }
        toml::to_string(&shown).unwrap_or_else(|error| format!("settings cannot be shown: {error}"))
    }
}

const SETTINGS: &[&str] = &[
    "profile",
    "listen",
    "admin-listen",
    "data",
    "database-url",
    "redis-url",
    "nats-url",
    "tick-ms",
    "seed",
    "sim-threads",
    "access-ttl",
    "refresh-ttl",
    "cors-origins",
    "guests",
    "ws-echo",
    "heartbeat",
    "linkdead",
    "replay-keep",
    "admin-token",
    "presence.away-after",
    "presence.show-zones",
    "reload.probation-ticks",
    "scripts.grant",
];

/// Those of them that are lists, separated by commas in a variable.
const LISTS: &[&str] = &["cors-origins", "scripts.grant", "limits.trusted-proxies", "limits.origins"];

/// `scheme://user:secret@host` without the secret.
fn redact_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "<redacted>".to_owned() };
    match rest.rsplit_once('@') {
        Some((credentials, host)) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:<redacted>@{host}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abuse::Rate;

    fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lore.toml");
        std::fs::write(&file, toml).unwrap();
        let variables: HashMap<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_sources(Some(&file), &variables)
    }

    #[test]
    fn nothing_said_is_the_defaults() {
        assert_eq!(load("", &[]).unwrap(), Config::default());
        Config::default().check().unwrap();
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let file = "access-ttl = \"15m\"\nseed = 7\nlisten = \"0.0.0.0:80\"\n";
        let variables = [
            ("LORE_SEED", "8"),
            ("DATABASE_URL", "postgres://a"),
            ("LORE_CORS_ORIGINS", "https://a.example, https://b.example"),
            ("LORE_GUESTS", "false"),
            ("LORE_RELOAD_PROBATION_TICKS", "60"),
            ("LORE_PRESENCE_AWAY_AFTER", "90s"),
            ("LORE_PRESENCE_SHOW_ZONES", "false"),
            ("LORE_SCRIPTS_GRANT", ""),
            ("LORE_JWT_KEYS", "not a setting"),
        ];
        let config = load(file, &variables).unwrap();
        assert_eq!(config.access_ttl, Duration::from_secs(900));
        assert_eq!(config.reload.probation_ticks, 60);
        let presence = Presence { away_after: Duration::from_secs(90), show_zones: false };
        assert_eq!(config.presence, presence);
        assert_eq!(config.scripts.grant, []);
        assert_eq!((config.seed, config.guests, config.listen.port()), (8, false, 80));
        assert_eq!(config.database_url.as_deref(), Some("postgres://a"));
        let policy = config.policy();
        assert!(policy.allows_page("https://a.example") && policy.allows_page("https://b.example"));
    }

    #[test]
    fn a_script_is_granted_what_stands_at_its_name() {
        let config = load("[scripts]\ngrant = []\n[scripts.grant-to]\nchat-filter = [\"log\"]", &[]).unwrap();
        config.check().unwrap();
        let Grants { all, by_name } = config.scripts.grants();
        assert_eq!((all, by_name), (vec![], [("chat-filter".to_owned(), vec![Capability::Log])].into()));
        assert!(
            config.redacted().contains("[scripts.grant-to]\nchat-filter = [\"log\"]"),
            "{}",
            config.redacted()
        );
        assert!(!Config::default().redacted().contains("grant-to"));
    }

    #[test]
    fn limits_are_settings() {
        let file = "[limits.connection]\nattack = \"3/s burst 3\"\n[limits.sockets]\nper-account = 9";
        let variables = [
            ("LORE_LIMITS_CONNECTION_QUEST_ACCEPT", "7/s burst 8"),
            ("LORE_LIMITS_SOCKETS_PER_ACCOUNT", "5"),
            ("LORE_LIMITS_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8"),
            ("LORE_LIMITS_ORIGINS", "https://a.example, https://b.example"),
            ("LORE_CORS_ORIGINS", "https://b.example, https://c.example"),
        ];
        let config = load(file, &variables).unwrap();
        let origins: Vec<String> = config.policy().origins.into_iter().map(String::from).collect();
        assert_eq!(origins, ["https://a.example", "https://b.example", "https://c.example"]);
        let limits = config.limits;
        assert_eq!(limits.connection.attack, Rate::per_second(3, 3));
        assert_eq!(limits.connection.quest_accept, Rate::per_second(7, 8));
        assert_eq!((limits.sockets.per_account, limits.trusted_proxies.len()), (5, 2));
        assert_eq!(limits.account, Policy::default().account);
        let wrong = load("[limits.conection]\nchat = \"1/s\"\n[limits.sockets]\nper-account = 0", &[]);
        let told = wrong.unwrap_err().to_string();
        assert!(told.contains("did you mean `connection`?") && told.contains("must be 1 to 16384"), "{told}");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(load("acces-ttl = \"1h\"", &[]).unwrap_err().to_string().contains("acces-ttl"));
        assert!(load("", &[("LORE_TICK_MS", "fast")]).is_err());
        let grant = load("[scripts]\ngrant = [\"log\", \"net\"]", &[]).unwrap_err().to_string();
        assert!(grant.contains("net") && grant.contains("scripts.grant"), "{grant}");
        let named = load("[scripts.grant-to]\nWolf = []", &[]).unwrap();
        assert!(named.check().unwrap_err().to_string().starts_with("scripts.grant-to: `Wolf`"));
        let slow = Config { tick_ms: 0, ..Config::default() };
        assert!(slow.check().unwrap_err().to_string().starts_with("tick-ms"));
        let hasty = load("[presence]\naway-after = \"1ms\"", &[]).unwrap();
        assert!(hasty.check().unwrap_err().to_string().starts_with("presence.away-after"));
        load("[presence]\naway-after = \"0s\"", &[]).unwrap().check().unwrap();
        let open = Config { profile: Profile::Production, ..Config::default() };
        assert!(open.check().unwrap_err().to_string().starts_with("admin-token"));
        for (variable, name) in
            [("LORE_CORS_ORIGINS", "cors-origins"), ("LORE_LIMITS_ORIGINS", "limits.origins")]
        {
            let any = load("profile = \"production\"", &[(variable, "*")]).unwrap();
            assert!(any.check().unwrap_err().to_string().starts_with(name));
        }
        let path = load("cors-origins = [\"https://a.example/\"]", &[]).unwrap_err().to_string();
        assert!(path.contains("is no origin"), "{path}");
        let echo = load("profile = \"production\"", &[("LORE_WS_ECHO", "true")]).unwrap();
        assert!(echo.check().unwrap_err().to_string().starts_with("ws-echo"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = Config {
            admin_token: Some("hush".to_owned()),
            database_url: Some("postgres://lore:p@ss@db/lore".to_owned()),
            ..Config::default()
        };
        let shown = config.redacted();
        assert!(!shown.contains("hush") && !shown.contains("p@ss"), "{shown}");
        assert!(shown.contains("postgres://lore:<redacted>@db/lore"), "{shown}");
    }
}
