//! `lore new`: a script that builds and passes its tests at once.

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

const fn rules(kind: Kind) -> &'static str {
    match kind {
        Kind::Combat => include_str!("templates/combat.rs"),
        Kind::Ability => include_str!("templates/ability.rs"),
        Kind::Npc => include_str!("templates/npc.rs"),
        Kind::Quest => include_str!("templates/quest.rs"),
        Kind::Dialog => include_str!("templates/dialog.rs"),
        Kind::Chat => include_str!("templates/chat.rs"),
        Kind::Zone => include_str!("templates/zone.rs"),
        Kind::Loot => include_str!("templates/loot.rs"),
        Kind::Progression => include_str!("templates/progression.rs"),
        Kind::Economy => include_str!("templates/economy.rs"),
    }
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

fn lore_toml(name: &str, kind: Kind) -> String {
    format!(
        r#"# What this script is to the host. Its version stands in Cargo.toml.
name = "{name}"
kind = "{kind}"
api = "{}"
# What it imports: the log, so that a panic can say where it happened.
capabilities = ["log"]
# Content that must exist for this script to be of use, such as "ability/bite".
requires = []
"#,
        Api::CURRENT
    )
}

/// Makes the script `name` in the scripts' workspace and adds it to its members.
///
/// # Errors
/// [`NewError`]; nothing was changed then, unless a file could not be written half-way.
pub fn new_script(workspace: &Path, name: &str, kind: Kind) -> Result<NewScript, NewError> {
    if !host_api::is_script_name(name) {
        return Err(NewError::Name(name.chars().take(80).collect()));
    }
    let folder = workspace.join(name);
    if folder.exists() {
        return Err(NewError::Exists(folder));
    }
    let manifest = workspace.join("Cargo.toml");
    let with_member = with_member(&manifest, name)?;
    let files = [
        ("Cargo.toml", cargo_toml(name, kind)),
        ("lore.toml", lore_toml(name, kind)),
        ("tests/first.toml", scenarios(kind).replace("__NAME__", name)),
        ("src/lib.rs", rules(kind).replace("__NAME__", name)),
    ];
    let mut written = Vec::new();
    for (file, text) in files {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(&folder);
        let done = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text));
        done.map_err(|source| NewError::Io { path: path.clone(), source })?;
        written.push(path);
    }
    std::fs::write(&manifest, with_member).map_err(|source| NewError::Io { path: manifest, source })?;
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
        let new = new_script(folder.path(), "night-wolf", Kind::Npc).unwrap();
        let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        assert_eq!(manifest, WORKSPACE.replace("[\"sdk\"]", "[\"sdk\", \"night-wolf\"]"));
        let rules = std::fs::read_to_string(new.files.last().unwrap()).unwrap();
        assert!(rules.contains("npc/night-wolf") && !rules.contains("__"), "{rules}");
        let again = new_script(folder.path(), "night-wolf", Kind::Npc).unwrap_err().to_string();
        assert!(again.contains("exists already"), "{again}");
    }

    #[test]
    fn bad_names_and_workspaces_are_named() {
        let folder = workspace();
        for name in ["", "Wolf", "../wolf", "1wolf", &"a".repeat(65)] {
            assert!(matches!(new_script(folder.path(), name, Kind::Quest), Err(NewError::Name(_))), "{name}");
        }
        std::fs::write(folder.path().join("Cargo.toml"), "[package]\n").unwrap();
        let error = new_script(folder.path(), "wolf", Kind::Quest).unwrap_err().to_string();
        assert!(error.contains("workspace.members"), "{error}");
        assert!(!folder.path().join("wolf").exists());
    }
}
