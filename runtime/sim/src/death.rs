//! Death: what it costs a character and pays those who fought. What a kill is worth, what a death
//! takes and what is left behind is asked of scripts, for all deaths of a tick at once.

use crate::content::{Deed, Position};
use crate::entity::{Changes, Entity, EntityKind, NpcMind, SpawnedBy};
use crate::ids::{CharacterId, DefId, EntityId};
use crate::inventory::Cause;
use crate::limits;
use crate::output::{Event, EventKind, FactKind, Notice, Output, Reason};
use crate::rng::{Purpose, fork};
use crate::rules::{Fall, Kill, Origin, Rules};
use crate::world::World;

/// Somebody whose health reached 0 in this step.
pub(crate) struct Death {
    pub(crate) entity: EntityId,
    pub(crate) killer: EntityId,
    pub(crate) origin: Origin,
}

/// An NPC that died, and who fought it.
pub(crate) struct Slain {
    pub(crate) prey: EntityId,
    pub(crate) template: DefId,
    pub(crate) at: Position,
    /// Who did most comes first; never empty.
    pub(crate) fighters: Vec<Fighter>,
}

/// A character's part in it.
#[derive(Clone, Copy)]
pub(crate) struct Fighter {
    pub(crate) id: CharacterId,
    pub(crate) entity: EntityId,
    pub(crate) level: u32,
    threat: i64,
}

impl World {
    /// What deaths bring: rewards for the killers, a grave for the NPC, a wait for the character.
    pub(crate) fn bury(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        if self.scratch.deaths.is_empty() {
            return;
        }
        let (mut fallen, mut slain) = (Vec::new(), Vec::new());
        let mut deaths = std::mem::take(&mut self.scratch.deaths);
        for death in deaths.drain(..) {
            let Some(entity) = self.entities.entry_mut(death.entity) else { continue };
            entity.statuses.clear();
            entity.changes.add(Changes::STATUSES);
            let at = entity.at;
            let kind = EventKind::Death { entity: death.entity, killer: death.killer };
            out.events.push(Event { at: Some(at), origin: death.origin, kind });
            match entity.kind.clone() {
                EntityKind::Character(id) => {
                    if let Some(fall) = self.fall(id, &death, fallen.len() as u32, out) {
                        fallen.push((id, fall));
                    }
                }
                EntityKind::Npc(mind) => {
                    let prey = self.slain(&mind, death.entity, at);
                    let fighters = prey.iter().flat_map(|prey| &prey.fighters).map(|fighter| fighter.id);
                    let fighters: Vec<CharacterId> = fighters.collect();
                    self.count_death(mind.template, mind.spawned_by, &fighters);
                    slain.extend(prey);
                    if let SpawnedBy::Place(place) = mind.spawned_by {
                        self.vacate(place);
                    }
                    self.despawn(death.entity);
                }
                EntityKind::Item { .. } => {}
            }
        }
        self.scratch.deaths = deaths;
        self.punish(&fallen, rules, out);
        self.reward(&slain, rules, out);
        self.share_loot(&slain, rules, out);
    }

    /// A character's end, but for what it costs.
    fn fall(&mut self, id: CharacterId, death: &Death, number: u32, out: &mut Output) -> Option<Fall> {
        let killer = match self.entities.entry(death.killer).map(|killer| &killer.kind) {
            Some(EntityKind::Npc(mind)) => mind.template,
            _ => DefId::NONE,
        };
        let character = self.characters.get_mut(&id)?;
        let ended_dialog = character.dialog.take().is_some();
        for entity in self.entities.iter_mut() {
            if let EntityKind::Npc(mind) = &mut entity.kind {
                mind.threat.remove(&death.entity);
            }
        }
        Self::fact(out, id, death.origin, None, FactKind::Died { killer });
        if ended_dialog {
            Self::notify(out, id, Notice::DialogEnded);
        }
        let state = &self.characters.get(&id)?.state;
        Some(Fall {
            id: number,
            character: death.entity,
            level: state.level,
            experience: state.experience,
            needed: self.ladder.to_next(state.level),
            killer,
            loss_permille: self.content.progression.death_loss_permille,
            respawn_ticks: self.ticks(self.content.progression.respawn_ms),
            seed: fork(self.seed, self.tick, death.entity.0, Purpose::Fall),
        })
    }

    /// Takes what deaths cost, and says when the characters return.
    fn punish(&mut self, fallen: &[(CharacterId, Fall)], rules: &mut dyn Rules, out: &mut Output) {
        if fallen.is_empty() {
            return;
        }
        let falls: Vec<Fall> = fallen.iter().map(|(_, fall)| *fall).collect();
        let mut tolls = Vec::with_capacity(falls.len());
        rules.punish_deaths(&self.context(), &falls, &mut tolls);
        assert_eq!(tolls.len(), falls.len(), "one toll per fall");
        for ((id, _), answer) in fallen.iter().zip(&tolls) {
            let respawn_ticks = answer.value.respawn_ticks.min(limits::RESPAWN_TICKS_MAX);
            if let Some(character) = self.characters.get_mut(id) {
                character.respawn_at = Some(self.tick + u64::from(respawn_ticks));
            }
            self.lose_experience(*id, answer.value.experience, answer.origin, out);
            Self::notify(out, *id, Notice::Died { respawn_ticks });
        }
    }

    /// Who fought an NPC; nothing if no character did.
    fn slain(&self, mind: &NpcMind, prey: EntityId, at: Position) -> Option<Slain> {
        let fighter = |(&entity, &threat): (&EntityId, &i64)| {
            let id = self.character_of(entity)?;
            let level = self.characters.get(&id)?.state.level;
            Some(Fighter { id, entity, level, threat })
        };
        let mut fighters: Vec<Fighter> = mind.threat.iter().filter_map(fighter).collect();
        fighters.sort_by_key(|fighter| (std::cmp::Reverse(fighter.threat), fighter.entity));
        (!fighters.is_empty()).then_some(Slain { prey, template: mind.template, at, fighters })
    }

    /// Experience and credit for everybody who took part.
    fn reward(&mut self, slain: &[Slain], rules: &mut dyn Rules, out: &mut Output) {
        let mut kills = Vec::new();
        let mut killers = Vec::new();
        for death in slain {
            for fighter in &death.fighters {
                if let Some(kill) = self.view_kill(death, fighter, kills.len() as u32) {
                    kills.push(kill);
                    killers.push((fighter.id, death.template));
                }
            }
        }
        if kills.is_empty() {
            return;
        }
        let mut gains = Vec::with_capacity(kills.len());
        rules.reward_kills(&self.context(), &kills, &mut gains);
        assert_eq!(gains.len(), kills.len(), "one gain per kill");
        for ((id, template), answer) in killers.into_iter().zip(&gains) {
            let gained = answer.value.experience.min(limits::EXPERIENCE_MAX);
            if gained > 0 {
                let cause = Cause { origin: answer.origin, request: None, reason: Reason::Kill(template) };
                self.gain_experience(id, gained, cause, out);
            }
            self.deed(id, Deed::Kill, template, 1);
        }
    }

    fn view_kill(&self, death: &Slain, fighter: &Fighter, id: u32) -> Option<Kill> {
        let npc = self.content.npcs.get(&death.template)?;
        let threat = |fighter: &Fighter| i128::from(fighter.threat.max(0));
        let all: i128 = death.fighters.iter().map(threat).sum();
        Some(Kill {
            id,
            character: fighter.entity,
            level: fighter.level,
            prey: death.prey,
            npc: death.template,
            npc_level: npc.level,
            boss: npc.boss,
            experience: npc.experience,
            fighters: death.fighters.len() as u32,
            share_permille: (threat(fighter) * 1_000 / all.max(1)) as u32,
            seed: fork(self.seed, self.tick, fighter.entity.0 ^ (death.prey.0 << 32), Purpose::Kill),
        })
    }

    /// Puts an item on the ground; false when the zone is full.
    pub(crate) fn spawn_ground_item(&mut self, item: DefId, count: u32, at: Position) -> bool {
        let litter = self.entities.iter().filter(|e| matches!(e.kind, EntityKind::Item { .. })).count();
        if self.entities.len() >= limits::ENTITIES_PER_ZONE || litter >= limits::GROUND_ITEMS_PER_ZONE {
            return false;
        }
        let id = self.next_id();
        let until = self.tick + u64::from(self.ticks(limits::GROUND_ITEM_MS));
        self.entities.push(Entity {
            id,
            kind: EntityKind::Item { stack: crate::content::ItemCount { item, count }, until },
            at,
            level: 0,
            health: 0,
            mana: 0,
            energy: 0,
            stats: crate::content::Stats::default(),
            statuses: Vec::new(),
            cooldowns: std::collections::BTreeMap::new(),
            last_action: None,
            last_combat: None,
            changes: Changes::SPAWNED,
        });
        true
    }
}
