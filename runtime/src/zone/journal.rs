//! The one task that makes facts durable: everything that waits is committed in one transaction,
//! then those who waited for it are told. Zones never wait for it; when it falls too far behind
//! (the store is away) they stand still instead of losing anything.

use crate::bus::Bus;
use crate::client::courier::Mail;
use crate::client::roster::Roster;
use crate::client::{Client, Outgoing};
use crate::store::{FactWriter, StoreError, TickFacts};
use sim::CharacterId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Ticks with facts that may wait for the journal: half a minute of ten busy zones.
pub const JOURNAL_QUEUE: usize = 6_000;
/// Most ticks in one transaction.
const GROUP: usize = 512;
/// First and longest pause between two attempts.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// One tick's worth for the journal.
#[derive(Default)]
pub struct Commit {
    /// To be made durable.
    pub facts: Option<TickFacts>,
    /// To be sent afterwards, in order.
    pub after: Vec<(Arc<Client>, Outgoing)>,
    /// Characters that may be loaded again afterwards.
    pub freed: Vec<CharacterId>,
}

impl Commit {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.facts.is_none() && self.after.is_empty() && self.freed.is_empty()
    }
}

/// Why the journal gave up.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store refuses facts for a reason that does not pass by itself.
    #[error("the store refuses the facts of the world: {0}")]
    Refused(#[source] StoreError),
}

/// Commits until all zones are gone. `reachable` tells readiness whether the store answers; `mail` goes the way of the
/// zones' own, behind it.
///
/// # Errors
/// [`JournalError`]: the world must stop, for nothing more can be made durable.
pub async fn journal_loop(
    mut writer: FactWriter,
    roster: Roster,
    mut queue: mpsc::Receiver<Commit>,
    reachable: Arc<AtomicBool>,
    bus: Bus,
    mut mail: Mail,
) -> Result<(), JournalError> {
    let mut waiting: Vec<Commit> = Vec::new();
    let mut ticks: Vec<TickFacts> = Vec::new();
    while queue.recv_many(&mut waiting, GROUP).await > 0 {
        ticks.extend(waiting.iter_mut().filter_map(|commit| commit.facts.take()));
        if !ticks.is_empty() {
            commit(&mut writer, &ticks, &reachable).await?;
            tell(&bus, &ticks);
            ticks.clear();
        }
        for commit in waiting.drain(..) {
            // Freed first: who is told that it has left may join again at once.
            for character in commit.freed {
                roster.release(character);
            }
            for (client, outgoing) in commit.after {
                mail.tell(&client, outgoing);
            }
        }
        mail.send().await;
    }
    Ok(())
}

async fn commit(
    writer: &mut FactWriter,
    ticks: &[TickFacts],
    reachable: &AtomicBool,
) -> Result<(), JournalError> {
    let started = std::time::Instant::now();
    let mut pause = RETRY.0;
    loop {
        match writer.commit(ticks).await {
            Ok(()) => {
                if !reachable.swap(true, Ordering::Relaxed) {
                    tracing::info!(after = ?started.elapsed(), "the store answers again");
                }
                let facts: usize = ticks.iter().map(|tick| tick.facts.len()).sum();
                metrics::histogram!("journal_commit_duration_seconds").record(started.elapsed());
                metrics::counter!("journal_facts_total").increment(facts as u64);
                return Ok(());
            }
            Err(error) if error.is_transient() => {
                if reachable.swap(false, Ordering::Relaxed) {
                    tracing::error!(%error, "the store cannot be reached; facts wait, nothing is confirmed");
                }
                metrics::counter!("journal_retries_total").increment(1);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
            Err(error) => return Err(JournalError::Refused(error)),
        }
    }
}

/// Tells others what is durable now.
fn tell(bus: &Bus, ticks: &[TickFacts]) {
    if !bus.is_heard() {
        return;
    }
    for tick in ticks {
        match tick.events() {
            Ok(events) => events.into_iter().for_each(|event| bus.publish(event)),
            Err(error) => tracing::error!(%error, "facts that are stored cannot be told"),
        }
    }
}
