//! A case as a sequence of questions: each is asked with the view that follows from the answer before, with what
//! its step says instead, some ticks later. A case without steps is a sequence of one.

use super::draw::Draw;
use super::expect::{mismatch, same};
use super::file::{Case, ScenarioFile};
use super::invariant::Invariant;
use super::outcome::{CaseFailure, Minimal};
use super::paste::paste;
use super::run::{KEEPS, expect_failure, hinted, lines};
use super::step::Step;
use super::trial::{Ask, Plan, Trial, simplest};
use host_api::{Called, Harness, Sequel, Told, View};
use serde_json::Value;
use sim::GAME_MINUTE_MS;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Questions asked to find the smallest views that fail.
const CALLS: usize = 2_000;
/// Questions asked a second time, the other way round.
const REVERSED: usize = 100;
const MINUTES_PER_DAY: u64 = 24 * 60;
static NOTHING: Value = Value::Null;

/// A case, ready to be played.
pub(super) struct Sequence<'a> {
    harness: &'a mut Harness,
    file: &'a ScenarioFile,
    case: &'a Case,
    /// The function that the case's own view is for.
    own: String,
    steps: Vec<Ready>,
    /// What every answer must obey.
    rules: Vec<Invariant>,
    plan: Plan,
    /// From an answer of a function to its next view.
    sequels: BTreeMap<String, Sequel>,
}

/// A step, looked up.
pub(super) struct Ready {
    pub(super) step: Step,
    function: String,
    rules: Vec<Invariant>,
}

/// One question and what came of it.
pub(super) struct Asked {
    /// Index of its step.
    pub(super) step: usize,
    /// How often the step has been taken, from 1.
    pub(super) time: usize,
    pub(super) function: String,
    /// What the call was told.
    pub(super) context: Value,
    /// The view as it follows from what was before.
    pub(super) before: Value,
    /// The view that was asked about.
    pub(super) shown: Value,
    /// None where the call failed.
    pub(super) answer: Option<Value>,
    pub(super) fuel: u64,
    pub(super) view: View,
    told: Told,
}

/// A run of the case, up to what broke.
pub(super) struct Played {
    pub(super) asked: Vec<Asked>,
    pub(super) broken: Option<Broken>,
}

/// What is not as expected.
pub(super) struct Broken {
    breach: Breach,
    pub(super) failure: CaseFailure,
}

/// What was expected, whatever the view: two runs fail alike if this is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Breach {
    Call,
    Step(usize),
    Rule(String),
    Last,
    End,
    Order,
}

/// Where a run stands.
struct Now {
    context: Value,
    /// The next view of each function that was asked.
    next: BTreeMap<String, Value>,
    /// The last function that answered, and how.
    last: Option<(String, Value)>,
    /// What is left of the last minute of the game.
    rest_ms: u64,
}

impl<'a> Sequence<'a> {
    /// Looks everything up.
    ///
    /// # Errors
    /// A function or field that does not exist, a rule that is none.
    pub(super) fn new(
        harness: &'a mut Harness,
        file: &'a ScenarioFile,
        case: &'a Case,
    ) -> Result<Self, String> {
        let alone = [Step { line: case.line, ..Step::default() }];
        let written = if case.steps.is_empty() { alone.as_slice() } else { case.steps.as_slice() };
        let named = case.export.as_deref().or(file.defaults.export.as_deref());
        let mut steps = Vec::with_capacity(written.len());
        let mut plan = Plan::default();
        let mut sequels = BTreeMap::new();
        for (at, step) in written.iter().enumerate() {
            let within =
                |error: String| if case.steps.is_empty() { error } else { label(at, step, 1) + &error };
            let wanted = step.export.as_deref().or(named);
            let function = harness.function(wanted).map_err(|error| within(hinted(error)))?.to_owned();
            let mut draw = Draw::new(&step.for_all, harness, &function).map_err(within)?;
            let seeds = [&file.defaults.view, &case.view, &case.for_all, &step.view, &step.for_all];
            let says_seed = seeds.iter().any(|fields| fields.get("seed").is_some());
            if !says_seed && harness.domain(&function, "seed").is_ok() {
                draw = draw.with_seed();
            }
            plan.steps.push((step.times, draw));
            let rules = parsed(&step.invariant, harness, &function).map_err(within)?;
            if let Entry::Vacant(sequel) = sequels.entry(function.clone()) {
                sequel.insert(harness.sequel(&function, &function).map_err(hinted)?);
            }
            steps.push(Ready { step: step.clone(), function, rules });
        }
        let own = harness.function(named).unwrap_or(&steps[0].function).to_owned();
        plan.first = Draw::new(&case.for_all, harness, &own)?;
        let rules = parsed(&case.invariant, harness, &own)?;
        Ok(Self { harness, file, case, own, steps, rules, plan, sequels })
    }

    /// The same with other draws for its first view, and none for its steps.
    pub(super) fn drawing(mut self, first: Draw) -> Self {
        let steps = self.plan.steps.iter().map(|(times, _)| (*times, Draw::default())).collect();
        self.plan = Plan { first, steps };
        self
    }

    /// What is drawn for it.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The function that the case's own view is for.
    pub(super) fn function(&self) -> &str {
        &self.own
    }

    /// Asks about no view: what only the first call of an instance costs is counted for no case.
    pub(super) fn warm_up(&mut self) -> Result<(), String> {
        let told = self.told()?;
        self.harness.ask(&self.own, &told, &[]).map_err(hinted)?;
        Ok(())
    }

    /// Plays the case once, up to what is not as expected.
    ///
    /// # Errors
    /// A field that does not exist, or a rule that cannot be computed.
    pub(super) fn play(&mut self, trial: &Trial) -> Result<Played, String> {
        let told = self.told()?;
        let context = self.harness.show_context(&told);
        let mut now = Now { context, next: BTreeMap::new(), last: None, rest_ms: 0 };
        let mut asked: Vec<Asked> = Vec::with_capacity(trial.asks.len());
        for (at, ask) in trial.asks.iter().enumerate() {
            let time = 1 + asked.iter().filter(|before| before.step == ask.step).count();
            let question = self.question(&mut now, trial, ask, at == 0);
            let question = question.map_err(|error| format!("{}{error}", self.label(ask.step, time)))?;
            let mut question = Asked { time, ..question };
            let view = std::slice::from_ref(&question.view);
            let called = self.harness.ask(&question.function, &question.told, view).map_err(hinted)?;
            question.fuel = called.fuel;
            question.answer = called.outcome.as_ref().ok().and_then(|answers| answers.first()).cloned();
            self.take_over(&mut now, &question);
            let is_last = trial.whole && at + 1 == trial.asks.len();
            let broken = self.judge(&question, &called, is_last)?;
            asked.push(question);
            if broken.is_some() {
                return Ok(Played { asked, broken });
            }
        }
        let broken = match self.end(trial, &now, &asked)? {
            None => self.order(&asked)?,
            broken => broken,
        };
        Ok(Played { asked, broken })
    }

    /// The smallest views for which the case fails as for this run; none if it does not fail again.
    pub(super) fn minimal(&mut self, failing: &Trial) -> Option<Minimal> {
        let played = self.play(failing).ok()?;
        let breach = played.broken?.breach;
        let mut trial = failing.clone();
        let is_cut = played.asked.len() < trial.asks.len();
        trial.asks.truncate(played.asked.len());
        trial.whole = trial.whole && !is_cut;
        let calls = u32::try_from(CALLS / trial.asks.len().max(1)).unwrap_or(u32::MAX);
        let plan = self.plan.clone();
        let trial = simplest(
            trial,
            |trial| plan.simpler(trial),
            calls,
            |trial| {
                let played = self.play(trial).ok();
                played.and_then(|played| played.broken).is_some_and(|broken| broken.breach == breach)
            },
        );
        let Played { asked, broken } = self.play(&trial).ok()?;
        let case = paste(self.harness, self.case, (self.own.as_str(), self.steps.as_slice()), &trial, &asked);
        let answer = asked.last().and_then(|last| last.answer.clone());
        let views = asked.into_iter().map(|asked| asked.shown).collect();
        Some(Minimal { what: broken?.failure.what, views, answer, case })
    }

    fn told(&mut self) -> Result<Told, String> {
        let layers = [&self.file.defaults.context, &self.case.context];
        self.harness.context(&self.own, &layers).map_err(hinted)
    }

    /// The next question: time passes, what the answer before said is shown, and the step has its say.
    fn question(&mut self, now: &mut Now, trial: &Trial, ask: &Ask, is_first: bool) -> Result<Asked, String> {
        let Ready { step, function, .. } = &self.steps[ask.step];
        let tick_ms = now.context.get("tick-ms").and_then(Value::as_u64).unwrap_or(0);
        let ticks = step.after.map_or(Ok(u64::from(!is_first)), |after| after.ticks(tick_ms))?;
        now.pass(&self.sequels, ticks, tick_ms);
        let told = self.harness.context(function, &[&now.context, &step.context]).map_err(hinted)?;
        now.context = self.harness.show_context(&told);
        let mut before = match now.next.get(function) {
            Some(view) => view.clone(),
            None => {
                let own = if *function == self.own { [&self.case.view, &trial.first] } else { [&NOTHING; 2] };
                let layers = [file_view(self.harness, self.file, function), own[0], own[1]];
                let view = self.harness.view(function, 1, &layers).map_err(hinted)?;
                self.harness.show(&view)
            }
        };
        if let Some((other, answer)) = now.last.as_ref().filter(|(other, _)| other != function) {
            let sequel = self.harness.sequel(other, function).map_err(hinted)?;
            sequel.take_over(&mut before, answer);
        }
        let view = self.harness.view(function, 1, &[&before, &step.view, &ask.drawn]).map_err(hinted)?;
        Ok(Asked {
            step: ask.step,
            time: 1,
            function: function.clone(),
            context: now.context.clone(),
            before,
            shown: self.harness.show(&view),
            answer: None,
            fuel: 0,
            view,
            told,
        })
    }

    /// What the answer leaves; a call that failed leaves everything as it was.
    fn take_over(&self, now: &mut Now, asked: &Asked) {
        let mut next = asked.shown.clone();
        if let Some(answer) = &asked.answer {
            if let Some(sequel) = self.sequels.get(&asked.function) {
                sequel.take_over(&mut next, answer);
            }
            now.last = Some((asked.function.clone(), answer.clone()));
        }
        now.next.insert(asked.function.clone(), next);
    }

    fn judge(&self, asked: &Asked, called: &Called, is_last: bool) -> Result<Option<Broken>, String> {
        let Ready { step, rules, .. } = &self.steps[asked.step];
        let broken = |breach, failure| Some(self.broken(breach, failure, asked));
        if let Some(says) = &step.fails {
            return Ok(expect_failure(says, called).and_then(|failure| broken(Breach::Call, failure)));
        }
        let answer = match (&called.outcome, &asked.answer) {
            (Ok(_), Some(answer)) => answer,
            (outcome, _) => {
                let what = outcome.as_ref().err().map_or_else(String::new, ToString::to_string);
                let log = lines(&called.log);
                return Ok(broken(Breach::Call, CaseFailure { log, ..CaseFailure::new(what) }));
            }
        };
        let of_step = (Breach::Step(asked.step), &step.expect);
        let of_case = (Breach::Last, if is_last { &self.case.expect } else { &NOTHING });
        for (breach, expected) in [of_step, of_case].into_iter().filter(|(_, expected)| !expected.is_null()) {
            if let Some(what) = mismatch(expected, answer, "") {
                let expected = Some(expected.clone());
                return Ok(broken(breach, CaseFailure { expected, ..CaseFailure::new(what) }));
            }
        }
        for rule in rules.iter().chain(&self.rules) {
            if let Some(what) = rule.breach(&asked.shown, answer)? {
                return Ok(broken(Breach::Rule(rule.text().to_owned()), CaseFailure::new(what)));
            }
        }
        Ok(None)
    }

    /// What the next view would show when all is over.
    fn end(&self, trial: &Trial, now: &Now, asked: &[Asked]) -> Result<Option<Broken>, String> {
        let (Some(last), true, Some(wanted)) = (asked.last(), trial.whole, self.case.end.as_object()) else {
            return Ok(None);
        };
        for name in wanted.keys() {
            let known = self.harness.domain(&last.function, name);
            known.map_err(|error| format!("end: {}", hinted(error)))?;
        }
        let wrong = now.next.get(&last.function).and_then(|next| mismatch(&self.case.end, next, "end"));
        Ok(wrong.map(|what| {
            let expected = Some(self.case.end.clone());
            self.broken(Breach::End, CaseFailure { expected, ..CaseFailure::new(what) }, last)
        }))
    }

    /// The same questions the other way round are answered the same: what is remembered is in the views alone.
    fn order(&mut self, asked: &[Asked]) -> Result<Option<Broken>, String> {
        let some = &asked[..asked.len().min(REVERSED)];
        if some.len() < 2 {
            return Ok(None);
        }
        for asked in some.iter().rev() {
            let Some(answer) = &asked.answer else { continue };
            let view = std::slice::from_ref(&asked.view);
            let again = self.harness.ask(&asked.function, &asked.told, view).map_err(hinted)?;
            let what = match again.outcome.as_deref() {
                Ok([again]) if same(again, answer) => continue,
                Ok(_) => KEEPS.to_owned(),
                Err(kind) => format!("asked a second time: {kind}"),
            };
            return Ok(Some(self.broken(Breach::Order, CaseFailure::new(what), asked)));
        }
        Ok(None)
    }

    /// Says where it happened.
    fn broken(&self, breach: Breach, failure: CaseFailure, asked: &Asked) -> Broken {
        let label = self.label(asked.step, asked.time);
        let step = (!self.case.steps.is_empty()).then(|| asked.step + 1);
        let failure = CaseFailure {
            what: format!("{label}{}", failure.what),
            line: step.map(|_| self.steps[asked.step].step.line),
            step,
            function: Some(asked.function.clone()),
            context: Some(asked.context.clone()),
            view: Some(asked.shown.clone()),
            answer: asked.answer.clone(),
            ..failure
        };
        Broken { breach, failure }
    }

    /// ``step 2 `it is accepted`: ``; nothing for a case without steps.
    fn label(&self, step: usize, time: usize) -> String {
        if self.case.steps.is_empty() { String::new() } else { label(step, &self.steps[step].step, time) }
    }
}

impl Now {
    fn pass(&mut self, sequels: &BTreeMap<String, Sequel>, ticks: u64, tick_ms: u64) {
        let ms = self.rest_ms.saturating_add(ticks.saturating_mul(tick_ms));
        let minutes = ms / GAME_MINUTE_MS;
        self.rest_ms = ms % GAME_MINUTE_MS;
        let mut count_on = |name: &str, count: u64, of: u64| {
            if let Some(place) = self.context.get_mut(name)
                && let Some(now) = place.as_u64()
            {
                *place = Value::from(now.saturating_add(count) % of);
            }
        };
        count_on("tick", ticks, u64::MAX);
        count_on("minute-of-day", minutes, MINUTES_PER_DAY);
        for (function, view) in &mut self.next {
            if let Some(sequel) = sequels.get(function) {
                sequel.advance(view, ticks, minutes);
            }
        }
    }
}

/// What a file says of the views of this function: of another one's it says nothing.
pub(super) fn file_view<'a>(harness: &Harness, file: &'a ScenarioFile, function: &str) -> &'a Value {
    let meant = harness.function(file.defaults.export.as_deref());
    if meant.is_ok_and(|meant| meant == function) { &file.defaults.view } else { &NOTHING }
}

/// Rules that speak of cases there are.
pub(super) fn parsed(rules: &[String], harness: &Harness, function: &str) -> Result<Vec<Invariant>, String> {
    let each = |text: &String| {
        let rule = Invariant::parse(text)?;
        rule.check(harness, function)?;
        Ok::<_, String>(rule)
    };
    rules.iter().map(each).collect()
}

fn label(at: usize, step: &Step, time: usize) -> String {
    let name = step.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
    let time = if step.times.most > 1 { format!(", time {time}") } else { String::new() };
    format!("step {}{name}{time}: ", at + 1)
}
