//! The starter's weather in Rust.

use crate::content::Weather;
use crate::ids::{DefId, def_id};
use crate::limits::TEMPERATURE_MAX_DC;
use crate::rng::Rng;
use crate::rules::{Decree, Moment, Occasion};

/// Spawns at night, permille of those by day.
const NIGHT_SPAWNS: u32 = 1_250;
const DAY_SPAWNS: u32 = 1_000;
/// By day.
const DAY: std::ops::Range<u32> = 5..20;

/// Weather drawn by its chances; the temperature of noon, less the chill of the night and of the sky.
pub(super) fn govern(moment: &Moment) -> Decree {
    let weather = draw(moment);
    let hour = moment.minute_of_day / 60;
    let chill = (moment.minute_of_day.abs_diff(720).min(720) / 6) as i32;
    let temperature_dc = moment.noon_temperature_dc.saturating_sub(chill).saturating_add(warmth_dc(weather));
    let announcement = match moment.occasion {
        Occasion::Stopping => def_id("announcement/zone_sleeps"),
        Occasion::Hour if weather == Weather::Storm && moment.weather != Weather::Storm => {
            def_id("announcement/storm_rises")
        }
        Occasion::Hour if hour == 20 => def_id("announcement/night_falls"),
        _ => DefId::NONE,
    };
    let warned = moment.occasion == Occasion::Entered && !DAY.contains(&hour);
    let greeting = if warned { def_id("announcement/night_roads") } else { DefId::NONE };
    Decree {
        id: moment.id,
        weather,
        temperature_dc: temperature_dc.clamp(-TEMPERATURE_MAX_DC, TEMPERATURE_MAX_DC),
        spawn_permille: if DAY.contains(&hour) { DAY_SPAWNS } else { NIGHT_SPAWNS },
        announcement,
        greeting,
        memory: moment.memory,
    }
}

fn draw(moment: &Moment) -> Weather {
    let total = moment.chances.iter().fold(0_u32, |sum, (_, weight)| sum.saturating_add(*weight));
    let mut left = Rng(moment.seed).below(total);
    for &(weather, weight) in &moment.chances {
        if left < weight {
            return weather;
        }
        left -= weight;
    }
    moment.weather
}

/// Tenths of a degree that a sky adds.
fn warmth_dc(weather: Weather) -> i32 {
    match weather {
        Weather::Clear => 0,
        Weather::Cloudy => -20,
        Weather::Fog => -30,
        Weather::Rain => -40,
        Weather::Storm => -60,
        Weather::Snow => -120,
    }
}
