//! A run as a case that its author can keep: what was drawn is written down.

use super::file::Case;
use super::sequence::{Asked, Ready};
use super::trial::Trial;
use crate::author::toml_of;
use host_api::Harness;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// More than any call may take.
const ANY_FUEL: u64 = 100_000_000;

/// The case of this run, for the file it came from: what stands there for all cases is not said again. `own` is
/// the function that the case's view is for.
pub(super) fn paste(
    harness: &Harness,
    case: &Case,
    (own, steps): (&str, &[Ready]),
    trial: &Trial,
    asked: &[Asked],
) -> String {
    let mut text = String::from("[[case]]\n");
    line(&mut text, "name", &format!("{}, minimal", case.name).into());
    line(&mut text, "export", &case.export.clone().into());
    line(&mut text, "context", &case.context);
    let picked = asked.iter().find(|asked| asked.function == own).map(|asked| {
        let mut fields = Map::new();
        let picker = Picker { harness, function: own };
        picker.pick(&asked.before, &case.view, "", &mut fields);
        picker.pick(&asked.before, &trial.first, "", &mut fields);
        Value::Object(fields)
    });
    line(&mut text, "view", &picked.unwrap_or_default());
    if trial.whole {
        line(&mut text, "expect", &case.expect);
        line(&mut text, "end", &case.end);
    }
    line(&mut text, "invariant", &case.invariant.clone().into());
    let expects_end = trial.whole && !(case.expect.is_null() && case.end.is_null());
    let expects = asked.iter().any(|asked| !steps[asked.step].step.expects_nothing());
    if !expects && !expects_end && case.invariant.is_empty() {
        // It failed at all, and a case has to expect something.
        line(&mut text, "max-fuel", &case.max_fuel.unwrap_or(ANY_FUEL).into());
    }
    if case.steps.is_empty() {
        return text;
    }
    for (asked, ask) in asked.iter().zip(&trial.asks) {
        let step = &steps[asked.step].step;
        text += "\n[[case.step]]\n";
        line(&mut text, "name", &step.name.clone().into());
        if let Some(after) = step.after {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "after = {}", after.written());
        }
        line(&mut text, "export", &step.export.clone().into());
        line(&mut text, "context", &step.context);
        let mut fields = Map::new();
        let picker = Picker { harness, function: &asked.function };
        picker.pick(&asked.shown, &step.view, "", &mut fields);
        picker.pick(&asked.shown, &ask.drawn, "", &mut fields);
        line(&mut text, "view", &Value::Object(fields));
        line(&mut text, "expect", &step.expect);
        line(&mut text, "invariant", &step.invariant.clone().into());
        line(&mut text, "fails", &step.fails.clone().into());
    }
    text
}

/// `name = value`, unless there is nothing to say.
fn line(text: &mut String, name: &str, value: &Value) {
    let is_empty = match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        other => other.is_null(),
    };
    if let Some(value) = toml_of(value).filter(|_| !is_empty) {
        let _ = writeln!(text, "{name} = {value}");
    }
}

/// Picks the fields of a view that somebody has named.
struct Picker<'a> {
    harness: &'a Harness,
    function: &'a str,
}

impl Picker<'_> {
    /// Records field by field, all else as a whole.
    fn pick(&self, view: &Value, named: &Value, path: &str, into: &mut Map<String, Value>) {
        let (Some(view), Some(named)) = (view.as_object(), named.as_object()) else { return };
        for (name, named) in named {
            let spelt = name.replace('_', "-");
            let Some((name, value)) = view.get_key_value(name).or_else(|| view.get_key_value(&spelt)) else {
                continue;
            };
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if self.is_record(value, &path) {
                let inner = into.entry(name).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(inner) = inner {
                    self.pick(value, named, &path, inner);
                }
            } else {
                into.insert(name.clone(), value.clone());
            }
        }
    }

    /// A case with a value looks like a record, but has no fields.
    fn is_record(&self, value: &Value, path: &str) -> bool {
        let field = value.as_object().and_then(|fields| fields.keys().next());
        field.is_some_and(|field| self.harness.domain(self.function, &format!("{path}.{field}")).is_ok())
    }
}
