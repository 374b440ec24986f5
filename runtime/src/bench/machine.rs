//! The machine under a run: which core does what, how many sockets a process may have, folders that go away.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The server under test has one core, the load another. This thread has all of them again when it is dropped.
pub struct Cores {
    server: usize,
    load: usize,
    all: Vec<usize>,
}

impl Cores {
    /// Takes the first two cores this process may use, and puts this thread, and with it those it will start, on the
    /// second. `None` where there is one core only, or the system cannot pin.
    pub fn take() -> Option<Self> {
        let all = system::cores();
        let [server, load, ..] = all[..] else { return None };
        system::pin(&[load]).then_some(Self { server, load, all })
    }

    /// Starts something on the server's core: a process inherits it from the thread that starts it.
    pub fn start<T>(&self, start: impl FnOnce() -> T) -> T {
        system::pin(&[self.server]);
        let started = start();
        system::pin(&[self.load]);
        started
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        system::pin(&self.all);
    }
}

/// Lets this process, and those it starts, have as many sockets as the system allows at all; how many that are,
/// 0 where it does not say.
pub fn raise_open_files() -> u64 {
    system::raise_open_files()
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub fn cores() -> Vec<usize> {
        let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
        (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
    }

    pub fn pin(cores: &[usize]) -> bool {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).is_ok()
    }

    pub fn raise_open_files() -> u64 {
        let most = getrlimit(Resource::Nofile).maximum;
        // Refused, it stays as it is: what is then asked for in vain is said where it is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
        getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub fn cores() -> Vec<usize> {
        Vec::new()
    }

    pub fn pin(_cores: &[usize]) -> bool {
        false
    }

    pub fn raise_open_files() -> u64 {
        0
    }
}

/// A folder of this run, removed when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new, empty one below the system's temporary folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> std::io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("lore-bench-{}-{number}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_goes_away() {
        let scratch = Scratch::new().expect("a folder");
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "text").expect("written");
        drop(scratch);
        assert!(!path.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_may_have_some_sockets() {
        assert!(raise_open_files() >= 256);
    }
}
