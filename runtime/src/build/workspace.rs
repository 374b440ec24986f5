//! The scripts' workspace: where it is, which scripts it has, what their `lore.toml` says.

use super::language::Language;
use super::{BuildError, io_error};
use host_api::{Capability, Kind, Manifest, ManifestLimits, ManifestProof, Scope};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One script.
#[derive(Clone, Debug)]
pub struct Script {
    /// Of its `lore.toml`, with the crate's version if it is one.
    pub manifest: Manifest,
    /// What it is written in.
    pub language: Language,
    /// cargo's name of the crate; for other languages that of the folder.
    pub package: String,
    folder: PathBuf,
}

impl Script {
    /// As content names it: `script/NAME`.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Where it lies, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// What an author writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoreToml {
    name: String,
    /// Of what is no crate: a crate's version stands in its Cargo.toml.
    version: Option<semver::Version>,
    kind: Kind,
    api: String,
    #[serde(default)]
    capabilities: Vec<Capability>,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    zones: Vec<String>,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    limits: ManifestLimits,
    #[serde(default)]
    proof: ManifestProof,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: semver::Version,
    manifest_path: PathBuf,
}

/// The nearest folder with `scripts/Cargo.toml`, from `from` upwards; returns its `scripts`.
///
/// # Errors
/// [`BuildError::NoWorkspace`] if there is none.
pub fn find_workspace(from: &Path) -> Result<PathBuf, BuildError> {
    let found = from.ancestors().map(|dir| dir.join("scripts")).find(|dir| dir.join("Cargo.toml").is_file());
    found.ok_or_else(|| BuildError::NoWorkspace(from.to_path_buf()))
}

/// All scripts of the workspace, by name: its crates that have a `lore.toml`, and its folders with a
/// `lore.toml` and a script in another language.
///
/// # Errors
/// If cargo cannot read the workspace, a `lore.toml` is wrong or two of them give the same name.
pub fn scripts_of(workspace_dir: &Path) -> Result<Vec<Script>, BuildError> {
    if !workspace_dir.join("Cargo.toml").is_file() {
        return Err(BuildError::NoWorkspace(workspace_dir.to_path_buf()));
    }
    let mut scripts = Vec::new();
    for package in crates_of(workspace_dir)? {
        let folder = package.manifest_path.parent().map(Path::to_path_buf).unwrap_or_default();
        if folder.join("lore.toml").is_file() {
            scripts.push(read_script(folder, Language::Rust, Some((package.name, package.version)))?);
        }
    }
    for folder in folders_of(workspace_dir)? {
        let language = Language::of(&folder).ok_or_else(|| BuildError::Manifest {
            path: folder.join("lore.toml"),
            reason: "there is no script beside it: no Cargo.toml, no script.ts, no script.c; put one there, or delete \
                     the file"
                .to_owned(),
        })?;
        scripts.push(read_script(folder, language, None)?);
    }
    scripts.sort_by(|a, b| (a.name(), &a.folder).cmp(&(b.name(), &b.folder)));
    // The components of both would be one file, and the one built last would win.
    for pair in scripts.windows(2) {
        if let [first, second] = pair
            && first.name() == second.name()
        {
            let name = first.name().to_owned();
            let (first, second) = (first.folder.clone(), second.folder.clone());
            return Err(BuildError::SameName { name, first, second });
        }
    }
    Ok(scripts)
}

fn crates_of(workspace_dir: &Path) -> Result<Vec<Package>, BuildError> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(workspace_dir)
        .stdin(Stdio::null())
        .output()
        .map_err(io_error(|| "cannot start cargo; is Rust installed?".into()))?;
    if !output.status.success() {
        return Err(BuildError::Workspace(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).map_err(|error| BuildError::Workspace(error.to_string()))?;
    Ok(metadata.packages)
}

/// Folders with a `lore.toml` that are no crates.
fn folders_of(workspace_dir: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let unreadable = || format!("cannot read {}", workspace_dir.display());
    let workspace_dir = workspace_dir.canonicalize().map_err(io_error(unreadable))?;
    let entries = std::fs::read_dir(&workspace_dir)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(io_error(unreadable))?;
    let folders = entries.into_iter().map(|entry| entry.path());
    let is_script =
        |folder: &PathBuf| folder.join("lore.toml").is_file() && !folder.join("Cargo.toml").exists();
    Ok(folders.filter(is_script).collect())
}

/// Reads a `lore.toml`. `package` is name and version of a crate.
fn read_script(
    folder: PathBuf,
    language: Language,
    package: Option<(String, semver::Version)>,
) -> Result<Script, BuildError> {
    let path = folder.join("lore.toml");
    let text =
        std::fs::read_to_string(&path).map_err(io_error(|| format!("cannot read {}", path.display())))?;
    let wrong = |reason: String| BuildError::Manifest { path: path.clone(), reason };
    let LoreToml { name, version, kind, api, capabilities, scope, zones, requires, mut limits, proof } =
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let (package, version) = match (package, version) {
        (Some(package), None) => package,
        (None, Some(version)) => (folder.file_name().unwrap_or_default().to_string_lossy().into(), version),
        (Some(_), Some(_)) => {
            return Err(wrong("remove `version`: a crate's stands in Cargo.toml".to_owned()));
        }
        (None, None) => return Err(wrong("it needs a line such as `version = \"0.1.0\"`".to_owned())),
    };
    language.complete(&mut limits);
    let manifest = Manifest { name, version, kind, api, capabilities, scope, zones, requires, limits, proof };
    manifest.check().map_err(|error| wrong(error.to_string()))?;
    Ok(Script { manifest, language, package, folder })
}

/// All scripts, or the one that is asked for.
pub(super) fn select(scripts: Vec<Script>, only: Option<&str>) -> Result<Vec<Script>, BuildError> {
    let Some(name) = only else { return Ok(scripts) };
    let known: Vec<&str> = scripts.iter().map(Script::name).collect();
    if let Some(at) = known.iter().position(|known| *known == name) {
        return Ok(vec![scripts[at].clone()]);
    }
    Err(BuildError::UnknownScript {
        name: name.to_owned(),
        hint: crate::content::suggestion(name, known.iter().copied()),
        known: known.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace with one script of this `lore.toml`.
    fn workspace(lore_toml: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join("scripts").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"wolf\", \"sdk\"]\n");
        write(
            "wolf/Cargo.toml",
            "[package]\nname = \"wolf-crate\"\nversion = \"1.2.3\"\nedition = \"2024\"\n",
        );
        write("wolf/src/lib.rs", "");
        write("wolf/lore.toml", lore_toml);
        write("sdk/Cargo.toml", "[package]\nname = \"sdk\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        write("sdk/src/lib.rs", "");
        root
    }

    fn complaint(lore_toml: &str) -> String {
        let root = workspace(lore_toml);
        scripts_of(&root.path().join("scripts")).unwrap_err().to_string()
    }

    #[test]
    fn scripts_are_the_crates_with_a_manifest() {
        let root = workspace("name = \"wolf\"\nkind = \"npc\"\napi = \"0.2\"\n");
        let scripts = scripts_of(&find_workspace(&root.path().join("scripts/wolf/src")).unwrap()).unwrap();
        let [wolf] = scripts.as_slice() else { panic!("{scripts:?}") };
        assert_eq!((wolf.name(), wolf.package.as_str()), ("wolf", "wolf-crate"));
        assert_eq!(wolf.manifest.version, semver::Version::new(1, 2, 3));
        let error = select(scripts, Some("wofl")).unwrap_err().to_string();
        assert_eq!(error, "there is no script `wofl` (did you mean `wolf`?); there are: wolf");
    }

    #[test]
    fn a_wrong_manifest_is_named_with_what_is_wrong() {
        let wrong_kind = complaint("name = \"wolf\"\nkind = \"poet\"\napi = \"0.2\"\n");
        assert!(wrong_kind.contains("wolf/lore.toml: TOML parse error at line 2"), "{wrong_kind}");
        assert!(wrong_kind.contains("unknown variant `poet`, expected one of `combat`"), "{wrong_kind}");
        let typo = complaint("name = \"wolf\"\nknd = \"npc\"\napi = \"0.2\"\n");
        assert!(typo.contains("line 2") && typo.contains("unknown field `knd`"), "{typo}");
        let api = complaint("name = \"wolf\"\nkind = \"npc\"\napi = \"0.9\"\n");
        assert!(api.contains("wolf/lore.toml: wolf is built for script API 0.9"), "{api}");
        let limits =
            |table: &str| complaint(&format!("name = \"wolf\"\nkind = \"npc\"\napi = \"0.2\"\n{table}"));
        let function = limits("[limits.thnik]\nfuel_base = 7\n");
        assert!(function.contains("line 4") && function.contains("did you mean `think`?"), "{function}");
        let limit = limits("[limits]\nfule_base = 7\n");
        assert!(limit.contains("line 5") && limit.contains("did you mean `fuel_base`?"), "{limit}");
        let own = limits("[limits.think]\nmemory_bytes = 7\n");
        assert!(own.contains("line 5") && own.contains("unknown field `memory_bytes`"), "{own}");
        let foreign = limits("[limits.resolve]\n");
        assert!(foreign.contains("wolf/lore.toml: wolf: limits.resolve limits nothing"), "{foreign}");
        let name = complaint("name = \"../wolf\"\nkind = \"npc\"\napi = \"0.2\"\n");
        assert!(name.contains("name `../wolf` must be 1 to 64"), "{name}");
    }

    #[test]
    fn folders_in_other_languages_are_scripts_with_limits_of_their_own() {
        let root = workspace("name = \"wolf\"\nkind = \"npc\"\napi = \"0.1\"\n");
        let scripts = root.path().join("scripts");
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(scripts.join(path).parent().unwrap()).unwrap();
            std::fs::write(scripts.join(path), text).unwrap();
        };
        let lore_toml =
            |name: &str| format!("name = \"{name}\"\nversion = \"2.0.1\"\nkind = \"npc\"\napi = \"0.1\"\n");
        let limits = "[limits]\nfuel_base = 7\n[limits.think]\ndeadline_ms = 20\n";
        write("bard/lore.toml", &format!("{}{limits}", lore_toml("bard")));
        write("bard/script.ts", "");
        write("crow/lore.toml", &lore_toml("crow"));
        write("crow/script.c", "");
        let found = scripts_of(&scripts).unwrap();
        let languages: Vec<_> = found.iter().map(|script| (script.name(), script.language)).collect();
        assert_eq!(
            languages,
            [("bard", Language::TypeScript), ("crow", Language::C), ("wolf", Language::Rust)]
        );
        assert_eq!(found[0].manifest.version, semver::Version::new(2, 0, 1));
        assert_eq!(found[0].manifest.limits.fuel_base, Some(7));
        assert_eq!(found[0].manifest.limits.exports["think"].deadline_ms, Some(20));
        assert!(found[0].manifest.limits.fuel_per_item > found[1].manifest.limits.fuel_per_item);
        write("crow/lore.toml", "name = \"crow\"\nkind = \"npc\"\napi = \"0.1\"\n");
        let error = scripts_of(&scripts).unwrap_err().to_string();
        assert!(error.contains("crow/lore.toml") && error.contains("version = "), "{error}");
        std::fs::remove_file(scripts.join("crow/script.c")).unwrap();
        let error = scripts_of(&scripts).unwrap_err().to_string();
        assert!(error.contains("no script beside it"), "{error}");
    }

    #[test]
    fn two_scripts_of_one_name_are_refused_with_both_folders() {
        let lore_toml = "name = \"wolf\"\nkind = \"npc\"\napi = \"0.2\"\n";
        let root = workspace(lore_toml);
        let scripts = root.path().join("scripts");
        std::fs::write(scripts.join("sdk/lore.toml"), lore_toml).unwrap();
        let error = scripts_of(&scripts).unwrap_err().to_string();
        assert!(error.contains("`wolf`"), "{error}");
        assert!(error.contains("scripts/sdk") && error.contains("scripts/wolf"), "{error}");
    }

    #[test]
    fn no_workspace_says_where_it_was_looked_for() {
        let empty = tempfile::tempdir().unwrap();
        let error = find_workspace(empty.path()).unwrap_err().to_string();
        assert!(
            error.contains(&empty.path().display().to_string()) && error.contains("--scripts"),
            "{error}"
        );
    }
}
