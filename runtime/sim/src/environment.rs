//! Time of day, light, weather and temperature of a zone. One game hour is five real minutes.

use crate::content::{Weather, Zone};
use crate::output::{Environment, Lighting};
use crate::rng::{Purpose, Rng, fork};
use borsh::{BorshDeserialize, BorshSerialize};

/// Real milliseconds per game minute: 5 min / 60.
const GAME_MINUTE_MS: u64 = 5_000;
const MINUTES_PER_DAY: u64 = 24 * 60;
/// The first tick of a world is at eight in the morning.
const FIRST_MINUTE: u64 = 8 * 60;

/// The sky over a zone, a function of its seed and tick.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Sky {
    pub(crate) minute_of_day: u32,
    pub(crate) weather: Weather,
    /// Game hours since the first tick.
    hour: u64,
}

impl Sky {
    pub(crate) fn at(seed: u64, zone: &Zone, tick: u64, tick_ms: u32) -> Self {
        let minutes = FIRST_MINUTE + tick * u64::from(tick_ms) / GAME_MINUTE_MS;
        let hour = minutes / 60;
        Self {
            minute_of_day: (minutes % MINUTES_PER_DAY) as u32,
            weather: draw_weather(seed, zone, hour),
            hour,
        }
    }

    /// Moves on to `tick`; true when an hour began.
    pub(crate) fn advance(&mut self, seed: u64, zone: &Zone, tick: u64, tick_ms: u32) -> bool {
        let minutes = FIRST_MINUTE + tick * u64::from(tick_ms) / GAME_MINUTE_MS;
        self.minute_of_day = (minutes % MINUTES_PER_DAY) as u32;
        let hour = minutes / 60;
        if hour == self.hour {
            return false;
        }
        self.hour = hour;
        self.weather = draw_weather(seed, zone, hour);
        true
    }

    pub(crate) fn environment(&self, zone: &Zone) -> Environment {
        Environment {
            minute_of_day: self.minute_of_day,
            lighting: lighting(self.minute_of_day),
            weather: self.weather,
            temperature_dc: zone.noon_temperature_dc - night_chill_dc(self.minute_of_day)
                + weather_dc(self.weather),
        }
    }
}

fn draw_weather(seed: u64, zone: &Zone, hour: u64) -> Weather {
    let total: u32 = zone.weather.iter().map(|(_, weight)| weight).sum();
    let mut left = Rng(fork(seed, hour, 0, Purpose::Weather)).below(total);
    for &(weather, weight) in &zone.weather {
        if left < weight {
            return weather;
        }
        left -= weight;
    }
    Weather::Clear
}

fn lighting(minute_of_day: u32) -> Lighting {
    match minute_of_day / 60 {
        5..7 => Lighting::Sunrise,
        7..18 => Lighting::Daylight,
        18..20 => Lighting::Sunset,
        _ => Lighting::Night,
    }
}

/// Tenths of a degree below the noon temperature: twelve degrees at midnight, linear in between.
fn night_chill_dc(minute_of_day: u32) -> i32 {
    minute_of_day.abs_diff(720) as i32 * 120 / 720
}

fn weather_dc(weather: Weather) -> i32 {
    match weather {
        Weather::Clear => 0,
        Weather::Cloudy => -20,
        Weather::Fog => -30,
        Weather::Rain => -40,
        Weather::Storm => -60,
        Weather::Snow => -120,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_follows_the_hours_of_the_rule() {
        for (hour, expected) in [
            (4, Lighting::Night),
            (5, Lighting::Sunrise),
            (7, Lighting::Daylight),
            (17, Lighting::Daylight),
            (18, Lighting::Sunset),
            (20, Lighting::Night),
        ] {
            assert_eq!(lighting(hour * 60), expected, "{hour}:00");
        }
    }
}
