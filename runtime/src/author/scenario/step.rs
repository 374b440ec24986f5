//! The steps of a case, as written.

use humantime_serde::re::humantime::parse_duration;
use serde::Deserialize;
use serde_json::Value;

/// Questions of one case.
pub(super) const ASKS: u64 = 1_000;
/// Milliseconds, or ticks, from one step to the next.
const AFTER: u64 = 604_800_000;

/// One step of a case: a question that follows from the answer to the one before.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// What it shows; may be left out.
    pub name: Option<String>,
    /// Line of the file it begins in, from 1.
    #[serde(skip)]
    pub line: usize,
    /// Time since the question before; a tick if nothing is said, none before the first.
    pub after: Option<After>,
    /// How often it is taken.
    #[serde(default)]
    pub times: Times,
    /// Function asked, if it is another one than that of the case.
    pub export: Option<String>,
    /// Fields of the context that change.
    #[serde(default)]
    pub context: Value,
    /// Fields of the view that change by themselves.
    #[serde(default)]
    pub view: Value,
    /// Fields of the view drawn at random, every time.
    #[serde(default)]
    pub for_all: Value,
    /// What the answer must be, field by field.
    #[serde(default)]
    pub expect: Value,
    /// Rules the answer must obey.
    #[serde(default)]
    pub invariant: Vec<String>,
    /// The call must fail, and say this; nothing is changed by it then.
    pub fails: Option<String>,
}

impl Step {
    /// Whether it could not go wrong.
    pub(super) fn expects_nothing(&self) -> bool {
        self.expect.is_null() && self.invariant.is_empty() && self.fails.is_none()
    }
}

/// Time between two questions: `40` ticks, or `"2s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum After {
    /// Ticks of the zone.
    Ticks(u64),
    /// Milliseconds.
    Ms(u64),
}

impl After {
    /// As ticks of so many milliseconds.
    ///
    /// # Errors
    /// It is no whole number of them.
    pub(super) fn ticks(self, tick_ms: u64) -> Result<u64, String> {
        match self {
            Self::Ticks(ticks) => Ok(ticks),
            Self::Ms(ms) if ms.checked_rem(tick_ms) == Some(0) => Ok(ms / tick_ms),
            Self::Ms(ms) => {
                Err(format!("after: {ms} ms is no whole number of ticks, of which one is {tick_ms} ms here"))
            }
        }
    }

    /// As it could have been written.
    pub(super) fn written(self) -> String {
        match self {
            Self::Ticks(ticks) => ticks.to_string(),
            Self::Ms(ms) => format!("\"{ms}ms\""),
        }
    }
}

impl TryFrom<Value> for After {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let after = match &value {
            Value::String(text) => {
                parse_duration(text).ok().and_then(|time| u64::try_from(time.as_millis()).ok()).map(Self::Ms)
            }
            number => number.as_u64().map(Self::Ticks),
        };
        let within = |after: &Self| matches!(after, Self::Ticks(count) | Self::Ms(count) if *count <= AFTER);
        after.filter(within).ok_or_else(|| {
            format!("after: write a number of ticks, or a time of at most a week such as \"2s\", not {value}")
        })
    }
}

/// How often a step is taken: `3`, or `[least, most]` drawn anew in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Times {
    /// At least.
    pub least: u32,
    /// At most.
    pub most: u32,
}

impl Default for Times {
    fn default() -> Self {
        Self { least: 1, most: 1 }
    }
}

impl TryFrom<Value> for Times {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let times = match &value {
            Value::Array(pair) => match pair.iter().map(number).collect::<Vec<_>>().as_slice() {
                [Some(least), Some(most)] => Some(Self { least: *least, most: *most }),
                _ => None,
            },
            one => number(one).map(|times| Self { least: times, most: times }),
        };
        let sensible =
            |times: &Self| times.least <= times.most && (1..=ASKS).contains(&u64::from(times.most));
        times
            .filter(sensible)
            .ok_or_else(|| format!("times: write how often, 1 to {ASKS}, or [least, most], not {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_and_numbers_are_written_in_two_ways() {
        let after = |value: Value| After::try_from(value).and_then(|after| after.ticks(50));
        assert_eq!(after(json!(7)), Ok(7));
        assert_eq!(after(json!("2s")), Ok(40));
        assert_eq!(after(json!("1m 30s")), Ok(1_800));
        for (wrong, says) in [
            (json!("70ms"), "70 ms is no whole number of ticks, of which one is 50 ms"),
            (json!("soon"), "write a number of ticks, or a time of at most a week"),
            (json!("8days"), "at most a week"),
            (json!(-1), "write a number of ticks"),
        ] {
            let error = after(wrong).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(After::Ms(50).ticks(0).is_err());
        assert_eq!(Times::try_from(json!(3)), Ok(Times { least: 3, most: 3 }));
        assert_eq!(Times::try_from(json!([0, 12])), Ok(Times { least: 0, most: 12 }));
        for wrong in [json!(0), json!([3, 2]), json!([1, 2, 3]), json!("twice"), json!(1_001)] {
            assert!(Times::try_from(wrong).unwrap_err().contains("[least, most]"));
        }
    }
}
