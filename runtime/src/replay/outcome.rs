//! What came of some ticks, in numbers that people compare.

use serde::Serialize;
use sim::output::{EventKind, FactKind, Output};
use sim::rules::HitKind;

/// Totals over the ticks that were played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Swings resolved.
    pub swings: u64,
    /// Of them, those that took health.
    pub landed: u64,
    /// Of them, critical ones.
    pub critical: u64,
    /// Health taken by swings and statuses.
    pub damage: i64,
    /// Health given.
    pub healed: i64,
    /// Deaths of characters and NPCs.
    pub deaths: u64,
    /// Experience gained, less what was lost.
    pub experience: i64,
    /// Gold gained, less what was spent.
    pub gold: i64,
    /// Items gained, less those used up or dropped.
    pub items: i64,
    /// Changes of quests.
    pub quest_steps: u64,
}

impl Outcome {
    /// Adds a tick.
    pub fn add(&mut self, output: &Output) {
        for event in &output.events {
            match event.kind {
                EventKind::Swing { hit, amount, .. } => {
                    self.swings += 1;
                    self.landed += u64::from(amount > 0);
                    self.critical += u64::from(hit == HitKind::Critical);
                    self.damage += i64::from(amount);
                }
                EventKind::Pulse { amount, .. } => self.damage += i64::from(amount.max(0)),
                EventKind::Heal { amount, .. } => self.healed += i64::from(amount),
                EventKind::Death { .. } => self.deaths += 1,
                EventKind::Chat { .. }
                | EventKind::Environment(_)
                | EventKind::Announcement(_)
                | EventKind::World(_) => {}
            }
        }
        for fact in &output.facts {
            match fact.kind {
                FactKind::Experience { delta, .. } => self.experience += delta,
                FactKind::Gold { delta, .. } => self.gold += delta,
                FactKind::Item { delta, .. } => self.items += delta,
                FactKind::Quest { .. } => self.quest_steps += 1,
                _ => {}
            }
        }
    }

    /// Every number with its name, for tables.
    pub fn rows(&self) -> [(&'static str, i64); 10] {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        [
            ("swings", count(self.swings)),
            ("landed", count(self.landed)),
            ("critical", count(self.critical)),
            ("damage", self.damage),
            ("healed", self.healed),
            ("deaths", count(self.deaths)),
            ("experience", self.experience),
            ("gold", self.gold),
            ("items", self.items),
            ("quest steps", count(self.quest_steps)),
        ]
    }
}
