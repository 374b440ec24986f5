//! What the zones have recorded, on disk, so that the proofs of the next run begin with it. A sample, written every
//! few seconds and at the end; nothing depends on it, and what cannot be read is left alone.

use super::{Archive, Pipeline, blocking};
use host_api::{Kind, RECORDED_VIEWS, Recording};
use sim::DefId;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two savings: what a crash costs.
const EVERY: Duration = Duration::from_secs(20);
/// Views saved of every zone, module and function: several times what a proof needs to judge by.
const VIEWS: usize = RECORDED_VIEWS / 16;
/// Bytes saved at most; fewer views of each function if that takes more.
const BYTES: usize = 32 << 20;
/// The stamp before them.
const STAMP: usize = 32;

/// What each zone recorded, by its name.
pub type Calls = BTreeMap<String, Recording>;

/// Saves what is recorded until `leaving`, and then once more.
pub async fn calls_loop(pipeline: Arc<Pipeline>, leaving: CancellationToken) {
    loop {
        let left = tokio::time::timeout(EVERY, leaving.cancelled()).await.is_ok();
        pipeline.save_calls().await;
        if left {
            return;
        }
    }
}

impl Pipeline {
    /// Saves a sample of what the zones have recorded. One module after the other, so that no tick copies more
    /// than what one was asked.
    async fn save_calls(&self) {
        let modules: BTreeSet<(Kind, DefId)> = {
            let live = self.live();
            live.layout.modules().map(|module| (module.kind(), module.script())).collect()
        };
        let mut calls = Calls::new();
        for (kind, script) in modules {
            let (recordings, _) = self.recordings(kind, script, VIEWS).await;
            for (zone, recording) in recordings {
                calls.entry(zone).or_default().join(recording);
            }
        }
        // No zone answers any more: what was saved before is better than nothing.
        if calls.is_empty() {
            return;
        }
        let archive = Arc::clone(&self.archive);
        let save = move || archive.keep_calls(&encode(&calls, VIEWS, BYTES)?);
        match blocking(save).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "recorded calls could not be saved; make room, or the next run begins without them");
            }
            // It was told.
            Err(_) => {}
        }
    }
}

/// What an earlier run has saved; nothing if that was another build, or there is no such file.
pub fn load_calls(archive: &Archive) -> Calls {
    let decoded = archive.calls().and_then(|bytes| decode(&bytes));
    decoded.unwrap_or_else(|error| {
        if error.kind() != ErrorKind::NotFound {
            tracing::info!(%error, "the recorded calls of the run before cannot be used; proofs begin without them");
        }
        Calls::new()
    })
}

/// A fingerprint of the bytes and of what they mean to this build.
fn stamp(bytes: &[u8]) -> [u8; STAMP] {
    let mut stamp = blake3::Hasher::new();
    stamp.update(&Recording::shape());
    stamp.update(bytes);
    *stamp.finalize().as_bytes()
}

/// At most so many views of each function, and so many bytes of all.
fn encode(calls: &Calls, mut views: usize, most: usize) -> std::io::Result<Vec<u8>> {
    loop {
        let zones = calls.iter().map(|(zone, recording)| Ok((zone.as_str(), recording.save(views)?)));
        let bytes = borsh::to_vec(&zones.collect::<std::io::Result<Vec<(&str, Vec<u8>)>>>()?)?;
        if bytes.len() <= most || views == 0 {
            return Ok([&stamp(&bytes)[..], &bytes[..]].concat());
        }
        views /= 2;
    }
}

fn decode(bytes: &[u8]) -> std::io::Result<Calls> {
    let other = || std::io::Error::new(ErrorKind::InvalidData, "they are damaged, or of another build");
    let (stamped, bytes) = bytes.split_first_chunk::<STAMP>().ok_or_else(other)?;
    if *stamped != stamp(bytes) {
        return Err(other());
    }
    let zones: Vec<(String, Vec<u8>)> = borsh::from_slice(bytes)?;
    zones.into_iter().map(|(zone, bytes)| Ok((zone, Recording::load(&bytes)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Calls {
        ["downtown", "greywood"].map(|zone| (zone.to_owned(), Recording::default())).into()
    }

    #[test]
    fn what_was_saved_is_loaded_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::open(folder.path()).expect("opens");
        assert!(load_calls(&archive).is_empty(), "nothing yet");
        let bytes = encode(&calls(), VIEWS, BYTES).expect("encoded");
        archive.keep_calls(&bytes).expect("written");
        assert_eq!(load_calls(&archive).into_keys().collect::<Vec<_>>(), ["downtown", "greywood"]);
        for bad in [&bytes[..bytes.len() - 1], &bytes[1..], &bytes[..3], &[]] {
            archive.keep_calls(bad).expect("written");
            assert!(load_calls(&archive).is_empty());
        }
    }

    #[test]
    fn the_file_does_not_grow_without_bound() {
        let all = encode(&calls(), VIEWS, BYTES).expect("encoded");
        // Even without a view there are names; nothing is left out of them.
        assert_eq!(encode(&calls(), VIEWS, 0).expect("encoded"), all);
    }
}
