//! From one layout to the next: instances made off the tick, handed to the zones that change, swapped by
//! them at a tick boundary.

use super::layout::Layout;
use super::{Pipeline, PushError, SwappedZone, blocking, fits};
use crate::zone::{Applied, InboxError, Message, Swap, Unready, ZoneHandle, ZoneIndex, ZoneRules};
use host_api::{ExportStats, Former, Generation, RECORDED_VIEWS, RulesError, ScriptRules};
use sim::content::Content;
use sim::state::Migrated;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a zone may take to swap: it does so within a tick, unless it stands still.
const SWAP_TIMEOUT: Duration = Duration::from_secs(10);

/// Instances for one zone.
type Instances = (ZoneIndex, Box<dyn ZoneRules>);

/// Everything that a swap needs; from here on it cannot fail.
pub(super) struct Ready {
    number: u64,
    layout: Layout,
    content: Option<Arc<Content>>,
    rules: Vec<Instances>,
    /// State in the new schemas, migrated on a copy.
    migrated: BTreeMap<ZoneIndex, Vec<Migrated>>,
    /// Whether it has to happen whatever becomes of state that cannot be migrated.
    forced: bool,
}

/// A swap that has happened.
pub(super) struct Swapped {
    pub number: u64,
    pub zones: Vec<SwappedZone>,
    pub pending: Vec<String>,
    /// Zones that did not swap, because of their state.
    refused: Vec<(String, Unready)>,
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
            // A zone runs exactly what it was given last, or has refused it, or it is behind.
            for (index, _) in &changing {
                let zone = self.zones.handle(*index);
                let given = live.numbers[index.0];
                let behind = ![&zone.stats.generation, &zone.stats.refused_generation]
                    .iter()
                    .any(|number| number.load(Relaxed) == given);
                if behind || zone.stats.stalled.load(Relaxed) {
                    return Err(PushError::Zone(zone.name.to_string()));
                }
            }
        }
        let former = self.live().former.clone();
        let trial = self.try_states(&changing, &former).await?;
        trial.check()?;
        let rules = blocking(move || instances(changing, &former)).await??;
        Ok(Ready { number, layout, content, rules, migrated: trial.prepared, forced: false })
    }

    /// Hands the zones their instances and waits until all have swapped, but not for ever: a zone that
    /// is late takes them when it goes on.
    ///
    /// # Errors
    /// The state of a zone changed meanwhile into something that cannot be migrated: all zones run again
    /// what they ran before.
    pub(super) async fn hand_out(&self, ready: Ready) -> Result<Swapped, PushError> {
        let (number, layout, content) = (ready.number, ready.layout.clone(), ready.content.clone());
        let swapped = self.give(ready).await;
        if !swapped.refused.is_empty() {
            return Err(self.take_back(swapped).await);
        }
        {
            let mut live = self.live();
            live.layout = layout;
            live.set.generation = number;
            if let Some(content) = &content {
                let base = live.set.content.take().map(|live| live.base);
                let base = base.unwrap_or_else(|| super::hex(self.content().digest));
                let digest = super::hex(content.digest);
                live.set.content = Some(super::LiveContent { digest, base });
            }
        }
        if let Some(content) = content {
            self.content.send_replace(content);
            self.count_strikes_from(&swapped.zones);
        }
        Ok(swapped)
    }

    /// Gives the zones that have swapped, or still will, what the others run, whatever becomes of the little
    /// that has happened since.
    async fn take_back(&self, swapped: Swapped) -> PushError {
        let number = swapped.number + 1;
        let mut gone: Vec<&str> = swapped.zones.iter().map(|zone| zone.zone.as_str()).collect();
        gone.extend(swapped.pending.iter().map(String::as_str));
        let (old, former) = {
            let live = self.live();
            (live.layout.clone(), live.former.clone())
        };
        let zones = self.zones.iter().filter(|(_, zone)| gone.contains(&&*zone.name));
        let changing: Result<Vec<_>, PushError> =
            zones.map(|(index, zone)| Ok((index, old.of(&zone.name, number)?))).collect();
        let made = async {
            let changing = changing?;
            Ok::<_, PushError>(blocking(move || instances(changing, &former)).await??)
        };
        match made.await {
            Ok(rules) => {
                let (layout, migrated) = (old.clone(), BTreeMap::new());
                self.give(Ready { number, layout, content: None, rules, migrated, forced: true }).await;
            }
            Err(error) => tracing::error!(%error, "zones could not be given back what they ran before"),
        }
        let mut live = self.live();
        live.set.generation = number;
        for (index, zone) in self.zones.iter() {
            if swapped.refused.iter().any(|(name, _)| **name == *zone.name) {
                live.numbers[index.0] = zone.stats.generation.load(Relaxed);
            }
        }
        live.layout.trunk = old.trunk.numbered(number);
        let why = swapped.refused.into_iter().map(|(zone, unready)| format!("{zone}: {unready}"));
        PushError::State { why: why.collect() }
    }

    async fn give(&self, ready: Ready) -> Swapped {
        let Ready { number, layout: _, content, rules, mut migrated, forced } = ready;
        let deadline = tokio::time::Instant::now() + SWAP_TIMEOUT;
        let mut waiting = Vec::new();
        for (index, rules) in rules {
            let zone = self.zones.handle(index).clone();
            self.live().numbers[index.0] = number;
            let name = zone.name.to_string();
            let (applied, answer) = oneshot::channel();
            let migrated = migrated.remove(&index).unwrap_or_default();
            let content = content.clone();
            let swap = Swap { rules, content, generation: number, migrated, forced, applied };
            waiting.push((name, tokio::spawn(hand_over(zone, swap, answer))));
        }
        let (mut zones, mut pending, mut costs, mut refused) = <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
        for (zone, swapped) in waiting {
            match tokio::time::timeout_at(deadline, swapped).await {
                Ok(Ok(Some(Ok((tick, stats))))) => {
                    costs.extend(stats);
                    zones.push(SwappedZone { zone, tick });
                }
                Ok(Ok(Some(Err(unready)))) => refused.push((zone, unready)),
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
        Swapped { number, zones, pending, refused, costs }
    }
}

/// An instance of every module for every zone.
fn instances(changing: Vec<(ZoneIndex, Generation)>, former: &Former) -> Result<Vec<Instances>, RulesError> {
    let make = |(index, generation): (ZoneIndex, Generation)| {
        let mut rules = ScriptRules::new(&generation)?;
        rules.record(RECORDED_VIEWS);
        rules.limit_ticks();
        rules.know(former.clone());
        Ok((index, Box::new(rules) as Box<dyn ZoneRules>))
    };
    changing.into_iter().map(make).collect()
}

/// Gives a zone its instances, however long it takes; the first tick with them and what those before have
/// cost, or why it goes on with those it has; `None` if the zone has ended.
async fn hand_over(
    zone: ZoneHandle,
    swap: Swap,
    answer: oneshot::Receiver<Result<Applied, Unready>>,
) -> Option<Result<(u64, Vec<ExportStats>), Unready>> {
    let mut message = Message::Swap(Box::new(swap));
    while let Err((error, returned)) = zone.submit(message) {
        if error == InboxError::Gone {
            return None;
        }
        message = returned;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Applied { tick, old } = match answer.await.ok()? {
        Ok(applied) => applied,
        Err(unready) => return Some(Err(unready)),
    };
    let costs = old.stats();
    // Instances unmap megabytes; nobody waits for that.
    tokio::task::spawn_blocking(move || drop(old));
    Some(Ok((tick, costs)))
}
