//! The proof of a candidate: the calls that the zones recorded, answered by it and by the live module
//! side by side, off the tick, and what that says about letting it live.

use super::change::{Change, Drift};
use super::{Pipeline, Proof, PushError, StateReport, Verdict, blocking};
use crate::zone::Message;
use host_api::{
    Counters, Difference, ExportProof, FailureKind, Kind, ManifestProof, Measure, Module, Recording,
    Thresholds,
};
use serde::{Deserialize, Serialize};
use sim::DefId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long zones may take to hand over what they recorded; those that stand still are left out.
const PATIENCE: Duration = Duration::from_secs(2);
/// Fewer views say too little to hold a candidate for what they show.
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

/// What a candidate would change in one function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportReport {
    /// Its name: `combat.resolve`.
    pub export: String,
    /// Recorded views answered by both.
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
    /// What the live module needs.
    pub live: Needs,
    /// What the candidate needs.
    pub candidate: Needs,
    /// How the candidate failed first, with file and line.
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
            time_ns: cost.time_ns as f64 / items,
            fallbacks: cost.fallbacks,
        }
    }
}

impl From<ExportProof> for ExportReport {
    fn from(proof: ExportProof) -> Self {
        let failures = proof.failures.iter().take(FAILURES).map(ToString::to_string);
        Self {
            export: proof.export.name().to_owned(),
            views: proof.views,
            differ: proof.differ,
            differ_permille: proof.differ * 1_000 / proof.views.max(1),
            unrepeated: proof.unrepeated,
            newly_failed: proof.newly_failed,
            live: Needs::of(&proof.live),
            candidate: Needs::of(&proof.candidate),
            failures: failures.collect(),
            measures: proof.measures,
            worst: proof.worst,
        }
    }
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

    /// Lets a candidate answer what the live module of its name was asked lately, off the tick.
    ///
    /// # Errors
    /// It is of another kind than the live module, or cannot be instantiated.
    pub async fn prove(&self, candidate: &Module) -> Result<Report, PushError> {
        let Some(live) = self.generation().module(candidate.name()).cloned() else {
            return Ok(Report {
                label: candidate.label().to_owned(),
                live: None,
                exports: Vec::new(),
                verdict: Verdict::Accept,
                notes: vec!["no module of this name is live: nothing to compare it with".to_owned()],
                state: None,
            });
        };
        if live.kind() != candidate.kind() {
            let (label, live) = (candidate.label().to_owned(), live.label().to_owned());
            return Err(PushError::OtherKind { label, live });
        }
        if live.schema() != candidate.schema() {
            return self.prove_state(&live, candidate).await;
        }
        let (recordings, mut notes) = self.recordings(live.kind(), live.script()).await;
        let recordings: Vec<Recording> = recordings.into_iter().map(|(_, recording)| recording).collect();
        let module = candidate.clone();
        let (live, proofs) = blocking(move || {
            let proofs = host_api::prove(&live, &module, &recordings);
            (live, proofs)
        })
        .await?;
        let proofs = proofs.map_err(|failure| {
            PushError::Rules(host_api::RulesError { module: candidate.label().to_owned(), failure })
        })?;
        let exports: Vec<ExportReport> = proofs.into_iter().map(ExportReport::from).collect();
        let views: u64 = exports.iter().map(|export| export.views).sum();
        if views < VIEWS_MIN {
            notes.push(format!("only {views} calls were recorded: differences prove nothing yet"));
        }
        for export in exports.iter().filter(|export| export.unrepeated > 0) {
            let ExportReport { export, unrepeated, .. } = export;
            notes.push(format!("{export}: the live module itself does not repeat {unrepeated} answers"));
        }
        let limits = candidate.manifest().proof.stricter(&live.manifest().proof);
        let verdict = judge(&limits, &exports);
        Ok(Report {
            label: candidate.label().to_owned(),
            live: Some(live.label().to_owned()),
            exports,
            verdict,
            notes,
            state: None,
        })
    }

    /// The proof of a candidate that reads state otherwise than the live module: the recorded calls would
    /// be misread, so what counts is that all state can go over.
    async fn prove_state(&self, live: &Module, candidate: &Module) -> Result<Report, PushError> {
        let trial = self.plan_states(candidate).await?;
        let why = trial.why();
        let (from, to) = (live.schema(), candidate.schema());
        Ok(Report {
            label: candidate.label().to_owned(),
            live: Some(live.label().to_owned()),
            exports: Vec::new(),
            verdict: if why.is_empty() { Verdict::Accept } else { Verdict::Refuse { why } },
            notes: vec![format!(
                "the recorded calls hold state of schema {from} and are not put to a module of schema {to}"
            )],
            state: trial.reports.into_iter().find(|state| state.script == candidate.name()),
        })
    }

    /// The proof of a change: its verdict is written into the record, the report into the archive.
    pub(super) async fn proven(&self, id: u64, candidate: &Module) -> Result<Verdict, PushError> {
        let report = self.prove(candidate).await?;
        let verdict = report.verdict.clone();
        if let Some(change) = self.live().set.changes.find_mut(id) {
            change.proof = Some(verdict.clone());
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
            (before, running(&change.label))
        };
        let (Some(before), Some(module)) = (before, module) else { return Ok(BTreeMap::new()) };
        // What one has written says nothing to the other.
        if before.schema() != module.schema() {
            return Ok(BTreeMap::new());
        }
        let (recordings, _) = self.recordings(module.kind(), module.script()).await;
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

    /// What one module was asked lately, in every zone that answers, and which did not.
    async fn recordings(&self, kind: Kind, script: DefId) -> (Vec<(String, Recording)>, Vec<String>) {
        let (mut asked, mut notes, mut recordings) = (Vec::new(), Vec::new(), Vec::new());
        for (_, zone) in self.zones.iter() {
            let (answer, recorded) = oneshot::channel();
            let sent = zone.submit(Message::Recordings { kind, script, answer }).is_ok();
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
/// crosses another is for a person to decide.
fn judge(limits: &ManifestProof, exports: &[ExportReport]) -> Verdict {
    let failed = exports.iter().filter(|export| export.newly_failed > 0).map(|export| {
        let ExportReport { export, views, failures, newly_failed, .. } = export;
        let first = failures.first().map(|first| format!(": {first}")).unwrap_or_default();
        format!("{export}: fails for {newly_failed} of {views} recorded calls{first}")
    });
    let beyond = exports.iter().flat_map(|export| crossed(&limits.refuse, "proof.refuse", export));
    let why: Vec<String> = failed.chain(beyond).collect();
    if !why.is_empty() {
        return Verdict::Refuse { why };
    }
    let why: Vec<String> =
        exports.iter().flat_map(|export| crossed(&limits.hold(), "proof", export)).collect();
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
