//! Who comes and goes, and the end of a zone: the zone's script is told of all of a step in one call, greets
//! who has come and says something to everybody.

use crate::ids::{DefId, EntityId};
use crate::limits;
use crate::output::{Event, EventKind, Notice, Output};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Decree, Moment, Occasion, Rules};
use crate::world::World;
use std::collections::BTreeSet;

/// Somebody who has come or gone in this step, or the end of the zone.
pub(crate) struct Visit {
    occasion: Occasion,
    entity: EntityId,
    level: u32,
}

impl World {
    /// Beyond the limit nobody is told of them: a crowd is not greeted one by one.
    pub(crate) fn note_visit(&mut self, occasion: Occasion, entity: EntityId, level: u32) {
        if self.scratch.visits.len() < limits::VISITS_PER_TICK {
            self.scratch.visits.push(Visit { occasion, entity, level });
        }
    }

    /// Tells the zone's script who came and went and whether this was the last step, and carries out what it says.
    pub(crate) fn attend(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let mut visits = std::mem::take(&mut self.scratch.visits);
        if std::mem::take(&mut self.scratch.stopping) {
            visits.push(Visit { occasion: Occasion::Stopping, entity: EntityId::NONE, level: 0 });
        }
        let script = self.definition().script;
        if script != DefId::NONE && !visits.is_empty() {
            let moments: Vec<Moment> =
                (0..).zip(&visits).map(|(id, visit)| self.view_visit(id, visit)).collect();
            let mut decrees = Vec::with_capacity(moments.len());
            rules.govern(&self.context(), script, &moments, &mut decrees);
            assert_eq!(decrees.len(), moments.len(), "one decree per moment");
            self.speak(&visits, &decrees, out);
        }
        visits.clear();
        self.scratch.visits = visits;
    }

    fn view_visit(&self, id: u32, visit: &Visit) -> Moment {
        let seed = fork(self.seed, self.tick, visit.entity.0, Purpose::Visit);
        let moment = self.view_moment(id, visit.occasion, seed);
        Moment { character: visit.entity, level: visit.level, ..moment }
    }

    /// Greetings, each to who has come; announcements to everybody, each once.
    fn speak(&self, visits: &[Visit], decrees: &[Answer<Decree>], out: &mut Output) {
        let known = |id: &DefId| self.content.announcements.contains_key(id);
        let mut told = BTreeSet::new();
        for (visit, Answer { value, origin }) in visits.iter().zip(decrees) {
            // Who has come may have gone again.
            let newcomer = self.character_of(visit.entity).filter(|_| visit.occasion == Occasion::Entered);
            if let Some(newcomer) = newcomer
                && known(&value.greeting)
            {
                Self::notify(out, newcomer, Notice::Greeted(value.greeting));
            }
            if known(&value.announcement) && told.insert(value.announcement) {
                let kind = EventKind::Announcement(value.announcement);
                out.events.push(Event { at: None, origin: *origin, kind });
            }
        }
    }
}
