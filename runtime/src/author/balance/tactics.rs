//! What an attacker does: the plain tactics of a player who knows the buttons. It heals itself below
//! half health, else uses the first ability of its bar that is ready and paid for, else its plain
//! attack, and walks up to whom it cannot reach.

use sim::content::{Ability, AbilityTarget, Class, Content, Position};
use sim::entity::Entity;
use sim::input::Command;
use sim::limits::ACTION_GAP_MS;
use sim::{DefId, EntityId};

/// Health below which it heals itself, permille.
const HEAL_BELOW_PERMILLE: i64 = 500;
/// It stops this far inside its reach, so that a step back does not end its attacks.
const INSIDE_MM: u32 = 300;

/// What an attacker knows when it decides.
pub(super) struct Situation<'a> {
    pub(super) content: &'a Content,
    pub(super) class: &'a Class,
    /// The tick in which the command will be carried out.
    pub(super) tick: u64,
    pub(super) tick_ms: u32,
    /// Full speed of characters.
    pub(super) speed_mm_s: u32,
    pub(super) own: &'a Entity,
    pub(super) enemy: &'a Entity,
}

impl Situation<'_> {
    /// Where to go first, if anywhere, and what to do then, if anything.
    pub(super) fn decide(&self) -> (Option<Position>, Option<Command>) {
        let reach = self.content.abilities.get(&self.class.basic).map_or(0, |basic| basic.range_mm);
        let distance = self.own.at.distance_mm(self.enemy.at);
        let step = (distance > reach).then(|| self.toward(distance, reach));
        (step, if self.is_ready() { self.action(distance) } else { None })
    }

    fn is_ready(&self) -> bool {
        let gap = u64::from(ACTION_GAP_MS.div_ceil(self.tick_ms));
        self.own.last_action.is_none_or(|at| self.tick - at >= gap)
    }

    fn action(&self, distance: u32) -> Option<Command> {
        let hurt =
            i64::from(self.own.health) * 1_000 < i64::from(self.own.stats.health) * HEAL_BELOW_PERMILLE;
        if hurt
            && let Some(ability) =
                self.find(|ability| ability.heal > 0 && ability.target != AbilityTarget::Enemy)
        {
            return Some(Command::UseSkill { ability, target: None });
        }
        let harmful = |ability: &Ability| {
            let lasts = |status: DefId| {
                self.enemy.statuses.iter().any(|s| s.status == status && s.source == self.own.id)
            };
            ability.target == AbilityTarget::Enemy
                && distance <= ability.range_mm
                && !ability.status.is_some_and(|(status, _)| lasts(status))
        };
        let target: EntityId = self.enemy.id;
        match self.find(harmful) {
            Some(ability) => Some(Command::UseSkill { ability, target: Some(target) }),
            None => Some(Command::Attack { target }),
        }
    }

    /// The first ability of the bar that can be used now.
    fn find(&self, wanted: impl Fn(&Ability) -> bool) -> Option<DefId> {
        let usable = |id: &&DefId| {
            self.content.abilities.get(id).is_some_and(|ability| {
                wanted(ability)
                    && self.own.level >= ability.required_level
                    && self.own.cooldowns.get(id).is_none_or(|ready| *ready <= self.tick)
                    && i64::from(self.own.mana) >= i64::from(ability.mana_cost)
                    && i64::from(self.own.energy) >= i64::from(ability.energy_cost)
            })
        };
        self.class.abilities.iter().find(usable).copied()
    }

    /// As far towards the enemy as one tick allows, or into reach.
    fn toward(&self, distance: u32, reach: u32) -> Position {
        let most = u64::from(self.speed_mm_s) * u64::from(self.tick_ms) / 1_000;
        let wanted = u64::from(distance - reach.saturating_sub(INSIDE_MM));
        let step = wanted.min(most) as i64;
        let part = |from: i32, to: i32| {
            (i64::from(from) + (i64::from(to) - i64::from(from)) * step / i64::from(distance.max(1))) as i32
        };
        let (from, to) = (self.own.at, self.enemy.at);
        Position { x_mm: part(from.x_mm, to.x_mm), y_mm: part(from.y_mm, to.y_mm) }
    }
}
