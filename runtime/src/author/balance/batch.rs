//! Many fights at once: a real world with real scripts steps until all of them are decided. What NPCs
//! think and what becomes of swings is asked in one call per script and tick, for all fights together.

use super::arena::{ZONE, arena_at, character, place_of};
use super::tactics::Situation;
use super::tally::{Bout, End, Tally};
use super::{Line, Pace};
use host_api::ScriptRules;
use sim::content::Content;
use sim::entity::{Entity, EntityKind};
use sim::input::{Command, Input};
use sim::output::{EventKind, Output};
use sim::{CharacterId, EntityId, RequestId, World};
use std::sync::Arc;

/// On which side, of which fight.
#[derive(Clone, Copy)]
struct Place {
    arena: u32,
    attacks: bool,
}

/// How a fight stands after a tick.
#[derive(Clone, Copy, Default)]
struct Standing {
    attackers: u32,
    defenders: u32,
    health: i64,
    health_max: i64,
    /// The defender with the least health, the elder of equals.
    prey: Option<(i32, EntityId)>,
}

/// The fights of one world.
pub(super) struct Batch<'a> {
    line: &'a Line,
    pace: Pace,
    world: World,
    bouts: Vec<Bout>,
    standings: Vec<Standing>,
    /// By entity id.
    places: Vec<Option<Place>>,
    seqs: Vec<u32>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(line: &'a Line, pace: Pace, content: Arc<Content>, fights: usize, seed: u64) -> Self {
        Self {
            line,
            pace,
            world: World::new(ZONE, content, seed, 0, pace.tick_ms),
            bouts: vec![Bout::default(); fights],
            standings: vec![Standing::default(); fights],
            places: Vec::new(),
            seqs: vec![0; fights * line.attackers.len()],
        }
    }

    /// Fights all of them to the end, or to the time limit.
    pub(super) fn run(mut self, arenas: usize, rules: &mut ScriptRules, tally: &mut Tally) {
        let fights = self.bouts.len();
        let content = Arc::clone(self.world.content());
        let mut inputs: Vec<Input> = (0..fights)
            .flat_map(|arena| (0..self.line.attackers.len()).map(move |index| (arena, index)))
            .map(|(arena, index)| {
                Input::Enter(Box::new(character(&content, self.line, arena, index, arenas)))
            })
            .collect();
        let mut out = Output::default();
        let most = self.pace.limit_ms / u64::from(self.pace.tick_ms);
        let mut open = fights;
        while open > 0 && self.world.tick() <= most {
            self.world.step(&mut inputs, rules, &mut out);
            rules.restock();
            self.hear(&out);
            self.look(arenas);
            open -= self.decide();
            self.command(&mut inputs);
        }
        for (bout, standing) in self.bouts.iter_mut().zip(&self.standings) {
            if bout.end == End::Open {
                bout.left_permille = permille(standing);
            }
            tally.add(bout);
        }
    }

    /// Counts what swings and statuses did.
    fn hear(&mut self, out: &Output) {
        for event in &out.events {
            match event.kind {
                EventKind::Swing { attacker, hit, amount, .. } => {
                    let Some(place) = self.place(attacker) else { continue };
                    let bout = &mut self.bouts[place.arena as usize];
                    let side = if place.attacks { &mut bout.attackers } else { &mut bout.defenders };
                    side.swing(hit, amount);
                }
                EventKind::Pulse { bearer, amount, .. } => {
                    let Some(place) = self.place(bearer) else { continue };
                    let bout = &mut self.bouts[place.arena as usize];
                    let side = if place.attacks { &mut bout.defenders } else { &mut bout.attackers };
                    side.damage += i64::from(amount.max(0));
                }
                _ => {}
            }
        }
    }

    fn place(&self, id: EntityId) -> Option<Place> {
        self.places.get(id.0 as usize).copied().flatten()
    }

    /// Who stands where, and who of the enemies is weakest.
    fn look(&mut self, arenas: usize) {
        self.standings.fill(Standing::default());
        for entity in self.world.entities() {
            let Some(place) = place_of_entity(self.line, entity, arenas) else { continue };
            let id = entity.id.0 as usize;
            if self.places.len() <= id {
                self.places.resize(id + 1, None);
            }
            self.places[id] = Some(place);
            let Some(standing) = self.standings.get_mut(place.arena as usize) else { continue };
            if place.attacks {
                standing.attackers += u32::from(entity.is_alive());
                standing.health += i64::from(entity.health);
                standing.health_max += i64::from(entity.stats.health);
            } else if entity.is_alive() {
                standing.defenders += 1;
                let candidate = (entity.health, entity.id);
                if standing.prey.is_none_or(|prey| candidate < prey) {
                    standing.prey = Some(candidate);
                }
            }
        }
    }

    /// Ends fights in which one side has fallen; how many that were.
    fn decide(&mut self) -> usize {
        let ms = self.world.tick() * u64::from(self.pace.tick_ms);
        let mut decided = 0;
        for (bout, standing) in self.bouts.iter_mut().zip(&self.standings) {
            if bout.end != End::Open {
                continue;
            }
            bout.end = match (standing.attackers, standing.defenders) {
                (0, _) => End::Lost,
                (_, 0) => End::Won,
                _ => continue,
            };
            bout.ms = ms;
            bout.left_permille = permille(standing);
            decided += 1;
        }
        decided
    }

    fn command(&mut self, inputs: &mut Vec<Input>) {
        let content = Arc::clone(self.world.content());
        let speed_mm_s = content.zones[&ZONE].max_speed_mm_s;
        for (id, character) in self.world.characters() {
            let (arena, _) = place_of(self.line, id);
            if self.bouts[arena].end != End::Open {
                continue;
            }
            let enemy = self.standings[arena].prey.and_then(|(_, id)| self.world.entity(id));
            let own = self.world.entity(character.entity).filter(|own| own.is_alive());
            let class = content.classes.get(&character.state.class);
            let (Some(enemy), Some(own), Some(class)) = (enemy, own, class) else { continue };
            let tick = self.world.tick() + 1;
            let (content, tick_ms) = (&*content, self.pace.tick_ms);
            let situation = Situation { content, class, tick, tick_ms, speed_mm_s, own, enemy };
            let (step, action) = situation.decide();
            if let Some(to) = step {
                let seq = &mut self.seqs[(id.0 - 1) as usize];
                *seq += 1;
                inputs.push(command(id, Command::Move { seq: *seq, to }));
            }
            inputs.extend(action.map(|action| command(id, action)));
        }
    }
}

fn command(character: CharacterId, command: Command) -> Input {
    Input::Command { character, request: RequestId(0), command }
}

fn place_of_entity(line: &Line, entity: &Entity, arenas: usize) -> Option<Place> {
    match &entity.kind {
        EntityKind::Character(id) => Some(Place { arena: place_of(line, *id).0 as u32, attacks: true }),
        EntityKind::Npc(mind) => Some(Place { arena: arena_at(mind.home, arenas) as u32, attacks: false }),
        EntityKind::Item { .. } => None,
    }
}

fn permille(standing: &Standing) -> u64 {
    (standing.health.max(0) * 1_000 / standing.health_max.max(1)) as u64
}
