//! Whether an answer is what was expected: exact values, ranges, one of several; shares and averages
//! over many answers.

use crate::content::closest;
use serde_json::{Map, Value};
use sim::def_id;

/// What differs between an answer and what was expected of it, or nothing. An expected table names
/// only the fields that matter.
pub fn mismatch(expected: &Value, actual: &Value, path: &str) -> Option<String> {
    match (expected, actual) {
        (Value::Object(fields), Value::Object(answer)) => fields.iter().find_map(|(name, expected)| {
            let path = join(path, name);
            match field(answer, name) {
                Some(actual) => mismatch(expected, actual, &path),
                None => Some(no_field(answer, name, &path)),
            }
        }),
        (Value::Object(rule), actual) => breach(rule, actual, path),
        (Value::Array(expected), Value::Array(items)) if expected.len() != items.len() => {
            Some(format!("{path} has {} values, expected {}", items.len(), expected.len()))
        }
        (Value::Array(expected), Value::Array(items)) => {
            let both = expected.iter().zip(items).enumerate();
            both.into_iter().find_map(|(at, (e, a))| mismatch(e, a, &format!("{path}[{at}]")))
        }
        _ if same(expected, actual) => None,
        _ => Some(format!("{path} is {actual}, expected {expected}")),
    }
}

/// Whether two values are the same; a definition's name is the same as its id, and names are the same
/// whether written with `-` or `_`.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(name), Value::Number(id)) | (Value::Number(id), Value::String(name)) => {
            let named = name.contains('/') && id.as_u64() == Some(def_id(name).0.into());
            named || parse(name).is_some_and(|number| id.as_i128() == Some(number))
        }
        (Value::String(a), Value::String(b)) => a == b || a.replace('_', "-") == b.replace('_', "-"),
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| field(b, name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// A number too large for TOML, as a text.
fn parse(text: &str) -> Option<i128> {
    let plain = text.replace('_', "");
    match plain.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => plain.parse().ok(),
    }
}

/// `{ min, max }`, `{ one-of }`, `{ not }`, `{ len }`, `{ contains }` on a value that is no table.
fn breach(rule: &Map<String, Value>, actual: &Value, path: &str) -> Option<String> {
    rule.iter().find_map(|(word, wanted)| {
        let holds = match (word.as_str(), actual) {
            ("min", _) => actual.as_f64().zip(wanted.as_f64()).is_some_and(|(is, least)| is >= least),
            ("max", _) => actual.as_f64().zip(wanted.as_f64()).is_some_and(|(is, most)| is <= most),
            ("one-of", _) => wanted.as_array().is_some_and(|all| all.iter().any(|one| same(one, actual))),
            ("not", _) => !same(wanted, actual),
            ("len", Value::Array(items)) => wanted.as_u64() == Some(items.len() as u64),
            ("len", Value::String(text)) => wanted.as_u64() == Some(text.chars().count() as u64),
            ("contains", Value::Array(items)) => {
                items.iter().any(|item| mismatch(wanted, item, "").is_none())
            }
            ("contains", Value::String(text)) => wanted.as_str().is_some_and(|part| text.contains(part)),
            ("len" | "contains", _) => false,
            _ => {
                let rules = "min, max, one-of, not, len, contains";
                return Some(format!("{path} is {actual}, no table: `{word}` is none of the rules {rules}"));
            }
        };
        (!holds).then(|| format!("{path} is {actual}, expected {word} = {wanted}"))
    })
}

/// The value at a path such as `destination.x-mm`, `choices[0]` as `choices.0`, or `choices.len`.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<std::borrow::Cow<'a, Value>> {
    use std::borrow::Cow;
    let mut here = value;
    for part in path.split('.') {
        here = match here {
            Value::Object(fields) => field(fields, part)?,
            Value::Array(items) if part == "len" => return Some(Cow::Owned(items.len().into())),
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(Cow::Borrowed(here))
}

/// A bound on a share or an average.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Names down to it.
    pub path: Vec<String>,
    /// Least.
    pub least: f64,
    /// Most.
    pub most: f64,
}

/// The `[least, most]` in a table, however deep.
///
/// # Errors
/// Something else stands there.
pub fn bounds(table: &Value) -> Result<Vec<Bound>, String> {
    let mut found = Vec::new();
    collect(table, &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn collect(value: &Value, path: &mut Vec<String>, found: &mut Vec<Bound>) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::Object(fields) => fields.iter().try_for_each(|(name, inner)| {
            path.push(name.clone());
            let done = collect(inner, path, found);
            path.pop();
            done
        }),
        Value::Array(pair) => match pair.iter().map(Value::as_f64).collect::<Option<Vec<_>>>().as_deref() {
            Some([least, most]) => {
                found.push(Bound { path: path.clone(), least: *least, most: *most });
                Ok(())
            }
            _ => Err(format!("{}: [least, most] is expected, not {value}", path.join("."))),
        },
        _ => Err(format!("{}: [least, most] is expected, not {value}", path.join("."))),
    }
}

/// How large a share of the answers has the value that the last name of the bound says.
///
/// # Errors
/// The answers have no such field, or nothing names a value.
pub fn share(bound: &Bound, answers: &[Value]) -> Result<f64, String> {
    let Some((value, path)) = bound.path.split_last().filter(|(_, path)| !path.is_empty()) else {
        return Err("write share.FIELD.VALUE = [least, most]".to_owned());
    };
    let path = path.join(".");
    let mut count = 0_u64;
    for answer in answers {
        let actual = at(answer, &path).ok_or_else(|| missing(answer, &path))?;
        let named = Value::from(value.as_str());
        count +=
            u64::from(text(&actual).is_some_and(|text| same(&named, &text.into())) || same(&named, &actual));
    }
    Ok(count as f64 / answers.len().max(1) as f64)
}

/// The average of a field.
///
/// # Errors
/// The answers have no such field, or it is no number.
pub fn mean(bound: &Bound, answers: &[Value]) -> Result<f64, String> {
    let path = bound.path.join(".");
    let mut sum = 0.0;
    for answer in answers {
        let actual = at(answer, &path).ok_or_else(|| missing(answer, &path))?;
        sum += match &*actual {
            Value::Bool(is) => f64::from(u8::from(*is)),
            number => number.as_f64().ok_or_else(|| format!("{path} is {number}, no number"))?,
        };
    }
    Ok(sum / answers.len().max(1) as f64)
}

/// A value as the name it has in a share: the case of a variant, `true`, `17`.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(case) if case.len() == 1 => case.keys().next().cloned(),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn missing(answer: &Value, path: &str) -> String {
    match answer {
        Value::Object(fields) => no_field(fields, path.split('.').next().unwrap_or(path), path),
        other => format!("{path}: the answer is {other}"),
    }
}

fn no_field(answer: &Map<String, Value>, name: &str, path: &str) -> String {
    let hint = closest(name, answer.keys().map(String::as_str));
    let hint = hint.map(|close| format!(" (did you mean `{close}`?)")).unwrap_or_default();
    format!("the answer has no `{path}`{hint}")
}

fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| fields.get(&name.replace('_', "-")))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer() -> Value {
        let bite = def_id("ability/bite").0;
        json!({"kind": "return-home", "amount": 12, "ability": bite, "at": {"x-mm": 5, "y-mm": 6},
            "choices": ["a/b", 7], "actions": [{"take-gold": 3}, "rest"], "seed": u64::MAX})
    }

    #[test]
    fn what_is_expected_is_written_in_many_ways() {
        let holds = |expected: Value| assert_eq!(mismatch(&expected, &answer(), ""), None);
        holds(json!({"kind": "return_home", "amount": 12, "ability": "ability/bite"}));
        holds(json!({"at": {"y_mm": {"min": 6, "max": 6}}, "amount": {"one-of": [11, 12], "not": 13}}));
        holds(json!({"choices": [def_id("a/b").0, 7], "actions": {"len": 2, "contains": {"take-gold": 3}}}));
        holds(json!({"seed": "0xffff_ffff_ffff_ffff", "actions": {"contains": "rest"}}));
    }

    #[test]
    fn what_is_missed_is_said() {
        let says = |expected: Value, says: &str| {
            assert_eq!(mismatch(&expected, &answer(), "").as_deref(), Some(says));
        };
        says(json!({"amount": 13}), "amount is 12, expected 13");
        says(json!({"amount": {"min": 13}}), "amount is 12, expected min = 13");
        says(json!({"amuont": 13}), "the answer has no `amuont` (did you mean `amount`?)");
        says(json!({"at": {"x-mm": 6}}), "at.x-mm is 5, expected 6");
        says(json!({"choices": [1]}), "choices has 2 values, expected 1");
        says(
            json!({"amount": {"mni": 1}}),
            "amount is 12, no table: `mni` is none of the rules min, max, one-of, not, len, contains",
        );
    }

    #[test]
    fn shares_and_means_are_over_all_answers() {
        let answers = [json!({"kind": "hit", "amount": 4}), json!({"kind": "miss", "amount": 0})];
        let bound = |table: Value| bounds(&table).unwrap().remove(0);
        assert_eq!(share(&bound(json!({"kind": {"hit": [0, 1]}})), &answers), Ok(0.5));
        assert_eq!(mean(&bound(json!({"amount": [0, 1]})), &answers), Ok(2.0));
        let error = share(&bound(json!({"knd": {"hit": [0, 1]}})), &answers).unwrap_err();
        assert!(error.contains("no `knd` (did you mean `kind`?)"), "{error}");
        assert!(bounds(&json!({"kind": {"hit": 1}})).unwrap_err().contains("kind.hit: [least, most]"));
    }
}
