//! The history of changes on disk: JSON lines in `reload.log`, which is put aside as `reload.1.log` when it is full,
//! and so on; the oldest file is given up.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of one file: some 2,500 entries, which are read in an instant.
const FILE_BYTES: u64 = 1 << 20;
/// Files besides the one that is written: with it, years of a few changes a day, in 8 MiB.
const FILES_ASIDE: usize = 7;

/// One line of the history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Unix time, milliseconds.
    pub at_ms: u64,
    /// Generation that this made live.
    pub generation: u64,
    /// `push`, `content`, `canary`, `promote`, `hold`, `approve`, `reject`, `pass`, `rollback`,
    /// `quarantine`, `refuse`; `say`.
    pub action: String,
    /// Label of what is live now, or rests; of `say`, to whom and what.
    pub label: String,
    /// Digest of what is live now.
    pub digest: String,
    /// Label of what was live before.
    pub before: Option<String>,
    /// Who asked.
    pub who: String,
    /// Why, in their words.
    pub why: String,
    /// From receiving it to live in the last zone, milliseconds.
    pub live_ms: f64,
}

/// The file of this age in a data folder; 0 is the one that is written.
fn file(data: &Path, age: usize) -> PathBuf {
    match age {
        0 => data.join("reload.log"),
        age => data.join(format!("reload.{age}.log")),
    }
}

/// Appends an entry.
///
/// # Errors
/// It cannot be written.
pub(super) fn append(data: &Path, entry: &HistoryEntry) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(entry).map_err(std::io::Error::other)?;
    line.push(b'\n');
    let open = || std::fs::OpenOptions::new().create(true).append(true).open(file(data, 0));
    let mut log = open()?;
    let length = log.metadata()?.len();
    if length > 0 && length + line.len() as u64 > FILE_BYTES {
        put_aside(data)?;
        log = open()?;
    }
    log.write_all(&line)
}

/// Makes every file one older; the oldest is written over.
fn put_aside(data: &Path) -> std::io::Result<()> {
    for age in (0..FILES_ASIDE).rev() {
        match std::fs::rename(file(data, age), file(data, age + 1)) {
            // There are not so many yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            moved => moved?,
        }
    }
    Ok(())
}

/// The last entries, oldest first.
///
/// # Errors
/// A file is there but cannot be read.
pub(super) fn recent(data: &Path, most: usize) -> std::io::Result<VecDeque<HistoryEntry>> {
    let mut recent = VecDeque::new();
    for age in 0..=FILES_ASIDE {
        let bytes = tail(&file(data, age))?;
        // The first line may be cut, the last one written by half: they are no entries.
        let entries = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let mut older: VecDeque<HistoryEntry> = entries.collect();
        older.append(&mut recent);
        recent = older;
        if recent.len() >= most {
            break;
        }
    }
    recent.drain(..recent.len().saturating_sub(most));
    Ok(recent)
}

/// The end of a file, as much as one file should have; nothing of one that is not there.
fn tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(FILE_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(generation: u64, why: &str) -> HistoryEntry {
        HistoryEntry {
            at_ms: generation,
            generation,
            action: "push".to_owned(),
            label: "combat@0.1.0+1a2b3c4d".to_owned(),
            digest: "1a2b3c4d".to_owned(),
            before: None,
            who: "story".to_owned(),
            why: why.to_owned(),
            live_ms: 1.0,
        }
    }

    fn generations(data: &Path, most: usize) -> Vec<u64> {
        recent(data, most).expect("read").iter().map(|entry| entry.generation).collect()
    }

    #[test]
    fn what_was_done_is_told_across_files_and_the_oldest_are_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path();
        assert!(generations(data, 10).is_empty(), "nothing yet");
        // Three fill a file.
        let long = "because ".repeat((FILE_BYTES / 8 / 3) as usize - 100);
        let count = 3 * (FILES_ASIDE as u64 + 4);
        for generation in 1..=count {
            append(data, &entry(generation, &long)).expect("written");
        }
        let files: Vec<_> = std::fs::read_dir(data).expect("read").map(|file| file.expect("one")).collect();
        assert_eq!(files.len(), FILES_ASIDE + 1);
        for file in files {
            assert!(file.metadata().expect("there").len() <= FILE_BYTES, "{file:?}");
        }
        assert_eq!(generations(data, 2), [count - 1, count]);
        let all = generations(data, usize::MAX);
        assert_eq!(all, (count - all.len() as u64 + 1..=count).collect::<Vec<_>>(), "without a gap");
        assert_eq!(all.len(), 3 * (FILES_ASIDE + 1));
    }

    #[test]
    fn half_a_line_spoils_itself_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        append(folder.path(), &entry(1, "whole")).expect("written");
        let mut log = std::fs::OpenOptions::new().append(true).open(file(folder.path(), 0)).expect("there");
        log.write_all(b"{\"at_ms\": 5, \"gener").expect("written");
        assert_eq!(generations(folder.path(), 10), [1]);
    }
}
