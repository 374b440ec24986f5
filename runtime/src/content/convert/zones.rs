//! Zones: ground, ways, inhabitants, sky.

use super::super::Summary;
use super::super::check::{At, Check};
use super::super::raw;
use super::super::unit::{self, Rectangle};
use super::Entry;
use sim::content::{Area, Crossing, Place, Position, Spawn, Weather, Zone};
use sim::{DefId, limits};
use std::collections::BTreeMap;

/// Largest extent of a zone, millimetres: 20 km.
const EXTENT_MAX_MM: i32 = 20_000_000;
/// Characters a zone may ever hold.
const POPULATION_MAX: u32 = 10_000;
/// Share of a zone's entities that may be spawned NPCs; the rest is for players and loot.
const SPAWNS_MAX: u32 = limits::ENTITIES_PER_ZONE as u32 / 2;

pub(super) fn zones(
    entries: Vec<Entry<raw::Zone>>,
    check: &mut Check<'_>,
    summary: &mut Summary,
) -> BTreeMap<DefId, Zone> {
    let mut ways = Vec::new();
    let zones = super::by_id(entries, |entry| zone(entry, &mut ways, check, summary));
    for (from, index, at) in ways {
        check_way(&zones, from, index, at, check);
    }
    zones
}

/// Where a crossing leads can only be checked once all zones are known.
fn check_way(zones: &BTreeMap<DefId, Zone>, from: DefId, index: usize, at: At, check: &mut Check<'_>) {
    let Some(crossing) = zones.get(&from).and_then(|zone| zone.crossings.get(index)) else { return };
    let Some(target) = zones.get(&crossing.to) else { return };
    if !ground(target).contains(crossing.arrive) {
        check.error(at, format!("`arrive` is outside of {}{}", target.name, extent(target)));
    } else if target.crossings.iter().any(|back| back.area.contains(crossing.arrive)) {
        check.error(at, format!("`arrive` is inside a crossing of {}: one would go on at once", target.name));
    }
}

fn ground(zone: &Zone) -> Area {
    Area { min: Position::default(), max: Position { x_mm: zone.width_mm, y_mm: zone.height_mm } }
}

/// How far a zone reaches, as it is written: what is told of a place beyond.
pub(super) fn extent(zone: &Zone) -> String {
    let [east, north] = [zone.width_mm, zone.height_mm].map(|mm| f64::from(mm) / 1_000.0);
    format!(", which is [0, 0] to [{east}, {north}]")
}

fn zone(
    entry: Entry<raw::Zone>,
    ways: &mut Vec<(DefId, usize, At)>,
    check: &mut Check<'_>,
    summary: &mut Summary,
) -> Zone {
    let (file, at) = (entry.file(), entry.at);
    let Entry { name, id, raw, .. } = entry;
    let [width, height] = raw.size;
    for edge in [width.0, height.0] {
        check.distance(at, "the size", edge, 1_000..=EXTENT_MAX_MM);
    }
    let mut zone = Zone {
        name,
        title: raw.title,
        width_mm: width.0,
        height_mm: height.0,
        population_cap: raw.population_cap.unwrap_or(100),
        max_speed_mm_s: raw.max_speed.map_or(10_000, unit::Milli::unsigned),
        interest_radius_mm: raw.interest_radius.map_or(100_000, unit::Milli::unsigned),
        entrance: unit::position(*raw.entrance.get_ref()),
        crossings: Vec::new(),
        spawns: Vec::new(),
        places: BTreeMap::new(),
        script: raw.script.as_ref().map_or(DefId::NONE, |script| super::script("zone", script, summary)),
        weather: weather(&raw.weather),
        noon_temperature_dc: raw.noon_temperature.0 / 100,
    };
    check.range(at, "population_cap", zone.population_cap, 1..=POPULATION_MAX);
    check.distance(at, "max_speed", zone.max_speed_mm_s, 1_000..=200_000);
    check.distance(at, "interest_radius", zone.interest_radius_mm, 1_000..=1_000_000);
    for (index, crossing) in raw.crossing.into_iter().enumerate() {
        let at = At { file, offset: crossing.span().start };
        let crossing = crossing.into_inner();
        let to = check.reference("zone", &crossing.to, file);
        if to == id {
            check.error(at, "a crossing must lead to another zone");
        }
        let area = inside(&zone, crossing.area, at, check);
        zone.crossings.push(Crossing { area, to, arrive: unit::position(crossing.arrive) });
        ways.push((id, index, at));
    }
    let entrance_at = At { file, offset: raw.entrance.span().start };
    if !ground(&zone).contains(zone.entrance) {
        check.error(entrance_at, format!("the entrance is outside of the zone{}", extent(&zone)));
    } else if zone.crossings.iter().any(|crossing| crossing.area.contains(zone.entrance)) {
        check.error(entrance_at, "the entrance is inside a crossing: one would leave at once");
    }
    zone.spawns = raw.spawn.into_iter().map(|raw| spawn(&zone, raw, file, check)).collect();
    let spawned: u32 = zone.spawns.iter().fold(0, |sum, spawn| sum.saturating_add(spawn.count));
    check.range(at, "the number of spawned NPCs", spawned, 0..=SPAWNS_MAX);
    for (name, place) in raw.place {
        let at = At { file, offset: name.span().start };
        let area = inside(&zone, place.area, at, check);
        let id = check.register("area", name.get_ref(), at);
        zone.places.insert(id, Place { name: name.into_inner(), area });
    }
    zone
}

fn spawn(zone: &Zone, raw: toml::Spanned<raw::Spawn>, file: usize, check: &mut Check<'_>) -> Spawn {
    let at = At { file, offset: raw.span().start };
    let raw = raw.into_inner();
    let spawn = Spawn {
        npc: check.reference("npc", &raw.npc, file),
        at: unit::position(raw.at),
        radius_mm: raw.radius.unsigned(),
        count: raw.count.unwrap_or(1),
        respawn_ms: raw.respawn.0,
    };
    check.range(at, "count", spawn.count, 1..=500);
    check.span(at, "respawn", spawn.respawn_ms, 1_000..=86_400_000);
    if !surrounds(zone, spawn.at, raw.radius) {
        check.error(at, format!("the spawn reaches out of the zone{}", extent(zone)));
    }
    spawn
}

/// Whether everything is in the zone that is no farther from `at` in each direction.
pub(super) fn surrounds(zone: &Zone, at: Position, radius: unit::Milli) -> bool {
    let corner = |sign: i32| Position {
        x_mm: at.x_mm.saturating_add(radius.0.saturating_mul(sign)),
        y_mm: at.y_mm.saturating_add(radius.0.saturating_mul(sign)),
    };
    radius.0 >= 0 && ground(zone).contains(corner(-1)) && ground(zone).contains(corner(1))
}

fn inside(zone: &Zone, raw: Rectangle, at: At, check: &mut Check<'_>) -> Area {
    let area = unit::area(raw);
    if area.min.x_mm >= area.max.x_mm || area.min.y_mm >= area.max.y_mm {
        check.error(at, "an area is [[west, south], [east, north]]");
    } else if !ground(zone).contains(area.min) || !ground(zone).contains(area.max) {
        check.error(at, format!("the area reaches out of the zone{}", extent(zone)));
    }
    area
}

/// A zone without weather has a clear sky.
fn weather(raw: &BTreeMap<raw::Weather, u32>) -> Vec<(Weather, u32)> {
    let kind = |raw: raw::Weather| match raw {
        raw::Weather::Clear => Weather::Clear,
        raw::Weather::Cloudy => Weather::Cloudy,
        raw::Weather::Rain => Weather::Rain,
        raw::Weather::Storm => Weather::Storm,
        raw::Weather::Fog => Weather::Fog,
        raw::Weather::Snow => Weather::Snow,
    };
    let all: Vec<_> =
        raw.iter().filter(|(_, weight)| **weight > 0).map(|(raw, weight)| (kind(*raw), *weight)).collect();
    if all.is_empty() { vec![(Weather::Clear, 1)] } else { all }
}
