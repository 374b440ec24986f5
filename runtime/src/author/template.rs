//! `lore new`: a script that builds and passes its tests at once.

use super::component::from_here;
use crate::build::{BuildError, Language, Script, scripts_of};
use host_api::{Api, Kind};
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item};

/// What becomes of the `lore.toml` of a script that is replaced. A script is what has a `lore.toml`: without
/// one its folder is built no more.
pub const REPLACED: &str = "lore.toml.replaced";

/// What was made.
#[derive(Clone, Debug)]
pub struct NewScript {
    /// As the host knows it: the name in its `lore.toml`.
    pub script: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its files, the rules last.
    pub files: Vec<PathBuf>,
    /// Folders of the scripts whose place it took.
    pub replaced: Vec<PathBuf>,
}

/// Why there is no new script. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name cannot be that of a script.
    #[error("`{0}` is no name for a script: 1 to 64 of a-z, 0-9 and `-`, starting with a letter")]
    Name(String),
    /// Nobody has written a first script of this kind in this language yet.
    #[error("there is no template of kind {kind} in {language}; there are templates for: {known}")]
    NoTemplate {
        /// As asked.
        kind: Kind,
        /// As asked.
        language: Language,
        /// Kinds there are.
        known: String,
    },
    /// Something is there already.
    #[error("{} exists already: choose another name, or delete it", .0.display())]
    Exists(PathBuf),
    /// A world has one script of this kind, and the workspace has it.
    #[error(
        "a world has one script of kind {kind}, and that is `{script}` in {}: edit that one, or add --replace to let \
         `{name}` take its place",
        folder.display()
    )]
    Single {
        /// As asked.
        kind: Kind,
        /// As asked.
        name: String,
        /// The script there is.
        script: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// A script that takes the place of another, where there is no place to take.
    #[error("no script of kind {0} has to make way for another: leave out --replace")]
    NothingToReplace(Kind),
    /// The scripts of the workspace cannot be told.
    #[error(transparent)]
    Scripts(#[from] BuildError),
    /// The workspace's Cargo.toml is not what it should be.
    #[error("{}: {reason}", path.display())]
    Workspace {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The rules a script of this kind begins with.
const fn rules(kind: Kind, language: Language) -> Option<&'static str> {
    Some(match (language, kind) {
        (Language::Rust, Kind::Combat) => include_str!("templates/combat.rs"),
        (Language::Rust, Kind::Ability) => include_str!("templates/ability.rs"),
        (Language::Rust, Kind::Npc) => include_str!("templates/npc.rs"),
        (Language::Rust, Kind::Quest) => include_str!("templates/quest.rs"),
        (Language::Rust, Kind::Dialog) => include_str!("templates/dialog.rs"),
        (Language::Rust, Kind::Chat) => include_str!("templates/chat.rs"),
        (Language::Rust, Kind::Zone) => include_str!("templates/zone.rs"),
        (Language::Rust, Kind::Loot) => include_str!("templates/loot.rs"),
        (Language::Rust, Kind::Progression) => include_str!("templates/progression.rs"),
        (Language::Rust, Kind::Economy) => include_str!("templates/economy.rs"),
        (Language::Rust, Kind::Encounter) => include_str!("templates/encounter.rs"),
        (Language::Rust, Kind::Event) => include_str!("templates/event.rs"),
        (Language::TypeScript, Kind::Combat) => include_str!("templates/ts/combat.ts"),
        (Language::TypeScript, Kind::Ability) => include_str!("templates/ts/ability.ts"),
        (Language::TypeScript, Kind::Npc) => include_str!("templates/ts/npc.ts"),
        (Language::TypeScript, Kind::Quest) => include_str!("templates/ts/quest.ts"),
        (Language::TypeScript, Kind::Dialog) => include_str!("templates/ts/dialog.ts"),
        (Language::TypeScript, Kind::Chat) => include_str!("templates/ts/chat.ts"),
        (Language::TypeScript, Kind::Zone) => include_str!("templates/ts/zone.ts"),
        (Language::TypeScript, Kind::Loot) => include_str!("templates/ts/loot.ts"),
        (Language::TypeScript, Kind::Progression) => include_str!("templates/ts/progression.ts"),
        (Language::TypeScript, Kind::Economy) => include_str!("templates/ts/economy.ts"),
        (Language::TypeScript, Kind::Encounter) => include_str!("templates/ts/encounter.ts"),
        (Language::TypeScript, Kind::Event) => include_str!("templates/ts/event.ts"),
        (Language::C, Kind::Combat) => include_str!("templates/c/combat.c"),
        (Language::C, Kind::Ability) => include_str!("templates/c/ability.c"),
        (Language::C, Kind::Npc) => include_str!("templates/c/npc.c"),
        (Language::C, Kind::Loot) => include_str!("templates/c/loot.c"),
        (Language::C, _) => return None,
    })
}

/// Whether [`new_script`] has something to begin with.
pub const fn has_template(kind: Kind, language: Language) -> bool {
    rules(kind, language).is_some()
}

/// Its first scenarios.
const fn scenarios(kind: Kind) -> &'static str {
    match kind {
        Kind::Combat => include_str!("templates/combat.toml"),
        Kind::Ability => include_str!("templates/ability.toml"),
        Kind::Npc => include_str!("templates/npc.toml"),
        Kind::Quest => include_str!("templates/quest.toml"),
        Kind::Dialog => include_str!("templates/dialog.toml"),
        Kind::Chat => include_str!("templates/chat.toml"),
        Kind::Zone => include_str!("templates/zone.toml"),
        Kind::Loot => include_str!("templates/loot.toml"),
        Kind::Progression => include_str!("templates/progression.toml"),
        Kind::Economy => include_str!("templates/economy.toml"),
        Kind::Encounter => include_str!("templates/encounter.toml"),
        Kind::Event => include_str!("templates/event.toml"),
    }
}

fn cargo_toml(name: &str, kind: Kind) -> String {
    format!(
        r#"[package]
name = "{name}"
description = "A script of kind {kind}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
lore-sdk.workspace = true
wit-bindgen.workspace = true

[lints]
workspace = true
"#
    )
}

fn lore_toml(name: &str, kind: Kind, language: Language) -> String {
    let (says, version) = match language {
        Language::Rust => (" Its version stands in Cargo.toml.", ""),
        Language::TypeScript | Language::C => ("", "version = \"0.1.0\"\n"),
    };
    format!(
        r#"# What this script is to the host.{says}
name = "{name}"
{version}kind = "{kind}"
api = "{}"
# What it imports: the log, so that a panic can say where it happened.
capabilities = ["log"]
# Content that must exist for this script to be of use, such as "ability/bite".
requires = []
"#,
        Api::CURRENT
    )
}

/// All files of the script, the rules last. `name` is that of the folder.
fn files(
    name: &str,
    script: &str,
    kind: Kind,
    language: Language,
    rules: &str,
) -> Vec<(&'static str, String)> {
    let named = |text: &str| text.replace("__NAME__", script).replace("__KIND__", kind.name());
    let mut files = match language {
        Language::Rust => vec![("Cargo.toml", cargo_toml(name, kind))],
        Language::TypeScript => vec![
            ("package.json", named(include_str!("templates/ts/package.json"))),
            ("tsconfig.json", named(include_str!("templates/ts/tsconfig.json"))),
        ],
        // For editors: where the headers are.
        Language::C => vec![("compile_flags.txt", named(include_str!("templates/c/compile_flags.txt")))],
    };
    files.push(("lore.toml", lore_toml(script, kind, language)));
    files.push(("tests/first.toml", named(scenarios(kind))));
    files.push((language.source(), named(rules)));
    files
}

/// Makes the script `name` in the scripts' workspace; a crate is added to its members.
///
/// With `replace` it takes the place and the name of the present script of a kind of which a world has one;
/// that one's folder stays, without its `lore.toml` (see [`REPLACED`]).
///
/// # Errors
/// [`NewError`]; nothing was changed then, unless a file could not be written half-way.
pub fn new_script(
    workspace: &Path,
    name: &str,
    kind: Kind,
    language: Language,
    replace: bool,
) -> Result<NewScript, NewError> {
    if !host_api::is_script_name(name) {
        return Err(NewError::Name(name.chars().take(80).collect()));
    }
    let Some(rules) = rules(kind, language) else {
        let known: Vec<&str> =
            Kind::ALL.iter().filter(|kind| has_template(**kind, language)).map(|kind| kind.name()).collect();
        return Err(NewError::NoTemplate { kind, language, known: known.join(", ") });
    };
    let folder = workspace.join(name);
    if folder.exists() {
        return Err(NewError::Exists(folder));
    }
    let present = in_its_place(workspace, kind)?;
    let script = match present.first() {
        // A running world knows a script by its name: under another one it would not be taken.
        Some(there) if replace => there.name().to_owned(),
        Some(there) => {
            let (script, folder) = (there.name().to_owned(), from_here(there.folder()));
            return Err(NewError::Single { kind, name: name.to_owned(), script, folder });
        }
        None if replace => return Err(NewError::NothingToReplace(kind)),
        None => name.to_owned(),
    };
    let manifest = workspace.join("Cargo.toml");
    let with_member = with_member(&manifest, name)?;
    let mut written = Vec::new();
    for (file, text) in files(name, &script, kind, language, rules) {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(&folder);
        let done = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text));
        done.map_err(|source| NewError::Io { path: path.clone(), source })?;
        written.push(path);
    }
    if language == Language::Rust {
        std::fs::write(&manifest, with_member).map_err(|source| NewError::Io { path: manifest, source })?;
    }
    let mut replaced = Vec::new();
    for there in present {
        let path = there.folder().join("lore.toml");
        std::fs::rename(&path, there.folder().join(REPLACED))
            .map_err(|source| NewError::Io { path, source })?;
        replaced.push(there.folder().to_owned());
    }
    Ok(NewScript { script, folder, files: written, replaced })
}

/// The scripts that have the one place of this kind; none if a world has any number of them.
fn in_its_place(workspace: &Path, kind: Kind) -> Result<Vec<Script>, NewError> {
    if !kind.is_single() {
        return Ok(Vec::new());
    }
    let mut scripts = scripts_of(workspace)?;
    scripts.retain(|script| script.manifest.kind == kind);
    Ok(scripts)
}

/// The workspace's Cargo.toml with one member more; everything else in it stays as it is.
fn with_member(path: &Path, name: &str) -> Result<String, NewError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| NewError::Io { path: path.to_owned(), source })?;
    let wrong = |reason: String| NewError::Workspace { path: path.to_owned(), reason };
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| wrong(error.to_string()))?;
    let members = document.get_mut("workspace").and_then(|workspace| workspace.get_mut("members"));
    let members = members.and_then(Item::as_array_mut);
    let members = members.ok_or_else(|| {
        wrong("it has no list `workspace.members`; write `[workspace]` with `members = []`".to_owned())
    })?;
    if !members.iter().any(|member| member.as_str() == Some(name)) {
        members.push(name);
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "# kept\n[workspace]\nmembers = [\"sdk\"] # kept too\n";

    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), WORKSPACE).unwrap();
        folder
    }

    #[test]
    fn a_new_script_becomes_a_member_and_nothing_else_changes() {
        let folder = workspace();
        let new = || new_script(folder.path(), "night-wolf", Kind::Npc, Language::Rust, false);
        let files = new().unwrap().files;
        let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        assert_eq!(manifest, WORKSPACE.replace("[\"sdk\"]", "[\"sdk\", \"night-wolf\"]"));
        let rules = std::fs::read_to_string(files.last().unwrap()).unwrap();
        assert!(rules.contains("npc/night-wolf") && !rules.contains("__"), "{rules}");
        let again = new().unwrap_err().to_string();
        assert!(again.contains("exists already"), "{again}");
    }

    #[test]
    fn other_languages_begin_without_cargo() {
        let folder = workspace();
        for (name, language, file) in
            [("owl", Language::TypeScript, "script.ts"), ("crow", Language::C, "script.c")]
        {
            let new = new_script(folder.path(), name, Kind::Npc, language, false).unwrap();
            assert!(new.files.last().unwrap().ends_with(file), "{new:?}");
            let lore_toml = std::fs::read_to_string(new.folder.join("lore.toml")).unwrap();
            assert!(lore_toml.contains("version = \"0.1.0\"\nkind = \"npc\""), "{lore_toml}");
        }
        let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        assert_eq!(manifest, WORKSPACE);
        let ode = new_script(folder.path(), "ode", Kind::Dialog, Language::C, false);
        let error = ode.unwrap_err().to_string();
        assert!(error.contains("dialog in C; there are templates for: combat, ability, npc"), "{error}");
        assert!(!folder.path().join("ode").exists());
    }

    #[test]
    fn bad_names_and_workspaces_are_named() {
        let folder = workspace();
        for name in ["", "Wolf", "../wolf", "1wolf", &"a".repeat(65)] {
            assert!(
                matches!(
                    new_script(folder.path(), name, Kind::Quest, Language::Rust, false),
                    Err(NewError::Name(_))
                ),
                "{name}"
            );
        }
        std::fs::write(folder.path().join("Cargo.toml"), "[package]\n").unwrap();
        let wolf = new_script(folder.path(), "wolf", Kind::Quest, Language::Rust, false);
        let error = wolf.unwrap_err().to_string();
        assert!(error.contains("workspace.members"), "{error}");
        assert!(!folder.path().join("wolf").exists());
    }

    #[test]
    fn where_a_world_has_one_script_a_second_takes_its_place_and_name_or_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let empty = "[workspace]\nresolver = \"3\"\nmembers = []\n";
        std::fs::write(folder.path().join("Cargo.toml"), empty).unwrap();
        let new = |name: &str, kind: Kind, replace: bool| {
            new_script(folder.path(), name, kind, Language::C, replace)
        };
        assert_eq!(new("duel", Kind::Combat, false).unwrap().script, "duel");
        let error = new("brawl", Kind::Combat, false).unwrap_err().to_string();
        assert!(error.contains("`duel` in ") && error.contains("--replace"), "{error}");
        assert!(!folder.path().join("brawl").exists());

        let brawl = new("brawl", Kind::Combat, true).unwrap();
        assert_eq!((brawl.script.as_str(), brawl.replaced.len()), ("duel", 1));
        let scripts = scripts_of(folder.path()).unwrap();
        let [only] = scripts.as_slice() else { panic!("{scripts:?}") };
        assert!(only.name() == "duel" && only.folder().ends_with("brawl"), "{only:?}");
        let duel = folder.path().join("duel");
        assert!(duel.join("script.c").is_file() && duel.join(REPLACED).is_file());

        for kind in [Kind::Npc, Kind::Loot] {
            let error = new("fang", kind, true).unwrap_err().to_string();
            assert!(error.contains("leave out --replace"), "{error}");
        }
    }
}
