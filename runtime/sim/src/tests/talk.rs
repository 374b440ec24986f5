//! What the chat filter and the zone's script decide, and what the zone makes of it.

use crate::content::{Content, Weather};
use crate::ids::{CharacterId, DefId, RequestId, def_id};
use crate::input::{Command, Input};
use crate::native::NativeRules;
use crate::output::{EventKind, Output};
use crate::rules::*;
use crate::scenario::{FIELD, Scenario, character, content};
use crate::{World, limits};
use expect_test::expect;
use std::sync::Arc;

fn say(scenario: &mut Scenario, text: &str) {
    scenario.command(Command::Chat { text: text.to_owned() });
    scenario.step();
}

#[test]
fn the_filter_masks_lowers_and_refuses() {
    let mut scenario = Scenario::new();
    for text in [
        "Well met!",
        "Damn, d4mn that wolf",
        "COME HERE RIGHT NOW",
        "blight on you",
        "see https://example.org",
        "again",
        "again",
        "again",
        "again",
    ] {
        say(&mut scenario, text);
    }
    expect![[r#"
        ok Done
        Hero1: Well met!
        ok Done
        Hero1: ****, **** that wolf
        ok Done
        Hero1: come here right now
        no chat_profanity
        no chat_link
        ok Done
        Hero1: again
        ok Done
        Hero1: again
        ok Done
        Hero1: again
        no chat_spam
    "#]]
    .assert_eq(&scenario.take_log());
}

#[test]
fn strikes_add_up_to_silence_are_forgiven_and_go_along_to_another_zone() {
    let mut scenario = Scenario::new();
    for _ in 0..3 {
        say(&mut scenario, "blight");
    }
    say(&mut scenario, "what did I do?");
    assert!(scenario.take_log().ends_with("no chat_muted\n"));
    let state = scenario.world.kept_characters().pop().expect("the hero");
    let mut other = World::new(FIELD, Arc::clone(scenario.world.content()), 1, 5_000, 50);
    let speak = Input::Command {
        character: scenario.hero,
        request: RequestId(1),
        command: Command::Chat { text: "here neither".into() },
    };
    let mut out = Output::default();
    other.step(&mut vec![Input::Enter(Box::new(state)), speak], &mut NativeRules, &mut out);
    let refused = |reply: &crate::output::Reply| reply.result.clone().map_err(crate::output::Rejection::code);
    assert_eq!(out.replies.iter().map(refused).collect::<Vec<_>>(), [Err("chat_muted")]);
    // A minute at 20 ticks a second.
    scenario.steps(1_200);
    say(&mut scenario, "may I?");
    assert!(scenario.take_log().ends_with("Hero1: may I?\n"));
}

#[test]
fn several_lines_of_one_tick_are_judged_one_after_the_other() {
    let mut scenario = Scenario::new();
    for _ in 0..4 {
        scenario.command(Command::Chat { text: "blight".into() });
    }
    scenario.step();
    let log = scenario.take_log();
    assert_eq!(log.matches("no chat_profanity").count(), 3, "{log}");
    assert_eq!(log.matches("no chat_muted").count(), 1, "{log}");
}

#[test]
fn without_a_filter_everything_is_heard() {
    let mut scenario = Scenario::with(Content { chat: crate::content::Chat::default(), ..content() });
    say(&mut scenario, "blight");
    assert_eq!(scenario.take_log(), "ok Done\nHero1: blight\n");
}

/// Answers as no honest script would.
struct Wild(NativeRules);

impl Rules for Wild {
    fn plan_casts(&mut self, ctx: &Context, views: &[Cast], out: &mut Vec<Answer<Plan>>) {
        self.0.plan_casts(ctx, views, out);
    }
    fn resolve(&mut self, ctx: &Context, views: &[Attack], out: &mut Vec<Answer<Outcome>>) {
        self.0.resolve(ctx, views, out);
    }
    fn pulse_statuses(&mut self, ctx: &Context, views: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>) {
        self.0.pulse_statuses(ctx, views, out);
    }
    fn think(&mut self, ctx: &Context, script: DefId, views: &[Perception], out: &mut Vec<Answer<Decision>>) {
        self.0.think(ctx, script, views, out);
    }
    fn advance(&mut self, ctx: &Context, script: DefId, views: &[Inquiry], out: &mut Vec<Answer<QuestStep>>) {
        self.0.advance(ctx, script, views, out);
    }
    fn converse(
        &mut self,
        ctx: &Context,
        script: DefId,
        views: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    ) {
        self.0.converse(ctx, script, views, out);
    }
    fn judge(&mut self, ctx: &Context, script: DefId, views: &[Line], out: &mut Vec<Answer<Judgement>>) {
        self.0.judge(ctx, script, views, out);
        for answer in out {
            answer.value.ruling = Ruling::Replace("\u{7}".into());
            answer.value.strikes = u32::MAX;
        }
    }
    fn govern(&mut self, ctx: &Context, script: DefId, views: &[Moment], out: &mut Vec<Answer<Decree>>) {
        self.0.govern(ctx, script, views, out);
        for answer in out {
            answer.value.temperature_dc = i32::MIN;
            answer.value.spawn_permille = 0;
            answer.value.announcement = DefId(1);
            answer.value.greeting = DefId(1);
        }
    }
    fn conduct(
        &mut self,
        ctx: &Context,
        script: DefId,
        views: &[EventMoment],
        out: &mut Vec<Answer<Course>>,
    ) {
        self.0.conduct(ctx, script, views, out);
    }
    fn reward_merits(&mut self, ctx: &Context, script: DefId, views: &[Merit], out: &mut Vec<Answer<Prize>>) {
        self.0.reward_merits(ctx, script, views, out);
    }
    fn roll_loot(&mut self, ctx: &Context, views: &[Spoils], out: &mut Vec<Answer<Haul>>) {
        self.0.roll_loot(ctx, views, out);
    }
    fn require_experience(&mut self, ctx: &Context, views: &[LevelStep], out: &mut Vec<Answer<Requirement>>) {
        self.0.require_experience(ctx, views, out);
    }
    fn grow_stats(&mut self, ctx: &Context, views: &[Growth], out: &mut Vec<Answer<Grown>>) {
        self.0.grow_stats(ctx, views, out);
    }
    fn reward_kills(&mut self, ctx: &Context, views: &[Kill], out: &mut Vec<Answer<Gain>>) {
        self.0.reward_kills(ctx, views, out);
    }
    fn punish_deaths(&mut self, ctx: &Context, views: &[Fall], out: &mut Vec<Answer<Toll>>) {
        self.0.punish_deaths(ctx, views, out);
    }
    fn quote_prices(&mut self, ctx: &Context, views: &[Deal], out: &mut Vec<Answer<Quote>>) {
        self.0.quote_prices(ctx, views, out);
    }
    fn craft(&mut self, ctx: &Context, views: &[Attempt], out: &mut Vec<Answer<Crafted>>) {
        self.0.craft(ctx, views, out);
    }
    fn fees(&mut self, ctx: &Context, views: &[Charge], out: &mut Vec<Answer<Fee>>) {
        self.0.fees(ctx, views, out);
    }
    fn direct(&mut self, ctx: &Context, script: DefId, views: &[Bout], out: &mut Vec<Answer<Direction>>) {
        self.0.direct(ctx, script, views, out);
    }
    fn open_duels(&mut self, ctx: &Context, script: DefId, views: &[Pairing], out: &mut Vec<Answer<Terms>>) {
        self.0.open_duels(ctx, script, views, out);
    }
    fn take_turns(&mut self, ctx: &Context, script: DefId, views: &[Turn], out: &mut Vec<Answer<Act>>) {
        self.0.take_turns(ctx, script, views, out);
    }
}

#[test]
fn what_a_script_may_not_decide_is_not_done() {
    let mut scenario = Scenario::new();
    scenario.rules = Box::new(Wild(NativeRules));
    say(&mut scenario, "hello");
    assert_eq!(scenario.take_log(), "ok Done\nHero1: hello\n");
    assert_eq!(scenario.world.characters[&scenario.hero].voice.strikes, limits::STRIKES_MAX);

    let mut world = World::new(FIELD, Arc::new(content()), 42, 0, 50);
    let mut out = Output::default();
    world.step(&mut Vec::new(), &mut Wild(NativeRules), &mut out);
    assert_eq!(world.environment().temperature_dc, -limits::TEMPERATURE_MAX_DC);
    assert_eq!(world.sky.respawn_ms(1_000), 10_000);
    assert!(matches!(out.events[..], [crate::output::Event { kind: EventKind::Environment(_), .. }]));
}

/// What a zone tells from its start shortly before `minute` until shortly after.
fn around(minute: u64, content: Content) -> (World, Vec<String>) {
    let first = (minute - 480) * 100;
    let mut world = World::new(FIELD, Arc::new(content), 42, first - 3, 50);
    let (mut out, mut told) = (Output::default(), Vec::new());
    let mut inputs = vec![Input::Enter(Box::new(character(1)))];
    for _ in 0..6 {
        world.step(&mut inputs, &mut NativeRules, &mut out);
        for event in &out.events {
            match &event.kind {
                EventKind::Environment(sky) => {
                    told.push(format!("{}: {:?} {}", sky.minute_of_day, sky.weather, sky.temperature_dc));
                }
                EventKind::Announcement(id) => told.push(world.content().announcements[id].name.clone()),
                _ => {}
            }
        }
    }
    assert!(world.character(CharacterId(1)).is_some());
    (world, told)
}

#[test]
fn the_script_is_asked_at_the_start_and_at_every_hour() {
    let (world, told) = around(20 * 60, content());
    expect![[r#"
        [
            "1199: Clear 101",
            "night_falls",
            "1200: Clear 100",
        ]
    "#]]
    .assert_debug_eq(&told);
    assert_eq!(world.sky.respawn_ms(1_000), 800, "more wolves at night");
}

#[test]
fn a_zone_without_a_script_keeps_its_sky() {
    let mut content = content();
    let zone = content.zones.get_mut(&FIELD).expect("the field");
    zone.script = DefId::NONE;
    zone.weather = vec![(Weather::Fog, 2), (Weather::Rain, 5)];
    let (world, told) = around(20 * 60, content);
    assert_eq!(told, ["1199: Rain 180", "1200: Rain 180"]);
    assert_eq!(world.sky.respawn_ms(1_000), 1_000);
}

#[test]
fn after_a_swap_the_script_is_asked_again_and_nothing_is_told_that_stayed() {
    let mut world = World::new(FIELD, Arc::new(content()), 42, 0, 50);
    let mut out = Output::default();
    world.step(&mut Vec::new(), &mut NativeRules, &mut out);
    assert_eq!(out.events.len(), 1);
    world.generation_swapped(|_| true);
    world.step(&mut Vec::new(), &mut NativeRules, &mut out);
    assert_eq!(out.events, []);
    // Other scripts are none of its business.
    world.generation_swapped(|script| script != def_id("script/weather"));
    world.step(&mut Vec::new(), &mut Wild(NativeRules), &mut out);
    assert_eq!(out.events, []);
    world.generation_swapped(|script| script == def_id("script/weather"));
    world.step(&mut Vec::new(), &mut Wild(NativeRules), &mut out);
    assert_eq!(out.events.len(), 1);
    let mut winter = content();
    winter.zones.get_mut(&FIELD).expect("the field").noon_temperature_dc = -100;
    world.swap_content(Arc::new(winter));
    world.step(&mut Vec::new(), &mut NativeRules, &mut out);
    // Four degrees below noon at eight, and four more if it rains.
    let cold = world.environment().temperature_dc;
    assert!([-140, -180].contains(&cold), "{cold}");
}
