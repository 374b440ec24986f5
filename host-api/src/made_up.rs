//! Views that nobody asked for: a recorded or a sample view with other numbers in it, for the proof of a
//! candidate that hardly anything was recorded for. Each is one that the simulation could ask: numbers stay
//! within their usual ranges and agree with each other. What a script itself has written (its memory, flags)
//! stays as it was, because only the script knows what may stand there.

use sim::content::{Element, Rarity};
use sim::limits::LEVEL_MAX;
use sim::rng::Rng;
use sim::rules::{
    Attack, Attempt, Bout, BoutOccasion, Cast, Channel, Charge, Conversation, Deal, DuelistView, EventMoment,
    EventOccasion, Fall, Growth, Inquiry, Kill, LevelStep, Line, Merit, Moment, NpcState, Occasion, Pairing,
    Perception, Pulse, QuestState, Service, Side, Spoils, Trigger, Turn,
};
use sim::{DefId, EntityId, def_id};

const ELEMENTS: [Element; 8] = [
    Element::Physical,
    Element::Fire,
    Element::Frost,
    Element::Lightning,
    Element::Poison,
    Element::Holy,
    Element::Shadow,
    Element::Arcane,
];
const QUEST_STATES: [QuestState; 7] = [
    QuestState::Unavailable,
    QuestState::Available,
    QuestState::Active,
    QuestState::Complete,
    QuestState::TurnedIn,
    QuestState::Failed,
    QuestState::Abandoned,
];
/// Lines a filter has to cope with; what of them is listed was found in another text and is left out.
const LINES: [&str; 6] = [
    "Well met!",
    "LFG wolf den, need a healer and two more",
    "WHO TOOK MY BREAD WHO TOOK MY BREAD",
    "see https://example.com/guide?x=1 for more",
    "Grüße aus dem Grünwald, 你好, 🐺🐺🐺",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

fn one_of<T: Copy>(all: &[T], dice: &mut Rng) -> T {
    all[dice.below(all.len() as u32) as usize]
}

/// A whole number that cannot be negative, where the simulation counts with a sign.
fn amount(dice: &mut Rng, low: u32, high: u32) -> i32 {
    dice.within(low, high).cast_signed()
}

fn level(dice: &mut Rng) -> u32 {
    dice.within(1, LEVEL_MAX)
}

/// True once in so many times.
fn once_in(dice: &mut Rng, times: u32) -> bool {
    dice.below(times) == 0
}

pub(crate) fn attack(view: &mut Attack, number: u32, dice: &mut Rng) {
    view.id = number;
    view.element = one_of(&ELEMENTS, dice);
    (view.attacker_level, view.defender_level) = (level(dice), level(dice));
    view.attacker_is_npc = once_in(dice, 2);
    view.defender_is_npc = once_in(dice, 2);
    (view.accuracy, view.evasion) = (amount(dice, 0, 150), amount(dice, 0, 150));
    view.distance_mm = dice.below(30_000);
    view.attack_power = amount(dice, 0, 500);
    view.weapon_damage = amount(dice, 0, 300);
    view.power_permille = dice.within(100, 3_000);
    view.critical_chance = dice.below(101);
    view.defence = amount(dice, 0, 500);
    view.resistance_permille = amount(dice, 0, 1_500) - 500;
    (view.block_chance, view.dodge_chance) = (dice.below(76), dice.below(76));
    view.defender_health_max = amount(dice, 1, 20_000);
    view.defender_health = amount(dice, 1, view.defender_health_max.cast_unsigned());
    view.seed = dice.next_u64();
}

pub(crate) fn cast(view: &mut Cast, number: u32, dice: &mut Rng) {
    view.id = number;
    view.caster_level = level(dice);
    view.caster_is_npc = once_in(dice, 2);
    view.distance_mm = dice.below(2 * view.range_mm.min(50_000) + 1);
    view.health_max = amount(dice, 1, 5_000);
    view.health = amount(dice, 1, view.health_max.cast_unsigned());
    (view.mana, view.energy) = (amount(dice, 0, 500), amount(dice, 0, 200));
    view.cooldown_left_ticks = if once_in(dice, 3) { dice.below(view.cooldown_ticks.max(1)) } else { 0 };
    view.since_last_action_ticks = dice.below(400);
    (view.stunned, view.silenced) = (once_in(dice, 8), once_in(dice, 8));
    view.seed = dice.next_u64();
}

pub(crate) fn pulse(view: &mut Pulse, number: u32, dice: &mut Rng) {
    view.id = number;
    view.stacks = dice.within(1, 5);
    view.age_ticks = dice.below(600);
    view.left_ticks = dice.below(600);
    view.health_max = amount(dice, 1, 20_000);
    view.health = amount(dice, 1, view.health_max.cast_unsigned());
    view.strength = amount(dice, 0, 100);
    view.resistance_permille = amount(dice, 0, 1_500) - 500;
    view.seed = dice.next_u64();
}

pub(crate) fn perception(view: &mut Perception, number: u32, dice: &mut Rng) {
    use NpcState::{Attack, Chase, Flee, Idle, ReturnHome, Wander};
    view.id = EntityId(1_000 + u64::from(number));
    view.level = level(dice);
    view.state = one_of(&[Idle, Wander, Chase, Attack, Flee, ReturnHome], dice);
    view.state_ticks = dice.below(1_200);
    view.health_permille = dice.within(1, 1_000);
    let away_mm = dice.below(2 * view.leash_mm.min(100_000) + 1);
    view.at = view.home;
    view.at.x_mm = view.at.x_mm.saturating_add(away_mm.cast_signed());
    view.distance_home_mm = away_mm;
    let someone = EntityId(11);
    if matches!(view.state, Chase | Attack | Flee) {
        view.target = someone;
        view.target_distance_mm = dice.below(view.aggro_mm.min(100_000) + 1);
        view.target_at = view.at;
        view.target_at.y_mm = view.target_at.y_mm.saturating_add(view.target_distance_mm.cast_signed());
        view.target_health_permille = dice.within(1, 1_000);
    } else {
        (view.target, view.target_at) = (EntityId::NONE, sim::content::Position::default());
        (view.target_distance_mm, view.target_health_permille) = (0, 0);
    }
    (view.nearest, view.nearest_distance_mm) = match once_in(dice, 2) {
        true => (someone, dice.below(view.aggro_mm.min(100_000) + 1)),
        false => (EntityId::NONE, u32::MAX),
    };
    (view.friends_fighting, view.friends_idle) = (dice.below(5), dice.below(5));
    view.stunned = once_in(dice, 8);
    view.ready_in_ticks = dice.below(40);
    view.special_ready_in_ticks = dice.below(200);
    view.seed = dice.next_u64();
}

pub(crate) fn inquiry(view: &mut Inquiry, number: u32, dice: &mut Rng) {
    view.id = number;
    view.level = level(dice);
    view.prerequisites_met = !once_in(dice, 4);
    view.trigger = match view.state {
        QuestState::Active | QuestState::Complete => match (dice.below(4), view.objectives.is_empty()) {
            (0, _) => Trigger::TurnIn,
            (1, _) => Trigger::Abandon,
            (_, true) => Trigger::TurnIn,
            (_, false) => {
                let asked = one_of(&view.objectives, dice);
                Trigger::Happened { deed: asked.deed, subject: asked.subject, amount: dice.within(1, 5) }
            }
        },
        _ if once_in(dice, 2) => Trigger::Accept,
        _ => Trigger::Offer,
    };
    view.seed = dice.next_u64();
}

pub(crate) fn conversation(view: &mut Conversation, number: u32, dice: &mut Rng) {
    view.id = number;
    view.level = level(dice);
    view.gold = dice.below(10_000);
    view.quests.iter_mut().for_each(|(_, state)| *state = one_of(&QUEST_STATES, dice));
    view.items.iter_mut().for_each(|(_, count)| *count = dice.below(20));
    view.seed = dice.next_u64();
}

pub(crate) fn line(view: &mut Line, number: u32, dice: &mut Rng) {
    use Channel::{Global, Guild, Party, Whisper, Zone};
    view.id = number;
    view.sender_level = level(dice);
    view.channel = one_of(&[Zone, Global, Party, Guild, Whisper], dice);
    // What is listed stands in the text as it is.
    if once_in(dice, 2) {
        view.text = one_of(&LINES, dice).to_owned();
        view.hits.clear();
    }
    view.flags = if once_in(dice, 8) { Line::DEAD } else { 0 };
    view.strikes = dice.below(6);
    view.since_last_ticks = if once_in(dice, 8) { u32::MAX } else { dice.below(1_200) };
    view.repeats = dice.below(6);
    view.seed = dice.next_u64();
}

pub(crate) fn moment(view: &mut Moment, number: u32, dice: &mut Rng) {
    use Occasion::{Changed, Entered, Hour, Left, Started, Stopping};
    view.id = number;
    view.occasion = one_of(&[Started, Hour, Hour, Changed, Entered, Left, Stopping], dice);
    (view.character, view.level) = match view.occasion {
        Entered | Left => (EntityId(11), level(dice)),
        Started | Hour | Changed | Stopping => (EntityId::NONE, 0),
    };
    view.hour = u64::from(dice.below(24 * 365));
    view.minute_of_day = (view.hour % 24) as u32 * 60;
    if !view.chances.is_empty() {
        view.weather = one_of(&view.chances, dice).0;
    }
    view.temperature_dc = amount(dice, 0, 600) - 200;
    view.population = dice.below(view.population_cap.min(10_000) + 1);
    view.seed = dice.next_u64();
}

pub(crate) fn spoils(view: &mut Spoils, number: u32, dice: &mut Rng) {
    view.id = number;
    (view.looter_level, view.npc_level) = (level(dice), level(dice));
    view.luck_permille = amount(dice, 0, 1_000);
    view.boss = once_in(dice, 4);
    view.fighters = dice.within(1, 5);
    view.seed = dice.next_u64();
}

pub(crate) fn level_step(view: &mut LevelStep, number: u32, dice: &mut Rng) {
    view.id = number;
    view.top = dice.within(2, LEVEL_MAX);
    view.level = dice.within(1, view.top - 1);
    view.experience = u64::from(dice.within(1, 10_000_000));
}

pub(crate) fn growth(view: &mut Growth, number: u32, dice: &mut Rng) {
    view.id = number;
    view.level = level(dice);
    view.base.health = amount(dice, 1, 500);
    view.base.attack = amount(dice, 0, 50);
    view.per_level.health = amount(dice, 0, 50);
    view.per_level.attack = amount(dice, 0, 10);
}

pub(crate) fn kill(view: &mut Kill, number: u32, dice: &mut Rng) {
    view.id = number;
    (view.level, view.npc_level) = (level(dice), level(dice));
    view.boss = once_in(dice, 4);
    view.experience = dice.below(10_000);
    view.fighters = dice.within(1, 5);
    view.share_permille = dice.within(1, 1_000);
    view.seed = dice.next_u64();
}

pub(crate) fn fall(view: &mut Fall, number: u32, dice: &mut Rng) {
    view.id = number;
    view.level = level(dice);
    view.needed = u64::from(dice.within(1, 10_000_000));
    view.experience = u64::from(dice.below(view.needed as u32));
    view.loss_permille = dice.below(201);
    view.respawn_ticks = dice.within(1, 1_200);
    view.seed = dice.next_u64();
}

pub(crate) fn deal(view: &mut Deal, number: u32, dice: &mut Rng) {
    use Rarity::{Common, Epic, Poor, Rare, Uncommon};
    view.id = number;
    view.side = one_of(&[Side::Buy, Side::Sell], dice);
    view.level = level(dice);
    view.rarity = one_of(&[Poor, Common, Uncommon, Rare, Epic], dice);
    view.value = dice.below(10_000);
    view.count = dice.within(1, 50);
    view.seed = dice.next_u64();
}

pub(crate) fn attempt(view: &mut Attempt, number: u32, dice: &mut Rng) {
    view.id = number;
    view.required_level = level(dice);
    view.level = dice.within(view.required_level, LEVEL_MAX);
    view.chance_permille = dice.below(1_001);
    view.quality_permille = dice.below(1_001);
    view.pieces = dice.within(1, 10);
    view.count = dice.within(1, 20);
    view.seed = dice.next_u64();
}

pub(crate) fn charge(view: &mut Charge, number: u32, dice: &mut Rng) {
    view.id = number;
    view.service = one_of(&[Service::Crafting, Service::Respawn], dice);
    view.level = level(dice);
    (view.subject, view.count) = match view.service {
        Service::Crafting => (def_id("recipe/sample"), dice.within(1, 20)),
        Service::Respawn => (DefId::NONE, 1),
    };
    view.amount = dice.below(1_000);
    view.balance = dice.below(100_000);
}

pub(crate) fn bout(view: &mut Bout, number: u32, dice: &mut Rng) {
    use BoutOccasion::{Changed, Going, Reset};
    view.id = number;
    view.level = level(dice);
    // Only at its beginning nothing is known of a fight.
    if view.occasion != BoutOccasion::Engaged {
        view.occasion = one_of(&[Going, Going, Reset, Changed], dice);
        view.phase_ticks = dice.below(2_400);
        view.fight_ticks = view.phase_ticks + dice.below(2_400);
        view.health_permille = dice.within(1, 1_000);
        view.adds = dice.below(5);
    }
    view.fighters = dice.below(6);
    view.seed = dice.next_u64();
}

fn duelist(view: &mut DuelistView, dice: &mut Rng) {
    view.is_npc = once_in(dice, 2);
    view.level = level(dice);
    view.health_max = amount(dice, 1, 5_000);
    view.health = amount(dice, 1, view.health_max.cast_unsigned());
    (view.mana, view.energy) = (amount(dice, 0, 500), amount(dice, 0, 200));
    (view.accuracy, view.evasion) = (amount(dice, 0, 150), amount(dice, 0, 150));
}

pub(crate) fn pairing(view: &mut Pairing, number: u32, dice: &mut Rng) {
    view.id = number;
    duelist(&mut view.challenger, dice);
    duelist(&mut view.opponent, dice);
    view.seed = dice.next_u64();
}

pub(crate) fn turn(view: &mut Turn, number: u32, dice: &mut Rng) {
    view.id = number;
    view.round = dice.within(1, 50);
    duelist(&mut view.actor, dice);
    duelist(&mut view.foe, dice);
    view.moves.iter_mut().for_each(|made| made.ready = !once_in(dice, 3));
    let ready: Vec<DefId> = view.moves.iter().filter(|made| made.ready).map(|made| made.ability).collect();
    view.chosen = if ready.is_empty() || once_in(dice, 2) { DefId::NONE } else { one_of(&ready, dice) };
    view.auto = view.chosen == DefId::NONE && once_in(dice, 2);
    view.timed_out = view.chosen == DefId::NONE && !view.auto;
    view.seed = dice.next_u64();
}

pub(crate) fn event_moment(view: &mut EventMoment, number: u32, dice: &mut Rng) {
    use EventOccasion::{Changed, Kill, Second, StageOver};
    view.id = number;
    view.stage = dice.below(view.stages.len() as u32 + 1);
    let stage = view.stage.checked_sub(1).and_then(|index| view.stages.get(index as usize)).copied();
    if let Some(stage) = stage {
        view.occasion = one_of(&[Changed, StageOver, Kill, Second], dice);
        view.stage_ticks = dice.below(stage.duration_ticks.min(1_000_000) + 1);
        view.kills = dice.below(stage.kills_needed.min(1_000) + 1);
        view.spawned = dice.below(stage.creatures.min(1_000) + 1);
        view.alive = dice.below(view.spawned + 1);
        view.participants = dice.below(20);
    } else {
        view.occasion = one_of(&[Changed, Second], dice);
        (view.stage_ticks, view.kills, view.spawned, view.alive, view.participants) = (0, 0, 0, 0, 0);
    }
    view.due = once_in(dice, 2);
    view.trigger_count = dice.below(view.trigger_needed.min(1_000) + 1);
    view.cooldown_left_ticks = if once_in(dice, 2) { dice.below(72_000) } else { 0 };
    view.nearby = dice.below(20);
    view.seed = dice.next_u64();
}

pub(crate) fn merit(view: &mut Merit, number: u32, dice: &mut Rng) {
    view.id = number;
    view.level = level(dice);
    view.points = u64::from(dice.below(100_000));
    view.kills = dice.below(50);
    view.share_permille = dice.below(1_001);
    view.participants = dice.within(1, 40);
    view.rank = dice.within(1, view.participants);
    view.seed = dice.next_u64();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::Hook;
    use crate::manifest::Kind;
    use crate::record::{Laned, Visitor, visit};
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    struct Check;

    impl Visitor for Check {
        type Error = Infallible;

        fn visit<H: Laned>(&mut self) -> Result<(), Infallible> {
            let mut dice = Rng(1);
            let sample = H::sample();
            let (mut ids, mut shown) = (BTreeSet::new(), BTreeSet::new());
            for number in 0..200 {
                let mut view = sample.clone();
                H::vary(&mut view, number, &mut dice);
                assert_eq!(H::state(&view), H::state(&sample), "{view:?}");
                ids.insert(H::id(&view));
                shown.insert(format!("{view:?}"));
            }
            assert_eq!((ids.len(), shown.len()), (200, 200), "{}", H::EXPORT.name());
            Ok(())
        }
    }

    #[test]
    fn every_view_is_another_one_and_what_a_script_has_written_stays() {
        for kind in Kind::ALL {
            let Ok(()) = visit(kind, &mut Check);
        }
    }

    #[test]
    fn what_is_made_up_agrees_with_itself() {
        let mut dice = Rng(2);
        for number in 0..500 {
            let mut seen = crate::convert::Think::sample();
            perception(&mut seen, number, &mut dice);
            let hunts = matches!(seen.state, NpcState::Chase | NpcState::Attack | NpcState::Flee);
            assert_eq!(seen.target != EntityId::NONE, hunts, "{seen:?}");
            let mut duel = crate::convert::TakeTurns::sample();
            turn(&mut duel, number, &mut dice);
            assert!(duel.chosen == DefId::NONE || duel.ready_move(duel.chosen).is_some(), "{duel:?}");
            let mut event = crate::convert::Conduct::sample();
            event_moment(&mut event, number, &mut dice);
            assert!(event.stage as usize <= event.stages.len() && event.alive <= event.spawned, "{event:?}");
            let mut swing = crate::convert::Resolve::sample();
            attack(&mut swing, number, &mut dice);
            assert!((1..=swing.defender_health_max).contains(&swing.defender_health), "{swing:?}");
        }
    }
}
