//! What people decide about changes and do besides, and the way back, for whatever reason it is taken.

use super::change::{Breach, CONTENT, Change, Subject};
use super::push::Candidate;
use super::state::Event;
use super::{Author, HistoryEntry, Layout, Pipeline, PushError, Pushed, blocking, millis, now_ms};
use crate::content::suggestion;
use host_api::Module;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

impl Pipeline {
    /// Lets a change go on that waits for a person, or does not wait to the end of its canary.
    ///
    /// # Errors
    /// [`PushError`]; it waits on then.
    pub async fn approve(&self, id: u64, author: &Author) -> Result<Pushed, PushError> {
        let started = Instant::now();
        let approved = |change: Option<Change>| {
            let change = change.ok_or(PushError::NoChange(id))?;
            change.state.after(Event::Approve)?;
            Ok::<_, PushError>(change)
        };
        let candidate = self.candidate(&approved(self.change(id))?).await?;
        let _turn = self.changing.lock().await;
        approved(self.change(id))?;
        self.enter(id, &candidate, author, started).await
    }

    /// Ends a change that waits for a person, or is tried in some zones.
    ///
    /// # Errors
    /// [`PushError`]; it stays what it was then.
    pub async fn reject(&self, id: u64, author: &Author) -> Result<Change, PushError> {
        let change = self.change(id).ok_or(PushError::NoChange(id))?;
        change.state.after(Event::Reject)?;
        if change.is_partial() {
            self.retire(&change.label, Event::Reject, None, author).await?;
        } else {
            let _turn = self.changing.lock().await;
            self.step(id, Event::Reject, author)?;
            self.save(self.noted("reject", id, author)).await;
        }
        self.change(id).ok_or(PushError::NoChange(id))
    }

    /// A line of the history about something else that an operator did.
    pub async fn note(&self, action: &str, label: String, author: &Author) {
        let _turn = self.changing.lock().await;
        let entry = {
            let mut live = self.live();
            let entry = HistoryEntry {
                at_ms: now_ms(),
                generation: live.layout.trunk.number(),
                action: action.to_owned(),
                label,
                digest: String::new(),
                before: None,
                who: author.who.clone(),
                why: author.why.clone(),
                live_ms: 0.0,
            };
            live.remember(&entry);
            entry
        };
        let archive = Arc::clone(&self.archive);
        if let Err(error) = blocking(move || archive.log(&entry)).await.and_then(|written| Ok(written?)) {
            tracing::error!(%error, action, "what an operator did is not in the history: the data folder cannot be written");
        }
    }

    /// What a change is about, from where it runs or from the archive.
    pub(super) async fn candidate(&self, change: &Change) -> Result<Candidate, PushError> {
        let running = self.live().layout.overlay(&change.label).map(|overlay| overlay.module.clone());
        if let Some(module) = running {
            return Ok(Candidate::Module(module));
        }
        let (archive, digest) = (Arc::clone(&self.archive), change.digest.clone());
        if change.subject == Subject::Content {
            return Ok(Candidate::Content(self.archived_content(digest).await?));
        }
        let bytes = blocking(move || archive.module(&digest)).await??;
        let engine = self.engine.clone();
        Ok(Candidate::Module(blocking(move || Module::load(&engine, &bytes)).await??))
    }

    /// Goes back: ends a canary of this script, else makes the version before the live one live again.
    ///
    /// # Errors
    /// [`PushError`]; what was live still is.
    pub async fn rollback(&self, script: &str, author: &Author) -> Result<Pushed, PushError> {
        let label = {
            let live = self.live();
            let tried = live.layout.overlays.iter().map(|overlay| &overlay.module);
            let tried = tried.filter(|module| module.name() == script).map(Module::label).next();
            tried.or_else(|| live.layout.trunk.module(script).map(Module::label)).map(ToOwned::to_owned)
        };
        match label {
            Some(label) => self.retire(&label, Event::Undo, None, author).await,
            None if script == CONTENT => self.retire_content(None, Event::Undo, None, author).await,
            None => Err(self.not_live(script)),
        }
    }

    /// That nothing of this name runs, and what does.
    fn not_live(&self, name: &str) -> PushError {
        let live = self.live();
        let tried = live.layout.overlays.iter().map(|overlay| overlay.module.name());
        let mut known: BTreeSet<&str> = live.layout.trunk.modules().map(Module::name).chain(tried).collect();
        known.insert(CONTENT);
        let hint = suggestion(name, known.iter().copied());
        let known: Vec<&str> = known.into_iter().collect();
        PushError::NotLive { name: name.to_owned(), hint, known: known.join(", ") }
    }

    /// Takes a module out of the zones where it runs: a candidate gives way to what runs in the others,
    /// what runs in all to the version before, which must be a good one unless a person decides. What
    /// failed too often and has no version before it rests.
    pub(super) async fn retire(
        &self,
        label: &str,
        event: Event,
        breach: Option<Breach>,
        author: &Author,
    ) -> Result<Pushed, PushError> {
        let started = Instant::now();
        let decided = breach.as_ref().and_then(|breach| self.tick_of(&breach.zone));
        let _turn = self.changing.lock().await;
        let number = self.next_number();
        let (layout, failing, back, change) = {
            let live = self.live();
            if let Some(overlay) = live.layout.overlay(label) {
                let back = live.layout.trunk.module(overlay.module.name()).cloned();
                (live.layout.without(overlay.change), overlay.module.clone(), back, Some(overlay.change))
            } else {
                let failing = live.layout.trunk.modules().find(|module| module.label() == label).cloned();
                let failing = failing.ok_or_else(|| PushError::NothingBefore(label.to_owned()))?;
                let (script, digest) = (failing.name(), failing.digest());
                let may_run = |other: &str| other != digest && live.may_run(other);
                let back = match event {
                    Event::Undo => live.earlier.last(script, may_run),
                    _ => live.earlier.last_good(script, may_run),
                };
                let Layout { trunk, overlays } = &live.layout;
                let layout = match (&back, event) {
                    (Some(back), _) => {
                        let trunk = trunk.with_module(number, back.clone())?;
                        Layout { trunk, overlays: overlays.clone() }
                    }
                    (None, _) if trunk.rests(&failing) => {
                        return Err(PushError::Rests(failing.label().to_owned()));
                    }
                    (None, Event::Strike) => live.layout.with_rest(number, &failing),
                    (None, _) => return Err(PushError::NothingBefore(script.to_owned())),
                };
                let change = live.set.changes.of_trunk(&digest).map(|change| change.id);
                (layout, failing, back, change)
            }
        };
        let from_all = layout.trunk.number() == number;
        if let Some(change) = change.and_then(|id| self.change(id)) {
            change.state.after(event)?;
        }
        let ready = self.ready(number, layout, None).await?;
        let prepare_ms = millis(started);
        let swapped = self.hand_out(ready).await?;
        if event == Event::Strike {
            self.live().bar(failing.digest(), author.why.clone());
        }
        if from_all && let Some(back) = &back {
            self.is_trunk_now(back, None);
            self.live().earlier.went_back_to(back);
        }
        if let Some(id) = change {
            let back_at = breach.as_ref().and_then(|breach| {
                swapped.zones.iter().find(|zone| zone.zone == breach.zone).map(|zone| zone.tick)
            });
            if let Some(change) = self.live().set.changes.find_mut(id) {
                change.breach = breach.map(|breach| Breach {
                    back_in_ticks: back_at.zip(decided).map(|(back, decided)| back.saturating_sub(decided)),
                    ..breach
                });
            }
            self.step(id, event, author)?;
        }
        let now = back.as_ref().or(from_all.then_some(&failing));
        let pushed = Pushed {
            label: now.map_or_else(|| "nothing".to_owned(), |now| now.label().to_owned()),
            before: Some(label.to_owned()),
            generation: swapped.number,
            zones: swapped.zones,
            pending: swapped.pending,
            prepare_ms,
            live_ms: millis(started),
            unchanged: false,
            resting: now.is_some_and(|now| self.generation().rests(now)),
            rows: Vec::new(),
            change,
            state: change.and_then(|id| self.change(id)).map(|change| change.state),
            proof: None,
        };
        let digest = now.map(Module::digest).unwrap_or_default();
        self.record(action(event), &pushed, &digest, author).await;
        Ok(pushed)
    }

    /// The last tick that a zone has finished.
    pub(super) fn tick_of(&self, name: &str) -> Option<u64> {
        let zone = self.zones.iter().find(|(_, zone)| *zone.name == *name);
        zone.map(|(_, zone)| zone.stats.tick.load(Relaxed))
    }
}

pub(super) fn action(event: Event) -> &'static str {
    match event {
        Event::Strike => "quarantine",
        Event::Reject => "reject",
        _ => "rollback",
    }
}
