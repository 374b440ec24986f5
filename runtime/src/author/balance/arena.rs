//! The place where fights are held: one large zone with an arena for every fight of a batch, so far
//! apart that no fight knows of another. Nothing in it but the fighters.

use sim::content::{Content, ItemKind, Position, Spawn, Zone};
use sim::input::CharacterState;
use sim::{CharacterId, DefId, def_id};
use std::collections::BTreeMap;

/// The zone of the arenas.
pub(super) const ZONE: DefId = def_id("zone/arena");
/// Edge of one arena: farther than anybody flees, calls or shoots from its middle.
const EDGE_MM: i32 = 100_000;
/// Between two defenders side by side.
const ABREAST_MM: i32 = 1_500;
/// A dead character must not come back before its fight is over.
const NEVER_MS: u32 = u32::MAX;

/// Who attacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attacker {
    /// `class/NAME`.
    pub class: DefId,
    /// Level.
    pub level: u32,
}

/// Who fights whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// All on one side.
    pub attackers: Vec<Attacker>,
    /// `npc/NAME` and how many, on the other.
    pub defenders: Vec<(DefId, u32)>,
    /// Between the sides at first, millimetres.
    pub distance_mm: u32,
}

impl Line {
    /// Fighters of one fight.
    pub(super) fn fighters(&self) -> usize {
        self.attackers.len() + self.defenders.iter().map(|(_, count)| *count as usize).sum::<usize>()
    }
}

/// Arenas side by side.
fn columns(arenas: usize) -> i32 {
    (arenas.max(1) as f64).sqrt().ceil() as i32
}

/// The middle of an arena.
fn middle(arena: usize, arenas: usize) -> Position {
    let (column, row) = (arena as i32 % columns(arenas), arena as i32 / columns(arenas));
    Position { x_mm: column * EDGE_MM + EDGE_MM / 2, y_mm: row * EDGE_MM + EDGE_MM / 2 }
}

/// The arena a place belongs to.
pub(super) fn arena_at(at: Position, arenas: usize) -> usize {
    (at.y_mm / EDGE_MM * columns(arenas) + at.x_mm / EDGE_MM) as usize
}

/// The definitions with the zone of the arenas. Nobody gains or leaves anything: a level or a corpse
/// would change the fight after it.
pub(super) fn content(base: &Content, line: &Line, arenas: usize) -> Option<Content> {
    let mut content = base.clone();
    let model = base.zones.values().next()?;
    let mut spawns = Vec::new();
    for arena in 0..arenas {
        let middle = middle(arena, arenas);
        let all = line.defenders.iter().flat_map(|(npc, count)| (0..*count).map(move |_| *npc));
        let abreast = line.fighters() as i32 - line.attackers.len() as i32;
        for (index, npc) in all.enumerate() {
            let at = Position {
                x_mm: middle.x_mm + line.distance_mm as i32,
                y_mm: middle.y_mm + (2 * index as i32 - (abreast - 1)) * ABREAST_MM / 2,
            };
            spawns.push(Spawn { npc, at, radius_mm: 0, count: 1, respawn_ms: NEVER_MS });
        }
    }
    let edge = columns(arenas) * EDGE_MM;
    let zone = Zone {
        name: "arena".into(),
        title: "Arena".into(),
        width_mm: edge,
        height_mm: edge,
        population_cap: (arenas * line.attackers.len()) as u32,
        entrance: middle(0, arenas),
        crossings: Vec::new(),
        spawns,
        places: BTreeMap::new(),
        ..model.clone()
    };
    content.zones.insert(ZONE, zone);
    for npc in content.npcs.values_mut() {
        (npc.experience, npc.gold, npc.loot) = (0, (0, 0), DefId::NONE);
    }
    content.progression.respawn_ms = NEVER_MS;
    content.progression.death_loss_permille = 0;
    Some(content)
}

/// The character of one attacker of one fight.
pub(super) fn character(
    content: &Content,
    line: &Line,
    arena: usize,
    index: usize,
    arenas: usize,
) -> CharacterState {
    let Attacker { class, level } = line.attackers[index];
    let mut equipment = BTreeMap::new();
    let items = content.classes.get(&class).map(|class| class.starting_items.as_slice()).unwrap_or_default();
    for item in items {
        if let Some(ItemKind::Equipment(slot)) = content.items.get(&item.item).map(|item| item.kind) {
            equipment.insert(slot, item.item);
        }
    }
    let middle = middle(arena, arenas);
    let abreast = (2 * index as i32 - (line.attackers.len() as i32 - 1)) * ABREAST_MM / 2;
    CharacterState {
        id: character_id(line, arena, index),
        name: format!("A{arena}x{index}"),
        class,
        level,
        experience: 0,
        gold: 0,
        zone: ZONE,
        at: Some(Position { y_mm: middle.y_mm + abreast, ..middle }),
        health: None,
        mana: None,
        inventory: BTreeMap::new(),
        equipment,
        quests: BTreeMap::new(),
        dialog_flags: BTreeMap::new(),
        condition: None,
    }
}

pub(super) fn character_id(line: &Line, arena: usize, index: usize) -> CharacterId {
    CharacterId((1 + arena * line.attackers.len() + index) as i64)
}

/// The arena of a character, and which of its attackers it is.
pub(super) fn place_of(line: &Line, id: CharacterId) -> (usize, usize) {
    let number = (id.0 - 1).max(0) as usize;
    (number / line.attackers.len(), number % line.attackers.len())
}
