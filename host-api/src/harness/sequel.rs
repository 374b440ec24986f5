//! From an answer to the next question, as a world would ask it: state that comes back, clocks that go on.
//!
//! Which fields these are follows from the types of view and answer; no kind of script is known here. A view
//! holds state if it has one of [`MARKS`]. Then what the answer has in common with it by name and type, apart from
//! the id, is what the script is shown again:
//!
//! | in the answer | in the next view | such as |
//! |---|---|---|
//! | a field | the field of its name and type, also inside a record | `memory`, `phase`, `progress.state` |
//! | a list | the field of its name in every item of a list, in order | `done` to `progress.objectives` |
//! | a list of cases, among them `set-NAME(n)` | bit `n` of the field `NAMEs` | `set-flag` to `flags` |
//!
//! Ticks are told by names that end in `-ticks`; see [`Clock`]. What else a host would do about an answer (take
//! the gold, move the NPC) is not done here.

use super::{Harness, HarnessError};
use serde_json::Value;
use wasmtime::component::Type;

/// Fields of a view that hold state: the script's own number, the strikes of a sender, the flags of a dialog.
const MARKS: [&str; 3] = ["memory", "strikes", "flags"];
/// Ticks since something began that is no field of the view: a fight, a status.
const BEGINNINGS: [&str; 2] = ["fight-ticks", "age-ticks"];
const MINUTES_PER_DAY: u64 = 24 * 60;

/// What an answer of one function changes in a view of the same function or of another one of its module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequel {
    links: Vec<Link>,
    clocks: Vec<(String, Clock)>,
}

/// A field of the answer and the place in the view where it is shown again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Link {
    Same { answer: String, view: Vec<String> },
    Each { answer: String, list: Vec<String>, item: Vec<String> },
    Bits { answer: String, case: String, view: Vec<String> },
}

/// How a field tells time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// `STATE-ticks` beside a field `STATE` that comes back, and [`BEGINNINGS`]: grows. The former begins anew
    /// when that field changes.
    Up,
    /// `since-...-ticks`: grows, and begins anew with every answer.
    Since,
    /// `left-ticks`, `...-left-ticks`, `...-in-ticks`: falls to 0.
    Down,
    /// `minute-of-day`
    Minute,
    /// `hour`, counted on from the `minute-of-day` beside it.
    Hour,
}

/// A field of a view, however deep.
struct Place {
    path: Vec<String>,
    /// How much of the path leads to the list it is in, if it is in one.
    list: Option<usize>,
    ty: Type,
}

impl Place {
    fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    fn is(&self, name: &str, ty: &Type) -> bool {
        self.name() == name && self.ty == *ty
    }
}

impl Harness {
    /// What an answer of `asked` changes in the next view of `next`.
    ///
    /// # Errors
    /// There is no such function.
    pub fn sequel(&self, asked: &str, next: &str) -> Result<Sequel, HarnessError> {
        let (asked, next) = (self.find(asked)?, self.find(next)?);
        let mut found = Vec::new();
        places(&next.view, &mut Vec::new(), None, &mut found);
        let clocks = clocks(&found, &links(&next.answer, &found));
        Ok(Sequel { links: links(&asked.answer, &found), clocks })
    }
}

impl Sequel {
    /// Shows in `view` what `answer` says. Both are JSON by the names of the interface.
    pub fn take_over(&self, view: &mut Value, answer: &Value) {
        for link in &self.links {
            match link {
                Link::Same { answer: from, view: to } => {
                    if let (Some(new), Some(place)) = (answer.get(from), at(view, to))
                        && *place != *new
                    {
                        *place = new.clone();
                        restart(view, to);
                    }
                }
                Link::Each { answer: from, list, item } => {
                    let new = answer.get(from).and_then(Value::as_array).into_iter().flatten();
                    let items = at(view, list).and_then(Value::as_array_mut).into_iter().flatten();
                    for (place, new) in items.zip(new) {
                        if let Some(place) = at(place, item) {
                            place.clone_from(new);
                        }
                    }
                }
                Link::Bits { answer: from, case, view: to } => {
                    let set = answer.get(from).and_then(Value::as_array).into_iter().flatten();
                    let bits = set.filter_map(|one| one.get(case)?.as_u64()).filter(|bit| *bit < 64);
                    let bits = bits.fold(0_u64, |bits, bit| bits | 1_u64 << bit);
                    change(at(view, to), |flags| flags | bits);
                }
            }
        }
        for (name, _) in self.clocks.iter().filter(|(_, clock)| *clock == Clock::Since) {
            change(view.get_mut(name), |_| 0);
        }
    }

    /// Lets time pass in `view`: ticks of the zone, whole minutes of the game's day.
    pub fn advance(&self, view: &mut Value, ticks: u64, minutes: u64) {
        let minute = view.get("minute-of-day").and_then(Value::as_u64).unwrap_or(0);
        for (name, clock) in &self.clocks {
            change(view.get_mut(name), |now| match clock {
                Clock::Up | Clock::Since => now.saturating_add(ticks).min(u32::MAX.into()),
                Clock::Down => now.saturating_sub(ticks),
                Clock::Minute => (now + minutes) % MINUTES_PER_DAY,
                Clock::Hour => now.saturating_add((minute % 60 + minutes) / 60),
            });
        }
    }

    /// The fields of the view that an answer changes, as `progress.objectives[].done`.
    pub fn state(&self) -> Vec<String> {
        let place = |link: &Link| match link {
            Link::Same { view, .. } | Link::Bits { view, .. } => view.join("."),
            Link::Each { list, item, .. } => format!("{}[].{}", list.join("."), item.join(".")),
        };
        self.links.iter().map(place).collect()
    }

    /// The fields of the view that change with time.
    pub fn clocks(&self) -> impl Iterator<Item = &str> {
        self.clocks.iter().map(|(name, _)| name.as_str())
    }
}

/// All fields, a record before its own; lists within lists are passed over.
fn places(ty: &Type, path: &mut Vec<String>, list: Option<usize>, found: &mut Vec<Place>) {
    let Type::Record(record) = ty else { return };
    for field in record.fields() {
        path.push(field.name.to_owned());
        found.push(Place { path: path.clone(), list, ty: field.ty.clone() });
        let depth = path.len();
        match &field.ty {
            Type::Record(_) => places(&field.ty, path, list, found),
            Type::List(items) if list.is_none() => places(&items.ty(), path, Some(depth), found),
            _ => {}
        }
        path.pop();
    }
}

fn links(answer: &Type, places: &[Place]) -> Vec<Link> {
    let holds_state = places.iter().any(|place| place.list.is_none() && MARKS.contains(&place.name()));
    match answer {
        Type::Record(record) if holds_state => {
            record.fields().filter_map(|field| link(field.name, &field.ty, places)).collect()
        }
        _ => Vec::new(),
    }
}

fn link(name: &str, ty: &Type, places: &[Place]) -> Option<Link> {
    if name == "id" {
        return None;
    }
    let answer = name.to_owned();
    let alone = places.iter().filter(|place| place.list.is_none());
    if let Some(place) = alone.clone().find(|place| place.is(name, ty)) {
        return Some(Link::Same { answer, view: place.path.clone() });
    }
    let Type::List(items) = ty else { return None };
    let one = items.ty();
    let listed = places.iter().find_map(|place| {
        let depth = place.list.filter(|_| place.is(name, &one))?;
        let (list, item) = place.path.split_at(depth);
        Some((list.to_vec(), item.to_vec()))
    });
    if let Some((list, item)) = listed {
        return Some(Link::Each { answer, list, item });
    }
    let Type::Variant(cases) = &one else { return None };
    cases.cases().filter(|case| case.ty == Some(Type::U32)).find_map(|case| {
        let field = format!("{}s", case.name.strip_prefix("set-")?);
        let place = alone.clone().find(|place| place.is(&field, &Type::U64))?;
        Some(Link::Bits { answer: answer.clone(), case: case.name.to_owned(), view: place.path.clone() })
    })
}

/// Time is told at the top of a view alone.
fn clocks(places: &[Place], links: &[Link]) -> Vec<(String, Clock)> {
    let is_state =
        |name: &str| links.iter().any(|link| matches!(link, Link::Same { view, .. } if view == &[name]));
    let clock = |name: &str| match name {
        "minute-of-day" => Some(Clock::Minute),
        "hour" => Some(Clock::Hour),
        _ if BEGINNINGS.contains(&name) => Some(Clock::Up),
        _ => {
            let of = name.strip_suffix("-ticks")?;
            match of {
                _ if of.starts_with("since-") => Some(Clock::Since),
                _ if of == "left" || of.ends_with("-left") || of.ends_with("-in") => Some(Clock::Down),
                _ => is_state(of).then_some(Clock::Up),
            }
        }
    };
    let top = places.iter().filter(|place| place.path.len() == 1);
    top.filter_map(|place| Some((place.name().to_owned(), clock(place.name())?))).collect()
}

/// The value at a path.
fn at<'a>(value: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |here, name| here.get_mut(name))
}

/// What has changed has been so for no time.
fn restart(view: &mut Value, changed: &[String]) {
    if let [field] = changed {
        change(view.get_mut(format!("{field}-ticks")), |_| 0);
    }
}

/// Changes a number that is not negative; leaves what is none.
fn change(place: Option<&mut Value>, new: impl FnOnce(u64) -> u64) {
    if let Some(place) = place
        && let Some(now) = place.as_u64()
    {
        *place = Value::from(new(now));
    }
}
