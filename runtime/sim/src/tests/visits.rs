//! Who comes and goes, and the end of a zone: the script is told of all of a tick at once and may only speak.

use crate::content::{Announcement, Content, Weather};
use crate::ids::{CharacterId, DefId, def_id};
use crate::input::Input;
use crate::limits::VISITS_PER_TICK;
use crate::native::NativeRules;
use crate::output::{EventKind, Notice, Output};
use crate::rules::{self as r, Answer, Context, Decree, Moment, Occasion, Origin, Rules};
use crate::scenario::{FIELD, character};
use crate::world::World;
use std::sync::Arc;

const WELCOME: DefId = def_id("announcement/welcome");
const NEWS: DefId = def_id("announcement/news");

/// Greets everybody, tells the same of everybody, and would have it snow; the batches it was asked about.
#[derive(Default)]
struct Herald(NativeRules, Vec<Vec<Moment>>);

impl Rules for Herald {
    native! {
        plan_casts(: r::Cast => r::Plan),
        resolve(: r::Attack => r::Outcome),
        pulse_statuses(: r::Pulse => r::PulseOutcome),
        think(s: r::Perception => r::Decision),
        advance(s: r::Inquiry => r::QuestStep),
        converse(s: r::Conversation => r::DialogReply),
        judge(s: r::Line => r::Judgement),
        conduct(s: r::EventMoment => r::Course),
        reward_merits(s: r::Merit => r::Prize),
        roll_loot(: r::Spoils => r::Haul),
        require_experience(: r::LevelStep => r::Requirement),
        grow_stats(: r::Growth => r::Grown),
        reward_kills(: r::Kill => r::Gain),
        punish_deaths(: r::Fall => r::Toll),
        quote_prices(: r::Deal => r::Quote),
        craft(: r::Attempt => r::Crafted),
        fees(: r::Charge => r::Fee),
        direct(s: r::Bout => r::Direction),
        open_duels(s: r::Pairing => r::Terms),
        take_turns(s: r::Turn => r::Act),
    }

    fn govern(&mut self, _: &Context, _: DefId, moments: &[Moment], out: &mut Vec<Answer<Decree>>) {
        let decree = |moment: &Moment| match moment.occasion {
            Occasion::Started | Occasion::Hour | Occasion::Changed => Decree::fallback(moment),
            _ => Decree {
                weather: Weather::Snow,
                spawn_permille: 9_000,
                announcement: NEWS,
                greeting: WELCOME,
                memory: 5,
                ..Decree::fallback(moment)
            },
        };
        out.clear();
        out.extend(moments.iter().map(|m| Answer { value: decree(m), origin: Origin::Fallback }));
        self.1.push(moments.to_vec());
    }
}

fn content() -> Content {
    let mut content = crate::scenario::content();
    for id in ["welcome", "news", "night_roads", "zone_sleeps"] {
        let announcement = Announcement { name: id.into(), text: id.into() };
        content.announcements.insert(def_id(&format!("announcement/{id}")), announcement);
    }
    content.zones.get_mut(&FIELD).expect("the field").population_cap = 1_000;
    content
}

fn world(content: Content, tick: u64) -> World {
    World::new(FIELD, Arc::new(content), 42, tick, 50)
}

fn enter(ids: std::ops::Range<i64>) -> Vec<Input> {
    ids.map(|id| Input::Enter(Box::new(character(id)))).collect()
}

fn leave(ids: std::ops::Range<i64>) -> Vec<Input> {
    ids.map(|id| Input::Leave { character: CharacterId(id) }).collect()
}

/// Whom a step greeted, and what it announced.
fn said(out: &Output) -> (Vec<(i64, DefId)>, Vec<DefId>) {
    let greeted = out.notices.iter().filter_map(|(who, notice)| match notice {
        Notice::Greeted(id) => Some((who.0, *id)),
        _ => None,
    });
    let told = out.events.iter().filter_map(|event| match event.kind {
        EventKind::Announcement(id) => Some(id),
        _ => None,
    });
    (greeted.collect(), told.collect())
}

#[test]
fn all_of_a_tick_are_one_call_and_what_is_said_to_all_is_said_once() {
    let (mut world, mut herald, mut out) = (world(content(), 0), Herald::default(), Output::default());
    world.step(&mut Vec::new(), &mut herald, &mut out);
    let (sky, respawn_ms) = (world.environment(), world.sky.respawn_ms(1_000));
    herald.1.clear();

    world.step(&mut enter(1..4), &mut herald, &mut out);
    assert_eq!(said(&out), (vec![(1, WELCOME), (2, WELCOME), (3, WELCOME)], vec![NEWS]));
    world.step(&mut leave(1..3), &mut herald, &mut out);
    assert_eq!(said(&out), (vec![], vec![NEWS]));
    world.step(&mut Vec::new(), &mut herald, &mut out);

    let [entered, left] = &herald.1[..] else { panic!("{:?}", herald.1) };
    let seen = |moments: &[Moment]| -> Vec<(Occasion, u32, u32)> {
        moments.iter().map(|m| (m.occasion, m.level, m.population)).collect()
    };
    assert_eq!(seen(entered), [(Occasion::Entered, 1, 3); 3]);
    assert_eq!(seen(left), [(Occasion::Left, 1, 1); 2]);
    assert!(entered[0].character != entered[1].character && entered[0].seed != entered[1].seed);
    // What they would have of the sky is none of their business.
    assert_eq!((world.environment(), world.sky.respawn_ms(1_000)), (sky, respawn_ms));
    world.step(&mut enter(5..6), &mut herald, &mut out);
    assert_eq!(herald.1[2][0].memory, 0);
}

#[test]
fn who_has_gone_again_is_not_greeted_and_who_was_refused_has_not_come() {
    let mut small = content();
    small.zones.get_mut(&FIELD).expect("the field").population_cap = 1;
    let (mut world, mut herald, mut out) = (world(small, 0), Herald::default(), Output::default());
    let mut inputs = [enter(1..3), leave(1..2)].concat();
    world.step(&mut inputs, &mut herald, &mut out);
    assert_eq!(said(&out), (vec![], vec![NEWS]));
    let occasions: Vec<Occasion> = herald.1[1].iter().map(|moment| moment.occasion).collect();
    assert_eq!(occasions, [Occasion::Entered, Occasion::Left]);
}

#[test]
fn a_crowd_is_not_told_one_by_one() {
    let (mut world, mut herald, mut out) = (world(content(), 0), Herald::default(), Output::default());
    world.step(&mut enter(1..301), &mut herald, &mut out);
    assert_eq!(world.population(), 300);
    assert_eq!((herald.1[1].len(), said(&out).0.len()), (VISITS_PER_TICK, VISITS_PER_TICK));
}

#[test]
fn the_end_is_told_once_and_before_anybody_is_gone_from_the_output() {
    let (mut world, mut herald, mut out) = (world(content(), 0), Herald::default(), Output::default());
    world.step(&mut enter(1..3), &mut herald, &mut out);
    herald.1.clear();
    let mut inputs = [vec![Input::Stop], leave(1..3)].concat();
    world.step(&mut inputs, &mut herald, &mut out);
    world.step(&mut Vec::new(), &mut herald, &mut out);
    let [last] = &herald.1[..] else { panic!("{:?}", herald.1) };
    let occasions: Vec<Occasion> = last.iter().map(|moment| moment.occasion).collect();
    assert_eq!(occasions, [Occasion::Left, Occasion::Left, Occasion::Stopping]);
    assert_eq!((last[2].level, last[2].population), (0, 0));
}

#[test]
fn the_starter_warns_by_night_and_says_good_night() {
    let mut out = Output::default();
    let mut greeted = |tick| {
        let mut world = world(content(), tick);
        world.step(&mut enter(1..2), &mut NativeRules, &mut out);
        said(&out).0
    };
    // Eight in the morning, and ten in the evening.
    assert!(greeted(0).is_empty());
    assert_eq!(greeted(84_000), [(1, def_id("announcement/night_roads"))]);
    let mut world = world(content(), 0);
    world.step(&mut Vec::new(), &mut NativeRules, &mut out);
    world.step(&mut vec![Input::Stop], &mut NativeRules, &mut out);
    assert_eq!(said(&out), (vec![], vec![def_id("announcement/zone_sleeps")]));
}

#[test]
fn a_zone_without_a_script_has_nobody_to_tell() {
    let mut silent = content();
    silent.zones.get_mut(&FIELD).expect("the field").script = DefId::NONE;
    let (mut world, mut herald, mut out) = (world(silent, 0), Herald::default(), Output::default());
    let mut inputs = [enter(1..3), leave(1..2), vec![Input::Stop]].concat();
    world.step(&mut inputs, &mut herald, &mut out);
    assert!(herald.1.is_empty(), "{:?}", herald.1);
    assert_eq!(said(&out), (vec![], vec![]));
}
