//! One decree per hour: weather drawn from the zone's chances, temperature from hour and sky, more
//! beasts at night. Who comes in by night is warned, and the end of the zone is announced.

use crate::wit::exports::lore::script::zone::{Decree, Moment, Occasion, Weather};
use lore_sdk::{Rng, def_id};

/// Told when a storm comes up.
pub const STORM_RISES: u32 = def_id("announcement/storm_rises");
/// Told at eight in the evening.
pub const NIGHT_FALLS: u32 = def_id("announcement/night_falls");
/// Told to who comes in at night.
pub const NIGHT_ROADS: u32 = def_id("announcement/night_roads");
/// Told when the zone ends.
pub const ZONE_SLEEPS: u32 = def_id("announcement/zone_sleeps");
/// Hours of the day.
const DAY: std::ops::Range<u32> = 5..20;
/// Spawns at night and by day, permille of what the content says.
const NIGHT_SPAWNS: u32 = 1_250;
const DAY_SPAWNS: u32 = 1_000;
/// Hottest and coldest the host accepts, tenths of a degree.
const TEMPERATURE_MAX_DC: i32 = 1_000;

/// The hour that begins, or somebody who comes or goes; what this says of the sky then nobody hears.
pub fn govern(moment: &Moment) -> Decree {
    let weather = draw(moment);
    let hour = moment.minute_of_day / 60;
    // Twelve degrees colder at midnight than at noon, linear in between.
    let chill = (moment.minute_of_day.abs_diff(720).min(720) / 6) as i32;
    let temperature_dc = moment.noon_temperature_dc.saturating_sub(chill).saturating_add(warmth_dc(weather));
    let announcement = match moment.occasion {
        Occasion::Stopping => ZONE_SLEEPS,
        Occasion::Hour if weather == Weather::Storm && moment.weather != Weather::Storm => STORM_RISES,
        Occasion::Hour if hour == 20 => NIGHT_FALLS,
        _ => 0,
    };
    let is_day = DAY.contains(&hour);
    let greeting = if moment.occasion == Occasion::Entered && !is_day { NIGHT_ROADS } else { 0 };
    Decree {
        id: moment.id,
        weather,
        temperature_dc: temperature_dc.clamp(-TEMPERATURE_MAX_DC, TEMPERATURE_MAX_DC),
        spawn_permille: if is_day { DAY_SPAWNS } else { NIGHT_SPAWNS },
        announcement,
        greeting,
        memory: moment.memory,
    }
}

/// What there was before, where there are no chances.
fn draw(moment: &Moment) -> Weather {
    let total = moment.chances.iter().fold(0_u32, |sum, chance| sum.saturating_add(chance.weight));
    let mut left = Rng::new(moment.seed).below(total);
    for chance in &moment.chances {
        if left < chance.weight {
            return chance.weather;
        }
        left -= chance.weight;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::exports::lore::script::zone::Chance;

    fn moment(minute_of_day: u32, chances: &[(Weather, u32)]) -> Moment {
        Moment {
            id: 3,
            zone: def_id("zone/greywood"),
            occasion: Occasion::Hour,
            character: 0,
            level: 0,
            hour: 30,
            minute_of_day,
            weather: Weather::Fog,
            temperature_dc: 100,
            spawn_permille: 1_000,
            noon_temperature_dc: 180,
            chances: chances.iter().map(|&(weather, weight)| Chance { weather, weight }).collect(),
            population: 5,
            population_cap: 100,
            memory: 9,
            seed: 1,
        }
    }

    #[test]
    fn weather_is_drawn_by_its_weight() {
        let chances = [(Weather::Clear, 3), (Weather::Rain, 1)];
        let rain = (0..10_000)
            .filter(|seed| govern(&Moment { seed: *seed, ..moment(600, &chances) }).weather == Weather::Rain)
            .count();
        assert!((2_300..2_700).contains(&rain), "{rain}");
        assert_eq!(govern(&moment(600, &[])).weather, Weather::Fog);
    }

    #[test]
    fn nights_are_cold_and_full_of_beasts() {
        let clear = [(Weather::Clear, 1)];
        let (noon, night) = (govern(&moment(720, &clear)), govern(&moment(0, &clear)));
        assert_eq!((noon.temperature_dc, noon.spawn_permille, noon.memory), (180, 1_000, 9));
        assert_eq!((night.temperature_dc, night.spawn_permille), (60, 1_250));
        assert_eq!(govern(&moment(720, &[(Weather::Snow, 1)])).temperature_dc, 60);
        let frozen = Moment { noon_temperature_dc: i32::MIN, ..moment(0, &clear) };
        assert_eq!(govern(&frozen).temperature_dc, -TEMPERATURE_MAX_DC);
    }

    #[test]
    fn storms_and_nightfall_are_announced_once_and_not_at_the_start() {
        let storm = moment(600, &[(Weather::Storm, 1)]);
        assert_eq!(govern(&storm).announcement, STORM_RISES);
        assert_eq!(govern(&Moment { weather: Weather::Storm, ..storm.clone() }).announcement, 0);
        for occasion in [Occasion::Started, Occasion::Changed] {
            assert_eq!(govern(&Moment { occasion, ..storm.clone() }).announcement, 0);
        }
        let evening = |minute| govern(&moment(minute, &[(Weather::Clear, 1)])).announcement;
        assert_eq!((evening(1_140), evening(1_200), evening(1_260)), (0, NIGHT_FALLS, 0));
    }

    #[test]
    fn who_comes_by_night_is_warned_and_the_end_is_announced() {
        let told = |occasion, minute| {
            let moment =
                Moment { occasion, character: 7, level: 3, ..moment(minute, &[(Weather::Clear, 1)]) };
            let decree = govern(&moment);
            (decree.announcement, decree.greeting)
        };
        assert_eq!(told(Occasion::Entered, 1_199), (0, 0));
        assert_eq!(told(Occasion::Entered, 1_200), (0, NIGHT_ROADS));
        assert_eq!(told(Occasion::Left, 1_200), (0, 0));
        assert_eq!(told(Occasion::Stopping, 720), (ZONE_SLEEPS, 0));
    }
}
