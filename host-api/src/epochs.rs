//! The clock that ends calls. wasmtime interrupts a call when the engine's epoch has gone on by so many; a thread makes it
//! go on while calls run, and rests otherwise: it does not wake two hundred times a second for nothing.

use crate::limits::EPOCH;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use wasmtime::EngineWeak;

/// The clock of an engine; its thread ends when this is dropped.
pub(crate) struct Epochs(Clock);

impl Epochs {
    /// Starts the thread. It does nothing else, so that nothing delays it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let clock = Clock::default();
        let counted = clock.clone();
        let advance = move || {
            // Whoever calls holds the engine.
            if let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
            }
        };
        let thread =
            thread::Builder::new().name("script-epoch".to_owned()).spawn(move || counted.count(advance))?;
        // Nobody else has seen the clock yet.
        let _ = clock.0.thread.set(thread.thread().clone());
        Ok(Self(clock))
    }

    /// For those who call.
    pub(crate) fn clock(&self) -> Clock {
        self.0.clone()
    }
}

impl Drop for Epochs {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Counts while calls run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Calls that run.
    running: AtomicUsize,
    is_resting: AtomicBool,
    has_ended: AtomicBool,
    thread: OnceLock<Thread>,
}

/// A call that runs, until this is dropped.
pub(crate) struct Running(Clock);

impl Clock {
    /// A call begins.
    pub(crate) fn watch(&self) -> Running {
        self.0.running.fetch_add(1, SeqCst);
        // The thread says that it rests before it looks for calls the last time: one of both sees the other.
        if self.0.is_resting.load(SeqCst) && self.0.is_resting.swap(false, SeqCst) {
            self.wake();
        }
        Running(self.clone())
    }

    fn wake(&self) {
        if let Some(thread) = self.0.thread.get() {
            thread.unpark();
        }
    }

    fn end(&self) {
        self.0.has_ended.store(true, SeqCst);
        self.wake();
    }

    fn count(&self, advance: impl Fn()) {
        let has_ended = || self.0.has_ended.load(SeqCst);
        while !has_ended() {
            self.0.is_resting.store(true, SeqCst);
            while self.0.is_resting.load(SeqCst) && self.0.running.load(SeqCst) == 0 && !has_ended() {
                thread::park();
            }
            self.0.is_resting.store(false, SeqCst);
            // Once awake it stays so for an epoch: of the calls of one tick only the first wakes it.
            thread::sleep(EPOCH);
            advance();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.running.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// A clock that counts epochs here.
    fn clock() -> (Clock, Arc<AtomicUsize>, thread::JoinHandle<()>) {
        let (clock, epochs) = (Clock::default(), Arc::new(AtomicUsize::new(0)));
        let (counted, counter) = (clock.clone(), Arc::clone(&epochs));
        let thread = thread::spawn(move || {
            counted.count(|| {
                counter.fetch_add(1, SeqCst);
            });
        });
        clock.0.thread.set(thread.thread().clone()).unwrap();
        (clock, epochs, thread)
    }

    fn until(what: impl Fn() -> bool) {
        let late = Instant::now() + Duration::from_secs(30);
        while !what() {
            assert!(Instant::now() < late, "never");
            thread::yield_now();
        }
    }

    fn end(clock: &Clock, thread: thread::JoinHandle<()>) {
        clock.end();
        thread.join().unwrap();
    }

    #[test]
    fn it_counts_as_long_as_a_call_runs_and_rests_when_none_does() {
        let (clock, epochs, thread) = clock();
        let is_resting = || clock.0.is_resting.load(SeqCst);
        until(is_resting);
        assert_eq!(epochs.load(SeqCst), 0);
        for _ in 0..3 {
            let (one, other) = (clock.watch(), clock.watch());
            let before = epochs.load(SeqCst);
            until(|| epochs.load(SeqCst) > before + 3);
            drop(one);
            let before = epochs.load(SeqCst);
            until(|| epochs.load(SeqCst) > before + 3);
            drop(other);
            until(is_resting);
        }
        end(&clock, thread);
    }

    #[test]
    fn no_call_is_overlooked_however_it_falls_together_with_the_rest() {
        let (clock, epochs, thread) = clock();
        for _ in 0..20 {
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    let (clock, epochs) = (clock.clone(), Arc::clone(&epochs));
                    thread::spawn(move || {
                        let _running = clock.watch();
                        let before = epochs.load(SeqCst);
                        until(|| epochs.load(SeqCst) > before + 1);
                    })
                })
                .collect();
            callers.into_iter().for_each(|caller| caller.join().unwrap());
        }
        end(&clock, thread);
    }
}
