//! The same seed, inputs and definitions give the same digest after every tick, whatever the order
//! in which a batch is computed.

use crate::content::{Content, Encounter, Npc, Phase, Position};
use crate::ids::{CharacterId, EntityId, RequestId};
use crate::input::{Command, Input, Stack};
use crate::native::NativeRules;
use crate::output::Output;
use crate::rng::Rng;
use crate::rules::*;
use crate::scenario::{FIELD, character, content};
use crate::{DefId, World};
use std::sync::Arc;

/// Computes every batch back to front.
struct Reversed(NativeRules);

fn reversed<V: Clone, T: Clone>(
    views: &[V],
    out: &mut Vec<Answer<T>>,
    mut call: impl FnMut(&[V], &mut Vec<Answer<T>>),
) {
    let views: Vec<V> = views.iter().rev().cloned().collect();
    call(&views, out);
    out.reverse();
}

impl Rules for Reversed {
    fn plan_casts(&mut self, ctx: &Context, views: &[Cast], out: &mut Vec<Answer<Plan>>) {
        reversed(views, out, |v, o| self.0.plan_casts(ctx, v, o));
    }
    fn resolve(&mut self, ctx: &Context, views: &[Attack], out: &mut Vec<Answer<Outcome>>) {
        reversed(views, out, |v, o| self.0.resolve(ctx, v, o));
    }
    fn pulse_statuses(&mut self, ctx: &Context, views: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>) {
        reversed(views, out, |v, o| self.0.pulse_statuses(ctx, v, o));
    }
    fn think(&mut self, ctx: &Context, script: DefId, views: &[Perception], out: &mut Vec<Answer<Decision>>) {
        reversed(views, out, |v, o| self.0.think(ctx, script, v, o));
    }
    fn advance(&mut self, ctx: &Context, script: DefId, views: &[Inquiry], out: &mut Vec<Answer<QuestStep>>) {
        reversed(views, out, |v, o| self.0.advance(ctx, script, v, o));
    }
    fn converse(
        &mut self,
        c: &Context,
        s: DefId,
        views: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    ) {
        reversed(views, out, |v, o| self.0.converse(c, s, v, o));
    }
    fn judge(&mut self, ctx: &Context, script: DefId, views: &[Line], out: &mut Vec<Answer<Judgement>>) {
        reversed(views, out, |v, o| self.0.judge(ctx, script, v, o));
    }
    fn govern(&mut self, ctx: &Context, script: DefId, views: &[Moment], out: &mut Vec<Answer<Decree>>) {
        reversed(views, out, |v, o| self.0.govern(ctx, script, v, o));
    }
    fn conduct(
        &mut self,
        ctx: &Context,
        script: DefId,
        views: &[EventMoment],
        out: &mut Vec<Answer<Course>>,
    ) {
        reversed(views, out, |v, o| self.0.conduct(ctx, script, v, o));
    }
    fn reward_merits(&mut self, ctx: &Context, script: DefId, views: &[Merit], out: &mut Vec<Answer<Prize>>) {
        reversed(views, out, |v, o| self.0.reward_merits(ctx, script, v, o));
    }
    fn roll_loot(&mut self, ctx: &Context, views: &[Spoils], out: &mut Vec<Answer<Haul>>) {
        reversed(views, out, |v, o| self.0.roll_loot(ctx, v, o));
    }
    fn require_experience(&mut self, ctx: &Context, views: &[LevelStep], out: &mut Vec<Answer<Requirement>>) {
        reversed(views, out, |v, o| self.0.require_experience(ctx, v, o));
    }
    fn grow_stats(&mut self, ctx: &Context, views: &[Growth], out: &mut Vec<Answer<Grown>>) {
        reversed(views, out, |v, o| self.0.grow_stats(ctx, v, o));
    }
    fn reward_kills(&mut self, ctx: &Context, views: &[Kill], out: &mut Vec<Answer<Gain>>) {
        reversed(views, out, |v, o| self.0.reward_kills(ctx, v, o));
    }
    fn punish_deaths(&mut self, ctx: &Context, views: &[Fall], out: &mut Vec<Answer<Toll>>) {
        reversed(views, out, |v, o| self.0.punish_deaths(ctx, v, o));
    }
    fn quote_prices(&mut self, ctx: &Context, views: &[Deal], out: &mut Vec<Answer<Quote>>) {
        reversed(views, out, |v, o| self.0.quote_prices(ctx, v, o));
    }
    fn craft(&mut self, ctx: &Context, views: &[Attempt], out: &mut Vec<Answer<Crafted>>) {
        reversed(views, out, |v, o| self.0.craft(ctx, v, o));
    }
    fn fees(&mut self, ctx: &Context, views: &[Charge], out: &mut Vec<Answer<Fee>>) {
        reversed(views, out, |v, o| self.0.fees(ctx, v, o));
    }
    fn direct(&mut self, ctx: &Context, script: DefId, views: &[Bout], out: &mut Vec<Answer<Direction>>) {
        reversed(views, out, |v, o| self.0.direct(ctx, script, v, o));
    }
    fn open_duels(&mut self, ctx: &Context, script: DefId, views: &[Pairing], out: &mut Vec<Answer<Terms>>) {
        reversed(views, out, |v, o| self.0.open_duels(ctx, script, v, o));
    }
    fn take_turns(&mut self, ctx: &Context, script: DefId, views: &[Turn], out: &mut Vec<Answer<Act>>) {
        reversed(views, out, |v, o| self.0.take_turns(ctx, script, v, o));
    }
}

/// Every wolf has a phase in which others come.
fn with_a_pack(mut content: Content) -> Content {
    let (wolf, pack) = (crate::def_id("npc/wolf"), crate::def_id("encounter/pack"));
    let whelp = Npc { name: "whelp".into(), ..content.npcs[&wolf].clone() };
    content.npcs.insert(crate::def_id("npc/whelp"), whelp);
    content.npcs.get_mut(&wolf).expect("the wolf").encounter = pack;
    let phase = Phase {
        health_below_permille: 600,
        after_ms: 0,
        power_permille: 1_500,
        adds: crate::def_id("npc/whelp"),
        adds_count: 1,
        ability: DefId::NONE,
        announcement: DefId::NONE,
    };
    let script = crate::def_id("script/encounters");
    let encounter = Encounter { name: "pack".into(), script, enrage_ms: 20_000, phases: vec![phase] };
    content.encounters.insert(pack, encounter);
    content
}

/// Players that walk about, hit what is near, use everything and come and go.
fn inputs(world: &World, rng: &mut Rng, seq: &mut u32) -> Vec<Input> {
    let mut inputs = Vec::new();
    for id in 1..=12 {
        let id = CharacterId(id);
        let Some(me) = world.character(id) else {
            if rng.below(10) == 0 {
                inputs.push(Input::Enter(Box::new(character(id.0))));
            }
            continue;
        };
        *seq += 1;
        let at = world.entity(me.entity).map_or(Position::default(), |entity| entity.at);
        let mut near = Vec::new();
        world.visible(me.entity, &mut near);
        let target = near[rng.below(near.len() as u32) as usize];
        let drift = |rng: &mut Rng| rng.below(1_001) as i32 - 440;
        let command = match rng.below(12) {
            0..6 => Command::Move {
                seq: *seq,
                to: Position { x_mm: at.x_mm + drift(rng), y_mm: at.y_mm + drift(rng) },
            },
            6 | 7 => {
                let distance = |id: &EntityId| world.entity(*id).map_or(u32::MAX, |e| e.at.distance_mm(at));
                let nearest = near.iter().filter(|id| **id != me.entity).min_by_key(|id| distance(id));
                Command::Attack { target: nearest.copied().unwrap_or(target) }
            }
            8 => Command::UseSkill { ability: crate::def_id("ability/rend"), target: Some(target) },
            9 => Command::Interact { target },
            10 if seq.is_multiple_of(2) => {
                Command::Chat { text: "Damn WOLVES EVERYWHERE, you oaf".to_owned() }
            }
            10 => Command::AcceptQuest { quest: crate::def_id("quest/hunt") },
            _ => match rng.below(8) {
                4 => Command::Challenge { target },
                5 | 6 => Command::AutoDuel { on: rng.below(4) > 0 },
                7 => Command::AcceptDuel { duel: crate::DuelId(u64::from(1 + rng.below(40))) },
                0 => Command::Buy { npc: target, item: crate::def_id("item/potion"), count: 1, price: None },
                1 => Command::Sell { npc: target, slot: rng.below(4) as u16, count: 1, price: None },
                _ => Command::Drop { slot: rng.below(4) as u16, count: 1 },
            },
        };
        inputs.push(Input::Command { character: id, request: RequestId(u64::from(*seq)), command });
        if rng.below(2_000) == 0 {
            inputs.push(Input::Leave { character: id });
        }
    }
    inputs
}

fn run(seed: u64, ticks: u32, rules: &mut dyn Rules) -> (Vec<u64>, u64) {
    let mut world = World::new(FIELD, Arc::new(with_a_pack(content())), seed, 0, 50);
    let (mut rng, mut seq, mut out) = (Rng(seed), 0, Output::default());
    let mut facts = 0;
    let digests = (0..ticks)
        .map(|_| {
            let mut inputs = inputs(&world, &mut rng, &mut seq);
            world.step(&mut inputs, rules, &mut out);
            facts += out.facts.len() as u64;
            world.digest()
        })
        .collect();
    (digests, facts)
}

#[test]
fn ten_thousand_ticks_have_the_same_digests_in_any_batch_order() {
    let seed = 20_260_101;
    let (first, facts) = run(seed, 10_000, &mut NativeRules);
    let (second, _) = run(seed, 10_000, &mut NativeRules);
    let (third, _) = run(seed, 10_000, &mut Reversed(NativeRules));
    assert!(facts > 350, "the bots did something: {facts} facts, seed {seed}");
    let differs = |other: &[u64]| first.iter().zip(other).position(|(a, b)| a != b);
    assert_eq!(differs(&second), None, "first tick that differs between two runs, seed {seed}");
    assert_eq!(differs(&third), None, "first tick that differs by batch order, seed {seed}");
}

#[test]
fn what_is_made_has_the_same_digests_in_any_batch_order() {
    let digests = |rules: &mut dyn Rules| {
        let mut content = content();
        let cloak = content.recipes.get_mut(&crate::def_id("recipe/cloak")).expect("the recipe");
        (cloak.chance_permille, cloak.quality_permille) = (500, 500);
        cloak.masterwork = crate::def_id("item/potion");
        let mut world = World::new(FIELD, Arc::new(content), 20_260_104, 0, 50);
        let (mut out, mut made) = (Output::default(), 0);
        let mut inputs: Vec<Input> = (1..=12)
            .map(|id| {
                let pelts = Stack { item: crate::def_id("item/pelt"), count: 5 };
                let mut state = character(id);
                (state.gold, state.inventory) = (1_000, (0..20).map(|slot| (slot, pelts)).collect());
                Input::Enter(Box::new(state))
            })
            .collect();
        let digests: Vec<u64> = (0..20)
            .map(|_| {
                world.step(&mut inputs, rules, &mut out);
                made += out.facts.len();
                inputs.extend((1..=12).map(|id| {
                    let command = Command::Craft { recipe: crate::def_id("recipe/cloak"), count: 2 };
                    Input::Command { character: CharacterId(id), request: RequestId(1), command }
                }));
                world.digest()
            })
            .collect();
        assert!(made > 500, "{made} facts");
        digests
    };
    assert_eq!(digests(&mut NativeRules), digests(&mut Reversed(NativeRules)));
}

/// A compiler, its settings and the machine change nothing: `LORE_DIGESTS` names a file, written by the first build
/// that is tested and compared with by the others. Nor does it matter what else runs.
#[test]
fn digests_are_the_same_in_every_build() {
    let every_tenth = || {
        let (digests, _) = run(20_260_103, 2_000, &mut NativeRules);
        digests.chunks(10).map(|ticks| format!("{:016x}\n", ticks[9])).collect::<String>()
    };
    let alone = every_tenth();
    let among_others: Vec<String> = std::thread::scope(|scope| {
        let threads = [0; 4].map(|_| scope.spawn(every_tenth));
        threads.map(|thread| thread.join().expect("no panic")).into()
    });
    assert!(among_others.iter().all(|digests| *digests == alone), "{among_others:#?}");
    let Some(file) = std::env::var_os("LORE_DIGESTS") else { return };
    match std::fs::read_to_string(&file) {
        Ok(kept) => assert_eq!(kept, alone, "another build computes something else"),
        Err(_) => std::fs::write(file, alone).expect("the file of LORE_DIGESTS"),
    }
}

#[test]
fn another_seed_gives_another_world() {
    assert_ne!(run(1, 50, &mut NativeRules).0, run(2, 50, &mut NativeRules).0);
}

#[test]
fn a_restored_world_goes_on_as_the_one_it_was_taken_of() {
    let (seed, content) = (20_260_102, Arc::new(content()));
    let mut world = World::new(FIELD, Arc::clone(&content), seed, 0, 50);
    let (mut rng, mut seq, mut out) = (Rng(seed), 0, Output::default());
    for tick in 0..3_000 {
        if tick % 500 == 250 {
            // Where nothing may have been forgotten, it can take the place of the original.
            let bytes = world.checkpoint();
            let restored = World::from_checkpoint(Arc::clone(&content), &bytes).expect("restored");
            assert_eq!(restored.checkpoint(), bytes, "tick {tick}, seed {seed}");
            let mut inputs = inputs(&world, &mut rng, &mut seq);
            let mut same = inputs.clone();
            let mut original = std::mem::replace(&mut world, restored);
            original.step(&mut inputs, &mut NativeRules, &mut out);
            world.step(&mut same, &mut NativeRules, &mut out);
            assert_eq!(world.digest(), original.digest(), "tick {tick}, seed {seed}");
        }
        let mut inputs = inputs(&world, &mut rng, &mut seq);
        world.step(&mut inputs, &mut NativeRules, &mut out);
    }
    assert!(world.population() > 3, "somebody is there: {}, seed {seed}", world.population());
}

#[test]
fn what_is_no_checkpoint_is_refused_and_says_why() {
    let content = Arc::new(content());
    let mut world = World::new(FIELD, Arc::clone(&content), 7, 0, 50);
    world.step(&mut Vec::new(), &mut NativeRules, &mut Output::default());
    let bytes = world.checkpoint();
    let complaint = |bytes: &[u8]| match World::from_checkpoint(Arc::clone(&content), bytes) {
        Ok(_) => panic!("restored"),
        Err(error) => error.to_string(),
    };
    for length in 0..bytes.len() {
        complaint(&bytes[..length]);
    }
    let mut later = bytes.clone();
    later[0] = 9;
    assert!(complaint(&later).contains("format 9"), "{}", complaint(&later));
    let mut changed = bytes.clone();
    *changed.last_mut().expect("bytes") ^= 1;
    complaint(&changed);
    changed = [bytes.as_slice(), &[0]].concat();
    assert!(complaint(&changed).contains("1 bytes too many"), "{}", complaint(&changed));
}
