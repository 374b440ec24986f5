//! JSON of what is sent every tick, written by hand into reused buffers. The rare messages are in
//! `client::wire`.

use crate::client::rpc::write_string;
use crate::client::{names, wire};
use sim::World;
use sim::content::Content;
use sim::entity::{Changes, Entity, EntityKind};
use sim::output::{Event, EventKind};
use sim::rules::NpcState;
use std::fmt::Write as _;

/// Appends formatted text; a `String` takes everything.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {{
        let _ = write!($out, $($format)*);
    }};
}

/// ENTITY, whole.
pub fn entity(out: &mut String, entity: &Entity, world: &World) {
    let content = world.content();
    put!(out, r#"{{"id":{}"#, entity.id);
    match &entity.kind {
        EntityKind::Character(id) => {
            let state = world.character(*id).map(|character| &character.state);
            named(out, "player", state.map_or("", |state| &state.name));
            let class = state.and_then(|state| content.classes.get(&state.class));
            template(out, class.map_or("", |class| &class.name));
        }
        EntityKind::Npc(mind) => {
            let npc = content.npcs.get(&mind.template);
            named(out, "npc", npc.map_or("", |npc| &npc.title));
            template(out, npc.map_or("", |npc| &npc.name));
            put!(
                out,
                r#","hostile":{},"boss":{}"#,
                npc.is_some_and(|npc| npc.hostile),
                npc.is_some_and(|npc| npc.boss)
            );
        }
        EntityKind::Item { stack, .. } => {
            let item = content.items.get(&stack.item);
            named(out, "item", item.map_or("", |item| &item.title));
            template(out, item.map_or("", |item| &item.name));
            put!(out, r#","x":{},"y":{},"count":{}}}"#, entity.at.x_mm, entity.at.y_mm, stack.count);
            return;
        }
    }
    let all = Changes(u8::MAX);
    members(out, entity, all, content);
    out.push('}');
}

/// ENTITY with its id and the members that changed in the last step.
pub fn entity_update(out: &mut String, entity: &Entity, content: &Content) {
    put!(out, r#"{{"id":{}"#, entity.id);
    members(out, entity, entity.changes, content);
    out.push('}');
}

/// Whether [`entity_update`] would say anything to those who see the entity.
pub fn is_visible_change(changes: Changes) -> bool {
    changes.0 & !Changes::RESOURCES.0 != 0
}

fn named(out: &mut String, kind: &str, name: &str) {
    put!(out, r#","kind":"{kind}","name":"#);
    write_string(out, name);
}

fn template(out: &mut String, name: &str) {
    out.push_str(r#","template":"#);
    write_string(out, name);
}

fn members(out: &mut String, entity: &Entity, changes: Changes, content: &Content) {
    if changes.has(Changes::PLACE) {
        put!(out, r#","x":{},"y":{}"#, entity.at.x_mm, entity.at.y_mm);
    }
    if changes.has(Changes::LEVEL) {
        put!(out, r#","level":{}"#, entity.level);
    }
    if changes.has(Changes::HEALTH) {
        put!(out, r#","hp":{},"hp_max":{}"#, entity.health, entity.stats.health);
    }
    if changes.has(Changes::STATE)
        && let EntityKind::Npc(mind) = &entity.kind
    {
        put!(out, r#","state":"{}","target":{}"#, names::npc_state_name(mind.state), mind.target);
        debug_assert!(mind.state <= NpcState::ReturnHome);
    }
    if changes.has(Changes::STATUSES) {
        out.push_str(r#","statuses":["#);
        for (index, status) in entity.statuses.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            let name = content.statuses.get(&status.status).map_or("", |status| &status.name);
            out.push_str(r#"{"name":"#);
            write_string(out, name);
            put!(out, r#","stacks":{}}}"#, status.stacks);
        }
        out.push(']');
    }
}

/// EVENT; nothing for what is not told inside `world.delta`.
pub fn event(out: &mut String, event: &Event, by: &str, content: &Content) {
    match &event.kind {
        EventKind::Swing { attacker, defender, ability, hit, base, raw, amount, element } => {
            let ability = content.abilities.get(ability);
            put!(out, r#"{{"type":"swing","attacker":{attacker},"defender":{defender},"ability":"#);
            write_string(out, ability.map_or("", |ability| &ability.name));
            out.push_str(r#","animation":"#);
            write_string(out, ability.map_or("", |ability| &ability.animation));
            put!(
                out,
                r#","duration_ms":{},"hit":"{}","base":{base},"raw":{raw},"amount":{amount},"element":"{}""#,
                ability.map_or(0, |ability| ability.animation_ms),
                names::hit_name(*hit),
                names::element_name(*element),
            );
        }
        EventKind::Pulse { source, bearer, status, amount } => {
            put!(out, r#"{{"type":"pulse","source":{source},"target":{bearer},"status":"#);
            write_string(out, content.statuses.get(status).map_or("", |status| &status.name));
            put!(out, r#","amount":{amount}"#);
        }
        EventKind::Heal { source, target, by: with, amount } => {
            let ability = content.abilities.get(with).map(|ability| ability.name.as_str());
            let item = || content.items.get(with).map(|item| item.name.as_str());
            let encounter = || content.encounters.get(with).map(|encounter| encounter.name.as_str());
            let with = ability.or_else(item).or_else(encounter);
            put!(out, r#"{{"type":"heal","source":{source},"target":{target},"with":"#);
            write_string(out, with.unwrap_or(""));
            put!(out, r#","amount":{amount}"#);
        }
        EventKind::Death { entity, killer } => {
            put!(out, r#"{{"type":"death","entity":{entity},"killer":{killer}"#);
        }
        EventKind::Environment(environment) => {
            let view = wire::to_json(&wire::EnvironmentView::from(*environment));
            put!(out, r#"{{"type":"environment","environment":{view}}}"#);
            return;
        }
        EventKind::Chat { .. } | EventKind::Announcement(_) | EventKind::World(_) => return,
    }
    out.push_str(r#","by":"#);
    write_string(out, by);
    out.push('}');
}

/// What the own character alone is told of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnView {
    mana: i32,
    mana_max: i32,
    energy: i32,
    energy_max: i32,
}

impl OwnView {
    /// Of an entity.
    pub fn of(entity: &Entity) -> Self {
        Self {
            mana: entity.mana,
            mana_max: entity.stats.mana,
            energy: entity.energy,
            energy_max: entity.stats.energy,
        }
    }

    /// SELF, whole or only what differs from what the client knows.
    pub fn write(&self, out: &mut String, known: Option<&Self>) {
        let members = [
            ("mana", self.mana, known.map(|known| known.mana)),
            ("mana_max", self.mana_max, known.map(|known| known.mana_max)),
            ("energy", self.energy, known.map(|known| known.energy)),
            ("energy_max", self.energy_max, known.map(|known| known.energy_max)),
        ];
        let mut first = '{';
        for (name, value, known) in members {
            if known != Some(value) {
                put!(out, r#"{first}"{name}":{value}"#);
                first = ',';
            }
        }
        out.push_str(if first == '{' { "{}" } else { "}" });
    }
}

/// The part of `world.snapshot` that is the same for everybody: `zone`, `environment` and `world_events`.
pub fn zone(out: &mut String, world: &World) {
    let content = world.content();
    let Some(zone) = content.zones.get(&world.zone()) else { return };
    out.push_str(r#""zone":{"name":"#);
    write_string(out, &zone.name);
    out.push_str(r#","title":"#);
    write_string(out, &zone.title);
    put!(
        out,
        r#","width":{},"height":{},"max_speed":{},"interest_radius":{},"crossings":["#,
        zone.width_mm,
        zone.height_mm,
        zone.max_speed_mm_s,
        zone.interest_radius_mm
    );
    for (index, crossing) in zone.crossings.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let (min, max) = (crossing.area.min, crossing.area.max);
        put!(
            out,
            r#"{comma}{{"x0":{},"y0":{},"x1":{},"y1":{},"to":"#,
            min.x_mm,
            min.y_mm,
            max.x_mm,
            max.y_mm
        );
        write_string(out, content.zones.get(&crossing.to).map_or("", |zone| &zone.name));
        out.push('}');
    }
    let environment = wire::to_json(&wire::EnvironmentView::from(world.environment()));
    let running = world.running_events();
    let events: Vec<wire::WorldEvent<'_>> =
        running.filter_map(|report| wire::WorldEvent::new(&report, content, world.tick_ms())).collect();
    put!(out, r#"]}},"environment":{environment},"world_events":{}"#, wire::to_json(&events));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_members_are_sent_when_they_differ() {
        let before = OwnView { mana: 30, mana_max: 30, energy: 100, energy_max: 100 };
        let after = OwnView { mana: 20, energy: 90, ..before };
        let mut out = String::new();
        after.write(&mut out, Some(&before));
        assert_eq!(out, r#"{"mana":20,"energy":90}"#);
        out.clear();
        before.write(&mut out, None);
        assert_eq!(out, r#"{"mana":30,"mana_max":30,"energy":100,"energy_max":100}"#);
    }
}
