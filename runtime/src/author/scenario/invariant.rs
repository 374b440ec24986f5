//! Rules that every answer must obey, as text: `amount >= 0`, `kind == miss => amount == 0`,
//! `amount <= view.attack-power * 3 and threat >= amount`.
//!
//! Parts are set apart by blanks, because names have dashes. `and` binds closer than `or`, both closer
//! than `=>`; `*` and `/` closer than `+` and `-`. A name is a field of the answer, with `view.` before
//! it one of the view; any other word is a text, such as the name of a case.

use super::expect::{at, same};
use crate::content::suggestion;
use host_api::{Domain, Harness};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A rule, parsed.
#[derive(Clone, Debug)]
pub struct Invariant {
    text: String,
    /// Holds only where this does.
    condition: Option<Any>,
    then: Any,
}

/// One of these, each of which is all of those.
type Any = Vec<Vec<Comparison>>;

#[derive(Clone, Debug)]
struct Comparison {
    left: Sum,
    how: How,
    right: Sum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Products, added or subtracted.
type Sum = Vec<(bool, Vec<(bool, String)>)>;

impl Invariant {
    /// Parses a rule.
    ///
    /// # Errors
    /// It is none; says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut sides = words.split(|word| *word == "=>");
        let first = sides.next().unwrap_or_default();
        let (condition, then) = match (sides.next(), sides.next()) {
            (None, _) => (None, first),
            (Some(then), None) => (Some(any(first)?), then),
            (Some(_), Some(_)) => return Err(format!("`{text}` has more than one =>")),
        };
        Ok(Self { text: text.to_owned(), condition, then: any(then)? })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the names of cases it speaks of exist, as far as that can be known.
    ///
    /// # Errors
    /// A field cannot be what it is compared with.
    pub fn check(&self, harness: &Harness, function: &str) -> Result<(), String> {
        let all = self.condition.iter().flatten().chain(&self.then).flatten();
        for comparison in all {
            for (field, word) in
                [(&comparison.left, &comparison.right), (&comparison.right, &comparison.left)]
            {
                let (Some(field), Some(word)) = (single(field), single(word)) else { continue };
                let domain = match field.strip_prefix("view.") {
                    Some(path) => harness.domain(function, path),
                    None => harness.answer_domain(function, field),
                };
                if let Ok(Domain::Cases(cases)) = domain
                    && harness.answer_domain(function, word).is_err()
                    && !word.starts_with("view.")
                    && !cases.iter().any(|case| case == word)
                {
                    return Err(format!(
                        "`{}`: {field} is never {word}; it is {}",
                        self.text,
                        cases.join(", ")
                    ));
                }
            }
        }
        Ok(())
    }

    /// Why an answer breaks the rule, or nothing.
    ///
    /// # Errors
    /// It cannot be computed: no such field, or not a number.
    pub fn breach(&self, view: &Value, answer: &Value) -> Result<Option<String>, String> {
        let holds = |any: &Any| -> Result<bool, String> {
            for all in any {
                if all
                    .iter()
                    .map(|one| one.holds(view, answer))
                    .collect::<Result<Vec<_>, _>>()?
                    .iter()
                    .all(|is| *is)
                {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let named = |error: String| format!("`{}`: {error}", self.text);
        if let Some(condition) = &self.condition
            && !holds(condition).map_err(named)?
        {
            return Ok(None);
        }
        if holds(&self.then).map_err(named)? {
            return Ok(None);
        }
        let mut seen: Vec<String> = Vec::new();
        for operand in
            self.condition.iter().flatten().chain(&self.then).flatten().flat_map(Comparison::operands)
        {
            let value = resolve(operand, view, answer);
            if !matches!(&*value, Value::String(text) if text == operand) && operand.parse::<i128>().is_err()
            {
                let shown = format!("{operand} is {value}");
                if !seen.contains(&shown) {
                    seen.push(shown);
                }
            }
        }
        Ok(Some(format!("`{}` does not hold: {}", self.text, seen.join(", "))))
    }
}

impl Comparison {
    fn operands(&self) -> impl Iterator<Item = &str> {
        let all = self.left.iter().chain(&self.right);
        all.flat_map(|(_, product)| product.iter().map(|(_, name)| name.as_str()))
    }

    fn holds(&self, view: &Value, answer: &Value) -> Result<bool, String> {
        if let (How::Equal | How::Unequal, Some(left), Some(right)) =
            (self.how, single(&self.left), single(&self.right))
        {
            let is = same(&resolve(left, view, answer), &resolve(right, view, answer));
            return Ok(is == (self.how == How::Equal));
        }
        let left = number(&self.left, view, answer)?;
        let right = number(&self.right, view, answer)?;
        Ok(match self.how {
            How::Equal => left == right,
            How::Unequal => left != right,
            How::Less => left < right,
            How::AtMost => left <= right,
            How::Greater => left > right,
            How::AtLeast => left >= right,
        })
    }
}

fn any(words: &[&str]) -> Result<Any, String> {
    let all = |words: &[&str]| words.split(|word| *word == "and").map(comparison).collect();
    words.split(|word| *word == "or").map(all).collect()
}

fn comparison(words: &[&str]) -> Result<Comparison, String> {
    let how = |word: &str| {
        Some(match word {
            "==" => How::Equal,
            "!=" => How::Unequal,
            "<" => How::Less,
            "<=" => How::AtMost,
            ">" => How::Greater,
            ">=" => How::AtLeast,
            _ => return None,
        })
    };
    let found: Vec<(usize, How)> =
        words.iter().enumerate().filter_map(|(at, word)| Some((at, how(word)?))).collect();
    let [(at, how)] = found[..] else {
        return Err(format!(
            "`{}` is no comparison: write A == B (or != < <= > >=), with blanks around each",
            words.join(" ")
        ));
    };
    Ok(Comparison { left: sum(&words[..at])?, how, right: sum(&words[at + 1..])? })
}

fn sum(words: &[&str]) -> Result<Sum, String> {
    let mut terms: Sum = Vec::new();
    let mut before = "+";
    for (at, word) in words.iter().enumerate() {
        match (at % 2 == 0, *word) {
            (true, name) => match before {
                "+" => terms.push((true, vec![(true, name.to_owned())])),
                "-" => terms.push((false, vec![(true, name.to_owned())])),
                _ => {
                    if let Some((_, product)) = terms.last_mut() {
                        product.push((before == "*", name.to_owned()));
                    }
                }
            },
            (false, "+" | "-" | "*" | "/") => before = word,
            (false, _) => return Err(format!("`{word}` where + - * / is expected")),
        }
    }
    if words.len().is_multiple_of(2) {
        return Err(format!("`{}` ends where a value is expected", words.join(" ")));
    }
    Ok(terms)
}

/// The one operand of a sum that has no other.
fn single(sum: &Sum) -> Option<&str> {
    match sum.as_slice() {
        [(true, product)] => match product.as_slice() {
            [(_, name)] => Some(name),
            _ => None,
        },
        _ => None,
    }
}

fn resolve<'a>(operand: &str, view: &'a Value, answer: &'a Value) -> Cow<'a, Value> {
    let found = match operand.strip_prefix("view.") {
        Some(path) => at(view, path),
        None => at(answer, operand),
    };
    found.unwrap_or_else(|| {
        let number = operand.replace('_', "").parse::<i64>().ok().map(Value::from);
        let word = || match operand {
            "true" => Value::from(true),
            "false" => Value::from(false),
            word => Value::from(word.trim_matches('"')),
        };
        Cow::Owned(number.unwrap_or_else(word))
    })
}

fn number(sum: &Sum, view: &Value, answer: &Value) -> Result<i128, String> {
    let one = |name: &str| {
        let value = resolve(name, view, answer);
        let whole = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
        whole.ok_or_else(|| match &*value {
            Value::String(text) if text == name => no_field(name, view, answer),
            other => format!("{name} is {other}, no number; compare it with == or !="),
        })
    };
    let mut total = 0_i128;
    for (plus, product) in sum {
        let mut value = 1_i128;
        for (times, name) in product {
            let factor = one(name)?;
            value = match times {
                true => value.saturating_mul(factor),
                false => value.checked_div(factor).ok_or_else(|| {
                    format!("{name} is 0, divided by; write `{name} != 0 =>` before the rule")
                })?,
            };
        }
        total = if *plus { total.saturating_add(value) } else { total.saturating_sub(value) };
    }
    Ok(total)
}

/// That a name is none of a field, and what fields there are.
fn no_field(name: &str, view: &Value, answer: &Value) -> String {
    let (fields, path) = match name.strip_prefix("view.") {
        Some(path) => (view, path),
        None => (answer, name),
    };
    let known: Vec<&str> = fields.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
    let hint = suggestion(path, known.iter().copied());
    format!("there is no field `{name}`{hint}, and it is no number; there are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn breach(rule: &str) -> Result<Option<String>, String> {
        let view = json!({"attack-power": 10, "ready": true});
        let answer = json!({"kind": "miss", "amount": 4, "raw": 30, "at": {"x-mm": -5}, "choices": [1, 2]});
        Invariant::parse(rule)?.breach(&view, &answer)
    }

    #[test]
    fn rules_hold_or_say_why_not() {
        for rule in [
            "amount >= 0",
            "amount <= raw",
            "raw == view.attack-power * 3",
            "amount + 1 == 5 and at.x-mm == -5",
            "raw - 2 * 5 == view.attack-power + view.attack-power",
            "kind == hit => amount == 0",
            "kind == hit or kind == miss",
            "view.ready == true and choices.len == 2",
            "raw / amount == 7",
        ] {
            assert_eq!(breach(rule), Ok(None), "{rule}");
        }
        let why = |rule: &str| breach(rule).unwrap().unwrap();
        assert_eq!(why("amount > raw"), "`amount > raw` does not hold: amount is 4, raw is 30");
        assert_eq!(
            why("kind == miss => amount == 0"),
            "`kind == miss => amount == 0` does not hold: kind is \"miss\", amount is 4"
        );
    }

    #[test]
    fn what_cannot_be_computed_is_named() {
        let says = |rule: &str, says: &str| {
            let error = breach(rule).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        says(
            "amuont > 3",
            "there is no field `amuont` (did you mean `amount`?), and it is no number; there are ",
        );
        says("view.reddy > 3", "(did you mean `ready`?)");
        says("kind > 3", "kind is \"miss\", no number");
        says("amount>3", "with blanks around each");
        says("amount + > 3", "ends where a value is expected");
        says("amount 3 == 3", "`3` where + - * / is expected");
        says("amount / 0 == 3", "divided by");
    }
}
