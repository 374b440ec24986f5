//! Running one case against the component: its views, its answers, and the first thing that is not as
//! expected.

use super::draw::Draw;
use super::expect::{bounds, mean, mismatch, share};
use super::file::{Case, ScenarioFile};
use super::golden::{ANSWERS, Differs, Golden};
use super::outcome::{CaseFailure, CaseReport, Minimal, StepReport};
use super::sequence::{Asked, Played, Sequence, file_view, parsed};
use super::trial::{Ask, Trial};
use host_api::{Called, FailureKind, Harness, HarnessError, Told, View};
use serde_json::{Map, Value, json};
use sim::rng::Rng;
use std::time::Instant;

/// Views, or runs, of a case with `for-all` that does not say how many.
const DRAWN: u32 = 256;
/// Views asked about a second time, the other way round.
const REVERSED: usize = 100;

/// How cases are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Instead of the cases' own seeds, but for golden cases.
    pub seed: Option<u64>,
    /// Write golden files instead of comparing with them.
    pub bless: bool,
}

/// Runs one case of a file.
pub fn run(harness: &mut Harness, file: &ScenarioFile, case: &Case, options: Options) -> CaseReport {
    let begun = Instant::now();
    let mut report = CaseReport { name: case.name.clone(), line: case.line, ..CaseReport::default() };
    let mut running = Running { harness, file, case, options, report: &mut report };
    let ran = if case.has_sequel() { running.run_steps() } else { running.run() };
    if let Err(failure) = ran {
        report.failure = Some(*failure);
    }
    report.ms = begun.elapsed().as_secs_f64() * 1_000.0;
    report
}

struct Running<'a> {
    harness: &'a mut Harness,
    file: &'a ScenarioFile,
    case: &'a Case,
    options: Options,
    report: &'a mut CaseReport,
}

impl Running<'_> {
    /// All views at once.
    fn run(&mut self) -> Result<(), Box<CaseFailure>> {
        let (case, defaults) = (self.case, &self.file.defaults);
        let wanted = case.export.as_deref().or(defaults.export.as_deref());
        let function = self.harness.function(wanted).map_err(hinted)?.to_owned();
        self.report.function.clone_from(&function);
        let told = self.harness.context(&function, &[&defaults.context, &case.context]).map_err(hinted)?;
        let views = self.views(&function)?;
        // What only the first call of an instance costs is counted for no case.
        self.harness.ask(&function, &told, &[]).map_err(hinted)?;
        self.report.views = views.len();
        let called = self.harness.ask(&function, &told, &views).map_err(hinted)?;
        self.report.fuel = called.fuel / views.len().max(1) as u64;
        if !case.context.is_null() || !defaults.context.is_null() {
            self.report.context = Some(self.harness.show_context(&told));
        }
        if let Some(says) = &case.fails {
            return expect_failure(says, &called).map_or(Ok(()), |failure| Err(failure.into()));
        }
        let answers = match &called.outcome {
            Ok(answers) => answers,
            Err(kind) => return Err(self.culprit(&function, &told, &views, kind, &called.log).into()),
        };
        if let Some((at, failure)) = self.judge(&function, &views, answers)? {
            let minimal = self.minimal(&function, at);
            return Err(CaseFailure { minimal, ..failure }.into());
        }
        self.counts(answers)?;
        self.kept(answers).map_err(|Differs { what, at }| CaseFailure {
            view: at.and_then(|at| views.get(at)).map(|view| self.harness.show(view)),
            answer: at.and_then(|at| answers.get(at)).cloned(),
            ..CaseFailure::new(what)
        })?;
        self.order(&function, &told, &views, answers)
    }

    /// One run after the other, each a sequence of questions.
    fn run_steps(&mut self) -> Result<(), Box<CaseFailure>> {
        let (case, seed) = (self.case, seed_for(self.case, self.options));
        let mut sequence = Sequence::new(self.harness, self.file, case)?;
        self.report.function = sequence.function().to_owned();
        self.report.seed = (!sequence.plan().is_empty()).then_some(seed);
        sequence.warm_up()?;
        let mut rng = Rng(seed);
        let runs = case.repeat.unwrap_or(if case.is_drawn() { DRAWN } else { 1 });
        let (mut last, mut kept, mut fuel) = (Vec::new(), Vec::new(), 0);
        for run in 0..runs {
            let trial = sequence.plan().next(&mut rng);
            let Played { asked, broken } = sequence.play(&trial)?;
            self.report.views += asked.len();
            fuel += asked.iter().map(|asked| asked.fuel).sum::<u64>();
            self.report.fuel = fuel / self.report.views.max(1) as u64;
            let has_steps = !case.steps.is_empty() && (run == 0 || broken.is_some());
            if has_steps {
                self.report.steps = asked.iter().map(|asked| step_report(case, asked)).collect();
            }
            if let Some(broken) = broken {
                let mut failure = broken.failure;
                if case.is_drawn() || case.repeat.is_some() {
                    failure.minimal = sequence.minimal(&trial);
                }
                return Err(failure.into());
            }
            last.extend(asked.last().and_then(|asked| asked.answer.clone()));
            if case.golden && kept.len() <= ANSWERS {
                kept.extend(asked.into_iter().map(|asked| asked.answer.unwrap_or_default()));
            }
        }
        self.counts(&last)?;
        self.kept(&kept).map_err(|Differs { what, at }| {
            let step = at.and_then(|at| self.report.steps.get(at)).cloned();
            let (view, answer) = step.map_or((None, None), |step| (Some(step.view), step.answer));
            CaseFailure { view, answer, ..CaseFailure::new(what) }
        })?;
        Ok(())
    }

    /// One view, or as many as the case repeats or draws.
    fn views(&mut self, function: &str) -> Result<Vec<View>, String> {
        let case = self.case;
        let layers = [file_view(self.harness, self.file, function), &case.view];
        if case.for_all.is_null() && case.repeat.is_none() {
            return Ok(vec![self.harness.view(function, 1, &layers).map_err(hinted)?]);
        }
        let seed = seed_for(case, self.options);
        self.report.seed = Some(seed);
        let draw = self.draw(function)?;
        let mut rng = Rng(seed);
        let count = case.repeat.unwrap_or(DRAWN);
        let mut views = Vec::with_capacity(count as usize);
        for id in 1..=u64::from(count) {
            let random = draw.next(&mut rng);
            let [defaults, own] = layers;
            views.push(self.harness.view(function, id, &[defaults, own, &random]).map_err(hinted)?);
        }
        Ok(views)
    }

    /// What is drawn for each of several views.
    fn draw(&self, function: &str) -> Result<Draw, String> {
        let case = self.case;
        let draw = Draw::new(&case.for_all, self.harness, function)?;
        let says_seed = |value: &Value| value.get("seed").is_some();
        let has_seed = self.harness.domain(function, "seed").is_ok();
        let draws_seed = has_seed && !says_seed(&case.view) && !says_seed(&case.for_all);
        Ok(if draws_seed { draw.with_seed() } else { draw })
    }

    /// The first answer that is not as expected, and of which view.
    fn judge(
        &self,
        function: &str,
        views: &[View],
        answers: &[Value],
    ) -> Result<Option<(usize, CaseFailure)>, String> {
        let case = self.case;
        let rules = parsed(&case.invariant, self.harness, function)?;
        for (at, (view, answer)) in views.iter().zip(answers).enumerate() {
            let mut wrong = if case.expect.is_null() { None } else { mismatch(&case.expect, answer, "") };
            let expected = wrong.is_some().then(|| case.expect.clone());
            if wrong.is_none() && !rules.is_empty() {
                let shown = self.harness.show(view);
                for rule in &rules {
                    wrong = wrong.or(rule.breach(&shown, answer)?);
                }
            }
            if let Some(what) = wrong {
                let (view, answer) = (Some(self.harness.show(view)), Some(answer.clone()));
                return Ok(Some((at, CaseFailure { view, answer, expected, ..CaseFailure::new(what) })));
            }
        }
        Ok(None)
    }

    /// What is expected of all answers together.
    fn counts(&self, answers: &[Value]) -> Result<(), String> {
        for bound in bounds(&self.case.share)? {
            let is = share(&bound, answers).map_err(|error| format!("share: {error}"))?;
            within("share", &bound.path, is, bound.least, bound.most, answers.len())?;
        }
        for bound in bounds(&self.case.mean)? {
            let is = mean(&bound, answers).map_err(|error| format!("mean: {error}"))?;
            within("mean", &bound.path, is, bound.least, bound.most, answers.len())?;
        }
        match self.case.max_fuel.filter(|most| self.report.fuel > *most) {
            Some(most) => Err(format!("{} fuel per view, at most {most} expected", self.report.fuel)),
            None => Ok(()),
        }
    }

    /// Whether the answers are those that were kept, if any were to be.
    fn kept(&self, answers: &[Value]) -> Result<(), Differs> {
        if !self.case.golden {
            return Ok(());
        }
        Golden::of(&self.file.path, &self.case.name).compare(answers, self.options.bless)
    }

    /// Of what was drawn for a view that failed, the simplest that fails in the same way.
    fn minimal(&mut self, function: &str, at: usize) -> Option<Minimal> {
        if self.case.for_all.is_null() && self.case.repeat.is_none() {
            return None;
        }
        let draw = self.draw(function).ok()?;
        let mut rng = Rng(seed_for(self.case, self.options));
        let mut first = draw.next(&mut rng);
        for _ in 0..at {
            first = draw.next(&mut rng);
        }
        let asks = vec![Ask { step: 0, drawn: Value::Null }];
        let mut sequence = Sequence::new(self.harness, self.file, self.case).ok()?.drawing(draw);
        sequence.minimal(&Trial { first, asks, whole: true })
    }

    /// The same views the other way round are answered the same: nothing may be kept from one view to
    /// the next.
    fn order(
        &mut self,
        function: &str,
        told: &Told,
        views: &[View],
        answers: &[Value],
    ) -> Result<(), Box<CaseFailure>> {
        let some = &views[..views.len().min(REVERSED)];
        if some.len() < 2 {
            return Ok(());
        }
        let reversed: Vec<View> = some.iter().rev().cloned().collect();
        let again = self.harness.ask(function, told, &reversed).map_err(hinted)?;
        let again = again.outcome.map_err(|kind| format!("asked a second time: {kind}"))?;
        let differs = answers.iter().zip(again.iter().rev()).position(|(a, b)| a != b);
        match differs {
            None => Ok(()),
            Some(at) => Err(CaseFailure {
                view: Some(self.harness.show(&views[at])),
                answer: Some(answers[at].clone()),
                ..CaseFailure::new(KEEPS)
            }
            .into()),
        }
    }

    /// The first view that fails by itself.
    fn culprit(
        &mut self,
        function: &str,
        told: &Told,
        views: &[View],
        kind: &FailureKind,
        log: &[(&'static str, String)],
    ) -> CaseFailure {
        for (at, view) in views.iter().enumerate() {
            if let Ok(Called { outcome: Err(kind), log, .. }) =
                self.harness.ask(function, told, std::slice::from_ref(view))
            {
                let (view, minimal) = (Some(self.harness.show(view)), self.minimal(function, at));
                return CaseFailure { view, minimal, log: lines(&log), ..CaseFailure::new(kind.to_string()) };
            }
        }
        let what = format!("all views together, though none by itself: {kind}");
        CaseFailure { log: lines(log), ..CaseFailure::new(what) }
    }
}

/// A script that gives itself away.
pub(super) const KEEPS: &str =
    "the answer depends on the views asked before it: a script must keep nothing between views";

fn step_report(case: &Case, asked: &Asked) -> StepReport {
    StepReport {
        step: asked.step + 1,
        name: case.steps.get(asked.step).and_then(|step| step.name.clone()),
        time: asked.time,
        function: asked.function.clone(),
        tick: asked.context.get("tick").and_then(Value::as_u64).unwrap_or(0),
        fuel: asked.fuel,
        view: asked.shown.clone(),
        answer: asked.answer.clone(),
    }
}

/// What a script wrote, as shown to people.
pub(super) fn lines(log: &[(&str, String)]) -> Vec<String> {
    log.iter().map(|(level, line)| format!("{level}: {line}")).collect()
}

/// Why a call has not failed as it should, or nothing.
pub(super) fn expect_failure(says: &str, called: &Called) -> Option<CaseFailure> {
    let log = lines(&called.log);
    match &called.outcome {
        Ok(answers) => Some(CaseFailure {
            answer: answers.first().cloned(),
            ..CaseFailure::new(format!("it answers, expected to fail with `{says}`"))
        }),
        Err(kind) => {
            let said = format!("{kind}\n{}", log.join("\n"));
            let what = format!("it fails, but not with `{says}`: {kind}");
            (!said.contains(says)).then(|| CaseFailure { log, ..CaseFailure::new(what) })
        }
    }
}

fn within(what: &str, path: &[String], is: f64, least: f64, most: f64, of: usize) -> Result<(), String> {
    if (least..=most).contains(&is) {
        return Ok(());
    }
    let path = path.join(".");
    Err(format!("{what}.{path} is {is:.4} of {of}, expected {least} to {most}"))
}

/// An error of the harness with the name that was probably meant.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
pub fn hinted(error: HarnessError) -> String {
    let hint = match &error {
        HarnessError::Value(value) => value
            .wrong
            .as_deref()
            .and_then(|wrong| crate::content::closest(wrong, value.known.iter().map(String::as_str))),
        HarnessError::NoFunction { wanted, known, .. } => {
            crate::content::closest(wanted, known.iter().map(String::as_str))
        }
        HarnessError::WhichFunction { .. } => None,
    };
    match hint {
        Some(close) => format!("{error} (did you mean `{close}`?)"),
        None => error.to_string(),
    }
}

/// Where the chances of a case come from: its own seed, or one that stays the same as long as it keeps its name.
fn seed_for(case: &Case, options: Options) -> u64 {
    // Answers that are kept belong to the seed they were kept with.
    let other = options.seed.filter(|_| !case.golden);
    other.or(case.seed).unwrap_or_else(|| {
        let hash = blake3::hash(case.name.as_bytes());
        // Small enough to be written in TOML.
        hash.as_bytes().iter().take(6).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    })
}

/// Views by the function they are for.
pub type Inputs = Vec<(String, Vec<View>)>;

/// The views of all cases of a file, for those who want inputs that matter: by function.
///
/// # Errors
/// The first case that has no views, with its line.
pub fn views_of(harness: &mut Harness, file: &ScenarioFile) -> Result<Inputs, (usize, String)> {
    let mut all = Inputs::new();
    for case in file.cases.iter().filter(|case| case.fails.is_none()) {
        let found = if case.has_sequel() { played(harness, file, case) } else { drawn(harness, file, case) };
        for (function, views) in found.map_err(|reason| (case.line, reason))? {
            match all.iter_mut().find(|(known, _)| *known == function) {
                Some((_, known)) => known.extend(views),
                None => all.push((function, views)),
            }
        }
    }
    Ok(all)
}

/// The views of a case whose views have nothing to do with each other.
fn drawn(harness: &mut Harness, file: &ScenarioFile, case: &Case) -> Result<Inputs, String> {
    let wanted = case.export.as_deref().or(file.defaults.export.as_deref());
    let function = harness.function(wanted).map_err(hinted)?.to_owned();
    let (options, mut report) = (Options::default(), CaseReport::default());
    let mut running = Running { harness, file, case, options, report: &mut report };
    let views = running.views(&function)?;
    Ok(vec![(function, views)])
}

/// The views that the steps of a case lead to, but for those it fails on.
fn played(harness: &mut Harness, file: &ScenarioFile, case: &Case) -> Result<Inputs, String> {
    let mut sequence = Sequence::new(harness, file, case)?;
    let mut rng = Rng(seed_for(case, Options::default()));
    let mut inputs = Inputs::new();
    for _ in 0..case.repeat.unwrap_or(1).min(DRAWN) {
        let trial = sequence.plan().next(&mut rng);
        let asked = sequence.play(&trial)?.asked.into_iter().filter(|asked| asked.answer.is_some());
        inputs.extend(asked.map(|asked| (asked.function, vec![asked.view])));
    }
    Ok(inputs)
}

/// Fields of a view that are not what they would be anyway, for people.
pub fn notable(view: &Value) -> Value {
    let plain = |value: &Value| matches!(value, Value::Null) || *value == json!(0) || *value == json!(false);
    match view {
        Value::Object(fields) => {
            let kept: Map<String, Value> = fields
                .iter()
                .filter(|(_, value)| !plain(value))
                .map(|(name, value)| (name.clone(), notable(value)))
                .filter(|(_, value)| !value.as_object().is_some_and(Map::is_empty))
                .collect();
            Value::Object(kept)
        }
        other => other.clone(),
    }
}
