//! World events: where, when, in which stages, for what.

use super::super::Summary;
use super::super::check::{At, Check};
use super::super::raw;
use super::super::unit::{self, Milli};
use super::Entry;
use sim::content::{Creatures, EventTrigger, Reward, Schedule, Stage, WorldEvent, Zone};
use sim::{DefId, limits};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Stages of one event: they travel in every view of it.
const STAGES_MAX: usize = 16;
/// Events of one zone: all of them are asked about every second.
const EVENTS_PER_ZONE: usize = 32;
/// Bytes of what players are told of a stage.
const TEXT_BYTES: usize = 200;
/// Farthest that an event reaches, millimetres.
const RADIUS_MAX_MM: u32 = 200_000;
/// Minutes of the game between two openings: four weeks.
const EVERY_MAX: u32 = 28 * 24 * 60;

pub(super) fn events(
    entries: Vec<Entry<raw::Event>>,
    zones: &BTreeMap<DefId, Zone>,
    check: &mut Check<'_>,
    summary: &mut Summary,
) -> BTreeMap<DefId, WorldEvent> {
    let mut per_zone: BTreeMap<DefId, usize> = BTreeMap::new();
    super::by_id(entries, |entry| {
        let at = entry.at;
        let event = event(entry, zones, check, summary);
        let count = per_zone.entry(event.zone).or_default();
        *count += 1;
        check.range(at, "the number of events of its zone", *count, 1..=EVENTS_PER_ZONE);
        event
    })
}

fn event(
    entry: Entry<raw::Event>,
    zones: &BTreeMap<DefId, Zone>,
    check: &mut Check<'_>,
    summary: &mut Summary,
) -> WorldEvent {
    let (file, at) = (entry.file(), entry.at);
    let Entry { name, raw, .. } = entry;
    let zone = check.reference("zone", &raw.zone, file);
    let place = unit::position(raw.at);
    if let Some(zone) = zones.get(&zone).filter(|zone| !super::zones::surrounds(zone, place, raw.radius)) {
        check.error(at, format!("the event reaches out of the zone{}", super::zones::extent(zone)));
    }
    check.distance(at, "radius", raw.radius.unsigned(), 1_000..=RADIUS_MAX_MM);
    check.span(at, "cooldown", raw.cooldown.0, 1_000..=86_400_000);
    check.range(at, "the number of stages", raw.stage.len(), 1..=STAGES_MAX);
    if raw.schedule.is_none() && raw.trigger.is_none() {
        check.error_with(
            at,
            format!("`{name}` has neither a `schedule` nor a `trigger`: nothing would bring it about"),
            Some("write `schedule = { every = 24, at = 20, lasts = 2 }` or `trigger = { kills = \"wolf\", count = 15 }`".to_owned()),
        );
    }
    WorldEvent {
        title: raw.title,
        script: super::script("event", &raw.script, summary),
        zone,
        at: place,
        radius_mm: raw.radius.unsigned(),
        schedule: raw.schedule.map(|raw| schedule(&raw, file, check)),
        trigger: raw.trigger.map(|raw| trigger(&raw, file, check)),
        cooldown_ms: raw.cooldown.0,
        stages: raw.stage.into_iter().map(|raw| stage(raw, file, check)).collect(),
        on_success: check.optional("announcement", raw.on_success.as_ref(), file),
        on_failure: check.optional("announcement", raw.on_failure.as_ref(), file),
        reward: Reward {
            experience: raw.reward.experience,
            gold: raw.reward.gold,
            items: super::item_counts(&raw.reward.items, file, check),
        },
        name,
    }
}

/// Hours with at most three places, to minutes.
fn minutes(hours: Milli) -> u32 {
    hours.unsigned().saturating_mul(60) / 1_000
}

fn schedule(raw: &toml::Spanned<raw::Schedule>, file: usize, check: &mut Check<'_>) -> Schedule {
    let at = At { file, offset: raw.span().start };
    let raw = raw.get_ref();
    let schedule = Schedule {
        every_minutes: minutes(raw.every),
        at_minute: minutes(raw.at),
        lasts_minutes: minutes(raw.lasts),
    };
    let every = schedule.every_minutes.max(1);
    check_hours("every", schedule.every_minutes, 1..=EVERY_MAX, at, check);
    check_hours("lasts", schedule.lasts_minutes, 1..=every, at, check);
    check_hours("at", schedule.at_minute, 0..=every - 1, at, check);
    schedule
}

/// A range of minutes, told in hours of the game as they are written.
fn check_hours(what: &str, minutes: u32, range: RangeInclusive<u32>, at: At, check: &mut Check<'_>) {
    if !range.contains(&minutes) {
        let hours = |minutes: u32| (f64::from(minutes) / 60.0 * 1_000.0).round() / 1_000.0;
        let (is, least, most) = (hours(minutes), hours(*range.start()), hours(*range.end()));
        check.error(at, format!("{what} is {is}, must be {least} to {most} hours of the game"));
    }
}

fn trigger(raw: &raw::Trigger, file: usize, check: &mut Check<'_>) -> EventTrigger {
    let at = At { file, offset: raw.kills.span().start };
    check.range(at, "count", raw.count, 1..=1_000_000);
    EventTrigger { npc: check.reference("npc", &raw.kills, file), count: raw.count }
}

fn stage(raw: toml::Spanned<raw::Stage>, file: usize, check: &mut Check<'_>) -> Stage {
    let at = At { file, offset: raw.span().start };
    let raw = raw.into_inner();
    check.range(at, "the length of the text", raw.text.len(), 1..=TEXT_BYTES);
    check.span(at, "duration", raw.duration.0, 1_000..=86_400_000);
    check.range(at, "kills", raw.kills, 0..=10_000);
    let creatures = raw.creatures.iter().map(|some| {
        let at = At { file, offset: some.npc.span().start };
        let count = some.count.unwrap_or(1);
        check.range(at, "count", count, 1..=limits::SUMMONED_PER_SUMMONER as u32);
        Creatures { npc: check.reference("npc", &some.npc, file), count }
    });
    let stage = Stage {
        creatures: creatures.collect(),
        text: raw.text,
        duration_ms: raw.duration.0,
        kills: raw.kills,
        announcement: check.optional("announcement", raw.announcement.as_ref(), file),
    };
    check.range(at, "the number of creatures", stage.crowd(), 0..=limits::SUMMONED_PER_SUMMONER as u32);
    if stage.kills > 0 && stage.creatures.is_empty() {
        check.error(at, "the stage asks for kills but has no `creatures`");
    }
    stage
}
