//! The life of a zone: `zone.govern`.

use super::{Hook, call_export, in_range, same_cases, same_id, share};
use crate::bindings::zone::exports::lore::script::zone as wit;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::content::Weather;
use sim::limits::{SPAWN_PERMILLE, TEMPERATURE_MAX_DC};
use sim::rng::Rng;
use sim::rules::{Decree, Moment, Occasion};

pub(crate) struct Govern;

impl Hook for Govern {
    const EXPORT: Export = Export::Govern;
    type View = Moment;
    type Answer = Decree;
    type Wire = wit::Moment;
    type Reply = wit::Decree;

    call_export!(Zone, lore_script_zone, func_govern);

    fn sample() -> Moment {
        samples::moment()
    }

    fn vary(view: &mut Moment, number: u32, dice: &mut Rng) {
        made_up::moment(view, number, dice);
    }

    fn id(view: &Moment) -> u64 {
        view.id.into()
    }

    fn subject(view: &Moment) -> DefId {
        view.zone
    }

    fn lower(view: &Moment) -> wit::Moment {
        let chances = view.chances.iter();
        wit::Moment {
            id: view.id,
            zone: view.zone.0,
            occasion: view.occasion.into(),
            character: view.character.0,
            level: view.level,
            hour: view.hour,
            minute_of_day: view.minute_of_day,
            weather: view.weather.into(),
            temperature_dc: view.temperature_dc,
            spawn_permille: view.spawn_permille,
            noon_temperature_dc: view.noon_temperature_dc,
            chances: chances
                .map(|&(weather, weight)| wit::Chance { weather: weather.into(), weight })
                .collect(),
            population: view.population,
            population_cap: view.population_cap,
            memory: view.memory,
            seed: view.seed,
        }
    }

    fn lift(view: &Moment, reply: wit::Decree) -> Result<Decree, BadOutput> {
        same_id(view.id, reply.id)?;
        let most = TEMPERATURE_MAX_DC;
        in_range("temperature-dc", reply.temperature_dc, -most..=most, "-1,000..=1,000")?;
        let spawns = i32::try_from(reply.spawn_permille).unwrap_or(i32::MAX);
        let (least, most) = SPAWN_PERMILLE;
        in_range("spawn-permille", spawns, least as i32..=most as i32, "100..=10,000")?;
        Ok(Decree {
            id: reply.id,
            weather: reply.weather.into(),
            temperature_dc: reply.temperature_dc,
            spawn_permille: reply.spawn_permille,
            announcement: DefId(reply.announcement),
            greeting: DefId(reply.greeting),
            memory: reply.memory,
        })
    }

    fn fallback(view: &Moment) -> Decree {
        Decree::fallback(view)
    }

    fn remembers(answer: &Decree) -> bool {
        answer.memory != 0
    }

    fn measure(answer: &Decree) -> impl IntoIterator<Item = (&'static str, f64)> {
        [
            ("temperature", f64::from(answer.temperature_dc) / 10.0),
            ("spawns", answer.spawn_permille.into()),
            ("clear", share(answer.weather == Weather::Clear)),
            ("announced", share(answer.announcement != DefId::NONE)),
            ("greeted", share(answer.greeting != DefId::NONE)),
        ]
    }

    fn distance(a: &Decree, b: &Decree) -> u64 {
        u64::from(a != b) + u64::from(a.temperature_dc.abs_diff(b.temperature_dc))
    }
}

same_cases! { Weather = wit::Weather { Clear, Cloudy, Rain, Storm, Fog, Snow } }
same_cases! { Occasion = wit::Occasion { Started, Hour, Changed, Entered, Left, Stopping } }
