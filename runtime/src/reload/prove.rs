//! The proof of a candidate: the calls that the zones recorded, answered by it and by the live module
//! side by side, off the tick, and what that says about letting it live. Where few were recorded, calls
//! nobody has made show whether it answers at all.

use super::change::{Change, Drift};
use super::verdict::Basis;
use super::{Pipeline, Proof, PushError, StateReport, Verdict, blocking};
use crate::zone::Message;
use host_api::{
    Counters, Difference, ExportProof, FailureKind, Kind, ManifestProof, Measure, Module, Recording,
    Rehearsal, Thresholds,
};
use serde::{Deserialize, Serialize};
use sim::DefId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long zones may take to hand over what they recorded; those that stand still are left out.
const PATIENCE: Duration = Duration::from_secs(2);
/// Fewer views say too little to hold a candidate for what they show; others are made up then.
const VIEWS_MIN: u64 = 100;
/// What stands for the change of an average that was zero before.
const NEW_PERCENT: f64 = 100.0;
/// Failures shown per export; the others are only counted.
const FAILURES: usize = 5;

/// What a candidate would change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The candidate.
    pub label: String,
    /// What it was compared with; `None` if no module of this name is live.
    pub live: Option<String>,
    /// Every function the candidate exports.
    pub exports: Vec<ExportReport>,
    /// Whether it may go on by itself.
    pub verdict: Verdict,
    /// What limits this proof.
    pub notes: Vec<String>,
    /// What becomes of its state, if it has another schema.
    #[serde(default)]
    pub state: Option<StateReport>,
}

impl Report {
    /// What its verdict rests on.
    pub fn basis(&self) -> Basis {
        let sum = |count: fn(&ExportReport) -> u64| self.exports.iter().map(count).sum::<u64>();
        Basis { recorded: sum(|export| export.views), made_up: sum(|export| export.made_up) }
    }
}

/// What a candidate would change in one function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportReport {
    /// Its name: `combat.resolve`.
    pub export: String,
    /// Recorded views put to both.
    pub views: u64,
    /// Of them, decided otherwise.
    pub differ: u64,
    /// The same, of 1,000 views.
    pub differ_permille: u64,
    /// Views that the live module itself decides otherwise today.
    pub unrepeated: u64,
    /// Views that the candidate fails to answer and the live module answers.
    #[serde(default)]
    pub newly_failed: u64,
    /// Views whose state cannot be migrated to the candidate's schema.
    #[serde(default)]
    pub unmigrated: u64,
    /// Views made up, because few were recorded.
    #[serde(default)]
    pub made_up: u64,
    /// Of them, those that the candidate fails to answer and the live module, if there is one, answers.
    #[serde(default)]
    pub made_up_failed: u64,
    /// How it failed at these first, with file and line.
    #[serde(default)]
    pub made_up_failures: Vec<String>,
    /// What the live module needs.
    pub live: Needs,
    /// What the candidate needs.
    pub candidate: Needs,
    /// How the candidate failed first, with file and line; before that, why it could not be asked.
    pub failures: Vec<String>,
    /// What the answers are on average, and how they are spread.
    pub measures: Vec<Measure>,
    /// The answers farthest apart, worst first.
    pub worst: Vec<Difference>,
}

/// What a module needs to answer the recorded views.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Needs {
    /// Fuel per view.
    pub fuel: f64,
    /// Of the fuel it was given, what the call that used most of it used, percent.
    #[serde(default)]
    pub fuel_peak_percent: f64,
    /// Nanoseconds per view, as measured on this machine.
    pub time_ns: f64,
    /// Views it failed to answer.
    pub fallbacks: u64,
}

impl Needs {
    fn of(cost: &Counters) -> Self {
        let items = cost.items.max(1) as f64;
        Self {
            fuel: cost.fuel as f64 / items,
            fuel_peak_percent: cost.fuel_peak_permille as f64 / 10.0,
            time_ns: cost.time_ns as f64 / items,
            fallbacks: cost.fallbacks,
        }
    }
}

impl From<ExportProof> for ExportReport {
    fn from(proof: ExportProof) -> Self {
        let unasked = proof.reasons.iter().map(|why| format!("its state cannot be migrated: {why}"));
        let failures = unasked.chain(proof.failures.iter().map(ToString::to_string)).take(FAILURES);
        Self {
            export: proof.export.name().to_owned(),
            views: proof.views,
            differ: proof.differ,
            differ_permille: proof.differ * 1_000 / proof.views.max(1),
            unrepeated: proof.unrepeated,
            newly_failed: proof.newly_failed,
            unmigrated: proof.unmigrated,
            made_up: 0,
            made_up_failed: 0,
            made_up_failures: Vec::new(),
            live: Needs::of(&proof.live),
            candidate: Needs::of(&proof.candidate),
            failures: failures.collect(),
            measures: proof.measures,
            worst: proof.worst,
        }
    }
}

impl ExportReport {
    /// A function of which nothing was recorded.
    fn unasked(export: &str) -> Self {
        let nothing = Needs::of(&Counters::default());
        Self {
            export: export.to_owned(),
            views: 0,
            differ: 0,
            differ_permille: 0,
            unrepeated: 0,
            newly_failed: 0,
            unmigrated: 0,
            made_up: 0,
            made_up_failed: 0,
            made_up_failures: Vec::new(),
            live: nothing,
            candidate: nothing,
            failures: Vec::new(),
            measures: Vec::new(),
            worst: Vec::new(),
        }
    }

    /// With what made-up views have shown.
    fn rehearsed(self, rehearsal: &Rehearsal) -> Self {
        let failed = rehearsal.newly_failed > 0;
        let failures = rehearsal.failures.iter().take(if failed { FAILURES } else { 0 });
        Self {
            made_up: rehearsal.views,
            made_up_failed: rehearsal.newly_failed,
            made_up_failures: failures.map(ToString::to_string).collect(),
            ..self
        }
    }
}

/// What both answer to what was recorded, and, where that is little, to what was made up.
fn answered(
    live: &Module,
    candidate: &Module,
    recordings: &[Recording],
) -> Result<Vec<ExportReport>, FailureKind> {
    let proofs = host_api::prove(live, candidate, recordings)?;
    let rehearsals = host_api::rehearse(Some(live), candidate, recordings, VIEWS_MIN)?;
    let exports = proofs.into_iter().map(|proof| {
        let rehearsal = rehearsals.iter().find(|rehearsal| rehearsal.export == proof.export);
        let report = ExportReport::from(proof);
        match rehearsal {
            Some(rehearsal) => report.rehearsed(rehearsal),
            None => report,
        }
    });
    Ok(exports.collect())
}

/// What a first version answers to what was made up.
fn first_answers(candidate: &Module) -> Result<Vec<ExportReport>, FailureKind> {
    let rehearsals = host_api::rehearse(None, candidate, &[], VIEWS_MIN)?;
    let report = |rehearsal: &Rehearsal| ExportReport::unasked(rehearsal.export.name()).rehearsed(rehearsal);
    Ok(rehearsals.iter().map(report).collect())
}

impl Pipeline {
    /// What a module would change, without changing anything.
    ///
    /// # Errors
    /// It could not become live at all.
    pub async fn plan(&self, bytes: Vec<u8>) -> Result<Report, PushError> {
        let engine = self.engine.clone();
        let module = blocking(move || Module::load(&engine, &bytes)).await??;
        self.prove(&module).await
    }

    /// Lets a candidate answer what the live module of its name was asked lately, off the tick; if it has
    /// another schema, with the state as it would read it.
    ///
    /// # Errors
    /// It is of another kind than the live module, or cannot be instantiated.
    pub async fn prove(&self, candidate: &Module) -> Result<Report, PushError> {
        let trunk = self.generation();
        let Some(live) = trunk.module(candidate.name()).cloned() else {
            return self.prove_alone(candidate, None, "no module of this name is live").await;
        };
        if live.kind() != candidate.kind() {
            let (label, live) = (candidate.label().to_owned(), live.label().to_owned());
            return Err(PushError::OtherKind { label, live });
        }
        if trunk.rests(&live) {
            let label = Some(live.label().to_owned());
            return self.prove_alone(candidate, label, "the live module rests and answers nothing").await;
        }
        let trial = match live.schema() == candidate.schema() {
            true => None,
            false => Some(self.plan_states(candidate).await?),
        };
        let (recordings, mut notes) = self.recordings(live.kind(), live.script(), usize::MAX).await;
        let recordings: Vec<Recording> = recordings.into_iter().map(|(_, recording)| recording).collect();
        let module = candidate.clone();
        let (live, exports) = blocking(move || {
            let exports = answered(&live, &module, &recordings);
            (live, exports)
        })
        .await?;
        let exports = exports.map_err(|failure| unstarted(candidate, failure))?;
        for export in &exports {
            let ExportReport { export, views, unrepeated, made_up, .. } = export;
            if *made_up > 0 {
                notes.push(format!(
                    "{export}: {views} recorded calls, {made_up} made up: differences prove nothing yet"
                ));
            }
            if *unrepeated > 0 {
                notes.push(format!("{export}: the live module itself does not repeat {unrepeated} answers"));
            }
        }
        let limits = candidate.manifest().proof.stricter(&live.manifest().proof);
        let mut verdict = judge(&limits, &exports);
        let mut state = None;
        if let Some(trial) = trial {
            let (from, to) = (live.schema(), candidate.schema());
            notes.push(format!(
                "the state in the recorded calls was migrated from schema {from} to {to}; what only the script can read is not compared"
            ));
            verdict = verdict.refused_for(trial.why());
            state = trial.reports.into_iter().find(|state| state.script == candidate.name());
        }
        let (label, live) = (candidate.label().to_owned(), Some(live.label().to_owned()));
        Ok(Report { label, live, exports, verdict, notes, state })
    }

    /// The proof of a version where there is nothing to compare it with, and why there is not.
    async fn prove_alone(
        &self,
        candidate: &Module,
        live: Option<String>,
        why: &str,
    ) -> Result<Report, PushError> {
        let module = candidate.clone();
        let exports = blocking(move || first_answers(&module)).await?;
        let exports = exports.map_err(|failure| unstarted(candidate, failure))?;
        // A person has nothing to compare it with either.
        let limits = ManifestProof { least_views: None, ..candidate.manifest().proof };
        let made_up: u64 = exports.iter().map(|export| export.made_up).sum();
        Ok(Report {
            label: candidate.label().to_owned(),
            live,
            verdict: judge(&limits, &exports),
            exports,
            notes: vec![format!("{why}: nothing to compare it with; it was asked {made_up} made-up calls")],
            state: None,
        })
    }

    /// The proof of a change: its verdict is written into the record, the report into the archive.
    pub(super) async fn proven(&self, id: u64, candidate: &Module) -> Result<Verdict, PushError> {
        let report = self.prove(candidate).await?;
        let verdict = report.verdict.clone();
        if let Some(change) = self.live().set.changes.find_mut(id) {
            change.proof = Some(verdict.clone());
            change.rests_on = Some(report.basis());
            change.shown_percent = percents(&report.exports).collect();
        }
        let archive = Arc::clone(&self.archive);
        blocking(move || archive.keep_proof(id, &Proof::Module(report))).await??;
        Ok(verdict)
    }

    /// What the proof of a change showed.
    ///
    /// # Errors
    /// [`PushError::NoProof`], or it cannot be read.
    pub async fn proof(&self, id: u64) -> Result<Proof, PushError> {
        let archive = Arc::clone(&self.archive);
        blocking(move || archive.proof(id)).await??.ok_or(PushError::NoProof(id))
    }

    /// Lets the version before answer what a change was asked since it runs, by zone: how far apart the
    /// two are, where enough was asked.
    pub(super) async fn drift(&self, change: &Change) -> Result<BTreeMap<String, Drift>, PushError> {
        let (before, module) = {
            let live = self.live();
            let running = |label: &str| live.layout.modules().find(|module| module.label() == label).cloned();
            let before = change.before.as_deref();
            let before = before.and_then(|label| running(label).or_else(|| live.earlier.labelled(label)));
            // What is barred rests: its answers are fallbacks, or fail.
            let before = before.filter(|before| live.may_run(&before.digest()));
            (before, running(&change.label))
        };
        let (Some(before), Some(module)) = (before, module) else { return Ok(BTreeMap::new()) };
        // What one has written says nothing to the other.
        if before.schema() != module.schema() {
            return Ok(BTreeMap::new());
        }
        let (recordings, _) = self.recordings(module.kind(), module.script(), usize::MAX).await;
        let compare = move || {
            let by_zone = recordings.into_iter().map(|(zone, recording)| {
                let own = recording.answered_by(module.stamp());
                Ok((zone, host_api::prove(&before, &module, &[own])?))
            });
            by_zone.collect::<Result<Vec<(String, Vec<ExportProof>)>, FailureKind>>()
        };
        let label = &change.label;
        let compared = blocking(compare)
            .await?
            .map_err(|failure| PushError::Rules(host_api::RulesError { module: label.clone(), failure }))?;
        let worst = compared.into_iter().filter_map(|(zone, proofs)| {
            let exports: Vec<ExportReport> = proofs.into_iter().map(ExportReport::from).collect();
            Some((zone, farthest(change, &exports)?))
        });
        Ok(worst.collect())
    }

    /// What one module was asked lately, at most so many views of each function, in every zone that answers,
    /// and which did not.
    pub(super) async fn recordings(
        &self,
        kind: Kind,
        script: DefId,
        most: usize,
    ) -> (Vec<(String, Recording)>, Vec<String>) {
        let (mut asked, mut notes, mut recordings) = (Vec::new(), Vec::new(), Vec::new());
        for (_, zone) in self.zones.iter() {
            let (answer, recorded) = oneshot::channel();
            let sent = zone.submit(Message::Recordings { kind, script, most, answer }).is_ok();
            asked.push((&zone.name, sent.then_some(recorded)));
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        for (zone, recorded) in asked {
            let recording = match recorded {
                Some(recorded) => tokio::time::timeout_at(deadline, recorded).await.ok().and_then(Result::ok),
                None => None,
            };
            match recording {
                Some(recording) => recordings.push((zone.to_string(), recording)),
                None => notes.push(format!("the zone {zone} did not answer")),
            }
        }
        (recordings, notes)
    }
}

fn unstarted(module: &Module, failure: FailureKind) -> PushError {
    PushError::Rules(host_api::RulesError { module: module.label().to_owned(), failure })
}

/// Every average of a report: its export and name, and by how much it changes, percent. What was zero and
/// is not any more counts as doubled.
fn percents(exports: &[ExportReport]) -> impl Iterator<Item = (String, f64)> {
    exports.iter().flat_map(|export| {
        let named = |measure: &Measure| {
            (format!("{} {}", export.export, measure.name), measure.percent.unwrap_or(NEW_PERCENT))
        };
        export.measures.iter().map(named).collect::<Vec<_>>()
    })
}

/// The average that is farthest beyond what a change may, or nearest to it.
fn farthest(change: &Change, exports: &[ExportReport]) -> Option<Drift> {
    let asked = exports.iter().filter(|export| export.views >= VIEWS_MIN);
    let drifts = asked.flat_map(|export| {
        percents(std::slice::from_ref(export)).filter_map(|(measure, percent)| {
            let limit_percent = change.may_drift(&measure)?;
            Some(Drift { measure, percent, limit_percent, views: export.views })
        })
    });
    drifts.max_by(|a, b| {
        let over = |drift: &Drift| drift.percent.abs() - drift.limit_percent;
        over(a).total_cmp(&over(b))
    })
}

/// To fail where the live module does not is never let through, nor what crosses a threshold of refusal; what
/// crosses another, fails for a call that nobody has made, or rests on too little is for a person to decide.
fn judge(limits: &ManifestProof, exports: &[ExportReport]) -> Verdict {
    let told = |first: Option<&String>| first.map(|first| format!(": {first}")).unwrap_or_default();
    let failed = exports.iter().filter(|export| export.newly_failed > 0).map(|export| {
        let ExportReport { export, views, failures, newly_failed, .. } = export;
        format!("{export}: fails for {newly_failed} of {views} recorded calls{}", told(failures.first()))
    });
    let beyond = exports.iter().flat_map(|export| crossed(&limits.refuse, "proof.refuse", export));
    let why: Vec<String> = failed.chain(beyond).collect();
    if !why.is_empty() {
        return Verdict::Refuse { why };
    }
    let made_up = exports.iter().filter(|export| export.made_up_failed > 0).map(|export| {
        let ExportReport { export, made_up, made_up_failed, made_up_failures, .. } = export;
        let first = told(made_up_failures.first());
        format!("{export}: fails for {made_up_failed} of {made_up} made-up calls{first}")
    });
    let views: u64 = exports.iter().map(|export| export.views).sum();
    let few = limits.least_views.filter(|least| views < u64::from(*least)).map(|least| {
        format!("it rests on {views} recorded calls, {least} are asked for (proof.least-views)")
    });
    let beyond = exports.iter().flat_map(|export| crossed(&limits.hold(), "proof", export));
    let why: Vec<String> = made_up.chain(few).chain(beyond).collect();
    if why.is_empty() { Verdict::Accept } else { Verdict::Hold { why } }
}

/// The thresholds that one export crosses; `table` is where the manifest has them.
fn crossed(limits: &Thresholds, table: &str, report: &ExportReport) -> Vec<String> {
    let name = &report.export;
    let mut why = Vec::new();
    if report.views < VIEWS_MIN {
        return why;
    }
    if let Some(most) = limits.differ_permille
        && report.differ_permille > u64::from(most)
    {
        let differ = report.differ_permille;
        why.push(format!("{name}: {differ} of 1,000 views differ, {most} may ({table}.differ-permille)"));
    }
    if let Some(most) = limits.drift_percent {
        for measure in &report.measures {
            let Measure { name: what, live, candidate, percent, .. } = measure;
            if percent.unwrap_or(NEW_PERCENT).abs() > f64::from(most) {
                why.push(format!(
                    "{name}: {what} goes from {live:.3} to {candidate:.3}, {most} % may change ({table}.drift-percent)"
                ));
            }
        }
    }
    let (was, now) = (report.live.fuel, report.candidate.fuel);
    if let Some(most) = limits.fuel_percent
        && now > was * (1.0 + f64::from(most) / 100.0)
    {
        why.push(format!(
            "{name}: fuel per view goes from {was:.0} to {now:.0}, {most} % more may be ({table}.fuel-percent)"
        ));
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(views: u64) -> ExportReport {
        ExportReport { views, ..ExportReport::unasked("quest.advance") }
    }

    fn why(verdict: Verdict) -> (&'static str, String) {
        match verdict {
            Verdict::Accept => ("accept", String::new()),
            Verdict::Hold { why } => ("hold", why.join("; ")),
            Verdict::Refuse { why } => ("refuse", why.join("; ")),
        }
    }

    #[test]
    fn a_failure_counts_for_what_it_was_asked() {
        let limits = ManifestProof::default();
        let failures = vec!["trapped".to_owned()];
        let recorded = ExportReport { newly_failed: 2, failures: failures.clone(), ..export(12) };
        let (verdict, reason) = why(judge(&limits, &[recorded]));
        assert_eq!(
            (verdict, reason.as_str()),
            ("refuse", "quest.advance: fails for 2 of 12 recorded calls: trapped")
        );
        let made_up =
            ExportReport { made_up: 500, made_up_failed: 3, made_up_failures: failures, ..export(12) };
        let (verdict, reason) = why(judge(&limits, &[made_up]));
        assert_eq!(
            (verdict, reason.as_str()),
            ("hold", "quest.advance: fails for 3 of 500 made-up calls: trapped")
        );
    }

    #[test]
    fn who_asks_for_more_views_is_held_with_fewer() {
        let limits = ManifestProof { least_views: Some(20), ..ManifestProof::default() };
        assert_eq!(why(judge(&limits, &[export(12), export(8)])).0, "accept");
        let (verdict, reason) = why(judge(&limits, &[export(12), export(7)]));
        assert_eq!(verdict, "hold");
        assert!(reason.contains("19 recorded calls, 20 are asked for"), "{reason}");
        assert_eq!(why(judge(&ManifestProof::default(), &[export(0)])).0, "accept");
    }

    #[test]
    fn state_that_cannot_go_over_refuses_whatever_the_calls_say() {
        let state = || vec!["two halves of what?".to_owned()];
        assert_eq!(why(Verdict::Accept.refused_for(Vec::new())).0, "accept");
        assert_eq!(why(Verdict::Accept.refused_for(state())), ("refuse", "two halves of what?".to_owned()));
        let also = Verdict::Refuse { why: vec!["trapped".to_owned()] };
        assert_eq!(why(also.refused_for(state())).1, "two halves of what?; trapped");
    }
}
