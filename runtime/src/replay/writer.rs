//! The thread that writes replay logs: one folder per zone, one file per segment, the oldest deleted.

use super::QUEUE;
use super::log::{LogWriter, Record};
use super::record::RecordSender;
use crate::zone::ZoneIndex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// What a crash of the process may cost: records not yet handed to the system.
const FLUSH: Duration = Duration::from_secs(1);
/// Time from one look at what there is to write to the next. Zones need not wake the writer, which costs them more than the
/// record, and the queue holds many times what they record meanwhile.
const GATHER: Duration = Duration::from_millis(50);
/// Most bytes of one zone's logs, whatever their age.
const ZONE_BYTES: u64 = 512 << 20;

/// The running writer; ends behind the last zone.
pub type WriterThread = JoinHandle<()>;

/// How long logs are kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep(pub Duration);

/// Starts the writer. An error ends the recording of its zone and nothing else.
///
/// # Errors
/// The folder cannot be made, or the system gives no thread.
pub fn spawn_writer(folder: PathBuf, keep: Keep) -> std::io::Result<(RecordSender, WriterThread)> {
    std::fs::create_dir_all(&folder)?;
    let (sender, records) = sync_channel(QUEUE);
    let writer = std::thread::Builder::new().name("replay-log".to_owned());
    let thread = writer.spawn(move || writer_loop(&folder, keep, &records))?;
    Ok((sender, thread))
}

fn writer_loop(folder: &Path, keep: Keep, records: &Receiver<(ZoneIndex, Record)>) {
    let mut logs: BTreeMap<ZoneIndex, ZoneLog> = BTreeMap::new();
    let mut flushed = Instant::now();
    loop {
        match records.try_recv() {
            Ok((zone, record)) => {
                if let Record::Start { zone: name, .. } = &record {
                    logs.entry(zone).or_insert_with(|| ZoneLog::new(folder.join(name), keep));
                }
                // Nothing but a start comes first.
                if let Some(log) = logs.get_mut(&zone) {
                    log.attempt(|log| log.record(&record));
                }
            }
            Err(TryRecvError::Empty) => std::thread::sleep(GATHER),
            Err(TryRecvError::Disconnected) => break,
        }
        if flushed.elapsed() >= FLUSH {
            logs.values_mut().for_each(|log| log.attempt(ZoneLog::flush));
            flushed = Instant::now();
        }
    }
    logs.values_mut().for_each(|log| log.attempt(ZoneLog::finish));
}

/// The log of one zone.
struct ZoneLog {
    folder: PathBuf,
    keep: Keep,
    /// The file that is written; none before the first start.
    writer: Option<LogWriter>,
    /// An error ended it.
    failed: bool,
}

impl ZoneLog {
    fn new(folder: PathBuf, keep: Keep) -> Self {
        Self { folder, keep, writer: None, failed: false }
    }

    /// Does what may fail, unless something has failed before.
    fn attempt(&mut self, what: impl FnOnce(&mut Self) -> std::io::Result<()>) {
        if self.failed {
            return;
        }
        if let Err(error) = what(self) {
            (self.writer, self.failed) = (None, true);
            let folder = self.folder.display();
            tracing::error!(%error, %folder, "the replay log of this zone cannot be written and ends here; make room or let the server write there, then restart it");
        }
    }

    fn record(&mut self, record: &Record) -> std::io::Result<()> {
        if matches!(record, Record::Start { .. }) {
            self.finish()?;
            prune(&self.folder, self.keep)?;
            self.writer = Some(LogWriter::create(&next_file(&self.folder)?)?);
        }
        self.writer.as_mut().map_or(Ok(()), |writer| writer.append(record))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), LogWriter::flush)
    }

    fn finish(&mut self) -> std::io::Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        metrics::counter!("game_replay_bytes_total").increment(writer.finish()?);
        Ok(())
    }
}

/// `000042.replay`, counted up over all runs.
fn next_file(folder: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let numbers =
        super::segments(folder)?.into_iter().filter_map(|path| path.file_stem()?.to_str()?.parse().ok());
    let next: u64 = numbers.max().map_or(1, |last: u64| last + 1);
    Ok(folder.join(format!("{next:06}.replay")))
}

/// Deletes what is too old, or, beginning with the oldest, too much.
fn prune(folder: &Path, Keep(keep): Keep) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let now = SystemTime::now();
    let mut total = 0;
    for path in super::segments(folder)?.into_iter().rev() {
        let metadata = path.metadata()?;
        total += metadata.len();
        let age = metadata.modified().ok().and_then(|modified| now.duration_since(modified).ok());
        if total > ZONE_BYTES || age.is_some_and(|age| age > keep) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::log::{Reader, Running};
    use super::*;

    fn start(zone: &str) -> Record {
        let running = Running { generation: 1, modules: Vec::new(), content: 0 };
        Record::Start { zone: zone.to_owned(), continues: false, running, checkpoint: Vec::new() }
    }

    #[test]
    fn every_start_opens_a_file_and_numbers_go_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let (sender, thread) =
                spawn_writer(folder.path().to_owned(), Keep(Duration::from_secs(3_600))).unwrap();
            for _ in 0..2 {
                sender.send((ZoneIndex(0), start("field"))).unwrap();
                sender.send((ZoneIndex(1), start("town"))).unwrap();
                sender.send((ZoneIndex(0), Record::Tick { inputs: Vec::new(), digest: 5 })).unwrap();
            }
            drop(sender);
            thread.join().unwrap();
        }
        let files = super::super::segments(&folder.path().join("field")).unwrap();
        assert_eq!(files.len(), 4);
        assert!(files[3].ends_with("000004.replay"), "{files:?}");
        let mut reader = Reader::open(&files[3]).unwrap();
        assert_eq!(reader.next_record().unwrap(), Some(start("field")));
        assert_eq!(reader.next_record().unwrap(), Some(Record::Tick { inputs: Vec::new(), digest: 5 }));
        assert_eq!(reader.next_record().unwrap(), None);
        prune(&folder.path().join("field"), Keep(Duration::ZERO)).unwrap();
        assert!(super::super::segments(&folder.path().join("field")).unwrap().is_empty());
    }

    #[test]
    fn a_zone_that_cannot_be_written_ends_alone() {
        let folder = tempfile::tempdir().unwrap();
        // Where the zone's folder should be.
        std::fs::write(folder.path().join("field"), "a file").unwrap();
        let (sender, thread) =
            spawn_writer(folder.path().to_owned(), Keep(Duration::from_secs(3_600))).unwrap();
        let tick = || Record::Tick { inputs: Vec::new(), digest: 5 };
        for record in [start("field"), tick(), start("field")] {
            sender.send((ZoneIndex(0), record)).unwrap();
        }
        for record in [start("town"), tick()] {
            sender.send((ZoneIndex(1), record)).unwrap();
        }
        drop(sender);
        thread.join().unwrap();
        let files = super::super::segments(&folder.path().join("town")).unwrap();
        let mut reader = Reader::open(&files[0]).unwrap();
        assert_eq!(reader.next_record().unwrap(), Some(start("town")));
        assert_eq!(reader.next_record().unwrap(), Some(tick()));
        assert_eq!(reader.next_record().unwrap(), None);
        assert!(!reader.was_cut_off());
    }
}
