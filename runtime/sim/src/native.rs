//! The rules of the starter pack in Rust: what tests step the world with, and the yardstick that
//! benchmarks hold scripts against. A server never uses them.
//!
//! Combat, abilities, statuses, loot, progression, prices, fees, crafting, the chat filter, the weather, encounters and world
//! events are the scripts' rules to the letter; minds and quests are plain versions of them, and conversations always
//! end.

mod chat;
mod craft;
mod encounter;
mod event;
mod zone;

use crate::content::{Deed, Position, Rarity};
use crate::ids::{DefId, EntityId};
use crate::limits::{ACTION_GAP_MS, AMOUNT_MAX, LOOT_PIECES, PRICE_MAX};
use crate::rng::Rng;
use crate::rules::{
    Act, Answer, Attack, Attempt, Bout, Cast, Charge, Context, Conversation, Course, Crafted, Deal, Decision,
    Decree, DialogReply, Direction, EventMoment, Fall, Fee, Gain, Grown, Growth, Haul, HitKind, Inquiry,
    Judgement, Kill, LevelStep, Line, Merit, Moment, NpcState, Origin, Outcome, Pairing, Perception, Piece,
    Plan, Prize, Pulse, PulseOutcome, QuestState, QuestStep, Quote, Requirement, RowView, Rules, Side,
    Spoils, Terms, Toll, Trigger, Turn, Verdict,
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

    fn conduct(
        &mut self,
        _ctx: &Context,
        _script: DefId,
        moments: &[EventMoment],
        out: &mut Vec<Answer<Course>>,
    ) {
        answers(moments, out, event::conduct);
    }

    fn reward_merits(
        &mut self,
        _ctx: &Context,
        _script: DefId,
        merits: &[Merit],
        out: &mut Vec<Answer<Prize>>,
    ) {
        answers(merits, out, event::reward);
    }

    fn roll_loot(&mut self, _ctx: &Context, deaths: &[Spoils], out: &mut Vec<Answer<Haul>>) {
        answers(deaths, out, roll);
    }

    fn require_experience(
        &mut self,
        _ctx: &Context,
        steps: &[LevelStep],
        out: &mut Vec<Answer<Requirement>>,
    ) {
        answers(steps, out, Requirement::fallback);
    }

    fn grow_stats(&mut self, _ctx: &Context, growths: &[Growth], out: &mut Vec<Answer<Grown>>) {
        answers(growths, out, Grown::fallback);
    }

    fn reward_kills(&mut self, _ctx: &Context, kills: &[Kill], out: &mut Vec<Answer<Gain>>) {
        answers(kills, out, |kill| Gain { id: kill.id, experience: worth(kill) });
    }

    fn punish_deaths(&mut self, _ctx: &Context, falls: &[Fall], out: &mut Vec<Answer<Toll>>) {
        answers(falls, out, punish);
    }

    fn quote_prices(&mut self, _ctx: &Context, deals: &[Deal], out: &mut Vec<Answer<Quote>>) {
        answers(deals, out, quote);
    }

    fn craft(&mut self, _ctx: &Context, attempts: &[Attempt], out: &mut Vec<Answer<Crafted>>) {
        answers(attempts, out, craft::attempt);
    }

    fn fees(&mut self, _ctx: &Context, charges: &[Charge], out: &mut Vec<Answer<Fee>>) {
        answers(charges, out, craft::fee);
    }

    fn direct(&mut self, ctx: &Context, _script: DefId, bouts: &[Bout], out: &mut Vec<Answer<Direction>>) {
        answers(bouts, out, |bout| encounter::direct(bout, ctx.tick_ms));
    }

    fn open_duels(
        &mut self,
        _ctx: &Context,
        _script: DefId,
        pairs: &[Pairing],
        out: &mut Vec<Answer<Terms>>,
    ) {
        answers(pairs, out, encounter::open_duel);
    }

    fn take_turns(&mut self, ctx: &Context, _script: DefId, turns: &[Turn], out: &mut Vec<Answer<Act>>) {
        answers(turns, out, |turn| encounter::take_turn(turn, ctx.tick_ms));
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

/// Rows looked at for one death, however tables are nested.
const LOOT_DRAWS: u32 = 256;
/// Tables inside tables.
const LOOT_DEPTH: u32 = 4;

/// What is drawn for one death.
struct Draw<'a> {
    spoils: &'a Spoils,
    dice: Rng,
    /// What luck and levels add to the weight of what is uncommon or rarer, permille.
    bonus: i64,
    left: u32,
    pieces: Vec<Piece>,
}

fn roll(spoils: &Spoils) -> Haul {
    let beneath = (i64::from(spoils.looter_level) - i64::from(spoils.npc_level) - 5).max(0);
    let mut draw = Draw {
        spoils,
        dice: Rng(spoils.seed),
        bonus: (i64::from(spoils.luck_permille) - 100 * beneath).clamp(-900, 9_000),
        left: LOOT_DRAWS,
        pieces: Vec::new(),
    };
    let gold = draw.dice.within(spoils.gold_least, spoils.gold_most);
    draw.table(0, 0);
    Haul { id: spoils.id, gold, pieces: draw.pieces }
}

impl<'a> Draw<'a> {
    fn table(&mut self, table: u32, depth: u32) {
        let spoils = self.spoils;
        let Some(rolls) = spoils.tables.get(table as usize).map(|table| table.rolls) else { return };
        for (index, row) in spoils.rows.iter().enumerate() {
            if row.table == table && row.guaranteed {
                self.take(index, row, depth);
            }
        }
        for _ in 0..rolls {
            if self.left == 0 {
                return;
            }
            if let Some((index, row)) = self.pick(table) {
                self.take(index, row, depth);
            }
        }
    }

    /// A row that is not guaranteed, by weight.
    fn pick(&mut self, table: u32) -> Option<(usize, &'a RowView)> {
        let (spoils, bonus) = (self.spoils, self.bonus);
        let rows = &spoils.rows;
        let weight = |row: &RowView| {
            let bonus = if row.rarity >= Rarity::Uncommon { bonus } else { 0 };
            (i64::from(row.weight) * (1_000 + bonus) / 1_000) as u64
        };
        let open = |row: &RowView| row.table == table && !row.guaranteed;
        let total: u64 = rows.iter().filter(|row| open(row)).map(weight).sum();
        let mut left = u64::from(self.dice.below(total.min(u64::from(u32::MAX)) as u32));
        rows.iter().enumerate().filter(|(_, row)| open(row)).find(|(_, row)| {
            let weight = weight(row);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        })
    }

    fn take(&mut self, index: usize, row: &RowView, depth: u32) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let count = self.dice.within(row.least, row.most);
        if row.nested != 0 {
            for _ in 0..count {
                if self.left == 0 || depth == LOOT_DEPTH {
                    return;
                }
                self.table(row.nested, depth + 1);
            }
        } else if row.item != DefId::NONE && count > 0 && self.pieces.len() < LOOT_PIECES {
            self.pieces.push(Piece { row: index as u32, count });
        }
    }
}

/// Experience of one of those who took part: less for easy prey (a tenth per level, at least a
/// tenth), more for hard prey (at most half as much again), divided by how many they are.
fn worth(kill: &Kill) -> u64 {
    let percent = (100 + 10 * (i64::from(kill.npc_level) - i64::from(kill.level))).clamp(10, 150) as u64;
    (u64::from(kill.experience) * percent / 100).div_ceil(u64::from(kill.fighters.max(1)))
}

fn punish(fall: &Fall) -> Toll {
    let share = u128::from(fall.needed) * u128::from(fall.loss_permille) / 1_000;
    let experience = share.min(u128::from(fall.experience)) as u64;
    Toll { id: fall.id, experience, respawn_ticks: fall.respawn_ticks }
}

/// A percent better per level above the first, at most ten. Nothing is sold below its value, and for
/// nothing is more than nine tenths of it paid.
fn quote(deal: &Deal) -> Quote {
    let value = u64::from(deal.value);
    let better = u64::from(deal.level.saturating_sub(1).min(10));
    let full = value * u64::from(deal.permille.min(10_000));
    let unit = match deal.side {
        Side::Buy => (full * (100 - better)).div_ceil(100_000).max(value),
        Side::Sell => (full * (100 + better) / 100_000).min(value * 9 / 10),
    };
    let unit = unit.min(u64::from(PRICE_MAX)) as u32;
    Quote { id: deal.id, agreed: unit > 0, unit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EntityId;

    #[test]
    fn experience_follows_the_difference_of_levels() {
        let check = |npc_level, level, fighters, expected| {
            let kill = Kill {
                id: 1,
                character: EntityId(1),
                level,
                prey: EntityId(2),
                npc: DefId::NONE,
                npc_level,
                boss: false,
                experience: 100,
                fighters,
                share_permille: 1_000,
                seed: 1,
            };
            assert_eq!(worth(&kill), expected);
        };
        check(5, 5, 1, 100);
        check(5, 20, 1, 10);
        check(20, 5, 1, 150);
        check(5, 5, 3, 34);
    }
}
