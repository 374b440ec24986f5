//! The files of a log: which there are, where to begin, and the records in them.

use super::SEGMENT_TICKS;
use super::log::{Reader, Record};
use super::player::PlayError;
use std::path::{Path, PathBuf};

/// The files of a log in order: the file itself, or all of a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn segments(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "replay") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The files from the first one on that may hold this tick; all of them if none may.
///
/// # Errors
/// A file before it cannot be read.
pub fn segments_from(files: &[PathBuf], tick: u64) -> Result<&[PathBuf], PlayError> {
    for (place, file) in files.iter().enumerate() {
        let Some(Record::Start { checkpoint, .. }) = Reader::open(file)?.next_record()? else { continue };
        let before = sim::checkpoint::tick_of(&checkpoint)?;
        if tick > before && tick - before <= SEGMENT_TICKS {
            return Ok(&files[place..]);
        }
    }
    Ok(files)
}

/// Whether a record comes after all that belongs to the tick `until`, once the world stands `at` this one.
pub(super) fn is_beyond(record: &Record, at: Option<u64>, until: u64) -> bool {
    matches!(record, Record::Start { .. } | Record::Swap { .. } | Record::Tick { .. })
        && at.is_some_and(|at| at >= until)
}

/// The records of several files, one after the other.
pub(super) struct Records<'a> {
    files: &'a [PathBuf],
    opened: usize,
    reader: Option<Reader>,
    /// Whether the last file that was read to its end has none.
    pub(super) cut_off: bool,
}

impl<'a> Records<'a> {
    pub(super) fn of(files: &'a [PathBuf]) -> Self {
        Self { files, opened: 0, reader: None, cut_off: false }
    }

    pub(super) fn next_record(&mut self) -> Result<Option<Record>, PlayError> {
        loop {
            if let Some(reader) = &mut self.reader {
                if let Some(record) = reader.next_record()? {
                    return Ok(Some(record));
                }
                self.cut_off = reader.was_cut_off();
            }
            let Some(file) = self.files.get(self.opened) else { return Ok(None) };
            self.reader = Some(Reader::open(file)?);
            self.opened += 1;
        }
    }

    /// Place of the file that the last record is from.
    pub(super) fn file(&self) -> usize {
        self.opened.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::LogWriter;
    use super::super::survey::tests::start;
    use super::*;

    #[test]
    fn a_tick_is_looked_for_from_the_checkpoint_before_it() {
        let folder = tempfile::tempdir().unwrap();
        // Two minutes, a gap, and a server that began anew with an earlier clock.
        for (number, tick) in [0, 1_200, 5_000, 700].into_iter().enumerate() {
            let mut writer = LogWriter::create(&folder.path().join(format!("{number}.replay"))).unwrap();
            writer.append(&start(tick, number == 1, &[])).unwrap();
            writer.finish().unwrap();
        }
        let files = segments(folder.path()).unwrap();
        let from = |tick| files.len() - segments_from(&files, tick).unwrap().len();
        assert_eq!([1, 1_200, 1_201, 2_400, 5_001, 6_200].map(from), [0, 0, 1, 1, 2, 2]);
        assert_eq!([0, 3_000, 6_201].map(from), [0, 0, 0], "nobody knows where these are");
    }
}
