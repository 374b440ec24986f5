//! Running one case against the component: its views, its answers, and the first thing that is not as
//! expected.

use super::draw::Draw;
use super::expect::{bounds, mean, mismatch, share};
use super::file::{Case, Defaults, ScenarioFile};
use super::golden::Golden;
use super::invariant::Invariant;
use host_api::{Called, FailureKind, Harness, HarnessError, Told, View};
use serde_json::{Map, Value, json};
use sim::rng::Rng;
use std::time::Instant;

/// Views of a case with `for-all` that does not say how many.
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

/// What came of one case.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// Line it begins in.
    pub line: usize,
    /// `combat.resolve`; empty if that could not be told.
    pub function: String,
    /// Views asked about.
    pub views: usize,
    /// Fuel per view.
    pub fuel: u64,
    /// Milliseconds it took.
    pub ms: f64,
    /// Seed of a repeated case.
    pub seed: Option<u64>,
    /// What the call was told, if the file says anything about it.
    pub context: Option<Value>,
    /// What is wrong, or nothing.
    pub failure: Option<CaseFailure>,
}

/// Why a case failed.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct CaseFailure {
    /// In words, got and wanted.
    pub what: String,
    /// What the script wrote to its log, a panic's message among it.
    pub log: Vec<String>,
    /// The view it failed for.
    pub view: Option<Value>,
    /// The answer to it.
    pub answer: Option<Value>,
}

impl CaseFailure {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }
}

impl From<String> for CaseFailure {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

/// Runs one case of a file.
pub fn run(harness: &mut Harness, file: &ScenarioFile, case: &Case, options: Options) -> CaseReport {
    let begun = Instant::now();
    let mut report = CaseReport {
        name: case.name.clone(),
        line: case.line,
        function: String::new(),
        views: 0,
        fuel: 0,
        ms: 0.0,
        seed: None,
        context: None,
        failure: None,
    };
    let mut running = Running { harness, file, case, options, report: &mut report };
    if let Err(failure) = running.run() {
        report.failure = Some(failure);
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
    fn run(&mut self) -> Result<(), CaseFailure> {
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
            return expect_failure(says, &called);
        }
        match &called.outcome {
            Ok(answers) => {
                self.check(&function, &views, answers)?;
                self.order(&function, &told, &views, answers)
            }
            Err(kind) => Err(self.culprit(&function, &told, &views, kind, &called.log)),
        }
    }

    /// One view, or as many as the case repeats or draws.
    fn views(&mut self, function: &str) -> Result<Vec<View>, CaseFailure> {
        let (case, defaults) = (self.case, &self.file.defaults);
        // What a file says of one function's views says nothing of another's.
        let other = case.export.is_some() && case.export != defaults.export;
        let layers = [if other { &Value::Null } else { &defaults.view }, &case.view];
        let drawn = !case.for_all.is_null();
        if !drawn && case.repeat.is_none() {
            return Ok(vec![self.harness.view(function, 1, &layers).map_err(hinted)?]);
        }
        // Answers that are kept belong to the seed they were kept with.
        let other = self.options.seed.filter(|_| !case.golden);
        let seed = other.or(case.seed).unwrap_or_else(|| seed_of(&case.name));
        self.report.seed = Some(seed);
        let mut draw = Draw::new(&case.for_all, self.harness, function)?;
        let says_seed = |value: &Value| value.get("seed").is_some();
        let has_seed = self.harness.domain(function, "seed").is_ok();
        if has_seed && !says_seed(&case.view) && !says_seed(&case.for_all) {
            draw = draw.with_seed();
        }
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

    fn check(&self, function: &str, views: &[View], answers: &[Value]) -> Result<(), CaseFailure> {
        let case = self.case;
        let mut rules = Vec::with_capacity(case.invariant.len());
        for text in &case.invariant {
            let rule = Invariant::parse(text)?;
            rule.check(self.harness, function)?;
            rules.push(rule);
        }
        for (view, answer) in views.iter().zip(answers) {
            let mut wrong = if case.expect.is_null() { None } else { mismatch(&case.expect, answer, "") };
            if wrong.is_none() && !rules.is_empty() {
                let shown = self.harness.show(view);
                for rule in &rules {
                    wrong = wrong.or(rule.breach(&shown, answer)?);
                }
            }
            if let Some(what) = wrong {
                let view = Some(self.harness.show(view));
                return Err(CaseFailure { view, answer: Some(answer.clone()), ..CaseFailure::new(what) });
            }
        }
        for bound in bounds(&case.share)? {
            let is = share(&bound, answers).map_err(|error| format!("share: {error}"))?;
            within("share", &bound.path, is, bound.least, bound.most, answers.len())?;
        }
        for bound in bounds(&case.mean)? {
            let is = mean(&bound, answers).map_err(|error| format!("mean: {error}"))?;
            within("mean", &bound.path, is, bound.least, bound.most, answers.len())?;
        }
        if let Some(most) = case.max_fuel.filter(|most| self.report.fuel > *most) {
            return Err(CaseFailure::new(format!(
                "{} fuel per view, at most {most} expected",
                self.report.fuel
            )));
        }
        if case.golden {
            let golden = Golden::of(&self.file.path, &case.name);
            golden.compare(answers, self.options.bless).map_err(|failure| CaseFailure {
                view: failure.at.and_then(|at| views.get(at)).map(|view| self.harness.show(view)),
                answer: failure.at.and_then(|at| answers.get(at)).cloned(),
                ..CaseFailure::new(failure.what)
            })?;
        }
        Ok(())
    }

    /// The same views the other way round are answered the same: nothing may be kept from one view to
    /// the next.
    fn order(
        &mut self,
        function: &str,
        told: &Told,
        views: &[View],
        answers: &[Value],
    ) -> Result<(), CaseFailure> {
        let some = &views[..views.len().min(REVERSED)];
        if some.len() < 2 {
            return Ok(());
        }
        let reversed: Vec<View> = some.iter().rev().cloned().collect();
        let again = self.harness.ask(function, told, &reversed).map_err(hinted)?;
        let again = again.outcome.map_err(|kind| CaseFailure::new(format!("asked a second time: {kind}")))?;
        let differs = answers.iter().zip(again.iter().rev()).position(|(a, b)| a != b);
        match differs {
            None => Ok(()),
            Some(at) => Err(CaseFailure {
                view: Some(self.harness.show(&views[at])),
                answer: Some(answers[at].clone()),
                ..CaseFailure::new(
                    "the answer depends on the views asked before it: a script must keep nothing between views",
                )
            }),
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
        for view in views {
            if let Ok(Called { outcome: Err(kind), log, .. }) =
                self.harness.ask(function, told, std::slice::from_ref(view))
            {
                let view = Some(self.harness.show(view));
                return CaseFailure { view, log: lines(&log), ..CaseFailure::new(kind.to_string()) };
            }
        }
        let what = format!("all views together, though none by itself: {kind}");
        CaseFailure { log: lines(log), ..CaseFailure::new(what) }
    }
}

/// What a script wrote, as shown to people.
fn lines(log: &[(&str, String)]) -> Vec<String> {
    log.iter().map(|(level, line)| format!("{level}: {line}")).collect()
}

fn expect_failure(says: &str, called: &Called) -> Result<(), CaseFailure> {
    let log = lines(&called.log);
    match &called.outcome {
        Ok(answers) => Err(CaseFailure {
            answer: answers.first().cloned(),
            ..CaseFailure::new(format!("it answers, expected to fail with `{says}`"))
        }),
        Err(kind) => {
            let said = format!("{kind}\n{}", log.join("\n"));
            if said.contains(says) {
                return Ok(());
            }
            Err(CaseFailure { log, ..CaseFailure::new(format!("it fails, but not with `{says}`: {kind}")) })
        }
    }
}

fn within(what: &str, path: &[String], is: f64, least: f64, most: f64, of: usize) -> Result<(), CaseFailure> {
    if (least..=most).contains(&is) {
        return Ok(());
    }
    let path = path.join(".");
    Err(CaseFailure::new(format!("{what}.{path} is {is:.4} of {of}, expected {least} to {most}")))
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

/// A seed that stays the same as long as the case keeps its name.
fn seed_of(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    // Small enough to be written in TOML.
    hash.as_bytes().iter().take(6).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
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
        let mut report = CaseReport {
            name: String::new(),
            line: case.line,
            function: String::new(),
            views: 0,
            fuel: 0,
            ms: 0.0,
            seed: None,
            context: None,
            failure: None,
        };
        let Defaults { export, .. } = &file.defaults;
        let wanted = case.export.as_deref().or(export.as_deref());
        let function = harness.function(wanted).map_err(|e| (case.line, hinted(e)))?.to_owned();
        let options = Options::default();
        let mut running = Running { harness, file, case, options, report: &mut report };
        let views = running.views(&function).map_err(|failure| (case.line, failure.what))?;
        match all.iter_mut().find(|(known, _)| *known == function) {
            Some((_, known)) => known.extend(views),
            None => all.push((function, views)),
        }
    }
    Ok(all)
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
