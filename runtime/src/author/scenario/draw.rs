//! Views drawn at random from a seed: the same seed gives the same views, on every machine. And views that are
//! simpler than one that was drawn.

use host_api::{Domain, Harness};
use serde_json::{Map, Value};
use sim::rng::Rng;

/// One draw in so many is at an end of its range: where mistakes are.
const EDGE: u32 = 8;
/// Items of one list.
const ITEMS: i64 = 1_000;
/// Seeds below this one are simpler than any other.
const SIMPLE_SEEDS: u64 = 4;

/// What is drawn for a view.
#[derive(Clone, Debug)]
pub struct Draw(Source);

/// What is drawn for one field.
#[derive(Clone, Debug)]
enum Source {
    Range(i128, i128),
    OneOf(Vec<Value>),
    /// Every number alike: shares are counted over it.
    Seed,
    Record(Vec<(String, Source)>),
    List {
        least: usize,
        most: usize,
        each: Box<Source>,
    },
}

impl Default for Draw {
    fn default() -> Self {
        Self(Source::Record(Vec::new()))
    }
}

impl Draw {
    /// From the `for-all` of a case.
    ///
    /// # Errors
    /// A field that does not exist, or something that cannot be drawn from.
    pub fn new(for_all: &Value, harness: &Harness, function: &str) -> Result<Self, String> {
        let reader = Reader { harness, function };
        match for_all {
            Value::Null => Ok(Self::default()),
            Value::Object(fields) => Ok(Self(reader.record(fields, "")?)),
            other => Err(format!("for-all: write fields, such as level = [1, 60], not {other}")),
        }
    }

    /// Draws a number for the view's `seed`, too.
    pub fn with_seed(mut self) -> Self {
        if let Source::Record(fields) = &mut self.0 {
            fields.push(("seed".to_owned(), Source::Seed));
        }
        self
    }

    /// Whether every draw is the same.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Source::Record(fields) if fields.is_empty())
    }

    /// The fields of the next view.
    pub fn next(&self, rng: &mut Rng) -> Value {
        self.0.draw(rng)
    }

    /// Draws simpler than this one, the simplest first: numbers nearer to 0 within their range, values that were
    /// listed earlier, shorter lists. Each differs in one place.
    pub fn simpler(&self, drawn: &Value) -> Vec<Value> {
        self.0.simpler(drawn)
    }
}

/// Reads what is to be drawn, by the types of a view.
struct Reader<'a> {
    harness: &'a Harness,
    function: &'a str,
}

impl Reader<'_> {
    fn record(&self, fields: &Map<String, Value>, path: &str) -> Result<Source, String> {
        let each = |(name, value): (&String, &Value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let source = self.field(value, &path)?;
            Ok::<_, String>((name.clone(), source))
        };
        fields.iter().map(each).collect::<Result<_, String>>().map(Source::Record)
    }

    fn field(&self, value: &Value, path: &str) -> Result<Source, String> {
        let domain = self.harness.domain(self.function, path).map_err(|error| format!("for-all: {error}"))?;
        match (value, &domain) {
            (Value::Object(list), Domain::List(item)) => self.list(list, item, path),
            (Value::Object(fields), _) => self.record(fields, path),
            _ => leaf(value, &domain).ok_or_else(|| {
                format!("for-all.{path}: write [least, most], a list of values or \"any\", not {value}")
            }),
        }
    }

    fn list(&self, list: &Map<String, Value>, item: &Domain, path: &str) -> Result<Source, String> {
        let wrong = || {
            format!(
                "for-all.{path}: write a list of values, or {{ length = [least, most], each = ... }} with at most \
                 {ITEMS} items"
            )
        };
        let only = list.keys().all(|name| name == "length" || name == "each");
        let length = list.get("length").and_then(|length| leaf(length, &Domain::Integer(0, ITEMS.into())));
        let (true, Some(Source::Range(least, most)), Some(each)) = (only, length, list.get("each")) else {
            return Err(wrong());
        };
        if least < 0 || most > i128::from(ITEMS) {
            return Err(wrong());
        }
        let each = match each {
            Value::Object(fields) => self.record(fields, path)?,
            value => leaf(value, item).ok_or_else(wrong)?,
        };
        Ok(Source::List { least: least as usize, most: most as usize, each: Box::new(each) })
    }
}

fn leaf(value: &Value, domain: &Domain) -> Option<Source> {
    match (value, domain) {
        (Value::Array(pair), Domain::Integer(..)) if pair.len() == 2 && pair.iter().all(Value::is_i64) => {
            let (least, most) = (pair[0].as_i64()?, pair[1].as_i64()?);
            (least <= most).then_some(Source::Range(least.into(), most.into()))
        }
        (Value::Array(values), _) if !values.is_empty() => Some(Source::OneOf(values.clone())),
        (Value::String(any), Domain::Integer(least, most)) if any == "any" => {
            Some(Source::Range(*least, *most))
        }
        (Value::String(any), Domain::Bool) if any == "any" => {
            Some(Source::OneOf(vec![Value::from(false), Value::from(true)]))
        }
        (Value::String(any), Domain::Cases(cases)) if any == "any" => {
            Some(Source::OneOf(cases.iter().map(|case| Value::from(case.as_str())).collect()))
        }
        _ => None,
    }
}

impl Source {
    fn draw(&self, rng: &mut Rng) -> Value {
        match self {
            Self::OneOf(values) => values[rng.below(values.len() as u32) as usize].clone(),
            Self::Seed => Value::from(rng.next_u64()),
            Self::Range(least, most) => whole(within(rng, *least, *most)),
            Self::Record(fields) => {
                fields.iter().map(|(name, source)| (name.clone(), source.draw(rng))).collect()
            }
            Self::List { least, most, each } => {
                let length = within(rng, *least as i128, *most as i128);
                (0..length).map(|_| each.draw(rng)).collect()
            }
        }
    }

    fn simpler(&self, value: &Value) -> Vec<Value> {
        match (self, value) {
            (Self::OneOf(values), _) => values.iter().take_while(|one| *one != value).cloned().collect(),
            (Self::Seed, _) => {
                let seed = value.as_u64().unwrap_or(0);
                (0..SIMPLE_SEEDS.min(seed)).map(Value::from).collect()
            }
            (Self::Range(least, most), Value::Number(number)) => {
                let number = number.as_i128().unwrap_or(*least);
                nearer(number, 0_i128.clamp(*least, *most)).into_iter().map(whole).collect()
            }
            (Self::Record(sources), Value::Object(fields)) => {
                let with = |name: &String, inner: Value| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), inner);
                    Value::Object(fields)
                };
                let each =
                    sources.iter().filter_map(|(name, source)| Some((name, source, fields.get(name)?)));
                each.flat_map(|(name, source, inner)| {
                    source.simpler(inner).into_iter().map(move |inner| with(name, inner))
                })
                .collect()
            }
            (Self::List { least, each, .. }, Value::Array(items)) => {
                let mut simpler = shorter(items, *least);
                for (at, item) in items.iter().enumerate() {
                    simpler.extend(each.simpler(item).into_iter().map(|item| {
                        let mut items = items.clone();
                        items[at] = item;
                        Value::Array(items)
                    }));
                }
                simpler
            }
            _ => Vec::new(),
        }
    }
}

/// The goal, then half the way back from it, and so on to the neighbour of `number`.
fn nearer(number: i128, goal: i128) -> Vec<i128> {
    let step = |step: &i128| Some(step / 2).filter(|step| *step != 0);
    let first = Some(number - goal).filter(|step| *step != 0);
    std::iter::successors(first, step).map(|step| number - step).collect()
}

/// As short as may be, half as long, and without each of the items.
fn shorter(items: &[Value], least: usize) -> Vec<Value> {
    if items.len() <= least {
        return Vec::new();
    }
    let half = (items.len() / 2).max(least);
    let cut = [least, half].map(|length| items[..length].to_vec());
    let without = (0..items.len()).map(|at| [&items[..at], &items[at + 1..]].concat());
    cut.into_iter().chain(without).map(Value::Array).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pack() -> Source {
        let wolf = Source::Record(vec![
            ("health".to_owned(), Source::Range(1, 1_000)),
            ("kind".to_owned(), Source::OneOf(vec!["idle".into(), "chase".into(), "flee".into()])),
        ]);
        Source::Record(vec![
            ("level".to_owned(), Source::Range(-60, 60)),
            ("pack".to_owned(), Source::List { least: 1, most: 5, each: Box::new(wolf) }),
            ("seed".to_owned(), Source::Seed),
        ])
    }

    #[test]
    fn what_is_drawn_stays_within_what_was_asked_for() {
        let (mut rng, mut again) = (Rng(7), Rng(7));
        for _ in 0..500 {
            let drawn = pack().draw(&mut rng);
            assert_eq!(drawn, pack().draw(&mut again));
            assert!((-60..=60).contains(&drawn["level"].as_i64().unwrap()), "{drawn}");
            let wolves = drawn["pack"].as_array().unwrap();
            assert!((1..=5).contains(&wolves.len()), "{drawn}");
            assert!(
                wolves.iter().all(|wolf| (1..=1_000).contains(&wolf["health"].as_i64().unwrap())),
                "{drawn}"
            );
        }
    }

    #[test]
    fn what_is_simpler_comes_nearer_to_the_smallest() {
        assert_eq!(nearer(100, 0), [0, 50, 75, 88, 94, 97, 99]);
        assert_eq!(nearer(-7, -3), [-3, -5, -6]);
        assert_eq!(nearer(4, 4), [0; 0]);
        let range = |least, most| Source::Range(least, most);
        assert_eq!(range(10, 20).simpler(&json!(13)), [json!(10), json!(12)]);
        assert_eq!(range(-20, -10).simpler(&json!(-12)), [json!(-10), json!(-11)]);
        let one_of = Source::OneOf(vec!["idle".into(), "chase".into(), "flee".into()]);
        assert_eq!(one_of.simpler(&json!("flee")), ["idle", "chase"]);
        assert_eq!(Source::Seed.simpler(&json!(2)), [0, 1]);
        let list = Source::List { least: 1, most: 9, each: Box::new(range(0, 9)) };
        assert_eq!(
            list.simpler(&json!([2, 0, 0])),
            [
                json!([2]),
                json!([2]),
                json!([0, 0]),
                json!([2, 0]),
                json!([2, 0]),
                json!([0, 0, 0]),
                json!([1, 0, 0])
            ]
        );
        // One place at a time, and nothing simpler than the simplest.
        let drawn = json!({"level": 1, "pack": [{"health": 2, "kind": "idle"}], "seed": 0});
        assert_eq!(
            pack().simpler(&drawn),
            [
                json!({"level": 0, "pack": [{"health": 2, "kind": "idle"}], "seed": 0}),
                json!({"level": 1, "pack": [{"health": 1, "kind": "idle"}], "seed": 0}),
            ]
        );
        let simplest = json!({"level": 0, "pack": [{"health": 1, "kind": "idle"}], "seed": 0});
        assert!(pack().simpler(&simplest).is_empty());
    }
}
