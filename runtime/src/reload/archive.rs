//! What is live, on disk: module bytes by digest, which of them is live, and the history. Restored at the next
//! start.

use super::change::Changes;
use super::content::EarlierContent;
use super::history::{self, HistoryEntry};
use super::prove_content::Proof;
use super::quarantine::Quarantine;
use super::tidy::{Digests, prune};
use host_api::Former;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Texts of a content folder by relative path.
pub type ContentFiles = BTreeMap<String, String>;

/// Proofs kept; those of changes that are still shown are among them.
const PROOFS: usize = 128;

/// The folder of everything that was pushed.
pub struct Archive {
    data: PathBuf,
}

/// Which module is live in the place of one of the starter pack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LiveModule {
    /// Digest of what runs.
    pub digest: String,
    /// Digest of what the pack had when it was pushed; a newer pack takes over again.
    pub base: Option<String>,
}

/// Content that is live in the place of that of the pack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LiveContent {
    /// First eight bytes of the digest of what runs, hex.
    pub digest: String,
    /// The same of what the pack had when it was pushed; a newer pack takes over again.
    pub base: String,
}

/// `live.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LiveSet {
    /// Number of the last generation.
    pub generation: u64,
    /// By script name.
    pub modules: BTreeMap<String, LiveModule>,
    /// Content that was pushed, if any.
    #[serde(default)]
    pub content: Option<LiveContent>,
    /// Contents that ran before it, to go back to.
    #[serde(default)]
    pub earlier_content: EarlierContent,
    /// Digests that must not run again, and why. What is live all the same rests.
    #[serde(default)]
    pub quarantined: Quarantine,
    /// Digests of earlier versions to go back to, by script name, oldest first.
    #[serde(default)]
    pub earlier: BTreeMap<String, Vec<String>>,
    /// Digests of the modules that have written state, by script name and schema.
    #[serde(default)]
    pub former: BTreeMap<String, BTreeMap<u32, String>>,
    /// Digests that passed their probation.
    #[serde(default)]
    pub trusted: BTreeSet<String>,
    /// Changes and how far they have come. Here and not in a file of their own, so that what is live and
    /// what is known about it are replaced together.
    #[serde(default)]
    pub changes: Changes,
}

impl LiveSet {
    /// Takes down who is asked about state of schemas that are not live.
    pub fn remember(&mut self, former: &Former) {
        self.former.clear();
        for module in former.modules() {
            let schemas = self.former.entry(module.name().to_owned()).or_default();
            schemas.insert(module.schema(), module.digest());
        }
    }
}

impl Archive {
    /// The archive in the data folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(data: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(data.join("modules"))?;
        std::fs::create_dir_all(data.join("content"))?;
        std::fs::create_dir_all(data.join("proofs"))?;
        Ok(Self { data: data.to_owned() })
    }

    fn module_path(&self, digest: &str) -> PathBuf {
        self.data.join("modules").join(format!("{digest}.wasm"))
    }

    /// Keeps the bytes of a module.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn keep_module(&self, digest: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.module_path(digest);
        if path.exists() { mark(&path) } else { replace(&path, bytes) }
    }

    /// The bytes of a module kept earlier.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn module(&self, digest: &str) -> std::io::Result<Vec<u8>> {
        std::fs::read(self.module_path(digest))
    }

    fn content_path(&self, digest: u64) -> PathBuf {
        self.data.join("content").join(format!("{digest:016x}.json"))
    }

    /// Keeps the files of a content.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn keep_content(&self, digest: u64, files: &ContentFiles) -> std::io::Result<()> {
        let path = self.content_path(digest);
        if path.exists() {
            return mark(&path);
        }
        replace(&path, &serde_json::to_vec(files).map_err(std::io::Error::other)?)
    }

    /// The files of a content kept earlier, by its digest in hex.
    ///
    /// # Errors
    /// They cannot be read or understood.
    pub fn content(&self, digest: &str) -> std::io::Result<ContentFiles> {
        let digest = u64::from_str_radix(digest, 16).map_err(std::io::Error::other)?;
        let bytes = std::fs::read(self.content_path(digest))?;
        serde_json::from_slice(&bytes).map_err(std::io::Error::other)
    }

    fn proof_path(&self, change: u64) -> PathBuf {
        self.data.join("proofs").join(format!("{change:08}.json"))
    }

    /// Keeps what a proof showed, and the last [`PROOFS`] of the others.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_proof(&self, change: u64, report: &Proof) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(report).map_err(std::io::Error::other)?;
        replace(&self.proof_path(change), &bytes)?;
        let mut kept: Vec<PathBuf> = std::fs::read_dir(self.data.join("proofs"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        kept.sort();
        let over = kept.len().saturating_sub(PROOFS);
        kept.iter().take(over).try_for_each(std::fs::remove_file)
    }

    /// What the proof of a change showed; `None` if it had none or it is long ago.
    ///
    /// # Errors
    /// It is there but cannot be read.
    pub fn proof(&self, change: u64) -> std::io::Result<Option<Proof>> {
        match std::fs::read(self.proof_path(change)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(std::io::Error::other),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn calls_path(&self) -> PathBuf {
        self.data.join("recorded.calls")
    }

    /// Keeps what the zones have recorded, in place of what was kept before.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_calls(&self, bytes: &[u8]) -> std::io::Result<()> {
        replace(&self.calls_path(), bytes)
    }

    /// What the zones had recorded when that was kept last.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn calls(&self) -> std::io::Result<Vec<u8>> {
        std::fs::read(self.calls_path())
    }

    /// Notes that modules and contents ran until now. What was deleted meanwhile is left out.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn mark(&self, digests: &Digests) -> std::io::Result<()> {
        for digest in digests {
            let content = u64::from_str_radix(digest, 16).map(|digest| self.content_path(digest));
            for path in content.into_iter().chain([self.module_path(digest)]).filter(|path| path.exists()) {
                mark(&path)?;
            }
        }
        Ok(())
    }

    /// Deletes modules and contents that are not `wanted` and older than `age`, or too many; how many.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn prune(&self, wanted: &Digests, age: Duration, bytes: u64) -> std::io::Result<usize> {
        let folders = ["modules", "content"].map(|folder| self.data.join(folder));
        folders.iter().try_fold(0, |sum, folder| Ok(sum + prune(folder, wanted, age, bytes)?))
    }

    /// What was live last; empty before the first push.
    ///
    /// # Errors
    /// The file is there but cannot be read or understood.
    pub fn live(&self) -> std::io::Result<LiveSet> {
        match std::fs::read(self.data.join("live.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(std::io::Error::other),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LiveSet::default()),
            Err(error) => Err(error),
        }
    }

    /// Remembers what is live.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_live(&self, live: &LiveSet) -> std::io::Result<()> {
        let bytes = serde_json::to_vec_pretty(live).map_err(std::io::Error::other)?;
        replace(&self.data.join("live.json"), &bytes)
    }

    /// Appends to the history.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn log(&self, entry: &HistoryEntry) -> std::io::Result<()> {
        history::append(&self.data, entry)
    }

    /// The last entries of the history, oldest first.
    ///
    /// # Errors
    /// It is there but cannot be read.
    pub fn recent(&self, most: usize) -> std::io::Result<VecDeque<HistoryEntry>> {
        history::recent(&self.data, most)
    }
}

/// A file's age begins anew.
fn mark(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.set_modified(SystemTime::now())
}

/// Writes beside and renames, so that a crash leaves the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_live_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::open(folder.path()).expect("opens");
        assert!(archive.live().expect("nothing yet").modules.is_empty());
        archive.keep_module("abc", b"bytes").expect("kept");
        let live = LiveModule { digest: "abc".to_owned(), base: None };
        let set =
            LiveSet { generation: 3, modules: [("combat".to_owned(), live)].into(), ..LiveSet::default() };
        archive.set_live(&set).expect("written");
        let again = Archive::open(folder.path()).expect("opens").live().expect("read");
        assert_eq!(again.generation, 3);
        assert_eq!(archive.module(&again.modules["combat"].digest).expect("bytes"), b"bytes");
    }
}
