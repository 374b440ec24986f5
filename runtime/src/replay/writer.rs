//! The thread that writes replay logs: one folder per zone, one file per segment, the oldest deleted.

use super::QUEUE;
use super::log::{LogWriter, Record};
use super::record::RecordSender;
use crate::zone::ZoneIndex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// What a crash of the process may cost: records not yet handed to the system.
const FLUSH: Duration = Duration::from_secs(1);
/// Most bytes of one zone's logs, whatever their age.
const ZONE_BYTES: u64 = 512 << 20;

/// The running writer; ends behind the last zone.
pub type WriterThread = JoinHandle<()>;

/// How long logs are kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep(pub Duration);

/// Starts the writer. Its errors end the recording and nothing else.
///
/// # Errors
/// The folder cannot be made, or the system gives no thread.
pub fn spawn_writer(folder: PathBuf, keep: Keep) -> std::io::Result<(RecordSender, WriterThread)> {
    std::fs::create_dir_all(&folder)?;
    let (sender, records) = sync_channel(QUEUE);
    let writer = std::thread::Builder::new().name("replay-log".to_owned());
    let thread = writer.spawn(move || {
        if let Err(error) = writer_loop(&folder, keep, &records) {
            tracing::error!(%error, folder = %folder.display(), "replay logs cannot be written; nothing is recorded any more");
        }
    })?;
    Ok((sender, thread))
}

fn writer_loop(folder: &Path, keep: Keep, records: &Receiver<(ZoneIndex, Record)>) -> std::io::Result<()> {
    let mut open: BTreeMap<ZoneIndex, LogWriter> = BTreeMap::new();
    let mut flushed = Instant::now();
    loop {
        match records.recv_timeout(FLUSH) {
            Ok((zone, record)) => {
                if let Record::Start { zone: name, .. } = &record {
                    finish(open.remove(&zone))?;
                    let folder = folder.join(name);
                    prune(&folder, keep)?;
                    open.insert(zone, LogWriter::create(&next_file(&folder)?)?);
                }
                // Nothing but a start comes first: a gap ends with one.
                if let Some(writer) = open.get_mut(&zone) {
                    writer.append(&record)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if flushed.elapsed() >= FLUSH {
            open.values_mut().try_for_each(LogWriter::flush)?;
            flushed = Instant::now();
        }
    }
    open.into_values().try_for_each(|writer| finish(Some(writer)))
}

fn finish(writer: Option<LogWriter>) -> std::io::Result<()> {
    let Some(writer) = writer else { return Ok(()) };
    metrics::counter!("game_replay_bytes_total").increment(writer.finish()?);
    Ok(())
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
}
