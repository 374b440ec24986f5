//! Time of day, light, weather and temperature of a zone. One game hour is five real minutes. What the
//! sky does is decided by the zone's script, when the zone starts, at each game hour and when it
//! is replaced. What it says to those who come and go is in `visit`.

use crate::content::{Weather, Zone};
use crate::ids::{DefId, EntityId};
use crate::limits;
use crate::output::{Environment, Event, EventKind, Lighting, Output};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Decree, Moment, Occasion, Rules};
use crate::world::World;
use borsh::{BorshDeserialize, BorshSerialize};

/// Real milliseconds per game minute: 5 min / 60.
pub const GAME_MINUTE_MS: u64 = 5_000;
const MINUTES_PER_DAY: u64 = 24 * 60;
/// The first tick of a world is at eight in the morning.
const FIRST_MINUTE: u64 = 8 * 60;
/// Spawns of a zone that no script has changed.
const SPAWNS_AS_PLANNED: u32 = 1_000;

/// The sky over a zone, and what else its script has decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Sky {
    pub(crate) minute_of_day: u32,
    weather: Weather,
    temperature_dc: i32,
    /// How fast places of dead NPCs are filled again; 1,000 as the content says.
    spawn_permille: u32,
    /// The script's own number.
    memory: i64,
    /// Game hours since the midnight before the first tick.
    hour: u64,
    /// What there is to decide in the next step.
    due: Option<Occasion>,
}

impl Sky {
    /// Before anybody has decided: the likeliest weather, the temperature of noon.
    pub(crate) fn at(zone: &Zone, tick: u64, tick_ms: u32) -> Self {
        let minutes = minutes(tick, tick_ms);
        let likeliest =
            zone.weather.iter().max_by_key(|(weather, weight)| (*weight, std::cmp::Reverse(*weather)));
        Self {
            minute_of_day: (minutes % MINUTES_PER_DAY) as u32,
            weather: likeliest.map_or(Weather::Clear, |(weather, _)| *weather),
            temperature_dc: zone.noon_temperature_dc,
            spawn_permille: SPAWNS_AS_PLANNED,
            memory: 0,
            hour: minutes / 60,
            due: Some(Occasion::Started),
        }
    }

    /// Moves on to `tick`; what there is to decide then.
    fn advance(&mut self, tick: u64, tick_ms: u32) -> Option<Occasion> {
        let minutes = minutes(tick, tick_ms);
        self.minute_of_day = (minutes % MINUTES_PER_DAY) as u32;
        let hour = minutes / 60;
        let begins = hour != std::mem::replace(&mut self.hour, hour);
        match self.due.take() {
            Some(Occasion::Started) => Some(Occasion::Started),
            _ if begins => Some(Occasion::Hour),
            other => other,
        }
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment {
            minute_of_day: self.minute_of_day,
            lighting: lighting(self.minute_of_day),
            weather: self.weather,
            temperature_dc: self.temperature_dc,
        }
    }

    /// A respawn time as the zone's script has changed it, milliseconds.
    pub(crate) fn respawn_ms(&self, planned: u32) -> u32 {
        let ms = u64::from(planned) * u64::from(SPAWNS_AS_PLANNED) / u64::from(self.spawn_permille.max(1));
        ms.min(u64::from(u32::MAX)) as u32
    }

    fn obey(&mut self, decree: &Decree) {
        let Decree { weather, temperature_dc, spawn_permille, memory, .. } = *decree;
        let most = limits::TEMPERATURE_MAX_DC;
        self.weather = weather;
        self.temperature_dc = temperature_dc.clamp(-most, most);
        self.spawn_permille = spawn_permille.clamp(limits::SPAWN_PERMILLE.0, limits::SPAWN_PERMILLE.1);
        self.memory = memory;
    }
}

impl World {
    /// Tells the world that another generation answers from now on, and which scripts are others in it:
    /// if the zone's is, it is asked in the next step, as those of fights and events are, and what is said of
    /// levels in any case. Part of every swap, after [`World::swap_content`].
    pub fn generation_swapped(&mut self, changed: impl Fn(DefId) -> bool) {
        self.rules_changed();
        self.reopen_fights(|_, encounter| changed(encounter.script));
        if changed(self.definition().script) {
            self.ask_again();
        }
        self.ask_events(changed);
    }

    /// The zone's script is asked in the next step.
    pub(crate) fn ask_again(&mut self) {
        self.sky.due = self.sky.due.or(Some(Occasion::Changed));
    }

    /// Lets time pass, and the zone's script decide when the zone starts and when an hour begins.
    pub(crate) fn govern(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let Some(occasion) = self.sky.advance(self.tick, self.tick_ms) else { return };
        let before = self.environment();
        let script = self.definition().script;
        let mut origin = self.content_origin();
        if script != DefId::NONE {
            let seed = fork(self.seed, self.sky.hour, 0, Purpose::Weather);
            let moment = self.view_moment(0, occasion, seed);
            let mut answers: Vec<Answer<Decree>> = Vec::with_capacity(1);
            rules.govern(&self.context(), script, &[moment], &mut answers);
            assert_eq!(answers.len(), 1, "one decree per moment");
            for answer in answers {
                self.sky.obey(&answer.value);
                origin = answer.origin;
                let announcement = answer.value.announcement;
                if self.content.announcements.contains_key(&announcement) {
                    out.events.push(Event { at: None, origin, kind: EventKind::Announcement(announcement) });
                }
            }
        }
        let environment = self.environment();
        if occasion != Occasion::Changed || environment != before {
            out.events.push(Event { at: None, origin, kind: EventKind::Environment(environment) });
        }
    }

    /// The zone at the moment, for an occasion that is about no character.
    pub(crate) fn view_moment(&self, id: u32, occasion: Occasion, seed: u64) -> Moment {
        let (zone, sky) = (self.definition(), &self.sky);
        Moment {
            id,
            zone: self.zone,
            occasion,
            character: EntityId::NONE,
            level: 0,
            hour: sky.hour,
            minute_of_day: sky.minute_of_day,
            weather: sky.weather,
            temperature_dc: sky.temperature_dc,
            spawn_permille: sky.spawn_permille,
            noon_temperature_dc: zone.noon_temperature_dc,
            chances: zone.weather.clone(),
            population: self.characters.len() as u32,
            population_cap: zone.population_cap,
            memory: sky.memory,
            seed,
        }
    }
}

/// Game minutes since midnight of the first day.
pub(crate) fn minutes(tick: u64, tick_ms: u32) -> u64 {
    FIRST_MINUTE + tick * u64::from(tick_ms) / GAME_MINUTE_MS
}

fn lighting(minute_of_day: u32) -> Lighting {
    match minute_of_day / 60 {
        5..7 => Lighting::Sunrise,
        7..18 => Lighting::Daylight,
        18..20 => Lighting::Sunset,
        _ => Lighting::Night,
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
