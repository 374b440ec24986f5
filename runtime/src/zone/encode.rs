//! What is sent every tick, as messages of the schema: entities, what changed of them, events.

use crate::client::wire;
use protocol::v1;
use protocol::v1::event::Type;
use sim::World;
use sim::content::{Content, Element};
use sim::entity::{Changes, Entity, EntityKind, StatusInstance};
use sim::output::{Event, EventKind};
use sim::rules::{HitKind, NpcState};

/// An entity, whole.
pub fn entity(entity: &Entity, world: &World) -> v1::Entity {
    let content = world.content();
    let mut whole = match &entity.kind {
        EntityKind::Character(id) => {
            let state = world.character(*id).map(|character| &character.state);
            let class = state.and_then(|state| content.classes.get(&state.class));
            let named = (state.map(|state| &state.name), class.map(|class| &class.name));
            shown(entity, v1::EntityKind::Player, named)
        }
        EntityKind::Npc(mind) => {
            let npc = content.npcs.get(&mind.template);
            let named = (npc.map(|npc| &npc.title), npc.map(|npc| &npc.name));
            v1::Entity {
                hostile: Some(npc.is_some_and(|npc| npc.hostile)),
                boss: Some(npc.is_some_and(|npc| npc.boss)),
                ..shown(entity, v1::EntityKind::Npc, named)
            }
        }
        EntityKind::Item { stack, .. } => {
            let item = content.items.get(&stack.item);
            let named = (item.map(|item| &item.title), item.map(|item| &item.name));
            return v1::Entity {
                x: Some(entity.at.x_mm),
                y: Some(entity.at.y_mm),
                count: Some(stack.count),
                ..shown(entity, v1::EntityKind::Item, named)
            };
        }
    };
    members(&mut whole, entity, Changes(u8::MAX), content);
    whole
}

/// An entity's id and the members of these changes.
pub fn entity_update(entity: &Entity, changes: Changes, content: &Content) -> v1::Entity {
    let mut update = v1::Entity { id: entity.id.0, ..v1::Entity::default() };
    members(&mut update, entity, changes, content);
    update
}

/// What never changes of an entity: its name and the template it is of.
fn shown(entity: &Entity, kind: v1::EntityKind, named: (Option<&String>, Option<&String>)) -> v1::Entity {
    let (name, template) = named;
    v1::Entity {
        id: entity.id.0,
        kind: Some(kind.into()),
        name: Some(name.cloned().unwrap_or_default()),
        template: Some(template.cloned().unwrap_or_default()),
        ..v1::Entity::default()
    }
}

fn members(message: &mut v1::Entity, entity: &Entity, changes: Changes, content: &Content) {
    if changes.has(Changes::PLACE) {
        (message.x, message.y) = (Some(entity.at.x_mm), Some(entity.at.y_mm));
    }
    if changes.has(Changes::LEVEL) {
        message.level = Some(entity.level);
    }
    if changes.has(Changes::HEALTH) {
        (message.hp, message.hp_max) = (Some(entity.health), Some(entity.stats.health));
    }
    if changes.has(Changes::STATE)
        && let EntityKind::Npc(mind) = &entity.kind
    {
        message.state = Some(npc_state(mind.state).into());
        message.target = Some(mind.target.0);
    }
    if changes.has(Changes::STATUSES) {
        let status = |status: &StatusInstance| v1::Status {
            name: content.statuses.get(&status.status).map_or_else(String::new, |known| known.name.clone()),
            stacks: status.stacks,
        };
        message.statuses = Some(v1::Statuses { list: entity.statuses.iter().map(status).collect() });
    }
}

/// An event and who decided it; nothing for what is not told inside `world.delta`.
pub fn event(event: &Event, by: &str, content: &Content) -> Option<v1::Event> {
    let by = || by.to_owned();
    let of = |name: Option<&String>| name.cloned().unwrap_or_default();
    let told = match &event.kind {
        EventKind::Swing { attacker, defender, ability, hit: kind, base, raw, amount, element: how } => {
            let ability = content.abilities.get(ability);
            Type::Swing(v1::Swing {
                attacker: attacker.0,
                defender: defender.0,
                ability: of(ability.map(|ability| &ability.name)),
                animation: of(ability.map(|ability| &ability.animation)),
                duration_ms: ability.map_or(0, |ability| ability.animation_ms),
                hit: hit(*kind).into(),
                base: *base,
                raw: *raw,
                amount: *amount,
                element: element(*how).into(),
                by: by(),
            })
        }
        EventKind::Pulse { source, bearer, status, amount } => Type::Pulse(v1::Pulse {
            source: source.0,
            target: bearer.0,
            status: of(content.statuses.get(status).map(|status| &status.name)),
            amount: *amount,
            by: by(),
        }),
        EventKind::Heal { source, target, by: with, amount } => {
            let ability = content.abilities.get(with).map(|ability| &ability.name);
            let item = || content.items.get(with).map(|item| &item.name);
            let encounter = || content.encounters.get(with).map(|encounter| &encounter.name);
            let with = of(ability.or_else(item).or_else(encounter));
            Type::Heal(v1::Heal { source: source.0, target: target.0, with, amount: *amount, by: by() })
        }
        EventKind::Death { entity, killer } => {
            Type::Death(v1::Death { entity: entity.0, killer: killer.0, by: by() })
        }
        EventKind::Environment(now) => {
            Type::Environment(v1::EnvironmentChange { environment: Some(wire::environment(*now)) })
        }
        EventKind::Chat { .. } | EventKind::Announcement(_) | EventKind::World(_) => return None,
    };
    Some(v1::Event { r#type: Some(told) })
}

/// What the own character alone is told of itself.
pub fn own(entity: &Entity) -> v1::Own {
    v1::Own {
        mana: Some(entity.mana),
        mana_max: Some(entity.stats.mana),
        energy: Some(entity.energy),
        energy_max: Some(entity.stats.energy),
    }
}

/// The members of `now` that differ from what the client knows.
pub fn own_update(now: &v1::Own, known: &v1::Own) -> v1::Own {
    let differs = |now: Option<i32>, known| now.filter(|_| now != known);
    v1::Own {
        mana: differs(now.mana, known.mana),
        mana_max: differs(now.mana_max, known.mana_max),
        energy: differs(now.energy, known.energy),
        energy_max: differs(now.energy_max, known.energy_max),
    }
}

/// The part of `world.snapshot` that is the same for everybody.
pub fn zone(world: &World) -> v1::WorldSnapshot {
    let content = world.content();
    let zone = content.zones.get(&world.zone()).map(|zone| v1::Zone {
        name: zone.name.clone(),
        title: zone.title.clone(),
        width: zone.width_mm,
        height: zone.height_mm,
        max_speed: zone.max_speed_mm_s,
        interest_radius: zone.interest_radius_mm,
        crossings: zone
            .crossings
            .iter()
            .map(|crossing| v1::Crossing {
                x0: crossing.area.min.x_mm,
                y0: crossing.area.min.y_mm,
                x1: crossing.area.max.x_mm,
                y1: crossing.area.max.y_mm,
                to: content.zones.get(&crossing.to).map_or_else(String::new, |zone| zone.name.clone()),
            })
            .collect(),
    });
    let running = world.running_events();
    v1::WorldSnapshot {
        tick: world.tick(),
        zone,
        environment: Some(wire::environment(world.environment())),
        world_events: running
            .filter_map(|report| wire::world_event(&report, content, world.tick_ms()))
            .collect(),
        ..v1::WorldSnapshot::default()
    }
}

fn npc_state(state: NpcState) -> v1::NpcState {
    match state {
        NpcState::Idle => v1::NpcState::Idle,
        NpcState::Wander => v1::NpcState::Wander,
        NpcState::Chase => v1::NpcState::Chase,
        NpcState::Attack => v1::NpcState::Attack,
        NpcState::Flee => v1::NpcState::Flee,
        NpcState::ReturnHome => v1::NpcState::ReturnHome,
    }
}

fn hit(hit: HitKind) -> v1::Hit {
    match hit {
        HitKind::Miss => v1::Hit::Miss,
        HitKind::Dodge => v1::Hit::Dodge,
        HitKind::Block => v1::Hit::Block,
        HitKind::Hit => v1::Hit::Hit,
        HitKind::Critical => v1::Hit::Critical,
    }
}

fn element(element: Element) -> v1::Element {
    match element {
        Element::Physical => v1::Element::Physical,
        Element::Fire => v1::Element::Fire,
        Element::Frost => v1::Element::Frost,
        Element::Lightning => v1::Element::Lightning,
        Element::Poison => v1::Element::Poison,
        Element::Holy => v1::Element::Holy,
        Element::Shadow => v1::Element::Shadow,
        Element::Arcane => v1::Element::Arcane,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_members_are_sent_when_they_differ() {
        let known = v1::Own { mana: Some(30), mana_max: Some(30), energy: Some(100), energy_max: Some(100) };
        let now = v1::Own { mana: Some(20), energy: Some(90), ..known };
        let update = v1::Own { mana: Some(20), energy: Some(90), ..v1::Own::default() };
        assert_eq!(own_update(&now, &known), update);
        assert_eq!(own_update(&now, &now), v1::Own::default());
    }
}
