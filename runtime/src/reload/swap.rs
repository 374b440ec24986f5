//! From one layout to the next: instances made off the tick, handed to the zones that change, swapped by
//! them at a tick boundary.

use super::layout::Layout;
use super::{Pipeline, PushError, SwappedZone, blocking, fits};
use crate::zone::{Applied, InboxError, Message, Swap, ZoneHandle, ZoneIndex, ZoneRules};
use host_api::{ExportStats, Generation, RECORDED_VIEWS, RulesError, ScriptRules};
use sim::content::Content;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a zone may take to swap: it does so within a tick, unless it stands still.
const SWAP_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that a swap needs; from here on it cannot fail.
pub(super) struct Ready {
    number: u64,
    layout: Layout,
    content: Option<Arc<Content>>,
    rules: Vec<(ZoneIndex, Box<dyn ZoneRules>)>,
}

/// A swap that has happened.
pub(super) struct Swapped {
    pub number: u64,
    pub zones: Vec<SwappedZone>,
    pub pending: Vec<String>,
    /// What the scripts before have cost, in all zones of the swap.
    pub costs: Vec<ExportStats>,
}

impl Pipeline {
    /// The number of the next generation.
    pub(super) fn next_number(&self) -> u64 {
        self.live().set.generation + 1
    }

    /// Makes instances for every zone that has to change, on a thread for slow work. Refuses what not
    /// all of these could take now, before anything was done for it.
    pub(super) async fn ready(
        &self,
        number: u64,
        layout: Layout,
        content: Option<Arc<Content>>,
    ) -> Result<Ready, PushError> {
        let definitions = content.clone().unwrap_or_else(|| self.content());
        let mut changing: Vec<(ZoneIndex, Generation)> = Vec::new();
        {
            let live = self.live();
            for (index, zone) in self.zones.iter() {
                if content.is_none() && !layout.differs(&live.layout, &zone.name) {
                    continue;
                }
                let generation = layout.of(&zone.name, number)?;
                fits(&generation, &definitions)?;
                changing.push((index, generation));
            }
            // A zone runs exactly what it was given last, or it is behind.
            for (index, _) in &changing {
                let zone = self.zones.handle(*index);
                let behind = zone.stats.generation.load(Relaxed) != live.numbers[index.0];
                if behind || zone.stats.stalled.load(Relaxed) {
                    return Err(PushError::Zone(zone.name.to_string()));
                }
            }
        }
        let make = move || {
            let instances = |(index, generation): (ZoneIndex, Generation)| {
                let mut rules = ScriptRules::new(&generation)?;
                rules.record(RECORDED_VIEWS);
                rules.limit_ticks();
                Ok::<_, RulesError>((index, Box::new(rules) as Box<dyn ZoneRules>))
            };
            changing.into_iter().map(instances).collect::<Result<Vec<_>, _>>()
        };
        let rules = blocking(make).await??;
        Ok(Ready { number, layout, content, rules })
    }

    /// Hands the zones their instances and waits until all have swapped, but not for ever: a zone that
    /// is late takes them when it goes on.
    pub(super) async fn hand_out(&self, ready: Ready) -> Swapped {
        let Ready { number, layout, content, rules } = ready;
        let deadline = tokio::time::Instant::now() + SWAP_TIMEOUT;
        let mut waiting = Vec::new();
        for (index, rules) in rules {
            let zone = self.zones.handle(index).clone();
            self.live().numbers[index.0] = number;
            let name = zone.name.to_string();
            waiting.push((name, tokio::spawn(hand_over(zone, rules, content.clone(), number))));
        }
        let (mut zones, mut pending, mut costs) = (Vec::new(), Vec::new(), Vec::new());
        for (zone, swapped) in waiting {
            match tokio::time::timeout_at(deadline, swapped).await {
                Ok(Ok(Some((tick, stats)))) => {
                    costs.extend(stats);
                    zones.push(SwappedZone { zone, tick });
                }
                _ => {
                    tracing::warn!(
                        zone,
                        generation = number,
                        "the zone has not taken the new generation yet"
                    );
                    pending.push(zone);
                }
            }
        }
        {
            let mut live = self.live();
            live.layout = layout;
            live.set.generation = number;
            if let Some(content) = &content {
                live.content_before = Some(self.content());
                let base = live.set.content.take().map(|live| live.base);
                let base = base.unwrap_or_else(|| super::hex(self.content().digest));
                let digest = super::hex(content.digest);
                live.set.content = Some(super::LiveContent { digest, base });
            }
        }
        if let Some(content) = content {
            self.content.send_replace(content);
        }
        Swapped { number, zones, pending, costs }
    }
}

/// Gives a zone its instances, however long it takes; the first tick with them and what those before have
/// cost, `None` if the zone has ended.
async fn hand_over(
    zone: ZoneHandle,
    rules: Box<dyn ZoneRules>,
    content: Option<Arc<Content>>,
    generation: u64,
) -> Option<(u64, Vec<ExportStats>)> {
    let (applied, answer) = oneshot::channel();
    let mut message = Message::Swap(Box::new(Swap { rules, content, generation, applied }));
    while let Err((error, returned)) = zone.submit(message) {
        if error == InboxError::Gone {
            return None;
        }
        message = returned;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Applied { tick, old } = answer.await.ok()?;
    let costs = old.stats();
    // Instances unmap megabytes; nobody waits for that.
    tokio::task::spawn_blocking(move || drop(old));
    Some((tick, costs))
}
