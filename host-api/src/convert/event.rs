//! World events: `event.conduct`, `event.reward`.

use super::{Hook, call_export, in_range, same_cases, same_id, share};
use crate::bindings::event::exports::lore::script::event as wit;
use crate::bulk::flat;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::limits::{EVENT_REWARD_PERMILLE, SUMMONED_PER_SUMMONER};
use sim::rng::Rng;
use sim::rules::{Course, EventMoment, EventOccasion, EventOutcome, Merit, Prize};

pub(crate) struct Conduct;

impl Hook for Conduct {
    const EXPORT: Export = Export::Conduct;
    type View = EventMoment;
    type Answer = Course;
    type Wire = wit::Moment;
    type Reply = wit::Course;

    call_export!(Event, lore_script_event, func_conduct);

    fn sample() -> EventMoment {
        samples::event_moment()
    }

    fn vary(view: &mut EventMoment, number: u32, dice: &mut Rng) {
        made_up::event_moment(view, number, dice);
    }

    fn id(view: &EventMoment) -> u64 {
        view.id.into()
    }

    fn subject(view: &EventMoment) -> DefId {
        view.event
    }

    fn lower(view: &EventMoment) -> wit::Moment {
        let stages = view.stages.iter().map(|stage| wit::Stage {
            duration_ticks: stage.duration_ticks,
            kills_needed: stage.kills_needed,
            creatures: stage.creatures,
            announcement: stage.announcement.0,
        });
        wit::Moment {
            id: view.id,
            event: view.event.0,
            occasion: view.occasion.into(),
            stage: view.stage,
            stages: stages.collect(),
            stage_ticks: view.stage_ticks,
            due: view.due,
            trigger_count: view.trigger_count,
            trigger_needed: view.trigger_needed,
            cooldown_left_ticks: view.cooldown_left_ticks,
            kills: view.kills,
            spawned: view.spawned,
            alive: view.alive,
            participants: view.participants,
            nearby: view.nearby,
            on_success: view.on_success.0,
            on_failure: view.on_failure.0,
            memory: view.memory,
            seed: view.seed,
        }
    }

    fn lift(view: &EventMoment, reply: wit::Course) -> Result<Course, BadOutput> {
        same_id(view.id, reply.id)?;
        let spawn = i32::try_from(reply.spawn).unwrap_or(i32::MAX);
        in_range("spawn", spawn, 0..=SUMMONED_PER_SUMMONER as i32, "0..=64")?;
        let course = Course {
            id: reply.id,
            outcome: reply.outcome.into(),
            stage: reply.stage,
            spawn: reply.spawn,
            dismiss: reply.dismiss,
            announcement: DefId(reply.announcement),
            memory: reply.memory,
        };
        if course.answers(view) {
            return Ok(course);
        }
        if course.outcome == EventOutcome::Going {
            let (what, value) = ("stage", reply.stage.into());
            return Err(BadOutput::Number { what, value, expected: "1 to the number of stages" });
        }
        let what = "outcome (0 idle, 1 going, 2 success, 3 failure)";
        let runs = "one of an event that runs: 1, 2 or 3";
        let rests = "one of an event that does not run: 0 or 1";
        let expected = if view.stage > 0 { runs } else { rests };
        Err(BadOutput::Number { what, value: course.outcome as i64, expected })
    }

    fn fallback(view: &EventMoment) -> Course {
        Course::fallback(view)
    }

    fn remembers(answer: &Course) -> bool {
        answer.memory != 0
    }

    fn measure(answer: &Course) -> impl IntoIterator<Item = (&'static str, f64)> {
        [
            ("going", share(answer.outcome == EventOutcome::Going)),
            ("success", share(answer.outcome == EventOutcome::Success)),
            ("failure", share(answer.outcome == EventOutcome::Failure)),
            ("spawned", answer.spawn.into()),
        ]
    }

    fn distance(a: &Course, b: &Course) -> u64 {
        u64::from(a != b) + u64::from(a.stage.abs_diff(b.stage)) + u64::from(a.spawn.abs_diff(b.spawn))
    }
}

pub(crate) struct Reward;

impl Hook for Reward {
    const EXPORT: Export = Export::Reward;
    type View = Merit;
    type Answer = Prize;
    type Wire = wit::Merit;
    type Reply = wit::Prize;

    call_export!(Event, lore_script_event, func_reward in bulk);

    fn sample() -> Merit {
        samples::merit()
    }

    fn vary(view: &mut Merit, number: u32, dice: &mut Rng) {
        made_up::merit(view, number, dice);
    }

    fn id(view: &Merit) -> u64 {
        view.id.into()
    }

    fn subject(view: &Merit) -> DefId {
        view.event
    }

    fn lower(view: &Merit) -> wit::Merit {
        wit::Merit {
            id: view.id,
            event: view.event.0,
            character: view.character.0,
            level: view.level,
            points: view.points,
            kills: view.kills,
            share_permille: view.share_permille,
            rank: view.rank,
            participants: view.participants,
            seed: view.seed,
        }
    }

    fn lift(view: &Merit, reply: wit::Prize) -> Result<Prize, BadOutput> {
        same_id(view.id, reply.id)?;
        let permille = i32::try_from(reply.reward_permille).unwrap_or(i32::MAX);
        in_range("reward-permille", permille, 0..=EVENT_REWARD_PERMILLE as i32, "0..=2,000")?;
        Ok(Prize { id: reply.id, reward_permille: reply.reward_permille })
    }

    fn fallback(view: &Merit) -> Prize {
        Prize::fallback(view)
    }

    fn measure(answer: &Prize) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("reward", f64::from(answer.reward_permille) / 1_000.0)]
    }

    fn distance(a: &Prize, b: &Prize) -> u64 {
        a.reward_permille.abs_diff(b.reward_permille).into()
    }
}

same_cases! { EventOccasion = wit::Occasion { Started, Changed, StageOver, Kill, Second } }
same_cases! { EventOutcome = wit::Outcome { Idle, Going, Success, Failure } }

flat! {
    wit::Merit { id, event, character, level, points, kills, share_permille, rank, participants, seed }
    wit::Prize { id, reward_permille }
}
