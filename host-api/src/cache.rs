//! Compiled code on disk, so that a restart does not compile again.
//!
//! An entry is named by the digest of the component and the engine's compatibility hash, and holds
//! the digest of its own bytes before them: whatever does not agree is a miss, never an error.

use crate::limits::CACHE_ENTRIES;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use wasmtime::component::Component;

/// Bytes of the digest before the compiled code.
const DIGEST_BYTES: usize = 32;

/// A directory of compiled components that belongs to this process's user alone.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    /// Key of the entries' own digest, from engine and version: other engines' entries never match.
    engine: [u8; 32],
    hits: AtomicU64,
    writes: AtomicU64,
}

impl Cache {
    /// Opens the directory, creating it with mode 0700.
    ///
    /// # Errors
    /// It cannot be created, or others may write to it: code in it is run as it stands.
    pub(crate) fn open(directory: &Path, engine: &wasmtime::Engine) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let metadata = fs::metadata(directory)?;
        if metadata.permissions().mode() & 0o022 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{} can be written by other users (mode {:o}, owner {}); run `chmod 700` on it",
                    directory.display(),
                    metadata.permissions().mode() & 0o777,
                    metadata.uid(),
                ),
            ));
        }
        let mut hash = Blake3Hasher(blake3::Hasher::new());
        engine.precompile_compatibility_hash().hash(&mut hash);
        Ok(Self {
            directory: directory.to_owned(),
            engine: *hash.0.finalize().as_bytes(),
            hits: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        })
    }

    /// The compiled form of the component with this digest, if a sound one is there.
    pub(crate) fn load(&self, engine: &wasmtime::Engine, digest: &blake3::Hash) -> Option<Component> {
        let entry = fs::read(self.path(digest)).ok()?;
        let (sum, code) = entry.split_at_checked(DIGEST_BYTES)?;
        if self.sum(code).as_bytes() != sum {
            tracing::warn!(component = %digest, "compiled code in the cache is damaged; compiling again");
            return None;
        }
        // SAFETY: `deserialize` runs what it is given as native code. The bytes were written by
        // `store` below: the directory admits no other user's writes (checked in `open`), the entry
        // agrees with its own digest keyed by this engine's compatibility hash, and wasmtime checks
        // version and settings once more.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, code) };
        match component {
            Ok(component) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                let used =
                    fs::File::open(self.path(digest)).and_then(|file| file.set_modified(SystemTime::now()));
                if let Err(error) = used {
                    tracing::debug!(component = %digest, %error, "the use of compiled code could not be noted");
                }
                Some(component)
            }
            Err(error) => {
                tracing::warn!(component = %digest, %error, "compiled code in the cache does not fit");
                None
            }
        }
    }

    /// Keeps a compiled component. A failure costs a compilation at the next start and is logged.
    pub(crate) fn store(&self, digest: &blake3::Hash, component: &Component) {
        let written =
            component.serialize().map_err(io::Error::other).and_then(|code| self.write(digest, &code));
        if let Err(error) = written {
            tracing::warn!(component = %digest, %error, "compiled code could not be kept");
        }
    }

    /// Entries found since the start.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    fn write(&self, digest: &blake3::Hash, code: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        // Unique among threads and processes: two may compile the same component at once.
        let nonce = self.writes.fetch_add(1, Ordering::Relaxed);
        let partial = path.with_extension(format!("{}-{nonce}.partial", std::process::id()));
        let mut file = fs::File::create(&partial)?;
        let outcome = file
            .write_all(self.sum(code).as_bytes())
            .and_then(|()| file.write_all(code))
            .and_then(|()| fs::rename(&partial, &path));
        if outcome.is_err() {
            // The error that matters is the first one.
            let _removed = fs::remove_file(&partial);
        }
        outcome.and_then(|()| self.prune())
    }

    /// Deletes the entries that were not used for longest, and what a crash left by half, when there are
    /// too many.
    fn prune(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            // What another thread has just renamed is not there any more.
            if let Ok(used) = fs::metadata(&path).and_then(|metadata| metadata.modified()) {
                entries.push((used, path));
            }
        }
        entries.sort();
        for (_, path) in entries.iter().take(entries.len().saturating_sub(CACHE_ENTRIES)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn path(&self, digest: &blake3::Hash) -> PathBuf {
        let engine = blake3::Hash::from_bytes(self.engine).to_hex();
        self.directory.join(format!("{}-{}.cwasm", digest.to_hex(), &engine[..16]))
    }

    fn sum(&self, code: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.engine, code)
    }
}

/// Feeds a `Hash` value into blake3, whose output, unlike the standard hasher's, is fixed.
struct Blake3Hasher(blake3::Hasher);

impl Hasher for Blake3Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.finalize();
        u64::from_le_bytes(std::array::from_fn(|i| digest.as_bytes()[i]))
    }
}
