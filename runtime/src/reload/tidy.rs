//! What is thrown away of the archive, so that years of pushes do not fill the disk. Kept is what runs,
//! what there is a way back to, what waits for a person, and for as long as replay logs are kept whatever
//! has run: a replay cannot do without.

use super::{Pipeline, blocking, hex};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes of modules, and of contents, that are kept for replays only. Beyond it the oldest go first, and
/// a replay that needs one of them says so.
const BYTES: u64 = 1 << 30;
/// What is kept beyond the age of replay logs: their last file is a minute long, and its age counts from
/// its end.
const MARGIN: Duration = Duration::from_secs(600);

/// Digests in hex; those of contents are shorter and cannot be confused with those of modules.
pub(super) type Digests = BTreeSet<String>;

impl Pipeline {
    /// Marks in the archive what has run since the last time, and deletes what nobody needs any more. To be
    /// called every minute or so.
    pub async fn tidy(&self) {
        let (ran, wanted) = {
            let mut live = self.live();
            let mut running: Digests = live.layout.modules().map(host_api::Module::digest).collect();
            running.insert(hex(self.content().digest));
            let mut ran = std::mem::replace(&mut live.ran, running.clone());
            ran.extend(running);
            let mut wanted = ran.clone();
            let set = &live.set;
            wanted.extend(set.earlier.values().flatten().cloned());
            wanted.extend(live.former.modules().map(host_api::Module::digest));
            wanted.extend(set.modules.values().map(|module| module.digest.clone()));
            wanted.extend(set.contents());
            let open = set.changes.iter().filter(|change| !change.state.is_over());
            wanted.extend(open.map(|change| change.digest.clone()));
            (ran, wanted)
        };
        let (archive, age) = (std::sync::Arc::clone(&self.archive), self.replay_keep + MARGIN);
        let tidy = move || {
            archive.mark(&ran)?;
            archive.prune(&wanted, age, BYTES)
        };
        match blocking(tidy).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(deleted)) => tracing::info!(deleted, "old modules and contents left the archive"),
            Ok(Err(error)) => tracing::warn!(%error, "the archive cannot be tidied up"),
        }
    }
}

/// Deletes what is not `wanted` of a folder when it is older than `age`, and, beginning with the oldest,
/// what goes beyond `bytes`; how many files.
pub(super) fn prune(folder: &Path, wanted: &Digests, age: Duration, bytes: u64) -> std::io::Result<usize> {
    let now = SystemTime::now();
    let mut unwanted: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| wanted.contains(stem)) {
            continue;
        }
        let metadata = path.metadata()?;
        unwanted.push((metadata.modified()?, metadata.len(), path));
    }
    unwanted.sort();
    let (mut total, mut deleted) = (0, 0);
    for (marked, length, path) in unwanted.into_iter().rev() {
        total += length;
        let old = now.duration_since(marked).is_ok_and(|since| since > age);
        if old || total > bytes {
            std::fs::remove_file(path)?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::super::{Archive, ContentFiles};
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn what_is_wanted_stays_and_the_rest_grows_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::open(folder.path()).expect("opens");
        for digest in ["live", "earlier", "ran", "old"] {
            archive.keep_module(digest, b"0123456789").expect("kept");
            let file =
                std::fs::File::open(folder.path().join(format!("modules/{digest}.wasm"))).expect("there");
            file.set_modified(SystemTime::now() - 3 * HOUR).expect("made old");
        }
        archive.keep_content(7, &ContentFiles::new()).expect("kept");
        archive.mark(&["ran", "gone"].map(ToOwned::to_owned).into()).expect("marked");
        let wanted: Digests = ["live", "earlier"].map(ToOwned::to_owned).into();
        assert_eq!(archive.prune(&wanted, HOUR, BYTES).expect("pruned"), 1);
        assert!(archive.module("old").is_err());
        for digest in ["live", "earlier", "ran"] {
            archive.module(digest).expect("still there");
        }
        archive.content("0000000000000007").expect("too young to go");

        // However young: there is room for so much, and the oldest goes first.
        archive.keep_module("young", b"0123456789").expect("kept");
        let file = std::fs::File::open(folder.path().join("modules/ran.wasm")).expect("there");
        file.set_modified(SystemTime::now() - HOUR / 2).expect("made older");
        assert_eq!(archive.prune(&wanted, HOUR, 15).expect("pruned"), 1);
        assert!(archive.module("ran").is_err());
        archive.module("young").expect("still there");
    }
}
