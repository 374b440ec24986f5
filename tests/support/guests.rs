//! A workspace of scripts in TypeScript and C, with no crate in it. Kept between runs, because
//! installing the packages takes longest.

use super::world::Copied;
use crate::live::{lore, root};
use host_api::Kind;
use runtime::build::{Language, diagnose_languages, scripts_of};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The workspace; only one story has it at a time.
pub struct Guests {
    scripts: PathBuf,
    _only_one: MutexGuard<'static, ()>,
}

static ONLY_ONE: Mutex<()> = Mutex::new(());

/// Whether scripts in this language can be built here; says so if not.
///
/// # Panics
/// If they cannot and `CI` is set, where everything must be tested.
pub fn can_build(language: Language) -> bool {
    let findings = diagnose_languages();
    let finding = findings.iter().find(|finding| finding.what == language.to_string()).unwrap();
    if !finding.ok {
        assert!(std::env::var_os("CI").is_none(), "scripts in {language} must be built here: {finding:?}");
        eprintln!("skipped: no tools for {language} here; {}", finding.detail);
    }
    finding.ok
}

/// As `--lang` has it.
pub fn name(language: Language) -> &'static str {
    match language {
        Language::Rust => "rust",
        Language::TypeScript => "ts",
        Language::C => "c",
    }
}

impl Guests {
    /// Opens the workspace; a second one waits until this one is closed.
    pub fn open() -> Self {
        let only_one = ONLY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages");
        Copied::into("wit", &folder);
        Copied::into("scripts/sdk", &folder);
        let scripts = folder.join("scripts");
        for file in ["package.json", "package-lock.json", "tsconfig.json"] {
            std::fs::copy(root().join("scripts").join(file), scripts.join(file)).unwrap();
        }
        std::fs::write(scripts.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = []\n").unwrap();
        Self { scripts, _only_one: only_one }
    }

    /// `lore new`, after taking away what was left of that name, and of a kind that a world has once.
    pub fn begin(&self, name: &str, kind: Kind, language: Language) -> PathBuf {
        let folder = self.scripts.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        if kind.is_single() {
            let others = scripts_of(&self.scripts).unwrap();
            for other in others.iter().filter(|other| other.manifest.kind == kind) {
                std::fs::remove_dir_all(other.folder()).unwrap();
            }
        }
        let lang = self::name(language);
        let output = lore()
            .args(["new", name, "--kind", kind.name(), "--lang", lang, "--scripts"])
            .arg(&self.scripts)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    }

    /// Replaces the first `from` in a script's rules by `to`.
    pub fn edit(&self, name: &str, language: Language, from: &str, to: &str) {
        let path = self.scripts.join(name).join(language.source());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{} no longer holds {from:?}", path.display());
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// `lore build`: the component's file and whether it changed, or what was said against it.
    pub fn build(&self, name: &str) -> Result<(PathBuf, bool), String> {
        let output = lore()
            .args(["build", name, "--json", "--scripts"])
            .arg(&self.scripts)
            .current_dir(self.scripts.parent().unwrap())
            .output()
            .unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let built: Value = serde_json::from_slice(&output.stdout).unwrap();
        let script = &built["scripts"][0];
        Ok((script["path"].as_str().unwrap().into(), script["changed"].as_bool().unwrap()))
    }

    /// `lore test` of what was built: whether all of it holds, and what it said.
    pub fn test(&self, name: &str) -> (bool, String) {
        let mut test = lore();
        test.args(["test", name, "--no-build", "--scripts"]).arg(&self.scripts);
        let output = test.current_dir(self.scripts.parent().unwrap()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Where the author's commands keep compiled code; empty.
    pub fn compiled(&self) -> PathBuf {
        let folder = self.scripts.join("target/lore/compiled");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        folder
    }

    /// The formula of the starter's combat script in this language, built.
    pub fn formula(&self, language: Language) -> Vec<u8> {
        let name = format!("combat-{}", name(language));
        let folder = self.begin(&name, Kind::Combat, language);
        let file = language.source().replace("script", "combat");
        let source = root().join("host-api/benches/combat").join(file);
        std::fs::copy(source, folder.join(language.source())).unwrap();
        let (path, _) = self.build(&name).unwrap_or_else(|error| panic!("{error}"));
        std::fs::read(path).unwrap()
    }
}
