//! What `zone.govern` is shown and answers.

use crate::content::Weather;
use crate::ids::{DefId, EntityId};
use borsh::{BorshDeserialize, BorshSerialize};

/// Why a zone asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Occasion {
    Started,
    Hour,
    Changed,
    Entered,
    Left,
    Stopping,
}

/// See `zone.moment` in `wit/zone.wit`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Moment {
    pub id: u32,
    pub zone: DefId,
    pub occasion: Occasion,
    pub character: EntityId,
    pub level: u32,
    pub hour: u64,
    pub minute_of_day: u32,
    pub weather: Weather,
    pub temperature_dc: i32,
    pub spawn_permille: u32,
    pub noon_temperature_dc: i32,
    pub chances: Vec<(Weather, u32)>,
    pub population: u32,
    pub population_cap: u32,
    pub memory: i64,
    pub seed: u64,
}

/// See `zone.decree`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Decree {
    pub id: u32,
    pub weather: Weather,
    pub temperature_dc: i32,
    pub spawn_permille: u32,
    pub announcement: DefId,
    pub greeting: DefId,
    pub memory: i64,
}

impl Decree {
    /// Fallback: everything stays as it is, nothing is announced.
    pub fn fallback(moment: &Moment) -> Self {
        Self {
            id: moment.id,
            weather: moment.weather,
            temperature_dc: moment.temperature_dc,
            spawn_permille: moment.spawn_permille,
            announcement: DefId::NONE,
            greeting: DefId::NONE,
            memory: moment.memory,
        }
    }
}
