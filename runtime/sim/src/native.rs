//! The rules of the starter pack in Rust: what tests step the world with, and the yardstick that
//! benchmarks hold scripts against. A server never uses them.
//!
//! Combat, abilities, statuses, the chat filter and the weather are the scripts' rules to the letter; minds and quests are
//! plain versions of them, and conversations always end.

mod chat;
mod zone;

use crate::content::{Deed, Position};
use crate::ids::{DefId, EntityId};
use crate::limits::{ACTION_GAP_MS, AMOUNT_MAX};
use crate::rng::Rng;
use crate::rules::{
    Answer, Attack, Cast, Context, Conversation, Decision, Decree, DialogReply, HitKind, Inquiry, Judgement,
    Line, Moment, NpcState, Origin, Outcome, Perception, Plan, Pulse, PulseOutcome, QuestState, QuestStep,
    Rules, Trigger, Verdict,
};

/// Rules without scripts. Every answer bears [`Origin::Content`] with digest 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeRules;

fn answers<V, T>(views: &[V], out: &mut Vec<Answer<T>>, decide: impl Fn(&V) -> T) {
    out.clear();
    out.extend(views.iter().map(|view| Answer { value: decide(view), origin: Origin::Content(0) }));
}

impl Rules for NativeRules {
    fn plan_casts(&mut self, ctx: &Context, casts: &[Cast], out: &mut Vec<Answer<Plan>>) {
        answers(casts, out, |cast| plan(cast, ctx.tick_ms));
    }

    fn resolve(&mut self, _ctx: &Context, attacks: &[Attack], out: &mut Vec<Answer<Outcome>>) {
        answers(attacks, out, resolve);
    }

    fn pulse_statuses(&mut self, _ctx: &Context, pulses: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>) {
        answers(pulses, out, pulse);
    }

    fn think(
        &mut self,
        _ctx: &Context,
        _script: DefId,
        npcs: &[Perception],
        out: &mut Vec<Answer<Decision>>,
    ) {
        answers(npcs, out, think);
    }

    fn advance(
        &mut self,
        _ctx: &Context,
        _script: DefId,
        asked: &[Inquiry],
        out: &mut Vec<Answer<QuestStep>>,
    ) {
        answers(asked, out, advance);
    }

    fn converse(
        &mut self,
        _ctx: &Context,
        _script: DefId,
        talks: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    ) {
        answers(talks, out, |talk| DialogReply::fallback(talk.id));
    }

    fn judge(&mut self, ctx: &Context, _script: DefId, lines: &[Line], out: &mut Vec<Answer<Judgement>>) {
        answers(lines, out, |line| chat::judge(line, ctx));
    }

    fn govern(&mut self, _ctx: &Context, _script: DefId, moments: &[Moment], out: &mut Vec<Answer<Decree>>) {
        answers(moments, out, zone::govern);
    }
}

/// Percent of swings that are no miss:
/// `clamp(70 + (accuracy - 50) / 2 - (evasion - 50) / 2 - distance / 10, 5, 95)`, the distance in
/// units of 1,000 mm, every division rounded towards zero.
pub fn hit_chance(accuracy: i32, evasion: i32, distance_mm: u32) -> u32 {
    let aim = (i64::from(accuracy) - 50) / 2;
    let agility = (i64::from(evasion) - 50) / 2;
    (70 + aim - agility - i64::from(distance_mm / 1_000) / 10).clamp(5, 95) as u32
}

/// One swing: miss, dodge, variance of 20 %, critical (half as much again), block (half), resistance,
/// defence, in this order. A swing that landed takes at least 1.
pub fn resolve(attack: &Attack) -> Outcome {
    let mut dice = Rng(attack.seed);
    let harmless = |kind| Outcome { id: attack.id, kind, base: 0, raw: 0, amount: 0, threat: 1 };
    if dice.d100() > hit_chance(attack.accuracy, attack.evasion, attack.distance_mm) {
        return harmless(HitKind::Miss);
    }
    if dice.d100() <= attack.dodge_chance {
        return harmless(HitKind::Dodge);
    }
    let plain = (i64::from(attack.attack_power) + i64::from(attack.weapon_damage)).max(0);
    let variance = 800 + i64::from(dice.below(401));
    let base = share(share(plain, i64::from(attack.power_permille)), variance);
    let critical = dice.d100() <= attack.critical_chance;
    let raw = if critical { share(base, 1_500) } else { base };
    let blocked = !critical && dice.d100() <= attack.block_chance;
    let passed = if blocked { share(raw, 500) } else { raw };
    let resistance = i64::from(attack.resistance_permille.clamp(-1_000, 1_000));
    let felt = share(passed, 1_000 - resistance) - i64::from(attack.defence);
    let amount = felt.clamp(1, i64::from(AMOUNT_MAX)) as i32;
    let kind = match (critical, blocked) {
        (true, _) => HitKind::Critical,
        (false, true) => HitKind::Block,
        (false, false) => HitKind::Hit,
    };
    Outcome { id: attack.id, kind, base: base as i32, raw: raw as i32, amount, threat: amount }
}

fn share(amount: i64, permille: i64) -> i64 {
    (amount * permille / 1_000).clamp(0, i64::from(AMOUNT_MAX))
}

fn plan(cast: &Cast, tick_ms: u32) -> Plan {
    let verdict = if cast.ability == DefId::NONE || cast.health <= 0 {
        Verdict::Invalid
    } else if cast.stunned {
        Verdict::Stunned
    } else if cast.silenced && cast.mana_cost > 0 {
        Verdict::Silenced
    } else if cast.since_last_action_ticks < ACTION_GAP_MS.div_ceil(tick_ms) {
        Verdict::TooSoon
    } else if cast.cooldown_left_ticks > 0 {
        Verdict::OnCooldown
    } else if cast.target != cast.caster && cast.distance_mm > cast.range_mm {
        Verdict::OutOfRange
    } else if i64::from(cast.mana) < i64::from(cast.mana_cost) {
        Verdict::NotEnoughMana
    } else if i64::from(cast.energy) < i64::from(cast.energy_cost) {
        Verdict::NotEnoughEnergy
    } else {
        Verdict::Allow
    };
    if verdict != Verdict::Allow {
        return Plan { verdict, element: cast.element, ..Plan::fallback(cast.id) };
    }
    Plan {
        id: cast.id,
        verdict,
        mana_cost: cast.mana_cost,
        energy_cost: cast.energy_cost,
        cooldown_ticks: cast.cooldown_ticks,
        power_permille: cast.power_permille,
        element: cast.element,
        status: cast.status,
        status_ticks: cast.status_ticks,
        status_stacks: u32::from(cast.status != DefId::NONE),
        heal: cast.heal,
    }
}

fn pulse(pulse: &Pulse) -> PulseOutcome {
    let most = i64::from(AMOUNT_MAX);
    let full = (i64::from(pulse.strength) * i64::from(pulse.stacks)).clamp(-most, most);
    let resistance = i64::from(pulse.resistance_permille.clamp(-1_000, 1_000));
    let damage = if full > 0 { (full * (1_000 - resistance) / 1_000).max(1) } else { full };
    PulseOutcome { id: pulse.id, damage: damage.min(most) as i32, expire: pulse.health <= 0 }
}

fn think(seen: &Perception) -> Decision {
    let still = Decision { target: EntityId::NONE, state: NpcState::Idle, ..Decision::fallback(seen) };
    let home =
        Decision { state: NpcState::ReturnHome, destination: seen.home, speed_permille: 1_200, ..still };
    let far = seen.distance_home_mm > seen.leash_mm;
    let returning = seen.state == NpcState::ReturnHome && seen.distance_home_mm > 500;
    if returning || far {
        home
    } else if seen.target != EntityId::NONE && seen.target_distance_mm > seen.reach_mm {
        let (state, destination) = (NpcState::Chase, seen.target_at);
        Decision { state, target: seen.target, destination, speed_permille: 1_000, ..still }
    } else if seen.target != EntityId::NONE {
        let ability = if seen.ready_in_ticks == 0 { seen.basic } else { DefId::NONE };
        let call_for_help = seen.health_permille < 500 && seen.friends_idle > 0;
        Decision { state: NpcState::Attack, target: seen.target, ability, call_for_help, ..still }
    } else if seen.nearest != EntityId::NONE {
        Decision { state: NpcState::Chase, target: seen.nearest, ..still }
    } else if seen.wander_mm > 0 {
        let mut dice = Rng(seen.seed);
        let mut offset = || dice.below(2 * seen.wander_mm + 1) as i32 - seen.wander_mm as i32;
        let goal = Position { x_mm: seen.home.x_mm + offset(), y_mm: seen.home.y_mm + offset() };
        Decision { state: NpcState::Wander, destination: goal, speed_permille: 400, ..still }
    } else {
        still
    }
}

fn advance(asked: &Inquiry) -> QuestStep {
    let unchanged = QuestStep::fallback(asked);
    let allowed = asked.level >= asked.required_level && asked.prerequisites_met;
    let settle = |done: Vec<u32>| {
        let met =
            asked.objectives.iter().zip(&done).all(|(o, done)| o.deed == Deed::Deliver || *done >= o.needed);
        let state = if met { QuestState::Complete } else { QuestState::Active };
        QuestStep { state, done, ..unchanged.clone() }
    };
    match asked.trigger {
        Trigger::Offer if allowed => QuestStep { state: QuestState::Available, ..unchanged },
        Trigger::Accept if allowed => settle(vec![0; asked.objectives.len()]),
        Trigger::Happened { deed, subject, amount } => {
            let more = |o: &crate::rules::ObjectiveView| {
                let counts = o.deed == deed && o.subject == subject;
                o.done.saturating_add(if counts { amount } else { 0 }).min(o.needed)
            };
            settle(asked.objectives.iter().map(more).collect())
        }
        Trigger::TurnIn if asked.state == QuestState::Complete => {
            QuestStep { state: QuestState::TurnedIn, reward_permille: 1_000, ..unchanged }
        }
        Trigger::Abandon => QuestStep { state: QuestState::Abandoned, ..unchanged },
        _ => unchanged,
    }
}
