//! What is drawn for one run of a case: fields of its first view and of every step, and how often steps are
//! taken. And the way from a run that fails to the simplest one that fails alike.

use super::draw::Draw;
use super::step::Times;
use serde_json::Value;
use sim::rng::Rng;

/// What is drawn for a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// For the first view.
    pub(super) first: Draw,
    /// How often each step is taken, and what is drawn for it every time.
    pub(super) steps: Vec<(Times, Draw)>,
}

/// One run of a case.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    /// Fields of the first view.
    pub(super) first: Value,
    /// The questions, in order.
    pub(super) asks: Vec<Ask>,
    /// Whether the case is over after them; of a run that was cut off where it failed nothing is expected at
    /// its end.
    pub(super) whole: bool,
}

/// One question of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ask {
    /// Index of its step.
    pub(super) step: usize,
    /// Fields of its view.
    pub(super) drawn: Value,
}

impl Plan {
    /// Whether every run is the same.
    pub(super) fn is_empty(&self) -> bool {
        let is_fixed = |(times, draw): &(Times, Draw)| times.least == times.most && draw.is_empty();
        self.first.is_empty() && self.steps.iter().all(is_fixed)
    }

    /// The next run.
    pub(super) fn next(&self, rng: &mut Rng) -> Trial {
        let first = self.first.next(rng);
        let mut asks = Vec::with_capacity(self.steps.len());
        for (step, (times, draw)) in self.steps.iter().enumerate() {
            // A number that is no choice takes nothing from the stream.
            let times =
                if times.least < times.most { rng.within(times.least, times.most) } else { times.least };
            asks.extend((0..times).map(|_| Ask { step, drawn: draw.next(rng) }));
        }
        Trial { first, asks, whole: true }
    }

    /// Runs simpler than this one, fewer questions first. Each differs in one place.
    pub(super) fn simpler(&self, trial: &Trial) -> Vec<Trial> {
        let mut simpler = self.shorter(trial);
        let first = self.first.simpler(&trial.first).into_iter();
        simpler.extend(first.map(|first| Trial { first, ..trial.clone() }));
        for (at, ask) in trial.asks.iter().enumerate() {
            let Some((_, draw)) = self.steps.get(ask.step) else { continue };
            simpler.extend(draw.simpler(&ask.drawn).into_iter().map(|drawn| {
                let mut trial = trial.clone();
                trial.asks[at].drawn = drawn;
                trial
            }));
        }
        simpler
    }

    fn shorter(&self, trial: &Trial) -> Vec<Trial> {
        let mut shorter = Vec::new();
        for (step, (times, _)) in self.steps.iter().enumerate() {
            let asked: Vec<usize> = (0..trial.asks.len()).filter(|at| trial.asks[*at].step == step).collect();
            let spare = asked.len().saturating_sub(times.least as usize);
            if spare == 0 {
                continue;
            }
            let without = |gone: &[usize]| {
                let kept = (0..trial.asks.len()).filter(|at| !gone.contains(at));
                Trial { asks: kept.map(|at| trial.asks[at].clone()).collect(), ..trial.clone() }
            };
            shorter.push(without(&asked[..spare]));
            shorter.extend(asked.iter().map(|at| without(std::slice::from_ref(at))));
        }
        shorter
    }
}

/// The simplest that still fails, of what `simpler` leads to; `fails` is called at most `calls` times. What was
/// not simple enough to fail is not tried again until something else has changed.
pub(super) fn simplest<T>(
    failing: T,
    simpler: impl Fn(&T) -> Vec<T>,
    mut calls: u32,
    mut fails: impl FnMut(&T) -> bool,
) -> T {
    let mut here = failing;
    let (mut at, mut has_changed) = (0, false);
    loop {
        let Some(next) = simpler(&here).into_iter().nth(at) else {
            if !has_changed {
                return here;
            }
            (at, has_changed) = (0, false);
            continue;
        };
        if calls == 0 {
            return here;
        }
        calls -= 1;
        if fails(&next) {
            here = next;
            has_changed = true;
        } else {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_simplest_that_fails_is_found_in_few_calls() {
        let nearer = |number: &u32| {
            (0..32).map(|bit| number - (number >> bit)).filter(|n| n < number).collect::<Vec<u32>>()
        };
        let mut calls = 0;
        let found = simplest(3_000_000_000, nearer, 1_000, |number| {
            calls += 1;
            *number >= 4_711
        });
        assert_eq!(found, 4_711);
        assert!(calls < 500, "{calls}");
    }

    #[test]
    fn it_ends_when_the_calls_are_used_up() {
        let mut calls = 0;
        let found = simplest(
            1_000_u32,
            |number| vec![number.saturating_sub(1)],
            10,
            |_| {
                calls += 1;
                true
            },
        );
        assert_eq!((found, calls), (990, 10));
    }

    #[test]
    fn runs_lose_the_steps_they_can_do_without() {
        let steps = vec![
            (Times { least: 1, most: 1 }, Draw::default()),
            (Times { least: 0, most: 9 }, Draw::default().with_seed()),
            (Times { least: 2, most: 3 }, Draw::default()),
        ];
        let plan = Plan { first: Draw::default(), steps };
        let steps = |trial: &Trial| trial.asks.iter().map(|ask| ask.step).collect::<Vec<_>>();
        let mut rng = Rng(5);
        for _ in 0..200 {
            let drawn = steps(&plan.next(&mut rng));
            let count = |step: usize| drawn.iter().filter(|one| **one == step).count();
            assert!(count(0) == 1 && count(1) <= 9 && (2..=3).contains(&count(2)), "{drawn:?}");
            assert!(drawn.is_sorted(), "{drawn:?}");
        }
        let ask = |step: usize, seed: u64| Ask { step, drawn: json!({ "seed": seed }) };
        let asks = vec![ask(0, 0), ask(1, 7), ask(1, 9), ask(1, 5), ask(2, 0), ask(2, 0), ask(2, 0)];
        let failing = Trial { first: json!({}), asks, whole: true };
        // It takes the second step once, with a seed above 1.
        let fails = |trial: &Trial| {
            trial.asks.iter().any(|ask| ask.step == 1 && ask.drawn["seed"].as_u64() > Some(1))
        };
        let found = simplest(failing, |trial| plan.simpler(trial), 200, fails);
        assert_eq!(steps(&found), [0, 1, 2, 2]);
        assert_eq!(found.asks[1].drawn["seed"], 2);
    }
}
