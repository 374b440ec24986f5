//! The starter pack and content in the Greywood: the same seed, inputs and modules give the same
//! digest after every tick, on whatever thread, and however a batch is ordered or cut.

use crate::live::seed;
use crate::support::starter;
use host_api::ScriptRules;
use sim::content::{Content, Position};
use sim::entity::{Entity, EntityKind};
use sim::input::{CharacterState, Command, Input, QuestProgress};
use sim::output::{EventKind, FactKind, Notice, Output};
use sim::rng::Rng;
use sim::rules::{
    Act, Answer, Attack, Attempt, Bout, Cast, Charge, Context, Conversation, Course, Crafted, Deal, Decision,
    Decree, DialogReply, Direction, EventMoment, Fall, Fee, Gain, Grown, Growth, Haul, Inquiry, Judgement,
    Kill, LevelStep, Line, Merit, Moment, Origin, Outcome, Pairing, Perception, Plan, Prize, Pulse,
    PulseOutcome, QuestState, QuestStep, Quote, Requirement, Rules, Spoils, Terms, Toll, Turn,
};
use sim::state::Kept;
use sim::{CharacterId, DefId, EntityId, RequestId, World, def_id};
use std::collections::BTreeMap;
use std::sync::Arc;

const TICKS: usize = 10_000;
const BOTS: i64 = 12;
/// Zones that share a thread, and for how long.
const ZONES: u64 = 4;
const SHARED_TICKS: usize = 1_000;
const GREYWOOD: DefId = def_id("zone/greywood");

/// How a batch reaches the components.
#[derive(Clone, Copy, Debug)]
enum Batches {
    /// As the simulation made it.
    Whole,
    /// Back to front.
    Reversed,
    /// In calls of at most this many views.
    Cut(usize),
}

/// Scripts that are asked in another way than the simulation asked.
struct Rearranged {
    rules: ScriptRules,
    batches: Batches,
    /// Views asked about, and whether any batch had two: what makes the comparison worth something.
    views: usize,
    largest: usize,
}

impl Rearranged {
    fn ask<V: Clone, T: Clone>(
        &mut self,
        views: &[V],
        out: &mut Vec<Answer<T>>,
        mut call: impl FnMut(&mut ScriptRules, &[V], &mut Vec<Answer<T>>),
    ) {
        self.views += views.len();
        self.largest = self.largest.max(views.len());
        match self.batches {
            Batches::Whole => call(&mut self.rules, views, out),
            Batches::Reversed => {
                let views: Vec<V> = views.iter().rev().cloned().collect();
                call(&mut self.rules, &views, out);
                out.reverse();
            }
            Batches::Cut(most) => {
                let mut answers = Vec::with_capacity(views.len());
                for part in views.chunks(most) {
                    call(&mut self.rules, part, out);
                    answers.append(out);
                }
                *out = answers;
            }
        }
    }
}

impl Rules for Rearranged {
    fn plan_casts(&mut self, ctx: &Context, views: &[Cast], out: &mut Vec<Answer<Plan>>) {
        self.ask(views, out, |rules, views, out| rules.plan_casts(ctx, views, out));
    }
    fn resolve(&mut self, ctx: &Context, views: &[Attack], out: &mut Vec<Answer<Outcome>>) {
        self.ask(views, out, |rules, views, out| rules.resolve(ctx, views, out));
    }
    fn pulse_statuses(&mut self, ctx: &Context, views: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>) {
        self.ask(views, out, |rules, views, out| rules.pulse_statuses(ctx, views, out));
    }
    fn think(&mut self, ctx: &Context, script: DefId, views: &[Perception], out: &mut Vec<Answer<Decision>>) {
        self.ask(views, out, |rules, views, out| rules.think(ctx, script, views, out));
    }
    fn advance(&mut self, ctx: &Context, script: DefId, views: &[Inquiry], out: &mut Vec<Answer<QuestStep>>) {
        self.ask(views, out, |rules, views, out| rules.advance(ctx, script, views, out));
    }
    fn converse(
        &mut self,
        ctx: &Context,
        script: DefId,
        views: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    ) {
        self.ask(views, out, |rules, views, out| rules.converse(ctx, script, views, out));
    }
    fn judge(&mut self, ctx: &Context, script: DefId, views: &[Line], out: &mut Vec<Answer<Judgement>>) {
        self.ask(views, out, |rules, views, out| rules.judge(ctx, script, views, out));
    }
    fn govern(&mut self, ctx: &Context, script: DefId, views: &[Moment], out: &mut Vec<Answer<Decree>>) {
        self.ask(views, out, |rules, views, out| rules.govern(ctx, script, views, out));
    }
    fn conduct(
        &mut self,
        ctx: &Context,
        script: DefId,
        views: &[EventMoment],
        out: &mut Vec<Answer<Course>>,
    ) {
        self.ask(views, out, |rules, views, out| rules.conduct(ctx, script, views, out));
    }
    fn reward_merits(&mut self, ctx: &Context, script: DefId, views: &[Merit], out: &mut Vec<Answer<Prize>>) {
        self.ask(views, out, |rules, views, out| rules.reward_merits(ctx, script, views, out));
    }
    fn roll_loot(&mut self, ctx: &Context, views: &[Spoils], out: &mut Vec<Answer<Haul>>) {
        self.ask(views, out, |rules, views, out| rules.roll_loot(ctx, views, out));
    }
    fn require_experience(&mut self, ctx: &Context, views: &[LevelStep], out: &mut Vec<Answer<Requirement>>) {
        self.ask(views, out, |rules, views, out| rules.require_experience(ctx, views, out));
    }
    fn grow_stats(&mut self, ctx: &Context, views: &[Growth], out: &mut Vec<Answer<Grown>>) {
        self.ask(views, out, |rules, views, out| rules.grow_stats(ctx, views, out));
    }
    fn reward_kills(&mut self, ctx: &Context, views: &[Kill], out: &mut Vec<Answer<Gain>>) {
        self.ask(views, out, |rules, views, out| rules.reward_kills(ctx, views, out));
    }
    fn punish_deaths(&mut self, ctx: &Context, views: &[Fall], out: &mut Vec<Answer<Toll>>) {
        self.ask(views, out, |rules, views, out| rules.punish_deaths(ctx, views, out));
    }
    fn quote_prices(&mut self, ctx: &Context, views: &[Deal], out: &mut Vec<Answer<Quote>>) {
        self.ask(views, out, |rules, views, out| rules.quote_prices(ctx, views, out));
    }
    fn craft(&mut self, ctx: &Context, views: &[Attempt], out: &mut Vec<Answer<Crafted>>) {
        self.ask(views, out, |rules, views, out| rules.craft(ctx, views, out));
    }
    fn fees(&mut self, ctx: &Context, views: &[Charge], out: &mut Vec<Answer<Fee>>) {
        self.ask(views, out, |rules, views, out| rules.fees(ctx, views, out));
    }
    fn direct(&mut self, ctx: &Context, script: DefId, views: &[Bout], out: &mut Vec<Answer<Direction>>) {
        self.ask(views, out, |rules, views, out| rules.direct(ctx, script, views, out));
    }
    fn open_duels(&mut self, ctx: &Context, script: DefId, views: &[Pairing], out: &mut Vec<Answer<Terms>>) {
        self.ask(views, out, |rules, views, out| rules.open_duels(ctx, script, views, out));
    }
    fn take_turns(&mut self, ctx: &Context, script: DefId, views: &[Turn], out: &mut Vec<Answer<Act>>) {
        self.ask(views, out, |rules, views, out| rules.take_turns(ctx, script, views, out));
    }
}

/// A bot as it enters: of either class, near the north edge, on the wolf quest.
fn bot(id: i64, content: &Content, dice: &mut Rng) -> CharacterState {
    let class = if id % 2 == 0 { "class/warrior" } else { "class/mage" };
    let progress = |quest: &str| {
        let quest = def_id(quest);
        let done = vec![0; content.quests[&quest].objectives.len()];
        (quest, Kept::new(QuestProgress { state: QuestState::Active, done, memory: 0 }, 0))
    };
    CharacterState {
        id: CharacterId(id),
        name: format!("Bot{id}"),
        class: def_id(class),
        level: 1 + dice.below(8),
        experience: 0,
        gold: 10,
        zone: GREYWOOD,
        at: Some(Position::units(200 + dice.below(200) as i32, 400 + dice.below(180) as i32)),
        health: None,
        mana: None,
        condition: None,
        inventory: BTreeMap::new(),
        equipment: BTreeMap::new(),
        quests: BTreeMap::from([progress("quest/wolves_at_the_gate"), progress("quest/old_greyjaw")]),
        dialog_flags: BTreeMap::new(),
    }
}

/// What all bots send before one tick: they come and go, hunt what is nearest with whatever their
/// class knows, and now and then do something else.
fn inputs(world: &World, dice: &mut Rng, seq: &mut u32) -> Vec<Input> {
    let mut inputs = Vec::new();
    for id in 1..=BOTS {
        let character = CharacterId(id);
        let Some(me) = world.character(character) else {
            if dice.below(20) == 0 {
                inputs.push(Input::Enter(Box::new(bot(id, world.content(), dice))));
            }
            continue;
        };
        if dice.below(3_000) == 0 {
            inputs.push(Input::Leave { character });
            continue;
        }
        *seq += 1;
        let Some(body) = world.entity(me.entity) else { continue };
        let prey = nearest_beast(world, body);
        let class = &world.content().classes[&me.state.class];
        let skill = class.abilities.get(dice.below(class.abilities.len() as u32) as usize).copied();
        let near = prey.is_some_and(|prey| prey.at.distance_mm(body.at) <= 2_500);
        let command = match (dice.below(16), prey) {
            (0..6, Some(prey)) if near => Command::Attack { target: prey.id },
            (6..11, _) if skill.is_some() => {
                Command::UseSkill { ability: skill.unwrap_or(class.basic), target: prey.map(|prey| prey.id) }
            }
            (11, _) if dice.below(3) == 0 => Command::Challenge { target: nearest_other(world, body) },
            (13, _) if dice.below(20) == 0 => Command::Chat { text: "Damn WOLVES EVERYWHERE".to_owned() },
            (14, _) => Command::Drop { slot: dice.below(4) as u16, count: 1 },
            (15, _) => Command::UseItem { slot: dice.below(4) as u16 },
            (_, Some(prey)) => Command::Move { seq: *seq, to: towards(body.at, prey.at) },
            (_, None) => {
                let drift = |dice: &mut Rng| dice.below(601) as i32 - 300;
                let (x_mm, y_mm) = (body.at.x_mm + drift(dice), body.at.y_mm + drift(dice));
                Command::Move { seq: *seq, to: Position { x_mm, y_mm } }
            }
        };
        inputs.push(Input::Command { character, request: RequestId(u64::from(*seq)), command });
    }
    inputs
}

fn nearest_beast<'a>(world: &'a World, body: &Entity) -> Option<&'a Entity> {
    let mut seen: Vec<EntityId> = Vec::new();
    world.visible(body.id, &mut seen);
    let beasts = seen.iter().filter_map(|id| world.entity(*id));
    beasts
        .filter(|entity| matches!(entity.kind, EntityKind::Npc(_)) && entity.is_alive())
        .min_by_key(|beast| (beast.at.distance_mm(body.at), beast.id))
}

/// Whoever else is nearest and might duel.
fn nearest_other(world: &World, body: &Entity) -> EntityId {
    let others = world.characters().map(|(_, character)| character.entity).filter(|id| *id != body.id);
    let near = others.filter_map(|id| world.entity(id));
    near.min_by_key(|other| (other.at.distance_mm(body.at), other.id)).map_or(EntityId::NONE, |it| it.id)
}

/// Who was challenged in the last tick takes it, and leaves the turns to the script, as whoever asked does.
fn duels(out: &Output, world: &World) -> Vec<Input> {
    let mut inputs = Vec::new();
    for (character, notice) in &out.notices {
        let Notice::DuelChallenged { duel, from, .. } = notice else { continue };
        let asked = world.characters().find(|(_, other)| other.entity == *from).map(|(id, _)| id);
        let take = Command::AcceptDuel { duel: *duel };
        let auto = || Command::AutoDuel { on: true };
        let commands = [(Some(*character), take), (Some(*character), auto()), (asked, auto())];
        inputs.extend(commands.into_iter().filter_map(|(character, command)| {
            Some(Input::Command { character: character?, request: RequestId(u64::MAX), command })
        }));
    }
    inputs
}

/// One tick's walk of at most 400 mm.
fn towards(from: Position, to: Position) -> Position {
    let distance = i64::from(from.distance_mm(to).max(1));
    let step = distance.min(400);
    let part = |a: i32, b: i32| a + ((i64::from(b) - i64::from(a)) * step / distance) as i32;
    Position { x_mm: part(from.x_mm, to.x_mm), y_mm: part(from.y_mm, to.y_mm) }
}

/// What a run leaves behind.
#[derive(Default)]
struct Run {
    digests: Vec<u64>,
    swings: usize,
    deaths: usize,
    facts: usize,
    duels: usize,
    views: usize,
    largest: usize,
}

/// A Greywood with its bots and its own instances of the scripts.
struct Session {
    seed: u64,
    world: World,
    rules: Rearranged,
    dice: Rng,
    seq: u32,
    out: Output,
    run: Run,
}

impl Session {
    fn new(content: &Arc<Content>, seed: u64, rules: ScriptRules, batches: Batches) -> Self {
        let rules = Rearranged { rules, batches, views: 0, largest: 0 };
        let world = World::new(GREYWOOD, Arc::clone(content), seed, 0, 50);
        Self { seed, world, rules, dice: Rng(seed), seq: 0, out: Output::default(), run: Run::default() }
    }

    fn tick(&mut self) {
        let Self { seed, world, rules, dice, seq, out, run } = self;
        let tick = run.digests.len();
        let mut inputs = inputs(world, dice, seq);
        inputs.extend(duels(out, world));
        world.step(&mut inputs, rules, out);
        for event in &out.events {
            assert_ne!(event.origin, Origin::Fallback, "a script failed in tick {tick}, seed {seed}");
            run.swings += usize::from(matches!(event.kind, EventKind::Swing { .. }));
            run.deaths += usize::from(matches!(event.kind, EventKind::Death { .. }));
        }
        for fact in &out.facts {
            assert_ne!(fact.origin, Origin::Fallback, "a script failed in tick {tick}, seed {seed}");
        }
        run.facts += out.facts.len();
        run.duels += out.facts.iter().filter(|fact| matches!(fact.kind, FactKind::Duel { .. })).count();
        run.digests.push(world.digest());
    }

    fn end(mut self) -> Run {
        let failures = self.rules.rules.drain_failures();
        assert!(failures.is_empty(), "seed {}: {}", self.seed, failures[0]);
        Run { views: self.rules.views, largest: self.rules.largest, ..self.run }
    }

    fn all(mut self, ticks: usize) -> Run {
        (0..ticks).for_each(|_| self.tick());
        self.end()
    }
}

#[test]
fn ten_thousand_ticks_of_the_greywood_have_the_same_digests_however_they_are_computed() {
    let Some(generation) = starter::generation() else { return };
    let (seed, content) = (seed("determinism"), starter::content());
    let ways = [Batches::Whole, Batches::Whole, Batches::Reversed, Batches::Cut(3)];
    // Each world on a thread of its own, as in a server.
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let threads: Vec<_> = ways
            .iter()
            .map(|&batches| {
                let (content, rules) = (&content, starter::rules(&generation));
                scope.spawn(move || Session::new(content, seed, rules, batches).all(TICKS))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let first = &runs[0];
    eprintln!(
        "determinism: {TICKS} ticks, {} swings, {} deaths, {} facts, {} of duels, {} views in batches of at most {}",
        first.swings, first.deaths, first.facts, first.duels, first.views, first.largest
    );
    assert!(first.swings > 1_000 && first.deaths > 50, "the bots hardly fought, seed {seed}");
    assert!(first.duels > 0, "nobody finished a duel, seed {seed}");
    assert!(first.largest > 3, "no batch was worth cutting, seed {seed}");
    for (other, batches) in runs.iter().zip(ways).skip(1) {
        let differs = first.digests.iter().zip(&other.digests).position(|(a, b)| a != b);
        assert_eq!(differs, None, "first tick that differs with batches {batches:?}, seed {seed}");
    }
}

#[test]
fn zones_that_share_a_thread_are_what_they_are_on_threads_of_their_own() {
    let Some(generation) = starter::generation() else { return };
    let (seed, content) = (seed("layouts"), starter::content());
    let zones = || {
        let seeds = (0..ZONES).map(|zone| seed.wrapping_add(zone));
        let zone = |seed| Session::new(&content, seed, starter::rules(&generation), Batches::Whole);
        seeds.map(zone).collect::<Vec<_>>()
    };
    let mut together = zones();
    for _ in 0..SHARED_TICKS {
        together.iter_mut().for_each(Session::tick);
    }
    let apart: Vec<Run> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            zones().into_iter().map(|zone| scope.spawn(|| zone.all(SHARED_TICKS))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let together: Vec<Run> = together.into_iter().map(Session::end).collect();
    let swings: usize = together.iter().map(|zone| zone.swings).sum();
    assert!(swings > 200, "the bots hardly fought: {swings} swings, seed {seed}");
    for (zone, (one, other)) in together.iter().zip(&apart).enumerate() {
        let differs = one.digests.iter().zip(&other.digests).position(|(a, b)| a != b);
        assert_eq!(differs, None, "first tick that differs in zone {zone}, seed {seed}");
    }
    assert_ne!(together[0].digests, together[1].digests, "another seed is another zone");
}
