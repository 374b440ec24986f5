//! The format of a replay log: eight bytes of magic, then an LZ4 frame of length-prefixed records.

use super::RECORD_BYTES;
use borsh::{BorshDeserialize, BorshSerialize};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use sim::input::Input;
use sim::state::Migrated;
use sim::{DefId, EntityId, def_id};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// What a log begins with; the last byte counts up with every change of the format.
pub const MAGIC: [u8; 8] = *b"lorelog\x03";

/// One script of a generation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ModuleRef {
    /// `combat`.
    pub name: String,
    /// `combat@0.1.0+1a2b3c4d`.
    pub label: String,
    /// blake3 of the component, hex: its name in the archive.
    pub digest: String,
    /// Whether it is there and not asked.
    pub rests: bool,
}

impl ModuleRef {
    /// Whether the script with this id is another one in `new` than in `old`, or rests in one of them only.
    pub fn changed(old: &[Self], new: &[Self], script: DefId) -> bool {
        let runs = |modules: &[Self]| {
            let named = |module: &&Self| def_id(&format!("script/{}", module.name)) == script;
            modules.iter().find(named).map(|module| (module.digest.clone(), module.rests))
        };
        runs(old) != runs(new)
    }
}

/// What runs in a zone.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Running {
    /// Number of the generation.
    pub generation: u64,
    /// Its scripts.
    pub modules: Vec<ModuleRef>,
    /// Digest of the content.
    pub content: u64,
}

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Record {
    /// Every file begins with one.
    Start {
        /// Name of the zone.
        zone: String,
        /// Whether the world goes on from the file before, or is a new one.
        continues: bool,
        /// What runs.
        running: Running,
        /// The world before the next tick.
        checkpoint: Vec<u8>,
    },
    /// A new generation, before the next tick.
    Swap {
        /// What runs.
        running: Running,
        /// State that went over to its schemas.
        migrated: Vec<Migrated>,
    },
    /// A tick.
    Tick {
        /// What entered, in order.
        inputs: Vec<Input>,
        /// Of the world afterwards.
        digest: u64,
    },
    /// A fingerprint of every entity after the last tick, to tell which one differs.
    Entities(Vec<(EntityId, u64)>),
    /// In the last tick the clock and not fuel ended a call: a replay may differ from here on.
    Deadline {
        /// Label of the module.
        module: String,
        /// `combat.resolve`.
        export: String,
    },
    /// The file ends here on purpose.
    End,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else, or from another version of the server.
    #[error("{} is no replay log of this version; use the `lore` that recorded it", .0.display())]
    Format(PathBuf),
    /// It is damaged.
    #[error("{}: damaged after {records} records: {reason}; play what is before with --until", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How far it can be read.
        records: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Writes one file.
pub(super) struct LogWriter {
    encoder: FrameEncoder<File>,
    scratch: Vec<u8>,
}

impl LogWriter {
    pub(super) fn create(path: &Path) -> std::io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(&MAGIC)?;
        let frame = FrameInfo::new()
            .block_mode(BlockMode::Linked)
            .block_size(BlockSize::Max64KB)
            .block_checksums(true);
        Ok(Self { encoder: FrameEncoder::with_frame_info(frame, file), scratch: Vec::new() })
    }

    pub(super) fn append(&mut self, record: &Record) -> std::io::Result<()> {
        self.scratch.clear();
        record.serialize(&mut self.scratch)?;
        let length = u32::try_from(self.scratch.len()).map_err(std::io::Error::other)?;
        self.encoder.write_all(&length.to_le_bytes())?;
        self.encoder.write_all(&self.scratch)
    }

    /// Hands everything so far to the system: it survives the end of the process.
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.encoder.flush()
    }

    /// Ends the file and returns its bytes on disk.
    pub(super) fn finish(mut self) -> std::io::Result<u64> {
        self.append(&Record::End)?;
        let file = self.encoder.finish().map_err(std::io::Error::other)?;
        file.metadata().map(|metadata| metadata.len())
    }
}

/// Reads one file.
pub struct Reader {
    path: PathBuf,
    decoder: FrameDecoder<Box<dyn Read + Send>>,
    scratch: Vec<u8>,
    records: u64,
    /// Until the end was seen.
    cut_off: bool,
}

impl Reader {
    /// Opens a log.
    ///
    /// # Errors
    /// [`LogError`]
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let file = File::open(path).map_err(|source| LogError::Io { path: path.to_owned(), source })?;
        Self::of(BufReader::new(file), path)
    }

    /// Reads a log from wherever its bytes are; errors call it `path`.
    ///
    /// # Errors
    /// [`LogError`]
    pub fn of(mut source: impl Read + Send + 'static, path: &Path) -> Result<Self, LogError> {
        let mut magic = [0; MAGIC.len()];
        match source.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => {}
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
                return Err(LogError::Io { path: path.to_owned(), source: error });
            }
            _ => return Err(LogError::Format(path.to_owned())),
        }
        let decoder = FrameDecoder::new(Box::new(source) as Box<dyn Read + Send>);
        Ok(Self { path: path.to_owned(), decoder, scratch: Vec::new(), records: 0, cut_off: true })
    }

    /// After the last record: whether the file ends in the middle, because its server was killed or still
    /// runs. What was read is good.
    pub fn was_cut_off(&self) -> bool {
        self.cut_off
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// [`LogError::Damaged`]
    pub fn next_record(&mut self) -> Result<Option<Record>, LogError> {
        let mut length = [0; 4];
        match self.decoder.read(&mut length[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) => return self.ended(&error),
        }
        if let Err(error) = self.decoder.read_exact(&mut length[1..]) {
            return self.ended(&error);
        }
        let length = u32::from_le_bytes(length);
        if length > RECORD_BYTES {
            return Err(self.damaged(format!("a record of {length} bytes")));
        }
        self.scratch.resize(length as usize, 0);
        if let Err(error) = self.decoder.read_exact(&mut self.scratch) {
            return self.ended(&error);
        }
        let record =
            Record::try_from_slice(&self.scratch).map_err(|error| self.damaged(error.to_string()))?;
        if record == Record::End {
            self.cut_off = false;
            return Ok(None);
        }
        self.records += 1;
        Ok(Some(record))
    }

    /// What a killed server leaves behind is an end like any other.
    fn ended(&self, error: &std::io::Error) -> Result<Option<Record>, LogError> {
        if error.kind() == ErrorKind::UnexpectedEof { Ok(None) } else { Err(self.damaged(error.to_string())) }
    }

    fn damaged(&self, reason: String) -> LogError {
        LogError::Damaged { path: self.path.clone(), records: self.records, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::CharacterId;

    fn records() -> Vec<Record> {
        let running = Running { generation: 3, modules: Vec::new(), content: 7 };
        let start = Record::Start {
            zone: "field".to_owned(),
            continues: false,
            running: running.clone(),
            checkpoint: vec![1; 5_000],
        };
        let leave = Input::Leave { character: CharacterId(4) };
        let ticks = (0..500).map(|digest| Record::Tick { inputs: vec![leave.clone()], digest });
        let swap = Record::Swap { running, migrated: Vec::new() };
        let mut records = vec![start, swap];
        records.extend(ticks);
        records.push(Record::Entities(vec![(EntityId(1), 2)]));
        records
    }

    fn write(path: &Path, finish: bool) {
        let mut writer = LogWriter::create(path).unwrap();
        for record in records() {
            writer.append(&record).unwrap();
        }
        writer.flush().unwrap();
        if finish {
            writer.finish().unwrap();
        }
    }

    fn read(path: &Path) -> (Vec<Record>, bool) {
        let mut reader = Reader::open(path).unwrap();
        let mut records = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            records.push(record);
        }
        (records, reader.was_cut_off())
    }

    #[test]
    fn what_was_written_is_read_even_of_a_server_that_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.replay");
        write(&path, true);
        assert!(read(&path) == (records(), false));
        write(&path, false);
        assert!(read(&path) == (records(), true));
        let whole = std::fs::read(&path).unwrap();
        for cut in [9, 20, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (some, cut_off) = read(&path);
            assert!(cut_off && records().starts_with(&some), "cut at {cut}");
        }
    }

    #[test]
    fn another_module_and_one_that_rests_from_now_on_are_a_change() {
        let running = |wolf: &str, rests| {
            let module = |name: &str, digest: &str, rests| {
                let (name, label, digest) = (name.to_owned(), name.to_owned(), digest.to_owned());
                ModuleRef { name, label, digest, rests }
            };
            [module("combat", "1a2b", false), module("wolf", wolf, rests)]
        };
        let changed = |new: &[ModuleRef], script: &str| {
            ModuleRef::changed(&running("3c4d", false), new, def_id(&format!("script/{script}")))
        };
        assert!(!changed(&running("3c4d", false), "wolf"));
        for new in [running("3c4d", true), running("5e6f", false)] {
            assert!(changed(&new, "wolf") && !changed(&new, "combat"));
        }
    }

    #[test]
    fn something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.replay");
        for bytes in [&b""[..], b"lorelog", b"lorelog\x09 and more", b"PNG"] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(Reader::open(&path), Err(LogError::Format(_))));
        }
        write(&path, true);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        let ended =
            std::iter::from_fn(|| Some(reader.next_record())).find(|read| !matches!(read, Ok(Some(_))));
        assert!(matches!(ended, Some(Err(LogError::Damaged { .. }))), "{ended:?}");
    }
}
