//! What is pushed, from its bytes to the zones.

use super::change::{CONTENT, Change, Cost, Subject, Watched};
use super::layout::Overlay;
use super::rules::cost_name;
use super::state::{Event, State};
use super::{
    Author, ContentFiles, Layout, LiveModule, Pipeline, Plan, PushError, Pushed, Verdict, blocking,
    can_follow, content_label, hex, keeps_state, millis, now_ms,
};
use host_api::{ExportStats, Kind, Manifest, Module};
use sim::content::Content;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Something that can become live.
pub(super) enum Candidate {
    Module(Module),
    Content(Arc<Content>),
}

impl Candidate {
    fn label(&self) -> String {
        match self {
            Self::Module(module) => module.label().to_owned(),
            Self::Content(content) => content_label(content),
        }
    }

    fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Module(module) => Some(module.manifest()),
            Self::Content(_) => None,
        }
    }

    fn digest(&self) -> String {
        match self {
            Self::Module(module) => module.digest(),
            Self::Content(content) => hex(content.digest),
        }
    }
}

impl Pipeline {
    /// Lets a module become live: in every zone, in some first, or when a person says so.
    ///
    /// # Errors
    /// [`PushError`]; what was live still is.
    pub async fn push_module(
        &self,
        bytes: Vec<u8>,
        plan: &Plan,
        author: &Author,
    ) -> Result<Pushed, PushError> {
        let started = Instant::now();
        let engine = self.engine.clone();
        let (module, bytes) =
            blocking(move || Module::load(&engine, &bytes).map(|module| (module, bytes))).await??;
        let digest = module.digest();
        let _push = self.pushing.lock().await;
        self.refuse_if_barred(&module)?;
        {
            let live = self.live();
            let trunk = &live.layout.trunk;
            if trunk.module(module.name()).is_some_and(|before| before.digest() == digest) {
                return Ok(Pushed::unchanged(module.label().to_owned(), trunk.number(), started));
            }
        }
        let plan = Plan { canary: self.canary_zones(&plan.canary, &digest), ..plan.clone() };
        let archive = Arc::clone(&self.archive);
        blocking(move || archive.keep_module(&digest, &bytes)).await??;
        self.take_in(Candidate::Module(module), &plan, author, started).await
    }

    /// The zones of a canary: a share such as `25%` becomes so many of all zones, at least one and not all.
    /// Which ones depends on the candidate, so that it is not always the same players who try.
    fn canary_zones(&self, asked: &[String], digest: &str) -> Vec<String> {
        let mut zones: Vec<String> = self.zones.iter().map(|(_, zone)| zone.name.to_string()).collect();
        zones.sort_by_key(|zone| sim::def_id(&format!("{digest}/{zone}")));
        let mut chosen = Vec::new();
        for wish in asked {
            let percent = wish.strip_suffix('%').and_then(|percent| percent.parse().ok());
            match percent.filter(|percent| (1..100_usize).contains(percent)) {
                Some(percent) => {
                    let count = (zones.len() * percent).div_ceil(100).clamp(1, (zones.len() - 1).max(1));
                    chosen.extend_from_slice(&zones[..count]);
                }
                None => chosen.push(wish.clone()),
            }
        }
        chosen.sort();
        chosen.dedup();
        chosen
    }

    /// Lets content become live in every zone, or when a person says so.
    ///
    /// # Errors
    /// [`PushError`]; what was live still is.
    pub async fn push_content(
        &self,
        files: ContentFiles,
        plan: &Plan,
        author: &Author,
    ) -> Result<Pushed, PushError> {
        let started = Instant::now();
        if !plan.canary.is_empty() {
            return Err(PushError::ContentCanary);
        }
        let (content, files) = blocking(move || (crate::content::load_files(&files), files)).await?;
        let (content, _) = content.map_err(|errors| PushError::Content(errors.to_string()))?;
        let content = Arc::new(content);
        let _push = self.pushing.lock().await;
        if self.content().digest == content.digest {
            let number = self.generation().number();
            return Ok(Pushed::unchanged(content_label(&content), number, started));
        }
        self.is_not_barred(&content)?;
        let rows = self.compared_with_live(files.clone()).await?.rows;
        let (archive, digest) = (Arc::clone(&self.archive), content.digest);
        blocking(move || archive.keep_content(digest, &files)).await??;
        let pushed = self.take_in(Candidate::Content(content), plan, author, started).await?;
        Ok(Pushed { rows, ..pushed })
    }

    /// Opens a change for a candidate and takes it as far as it goes.
    async fn take_in(
        &self,
        candidate: Candidate,
        plan: &Plan,
        author: &Author,
        started: Instant,
    ) -> Result<Pushed, PushError> {
        let id = self.open(&candidate, plan, author);
        let taken = self.advance(id, &candidate, author, started).await;
        let failed = taken.as_ref().err().map(ToString::to_string);
        if let Some(why) = failed {
            let author = Author { who: author.who.clone(), why };
            let _turn = self.changing.lock().await;
            // Another change may have taken its place already.
            if self.change(id).is_none_or(|change| change.state.is_over()) {
                return taken;
            }
            if let Err(error) = self.step(id, Event::Refuse, &author) {
                tracing::error!(%error, change = id, "a change that failed could not be refused");
            }
            self.save(self.noted("refuse", id, &author)).await;
        }
        taken
    }

    fn open(&self, candidate: &Candidate, plan: &Plan, author: &Author) -> u64 {
        let mut live = self.live();
        let (subject, script, before, drift_percent) = match candidate {
            Candidate::Module(module) => {
                let before = live.layout.trunk.module(module.name());
                let own = module.manifest().proof;
                let proof = before.map_or(own, |before| own.stricter(&before.manifest().proof));
                let before = before.map(|before| before.label().to_owned());
                (Subject::Module, module.name().to_owned(), before, proof.drift_percent)
            }
            Candidate::Content(_) => {
                (Subject::Content, CONTENT.to_owned(), Some(content_label(&self.content())), None)
            }
        };
        let manifest = candidate.manifest();
        let asked = manifest.and_then(|manifest| manifest.limits.probation_ticks).map_or(0, u64::from);
        let change = Change {
            id: 0,
            subject,
            script,
            label: candidate.label(),
            digest: candidate.digest(),
            before,
            state: State::Checked,
            canary: plan.canary.clone(),
            hold: plan.hold,
            probation_ticks: self.probation_ticks.max(asked),
            skip_proof: plan.skip_proof,
            proof: None,
            rests_on: None,
            drift_percent,
            share_percent: manifest.and_then(|manifest| manifest.limits.tick_share_percent),
            shown_percent: BTreeMap::new(),
            baseline: BTreeMap::new(),
            watched: BTreeMap::new(),
            breach: None,
            steps: Vec::new(),
        };
        let id = live.set.changes.open(change, author, now_ms());
        if let Some(change) = live.set.changes.find(id).cloned() {
            self.tell(&live, Arc::new(change));
        }
        id
    }

    fn refuse_if_barred(&self, module: &Module) -> Result<(), PushError> {
        match self.live().set.quarantined.why(&module.digest()) {
            None => Ok(()),
            Some(reason) => {
                let (label, reason) = (module.label().to_owned(), reason.to_owned());
                Err(PushError::Quarantined { label, reason })
            }
        }
    }

    /// Whether what a candidate was checked and proven against is still what runs.
    fn refuse_if_overtaken(&self, id: u64, candidate: &Candidate) -> Result<(), PushError> {
        let live = match candidate {
            Candidate::Module(module) => {
                self.generation().module(module.name()).map(|live| live.label().to_owned())
            }
            Candidate::Content(_) => Some(content_label(&self.content())),
        };
        let change = self.change(id).ok_or(PushError::NoChange(id))?;
        match change.is_overtaken(live.as_deref()) {
            true => Err(PushError::Overtaken(change.label)),
            false => Ok(()),
        }
    }

    /// From checked to held, or into the zones. What takes long comes first: meanwhile other modules may be
    /// taken out of the zones.
    async fn advance(
        &self,
        id: u64,
        candidate: &Candidate,
        author: &Author,
        started: Instant,
    ) -> Result<Pushed, PushError> {
        let change = self.change(id).ok_or(PushError::NoChange(id))?;
        self.zones_exist(&change.canary)?;
        // The change must fit before anybody waits for its proof or is asked to approve it.
        let (layout, _) = self.layout_with(&change, candidate, self.next_number())?;
        self.fits_everywhere(&layout, candidate)?;
        self.state_can_follow(&change, candidate).await?;
        let verdict = match candidate {
            _ if change.skip_proof => None,
            Candidate::Module(module) => Some(self.proven(id, module).await?),
            Candidate::Content(content) => Some(self.proven_content(id, content).await?),
        };
        let (event, judged) = match &verdict {
            Some(Verdict::Refuse { why }) => {
                return Err(PushError::Refused { label: change.label, why: why.clone() });
            }
            Some(Verdict::Hold { why }) => (Event::Hold, Author::machine(why.join("; "))),
            Some(Verdict::Accept) => (Event::Accept, author.clone()),
            None => {
                let why = format!("without proof; {}", author.why);
                (Event::Accept, Author { why, ..author.clone() })
            }
        };
        let _turn = self.changing.lock().await;
        self.refuse_if_overtaken(id, candidate)?;
        self.step(id, event, &judged)?;
        if event == Event::Accept && change.hold && change.canary.is_empty() {
            self.step(id, Event::Hold, author)?;
        }
        if self.change(id).is_some_and(|change| change.state == State::Held) {
            self.supersede(id, |rival| rival.state == State::Held && rival.watched.is_empty());
            self.save(self.noted("hold", id, author)).await;
            return Ok(Pushed {
                before: change.before.clone(),
                unchanged: false,
                change: Some(id),
                state: Some(State::Held),
                proof: verdict,
                ..Pushed::unchanged(change.label, self.generation().number(), started)
            });
        }
        self.enter(id, candidate, author, started).await
    }

    fn zones_exist(&self, names: &[String]) -> Result<(), PushError> {
        let known: Vec<&str> = self.zones.iter().map(|(_, zone)| &*zone.name).collect();
        let missing = names.iter().filter(|name| !known.contains(&name.as_str()));
        let hint = |name: &str| crate::content::suggestion(name, known.iter().copied());
        let asked: Vec<String> = missing.map(|name| format!("`{name}`{}", hint(name))).collect();
        if asked.is_empty() {
            return Ok(());
        }
        Err(PushError::NoZone { asked: asked.join(", "), known: known.join(", ") })
    }

    /// What will run where with the candidate, and whether that is in all zones.
    fn layout_with(
        &self,
        change: &Change,
        candidate: &Candidate,
        number: u64,
    ) -> Result<(Layout, bool), PushError> {
        let live = self.live();
        let layout = &live.layout;
        let module = match candidate {
            Candidate::Content(content) => {
                can_follow(&self.content(), content)?;
                keeps_state(&layout.trunk, &self.content(), content)?;
                let trunk = layout.trunk.numbered(number);
                return Ok((Layout { trunk, overlays: layout.overlays.clone() }, true));
            }
            Candidate::Module(module) => module,
        };
        if change.canary.is_empty() || change.is_partial() {
            return Ok((layout.with_trunk(number, module.clone())?, true));
        }
        let other = layout.trunk.module(module.name()).map(Module::digest);
        let other = other.and_then(|digest| live.set.changes.of_trunk(&digest));
        if let Some(other) = other.filter(|other| other.state == State::Probation) {
            return Err(PushError::InProbation(other.label.clone()));
        }
        let zones = change.canary.iter().cloned().collect();
        Ok((layout.with_overlay(Overlay { change: change.id, module: module.clone(), zones }), false))
    }

    pub(super) fn fits_everywhere(&self, layout: &Layout, candidate: &Candidate) -> Result<(), PushError> {
        let content = match candidate {
            Candidate::Content(content) => Arc::clone(content),
            Candidate::Module(_) => self.content(),
        };
        for (_, zone) in self.zones.iter() {
            super::fits(&layout.of(&zone.name, layout.trunk.number())?, &content)?;
        }
        Ok(())
    }

    /// Whether the state of the running world can go over to the schema of a candidate.
    async fn state_can_follow(&self, change: &Change, candidate: &Candidate) -> Result<(), PushError> {
        let Candidate::Module(module) = candidate else { return Ok(()) };
        let before = self.generation().module(module.name()).map_or(0, Module::schema);
        if before == module.schema() {
            return Ok(());
        }
        if !change.canary.is_empty() && matches!(module.kind(), Kind::Quest | Kind::Dialog) {
            return Err(PushError::StateCanary(module.label().to_owned()));
        }
        self.plan_states(module).await?.check()
    }

    /// Puts a candidate into its zones: the chosen ones, or all. For whom holds `changing`.
    pub(super) async fn enter(
        &self,
        id: u64,
        candidate: &Candidate,
        author: &Author,
        started: Instant,
    ) -> Result<Pushed, PushError> {
        let change = self.change(id).ok_or(PushError::NoChange(id))?;
        if let Candidate::Module(module) = candidate {
            self.refuse_if_barred(module)?;
        }
        let number = self.next_number();
        let (layout, wide) = self.layout_with(&change, candidate, number)?;
        let content = match candidate {
            Candidate::Content(content) => Some(Arc::clone(content)),
            Candidate::Module(_) => None,
        };
        let ready = self.ready(number, layout, content).await?;
        if let Candidate::Module(module) = candidate {
            self.may_write(module);
        }
        let prepare_ms = millis(started);
        if change.state != State::Staged {
            let event = if change.state == State::Held { Event::Approve } else { Event::Stage };
            self.step(id, event, author)?;
        }
        self.save(None).await;
        let before = match candidate {
            Candidate::Module(module) => self.generation().module(module.name()).cloned(),
            Candidate::Content(_) => None,
        };
        let content_before = self.content();
        let swapped = self.hand_out(ready).await?;
        let live_ms = millis(started);
        match candidate {
            Candidate::Module(module) if wide => self.is_trunk_now(module, before),
            Candidate::Module(_) => {}
            Candidate::Content(_) => self.remember_content(&content_before),
        }
        self.supersede(id, |rival| rival.state != State::Live);
        self.begin_to_watch(id, &swapped.zones, &swapped.pending, &swapped.costs);
        self.step(id, if wide { Event::EnterAll } else { Event::EnterSome }, author)?;
        let pushed = Pushed {
            label: change.label.clone(),
            before: change.before.clone(),
            generation: swapped.number,
            zones: swapped.zones,
            pending: swapped.pending,
            prepare_ms,
            live_ms,
            unchanged: false,
            resting: false,
            rows: Vec::new(),
            change: Some(id),
            state: self.change(id).map(|change| change.state),
            proof: change.proof.clone(),
        };
        let action = match change.subject {
            Subject::Content => "content",
            Subject::Module if !wide => "canary",
            Subject::Module if change.is_partial() => "promote",
            Subject::Module => "push",
        };
        let digest = if change.subject == Subject::Content { &change.label } else { &change.digest };
        self.record(action, &pushed, digest, author).await;
        Ok(pushed)
    }

    /// A module has become that of all zones.
    pub(super) fn is_trunk_now(&self, module: &Module, before: Option<Module>) {
        let mut live = self.live();
        let base = match live.set.modules.get(module.name()) {
            // Without a base the pack has no such module.
            Some(live) => live.base.clone(),
            None => before.as_ref().map(Module::digest),
        };
        live.set.modules.insert(module.name().to_owned(), LiveModule { digest: module.digest(), base });
        // There is no way back to what is barred.
        if let Some(before) = before.filter(|before| live.may_run(&before.digest())) {
            live.earlier.remember(before);
        }
    }

    /// Ends the changes whose place this one takes.
    pub(super) fn supersede(&self, id: u64, which: impl Fn(&Change) -> bool) {
        let rivals: Vec<u64> = {
            let live = self.live();
            live.set
                .changes
                .rivals(id)
                .into_iter()
                .filter(|rival| which(rival))
                .map(|rival| rival.id)
                .collect()
        };
        let author = Author::machine(format!("change {id} took its place"));
        for rival in rivals {
            if let Err(error) = self.step(rival, Event::Supersede, &author) {
                tracing::error!(%error, rival, "a change could not be superseded");
            }
        }
    }

    /// Begins to watch a change where it runs, against what the version before has cost.
    fn begin_to_watch(
        &self,
        id: u64,
        zones: &[super::SwappedZone],
        pending: &[String],
        costs: &[ExportStats],
    ) {
        let mut live = self.live();
        let Some(change) = live.set.changes.find_mut(id) else { return };
        let half_before = |name: &str| {
            let zone = self.zones.iter().find(|(_, zone)| *zone.name == *name);
            zone.map_or(0.0, |(_, zone)| zone.stats.summary().p50)
        };
        let late = |zone: &&crate::zone::ZoneHandle| pending.iter().any(|name| **name == *zone.name);
        let late = self.zones.iter().map(|(_, zone)| zone).filter(late);
        let late = late.map(|zone| (zone.name.to_string(), zone.stats.tick.load(Relaxed) + 1));
        let first = zones.iter().map(|swapped| (swapped.zone.clone(), swapped.tick)).chain(late);
        let watched = first.map(|(zone, since)| {
            let tick_p50_before_ms = half_before(&zone);
            (zone, Watched { tick_p50_before_ms, ..Watched::new(since) })
        });
        change.watched = watched.collect();
        let mut baseline: BTreeMap<String, Cost> = BTreeMap::new();
        let before = change.before.as_deref().unwrap_or_default();
        // What was not called, because it rested, is nothing to compare with.
        for row in costs.iter().filter(|row| row.counters.calls > 0) {
            let Some(name) = cost_name(change.subject, before, row) else { continue };
            let cost = baseline.entry(name).or_default();
            cost.items += row.counters.items;
            cost.fuel += row.counters.fuel;
            cost.time_ns += row.counters.time_ns;
        }
        // A canary on its way to all zones keeps what it was compared with, if that says more.
        for (export, cost) in baseline {
            let known = change.baseline.entry(export).or_default();
            if cost.items > known.items {
                *known = cost;
            }
        }
    }
}
