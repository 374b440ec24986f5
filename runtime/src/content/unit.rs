//! How designers write distances, durations and temperatures, and what the simulation gets.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use sim::content::{Area, Position};
use std::fmt;

/// Largest distance, units: a zone is far smaller.
const UNITS_MAX: f64 = 100_000.0;

/// A decimal number with at most three places, kept as thousandths: units to millimetres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Milli(pub(super) i32);

impl Milli {
    /// For numbers that cannot be negative; negative ones become 0 after the range check.
    pub(super) fn unsigned(self) -> u32 {
        self.0.max(0).unsigned_abs()
    }
}

impl<'de> Deserialize<'de> for Milli {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Decimal;
        impl Visitor<'_> for Decimal {
            type Value = Milli;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number such as 12 or 2.5")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Milli, E> {
                self.visit_f64(value as f64)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Milli, E> {
                if value.is_nan() || value.abs() > UNITS_MAX {
                    return Err(E::custom(format!("{value} is out of range, at most {UNITS_MAX}")));
                }
                Ok(Milli((value * 1_000.0).round() as i32))
            }
        }
        deserializer.deserialize_any(Decimal)
    }
}

/// Milliseconds of a duration as people write it; `None` if it is none.
pub(super) fn duration_ms(text: &str) -> Option<u128> {
    humantime_serde::re::humantime::parse_duration(text).ok().map(|duration| duration.as_millis())
}

/// A duration as people write it: `500ms`, `3s`, `1m 30s`. At most a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span(pub(super) u32);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = humantime_serde::re::humantime::parse_duration(&text).map_err(|error| {
            de::Error::custom(format!("`{text}` is no duration such as \"1m 30s\": {error}"))
        })?;
        match u32::try_from(duration.as_millis()) {
            Ok(ms) if ms <= 86_400_000 => Ok(Self(ms)),
            _ => Err(de::Error::custom(format!("`{text}` is longer than a day, the most a time may be"))),
        }
    }
}

/// A place as `[east, north]` in units.
pub(super) type Point = [Milli; 2];

/// A rectangle as `[[west, south], [east, north]]` in units.
pub(super) type Rectangle = [Point; 2];

pub(super) fn position([x, y]: Point) -> Position {
    Position { x_mm: x.0, y_mm: y.0 }
}

pub(super) fn area([min, max]: Rectangle) -> Area {
    Area { min: position(min), max: position(max) }
}
