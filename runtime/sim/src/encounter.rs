//! Bosses: when their encounter's script is asked about a fight, and what its direction may do. What a boss
//! does from tick to tick is its mind's matter (`npc`).

use crate::combat::CastRequest;
use crate::content::{AbilityTarget, Content, Encounter};
use crate::entity::{EntityKind, NpcMind, SpawnedBy};
use crate::ids::{DefId, EntityId};
use crate::limits;
use crate::npc::permille;
use crate::output::{Event, EventKind, Output};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Bout, BoutOccasion, Direction, PhaseView, Rules};
use crate::state::Kept;
use crate::world::World;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fight that goes on is asked about in every fifth tick, each in its own.
const INTERVAL: u64 = 5;

/// The fight of a boss, as far as its encounter goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Fight {
    /// Tick it began.
    pub since: u64,
    /// Tick its phase began.
    pub phase_since: u64,
    /// Share of its damage that the boss deals.
    pub power_permille: u32,
    /// Share of its speed.
    pub speed_permille: u32,
    /// What the script says of it.
    pub course: Kept<Course>,
    /// The phase the content's thresholds spoke for when the script was last asked.
    due_phase: u32,
    /// Script or content are others than when it was last asked.
    changed: bool,
}

/// What the script of an encounter says of a fight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Course {
    /// 0 before the first.
    pub phase: u32,
    /// The script's own number.
    pub memory: i64,
}

impl Fight {
    fn new(tick: u64, schema: u32) -> Self {
        Self {
            since: tick,
            phase_since: tick,
            power_permille: limits::UNCHANGED_PERMILLE,
            speed_permille: limits::UNCHANGED_PERMILLE,
            course: Kept::new(Course::default(), schema),
            due_phase: 0,
            changed: false,
        }
    }
}

/// The last phase whose time or health has come.
fn due_phase(encounter: &Encounter, health_permille: u32, fight_ms: u64) -> u32 {
    let come = |phase: &crate::content::Phase| {
        (phase.health_below_permille > 0 && health_permille <= phase.health_below_permille)
            || (phase.after_ms > 0 && fight_ms >= u64::from(phase.after_ms))
    };
    encounter.phases.iter().rposition(come).map_or(0, |index| index as u32 + 1)
}

fn is_fighting(mind: &NpcMind) -> bool {
    mind.target != EntityId::NONE || !mind.threat.is_empty()
}

impl World {
    /// Asks about all fights whose turn it is, and sends away adds whose boss is gone.
    pub(crate) fn direct(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        self.release_adds();
        let mut by_script: BTreeMap<DefId, Vec<Bout>> = BTreeMap::new();
        for (boss, occasion) in self.fights_to_ask_about() {
            if let Some((script, bout)) = self.view_bout(boss, occasion) {
                let bouts = by_script.entry(script).or_default();
                bouts.push(Bout { id: bouts.len() as u32, ..bout });
            }
        }
        let ctx = self.context();
        let mut answers = Vec::new();
        for (script, bouts) in by_script {
            rules.direct(&ctx, script, &bouts, &mut answers);
            assert_eq!(answers.len(), bouts.len(), "one direction per bout");
            for (bout, answer) in bouts.iter().zip(&answers) {
                self.follow(bout, answer, out);
            }
        }
    }

    /// Begins fights, forgets those without an encounter, and finds those to be asked about.
    fn fights_to_ask_about(&mut self) -> Vec<(EntityId, BoutOccasion)> {
        let (tick, tick_ms) = (self.tick, u64::from(self.tick_ms));
        let content = Arc::clone(&self.content);
        let (mut due, mut over) = (Vec::new(), Vec::new());
        for entity in self.entities.iter_mut().filter(|entity| entity.health > 0) {
            let (id, health) = (entity.id, permille(entity));
            let EntityKind::Npc(mind) = &mut entity.kind else { continue };
            let fighting = is_fighting(mind);
            if !fighting && mind.fight.is_none() {
                continue;
            }
            let Some((_, encounter)) = encounter_of(&content, mind.template) else {
                if mind.fight.take().is_some() {
                    over.push(id);
                }
                continue;
            };
            let schema = self.schemas.get(&encounter.script).copied().unwrap_or(0);
            let Some(fight) = &mut mind.fight else {
                mind.fight = Some(Box::new(Fight::new(tick, schema)));
                due.push((id, BoutOccasion::Engaged));
                continue;
            };
            // A state that the script cannot read is shown to nobody.
            if fight.course.schema != schema {
                if !fighting {
                    mind.fight = None;
                    over.push(id);
                }
                continue;
            }
            let due_now = due_phase(encounter, health, (tick - fight.since) * tick_ms);
            let turn = due_now != fight.due_phase || (tick + id.0).is_multiple_of(INTERVAL);
            if !fighting {
                due.push((id, BoutOccasion::Reset));
            } else if std::mem::take(&mut fight.changed) {
                due.push((id, BoutOccasion::Changed));
            } else if turn {
                due.push((id, BoutOccasion::Going));
            }
            fight.due_phase = due_now;
        }
        for boss in over {
            self.dismiss(SpawnedBy::Npc(boss));
        }
        due
    }

    pub(crate) fn view_bout(&self, boss: EntityId, occasion: BoutOccasion) -> Option<(DefId, Bout)> {
        let entity = self.entities.entry(boss)?;
        let EntityKind::Npc(mind) = &entity.kind else { return None };
        let npc = self.content.npcs.get(&mind.template)?;
        let (id, encounter) = encounter_of(&self.content, mind.template)?;
        let fight = mind.fight.as_ref()?;
        let ticks_since = |tick: u64| (self.tick - tick).min(u64::from(u32::MAX)) as u32;
        let fights = |enemy: &&EntityId| {
            let enemy = self.entities.entry(**enemy).filter(|enemy| enemy.is_alive());
            enemy.is_some_and(|enemy| matches!(enemy.kind, EntityKind::Character(_)))
        };
        let phases = encounter.phases.iter().map(|phase| PhaseView {
            health_below_permille: phase.health_below_permille,
            after_ticks: self.ticks(phase.after_ms),
            power_permille: phase.power_permille,
            adds: phase.adds,
            adds_count: phase.adds_count,
            ability: phase.ability,
            announcement: phase.announcement,
        });
        let bout = Bout {
            id: 0,
            encounter: id,
            boss,
            template: mind.template,
            level: entity.level,
            occasion,
            phase: fight.course.value.phase.min(encounter.phases.len() as u32),
            phases: phases.collect(),
            phase_ticks: ticks_since(fight.phase_since),
            fight_ticks: ticks_since(fight.since),
            health_permille: permille(entity),
            fighters: mind.threat.keys().filter(fights).count() as u32,
            adds: self.summoned(SpawnedBy::Npc(boss)).filter(|add| add.is_alive()).count() as u32,
            enrage_ticks: self.ticks(encounter.enrage_ms),
            basic: npc.basic,
            special: npc.special,
            memory: fight.course.value.memory,
            seed: fork(self.seed, self.tick, boss.0, Purpose::Direct),
        };
        Some((encounter.script, bout))
    }

    /// Applies one direction, checked: phases, adds and abilities are those of the content.
    pub(crate) fn follow(&mut self, bout: &Bout, answer: &Answer<Direction>, out: &mut Output) {
        let (direction, boss) = (&answer.value, bout.boss);
        let reset = bout.occasion == BoutOccasion::Reset;
        if direction.dismiss || reset {
            self.dismiss(SpawnedBy::Npc(boss));
        }
        self.set_course(bout, direction);
        if !reset {
            let target = self.target_of(boss);
            self.call_adds(bout, direction, target);
            self.use_directed(bout, direction.ability, target);
        }
        self.heal_boss(bout, answer, out);
        let announcement = direction.announcement;
        if self.content.announcements.contains_key(&announcement) {
            let kind = EventKind::Announcement(announcement);
            out.events.push(Event { at: None, origin: answer.origin, kind });
        }
    }

    fn set_course(&mut self, bout: &Bout, direction: &Direction) {
        let tick = self.tick;
        let Some(mind) = self.mind_mut(bout.boss) else { return };
        if bout.occasion == BoutOccasion::Reset {
            mind.fight = None;
            return;
        }
        let Some(fight) = &mut mind.fight else { return };
        let phase = direction.phase.min(bout.phases.len() as u32);
        let course = Course { phase, memory: direction.memory };
        if phase != fight.course.value.phase {
            fight.phase_since = tick;
        }
        if course != fight.course.value {
            fight.course.change(course);
        }
        let (power, speed) = (limits::BOSS_POWER_PERMILLE, limits::BOSS_SPEED_PERMILLE);
        fight.power_permille = direction.power_permille.clamp(power.0, power.1);
        fight.speed_permille = direction.speed_permille.clamp(speed.0, speed.1);
    }

    fn mind_mut(&mut self, npc: EntityId) -> Option<&mut NpcMind> {
        match &mut self.entities.entry_mut(npc)?.kind {
            EntityKind::Npc(mind) => Some(mind),
            _ => None,
        }
    }

    /// Whom a boss fights: who threatens it most, else whom its mind has chosen.
    fn target_of(&self, boss: EntityId) -> EntityId {
        match self.entities.entry(boss).map(|entity| &entity.kind) {
            Some(EntityKind::Npc(mind)) => self.most_threatening(mind).unwrap_or(mind.target),
            _ => EntityId::NONE,
        }
    }

    /// Adds of the phase that now is, against whom the boss fights.
    fn call_adds(&mut self, bout: &Bout, direction: &Direction, target: EntityId) {
        let index = direction.phase.wrapping_sub(1) as usize;
        let Some(adds) = bout.phases.get(index).map(|phase| phase.adds) else { return };
        let Some(at) = self.entities.entry(bout.boss).map(|boss| boss.at) else { return };
        let count = direction.summon.min(limits::ADDS_PER_DIRECTION);
        let came = self.summon(adds, count, (at, limits::ADDS_RADIUS_MM), SpawnedBy::Npc(bout.boss));
        for add in came {
            if let Some(mind) = self.mind_mut(add).filter(|_| target != EntityId::NONE) {
                mind.threat.insert(target, 1);
            }
        }
    }

    fn use_directed(&mut self, bout: &Bout, ability: DefId, target: EntityId) {
        if !bout.knows(ability) {
            return;
        }
        let kind = self.content.abilities.get(&ability).map_or(AbilityTarget::Enemy, |a| a.target);
        let (caster, target) = (bout.boss, if kind == AbilityTarget::Enemy { target } else { bout.boss });
        if self.check_target(caster, target, kind).is_ok() {
            self.scratch.casts.push(CastRequest { caster, target, ability, reply_to: None });
        }
    }

    fn heal_boss(&mut self, bout: &Bout, answer: &Answer<Direction>, out: &mut Output) {
        let share = answer.value.heal_permille.min(1_000);
        let Some(boss) = self.entities.entry(bout.boss).filter(|_| share > 0) else { return };
        let (at, health) = (boss.at, (i64::from(boss.stats.health) * i64::from(share) / 1_000) as i32);
        let amount = self.restore(bout.boss, health, 0);
        let (source, target, by) = (bout.boss, bout.boss, bout.encounter);
        let kind = EventKind::Heal { source, target, by, amount };
        out.events.push(Event { at: Some(at), origin: answer.origin, kind });
    }

    /// Adds of a boss that is gone leave once they have nobody to fight.
    fn release_adds(&mut self) {
        let lost = |(id, mind): (EntityId, &NpcMind)| match mind.spawned_by {
            SpawnedBy::Npc(boss) if !is_fighting(mind) && self.entities.entry(boss).is_none() => Some(id),
            _ => None,
        };
        let npcs = self.entities.iter().filter_map(|entity| match &entity.kind {
            EntityKind::Npc(mind) => Some((entity.id, &**mind)),
            _ => None,
        });
        let lost: Vec<EntityId> = npcs.filter_map(lost).collect();
        for add in lost {
            self.despawn(add);
        }
    }

    /// Fights whose script, or whose content, is another one are asked about in the next step.
    pub(crate) fn reopen_fights(&mut self, changed: impl Fn(DefId, &Encounter) -> bool) {
        let content = Arc::clone(&self.content);
        for entity in self.entities.iter_mut() {
            let EntityKind::Npc(mind) = &mut entity.kind else { continue };
            let encounter = encounter_of(&content, mind.template);
            if let (Some(fight), Some((id, encounter))) = (&mut mind.fight, encounter) {
                fight.changed |= changed(id, encounter);
            }
        }
    }

    /// Damage of a caster's abilities, as its encounter has it.
    pub(crate) fn with_fight_power(&self, kind: &EntityKind, power_permille: u32) -> u32 {
        let EntityKind::Npc(mind) = kind else { return power_permille };
        let share = mind.fight.as_ref().map_or(limits::UNCHANGED_PERMILLE, |fight| fight.power_permille);
        let power = u64::from(power_permille) * u64::from(share) / u64::from(limits::UNCHANGED_PERMILLE);
        power.min(u64::from(u32::MAX)) as u32
    }
}

/// The encounter that the fights of a template follow.
pub(crate) fn encounter_of(content: &Content, template: DefId) -> Option<(DefId, &Encounter)> {
    let id = content.npcs.get(&template)?.encounter;
    content.encounters.get(&id).map(|encounter| (id, encounter))
}
