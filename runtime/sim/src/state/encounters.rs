//! The state of encounters: fights of bosses, and duels.

use super::{Answers, OldState, Schemas, StateKey, StateValue, answer_to, schema_in};
use crate::content::Content;
use crate::encounter::encounter_of;
use crate::entity::{Course, EntityKind};
use crate::ids::DefId;
use crate::world::World;

fn shown(encounter: DefId, course: Course) -> StateValue {
    StateValue::Encounter { encounter, phase: course.phase, memory: course.memory }
}

fn of_duel(memory: i64) -> StateValue {
    shown(DefId::NONE, Course { phase: 0, memory })
}

impl World {
    /// Appends those that are not in these schemas.
    pub(super) fn old_encounters(&self, schemas: &Schemas, old: &mut Vec<OldState>) {
        for entity in self.entities.iter() {
            let EntityKind::Npc(mind) = &entity.kind else { continue };
            let Some(fight) = &mind.fight else { continue };
            let Some((id, encounter)) = encounter_of(&self.content, mind.template) else { continue };
            if fight.course.schema != schema_in(schemas, encounter.script) {
                let (course, from) = fight.course.source();
                let (key, value) = (StateKey::Fight(entity.id), shown(id, *course));
                old.push(OldState { key, script: encounter.script, value, from });
            }
        }
        let script = self.content.duel.script;
        for (id, duel) in self.duels.running() {
            if duel.memory.schema != schema_in(schemas, script) {
                let (memory, from) = duel.memory.source();
                old.push(OldState { key: StateKey::Duel(id), script, value: of_duel(*memory), from });
            }
        }
    }

    /// Turns them to these schemas, as far as there are answers.
    pub(super) fn adopt_encounters(&mut self, content: &Content, schemas: &Schemas, answers: &Answers<'_>) {
        for entity in self.entities.iter_mut() {
            let EntityKind::Npc(mind) = &mut entity.kind else { continue };
            let Some(fight) = &mut mind.fight else { continue };
            let Some((id, encounter)) = encounter_of(content, mind.template) else { continue };
            let to = schema_in(schemas, encounter.script);
            let (course, from) = fight.course.source();
            let before = shown(id, *course);
            let answer = match answer_to(answers, StateKey::Fight(entity.id), from, to, &before) {
                Some(StateValue::Encounter { phase, memory, .. }) => {
                    let phase = (*phase).min(encounter.phases.len() as u32);
                    Some(Course { phase, memory: *memory })
                }
                _ => None,
            };
            fight.course.turn(to, answer);
        }
        let to = schema_in(schemas, content.duel.script);
        for (id, duel) in self.duels.running_mut() {
            let (memory, from) = duel.memory.source();
            let answer = match answer_to(answers, StateKey::Duel(id), from, to, &of_duel(*memory)) {
                Some(StateValue::Encounter { memory, .. }) => Some(*memory),
                _ => None,
            };
            duel.memory.turn(to, answer);
        }
    }
}
