//! Finds a module in the archive by what people call it: `combat@0.1.3`, or `combat@0.1.3+1a2b3c4d` where
//! several builds have that version.

use host_api::{Manifest, is_script_name};
use semver::Version;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Labels or names that an error lists; the newest of them.
const LISTED: usize = 20;

/// Why there is no such module.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The archive cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds other modules.
    #[error("{wanted} is not in the archive, which has {there}: choose one of these, or another --data")]
    Missing {
        /// What was asked for.
        wanted: String,
        /// The versions of that name, else all names.
        there: String,
    },
    /// It holds several.
    #[error("{wanted} may be {there}: say which one")]
    Several {
        /// What was asked for.
        wanted: String,
        /// Their labels.
        there: String,
    },
}

/// Whether this is what a module is called rather than a file's name.
pub fn is_label(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, _)| is_script_name(name))
}

/// The bytes of the module that is called this in the archive of a data folder.
///
/// # Errors
/// [`StoredError`]
pub fn stored_module(data: &Path, wanted: &str) -> Result<Vec<u8>, StoredError> {
    let folder = data.join("modules");
    let all = stored(&folder)?;
    let path = folder.join(format!("{}.wasm", choose(&all, wanted)?.digest));
    std::fs::read(&path).map_err(|source| StoredError::Io { path, source })
}

/// A module of the archive; the order is that of versions.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Stored {
    name: String,
    version: Version,
    /// Hex.
    digest: String,
}

impl Stored {
    fn label(&self) -> String {
        let digits = self.digest.get(..8).unwrap_or(&self.digest);
        format!("{}@{}+{digits}", self.name, self.version)
    }

    fn is_called(&self, wanted: &str) -> bool {
        let version = format!("{}@{}", self.name, self.version);
        match wanted.strip_prefix(version.as_str()) {
            Some("") => true,
            Some(more) => more.strip_prefix('+').is_some_and(|digits| self.digest.starts_with(digits)),
            None => false,
        }
    }
}

/// All modules, the newest version of each name first.
fn stored(folder: &Path) -> Result<Vec<Stored>, StoredError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| StoredError::Io { path, source }
    };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        let digest = match path.file_stem().and_then(|stem| stem.to_str()) {
            Some(stem) if path.extension().is_some_and(|extension| extension == "wasm") => stem.to_owned(),
            _ => continue,
        };
        let bytes = std::fs::read(&path).map_err(io(&path))?;
        // What another version of the server kept may have no name that this one can read.
        if let Ok(Manifest { name, version, .. }) = Manifest::read(&bytes) {
            all.push(Stored { name, version, digest });
        }
    }
    all.sort_by(|a, b| b.cmp(a));
    Ok(all)
}

fn choose<'a>(all: &'a [Stored], wanted: &str) -> Result<&'a Stored, StoredError> {
    let called: Vec<&Stored> = all.iter().filter(|stored| stored.is_called(wanted)).collect();
    let name = wanted.split('@').next().unwrap_or(wanted);
    match called.as_slice() {
        &[one] => Ok(one),
        [] => {
            let versions = all.iter().filter(|stored| stored.name == name).map(Stored::label);
            let mut there: Vec<String> = versions.collect();
            if there.is_empty() {
                let names: BTreeSet<&str> = all.iter().map(|stored| &*stored.name).collect();
                there = names.into_iter().map(ToOwned::to_owned).collect();
            }
            Err(StoredError::Missing { wanted: wanted.to_owned(), there: list(&there) })
        }
        several => {
            let labels: Vec<String> = several.iter().map(|stored| stored.label()).collect();
            Err(StoredError::Several { wanted: wanted.to_owned(), there: list(&labels) })
        }
    }
}

fn list(names: &[String]) -> String {
    let listed = names[..names.len().min(LISTED)].join(", ");
    match names.len().saturating_sub(LISTED) {
        0 if names.is_empty() => "no module".to_owned(),
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_by_version_and_where_needed_by_digest() {
        let stored = |name: &str, version: &str, digest: &str| Stored {
            name: name.to_owned(),
            version: version.parse().unwrap(),
            digest: digest.to_owned(),
        };
        let all = [
            stored("wolf", "0.1.0", "77777777aa"),
            stored("combat", "0.1.10", "abcd0000aa"),
            stored("combat", "0.1.1", "abcdef00bb"),
            stored("combat", "0.1.1", "abcdee00aa"),
        ];
        let found = |wanted| choose(&all, wanted).map(|stored| &*stored.digest).map_err(|e| e.to_string());
        assert_eq!(found("combat@0.1.10"), Ok("abcd0000aa"));
        assert_eq!(found("wolf@0.1.0+77777777"), Ok("77777777aa"));
        assert_eq!(found("combat@0.1.1+abcdef"), Ok("abcdef00bb"));
        let several = "combat@0.1.1 may be combat@0.1.1+abcdef00, combat@0.1.1+abcdee00: say which one";
        assert_eq!(found("combat@0.1.1"), Err(several.to_owned()));
        let none = found("combat@0.1").unwrap_err();
        assert!(none.contains("combat@0.1.10+abcd0000, combat@0.1.1+abcdef00"), "{none}");
        assert!(!none.contains("wolf"), "{none}");
        let none = found("wulf@0.1.0").unwrap_err();
        assert!(none.contains("which has combat, wolf:"), "{none}");
        assert!(found("combat@0.1.10+77").is_err());
        assert!(choose(&[], "wolf@0.1.0").is_err_and(|error| error.to_string().contains("no module")));
    }

    #[test]
    fn what_names_a_module_is_no_file() {
        assert!(is_label("combat@0.1.3") && is_label("chat-filter@0.1.3+1a2b"));
        assert!(!is_label("combat.wasm") && !is_label("./combat@0.1.3") && !is_label("@0.1.3"));
    }
}
