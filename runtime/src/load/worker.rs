//! A thread with a runtime of its own, on which a share of the bots lives, and the one clock of all of them. What is
//! counted with every frame is counted here: no bot of another thread waits for it.

use super::measure::Interval;
use super::mind::PACE;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Parts of a pace, in each of which as many bots think: they do not all send at once.
const SLOTS: u32 = 20;

/// What the bots of one thread share.
pub(super) struct Worker {
    slots: Vec<Notify>,
    interval: Mutex<Interval>,
}

impl Worker {
    fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Notify::new()).collect(), interval: Mutex::default() }
    }

    /// What wakes bot number `number` of this thread with every pace.
    pub fn slot(&self, number: usize) -> &Notify {
        &self.slots[number % self.slots.len()]
    }

    /// Adds to what is counted. A bot that panicked while counting spoils nothing but its own figure.
    pub fn count(&self, add: impl FnOnce(&mut Interval)) {
        add(&mut self.interval.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Wakes the bots, slot by slot. Who is late catches up: the pace is kept.
    async fn clock_loop(&self, end: &CancellationToken) {
        let mut step = tokio::time::interval(PACE / SLOTS);
        for slot in self.slots.iter().cycle() {
            let due = tokio::select! {
                due = step.tick() => due,
                () = end.cancelled() => return,
            };
            self.count(|interval| interval.lag.record(due.elapsed()));
            slot.notify_waiters();
        }
    }
}

/// The thread; it ends with the value.
pub(super) struct Thread {
    /// What its bots share.
    pub worker: Arc<Worker>,
    /// Where they are spawned.
    pub runtime: Handle,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// Starts thread number `number`.
    ///
    /// # Errors
    /// The system has no thread or no event queue left.
    pub fn start(number: usize) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let worker = Arc::new(Worker::new());
        let end = CancellationToken::new();
        let (clock, ended) = (Arc::clone(&worker), end.clone());
        let thread = std::thread::Builder::new()
            .name(format!("load-{number}"))
            .spawn(move || runtime.block_on(clock.clock_loop(&ended)))?;
        Ok(Self { worker, runtime: handle, end, thread: Some(thread) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.end.cancel();
        // The thread that panicked has said so.
        drop(self.thread.take().map(JoinHandle::join));
    }
}
