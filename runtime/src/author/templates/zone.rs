//! The life of a zone. Content names it in `[zone.NAME]`: `script = "__NAME__"`.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "zone-script", path: "../../wit" });
}

use lore_sdk::Rng;
use wit::exports::lore::script::zone::{Context, Decree, Guest, Moment, Occasion, Weather};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn govern(_ctx: Context, moments: Vec<Moment>) -> Vec<Decree> {
        lore_sdk::each(&moments, govern)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// What who comes in is told, if the content has it.
const WELCOME: u32 = lore_sdk::def_id("announcement/welcome");

/// Every third hour it rains, and it is five degrees colder then. Everybody is welcome.
pub fn govern(moment: &Moment) -> Decree {
    let rain = Rng::new(moment.seed).below(3) == 0;
    Decree {
        id: moment.id,
        weather: if rain { Weather::Rain } else { Weather::Clear },
        temperature_dc: (moment.noon_temperature_dc - if rain { 50 } else { 0 }).clamp(-1_000, 1_000),
        spawn_permille: 1_000,
        announcement: 0,
        greeting: if moment.occasion == Occasion::Entered { WELCOME } else { 0 },
        memory: moment.memory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rains_every_third_hour_and_everybody_is_welcome() {
        let moment = |seed| Moment {
            id: 1,
            zone: 0,
            occasion: Occasion::Hour,
            character: 0,
            level: 0,
            hour: 12,
            minute_of_day: 720,
            weather: Weather::Clear,
            temperature_dc: 0,
            spawn_permille: 1_000,
            noon_temperature_dc: 180,
            chances: Vec::new(),
            population: 0,
            population_cap: 100,
            memory: 0,
            seed,
        };
        let rainy = (0..3_000).map(|seed| govern(&moment(seed))).filter(|d| d.weather == Weather::Rain);
        let temperatures: Vec<i32> = rainy.map(|decree| decree.temperature_dc).collect();
        assert!((900..1_100).contains(&temperatures.len()), "{}", temperatures.len());
        assert!(temperatures.iter().all(|temperature| *temperature == 130));
        let greeting = |occasion| govern(&Moment { occasion, ..moment(1) }).greeting;
        assert_eq!((greeting(Occasion::Entered), greeting(Occasion::Left)), (WELCOME, 0));
    }
}
