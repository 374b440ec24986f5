//! `lore new`: a script that builds and passes its tests at once.

use crate::build::Language;
use host_api::{Api, Kind};
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item};

/// What was made.
#[derive(Clone, Debug)]
pub struct NewScript {
    /// Its folder.
    pub folder: PathBuf,
    /// Its files, the rules last.
    pub files: Vec<PathBuf>,
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

/// What lies beside `lore.toml`, the rules last.
fn files(name: &str, kind: Kind, language: Language, rules: &str) -> Vec<(&'static str, String)> {
    let named = |text: &str| text.replace("__NAME__", name).replace("__KIND__", kind.name());
    let mut files = match language {
        Language::Rust => vec![("Cargo.toml", cargo_toml(name, kind))],
        Language::TypeScript => vec![
            ("package.json", named(include_str!("templates/ts/package.json"))),
            ("tsconfig.json", named(include_str!("templates/ts/tsconfig.json"))),
        ],
        // For editors: where the headers are.
        Language::C => vec![("compile_flags.txt", named(include_str!("templates/c/compile_flags.txt")))],
    };
    files.push(("lore.toml", lore_toml(name, kind, language)));
    files.push(("tests/first.toml", named(scenarios(kind))));
    files.push((language.source(), named(rules)));
    files
}

/// Makes the script `name` in the scripts' workspace; a crate is added to its members.
///
/// # Errors
/// [`NewError`]; nothing was changed then, unless a file could not be written half-way.
pub fn new_script(
    workspace: &Path,
    name: &str,
    kind: Kind,
    language: Language,
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
    let manifest = workspace.join("Cargo.toml");
    let with_member = with_member(&manifest, name)?;
    let mut written = Vec::new();
    for (file, text) in files(name, kind, language, rules) {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(&folder);
        let done = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text));
        done.map_err(|source| NewError::Io { path: path.clone(), source })?;
        written.push(path);
    }
    if language == Language::Rust {
        std::fs::write(&manifest, with_member).map_err(|source| NewError::Io { path: manifest, source })?;
    }
    Ok(NewScript { folder, files: written })
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
    let members = members.ok_or_else(|| wrong("it has no list `workspace.members`".to_owned()))?;
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
        let new = new_script(folder.path(), "night-wolf", Kind::Npc, Language::Rust).unwrap();
        let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        assert_eq!(manifest, WORKSPACE.replace("[\"sdk\"]", "[\"sdk\", \"night-wolf\"]"));
        let rules = std::fs::read_to_string(new.files.last().unwrap()).unwrap();
        assert!(rules.contains("npc/night-wolf") && !rules.contains("__"), "{rules}");
        let again =
            new_script(folder.path(), "night-wolf", Kind::Npc, Language::Rust).unwrap_err().to_string();
        assert!(again.contains("exists already"), "{again}");
    }

    #[test]
    fn other_languages_begin_without_cargo() {
        let folder = workspace();
        for (name, language, file) in
            [("owl", Language::TypeScript, "script.ts"), ("crow", Language::C, "script.c")]
        {
            let new = new_script(folder.path(), name, Kind::Npc, language).unwrap();
            assert!(new.files.last().unwrap().ends_with(file), "{new:?}");
            let lore_toml = std::fs::read_to_string(new.folder.join("lore.toml")).unwrap();
            assert!(lore_toml.contains("version = \"0.1.0\"\nkind = \"npc\""), "{lore_toml}");
        }
        let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        assert_eq!(manifest, WORKSPACE);
        let error = new_script(folder.path(), "ode", Kind::Dialog, Language::C).unwrap_err().to_string();
        assert!(error.contains("dialog in C; there are templates for: combat, ability, npc"), "{error}");
        assert!(!folder.path().join("ode").exists());
    }

    #[test]
    fn bad_names_and_workspaces_are_named() {
        let folder = workspace();
        for name in ["", "Wolf", "../wolf", "1wolf", &"a".repeat(65)] {
            assert!(
                matches!(
                    new_script(folder.path(), name, Kind::Quest, Language::Rust),
                    Err(NewError::Name(_))
                ),
                "{name}"
            );
        }
        std::fs::write(folder.path().join("Cargo.toml"), "[package]\n").unwrap();
        let error = new_script(folder.path(), "wolf", Kind::Quest, Language::Rust).unwrap_err().to_string();
        assert!(error.contains("workspace.members"), "{error}");
        assert!(!folder.path().join("wolf").exists());
    }
}
