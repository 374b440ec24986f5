//! Views drawn at random from a seed: the same seed gives the same views, on every machine.

use host_api::{Domain, Harness};
use serde_json::{Map, Value};
use sim::rng::Rng;

/// One draw in so many is at an end of its range: where mistakes are.
const EDGE: u32 = 8;

/// What is drawn for one field.
#[derive(Clone, Debug)]
struct Field {
    path: Vec<String>,
    from: From,
}

#[derive(Clone, Debug)]
enum From {
    Range(i128, i128),
    OneOf(Vec<Value>),
    /// Every number alike: shares are counted over it.
    Seed,
}

/// What is drawn for a view.
#[derive(Clone, Debug, Default)]
pub struct Draw {
    fields: Vec<Field>,
}

impl Draw {
    /// From the `for-all` of a case.
    ///
    /// # Errors
    /// A field that does not exist, or something that cannot be drawn from.
    pub fn new(for_all: &Value, harness: &Harness, function: &str) -> Result<Self, String> {
        let mut draw = Self::default();
        draw.collect(for_all, &mut Vec::new(), harness, function)?;
        Ok(draw)
    }

    /// Draws a number for the view's `seed`, too.
    pub fn with_seed(mut self) -> Self {
        self.fields.push(Field { path: vec!["seed".to_owned()], from: From::Seed });
        self
    }

    fn collect(
        &mut self,
        value: &Value,
        path: &mut Vec<String>,
        harness: &Harness,
        function: &str,
    ) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        if let Value::Object(fields) = value {
            for (name, inner) in fields {
                path.push(name.clone());
                self.collect(inner, path, harness, function)?;
                path.pop();
            }
            return Ok(());
        }
        let named = path.join(".");
        let domain = harness.domain(function, &named).map_err(|error| format!("for-all: {error}"))?;
        let from = source(value, &domain).ok_or_else(|| {
            format!("for-all.{named}: write [least, most], a list of values or \"any\", not {value}")
        })?;
        self.fields.push(Field { path: path.clone(), from });
        Ok(())
    }

    /// The fields of the next view.
    pub fn next(&self, rng: &mut Rng) -> Value {
        let mut view = Value::Object(Map::new());
        for field in &self.fields {
            let value = match &field.from {
                From::OneOf(values) => values[rng.below(values.len() as u32) as usize].clone(),
                From::Seed => Value::from(rng.next_u64()),
                From::Range(least, most) => whole(within(rng, *least, *most)),
            };
            set(&mut view, &field.path, value);
        }
        view
    }
}

fn source(value: &Value, domain: &Domain) -> Option<From> {
    match (value, domain) {
        (Value::Array(pair), Domain::Integer(..)) if pair.len() == 2 && pair.iter().all(Value::is_i64) => {
            let (least, most) = (pair[0].as_i64()?, pair[1].as_i64()?);
            (least <= most).then_some(From::Range(least.into(), most.into()))
        }
        (Value::Array(values), _) if !values.is_empty() => Some(From::OneOf(values.clone())),
        (Value::String(any), Domain::Integer(least, most)) if any == "any" => {
            Some(From::Range(*least, *most))
        }
        (Value::String(any), Domain::Bool) if any == "any" => {
            Some(From::OneOf(vec![Value::from(false), Value::from(true)]))
        }
        (Value::String(any), Domain::Cases(cases)) if any == "any" => {
            Some(From::OneOf(cases.iter().map(|case| Value::from(case.as_str())).collect()))
        }
        _ => None,
    }
}

fn within(rng: &mut Rng, least: i128, most: i128) -> i128 {
    match rng.below(EDGE) {
        0 => least,
        1 => most,
        _ => least + i128::from(rng.next_u64()) % (most - least + 1),
    }
}

fn whole(number: i128) -> Value {
    match u64::try_from(number) {
        Ok(number) => Value::from(number),
        Err(_) => Value::from(i64::try_from(number).unwrap_or(i64::MIN)),
    }
}

fn set(view: &mut Value, path: &[String], value: Value) {
    let Value::Object(fields) = view else { return };
    match path {
        [] => {}
        [last] => {
            fields.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = fields.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            set(inner, rest, value);
        }
    }
}
