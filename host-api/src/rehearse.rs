//! A candidate of which little was recorded answers views that nobody has asked, so that it is known before it is
//! live whether it traps or answers badly. What it decides is not judged: nobody says how often such a view would
//! occur. Runs compiled code: keep it off the tick.

use crate::failure::{FailureKind, ScriptFailure};
use crate::limits::MADE_UP_VIEWS;
use crate::manifest::Export;
use crate::module::Module;
use crate::prove::Side;
use crate::record::{Laned, Recording, Visitor, visit};
use crate::samples;
use crate::translate::Translation;
use sim::rng::Rng;
use sim::rules::Origin;

/// The same for every candidate: who asks twice is answered the same.
const SEED: u64 = 0x5eed_0000_0000_0002;
/// Views asked at once: few enough to find each culprit among them.
const BATCH: usize = 50;

/// What made-up views showed of one export.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The function.
    pub export: Export,
    /// Views made up and answered.
    pub views: u64,
    /// Of them, those that the candidate fails to answer and the live module, if there is one, answers.
    pub newly_failed: u64,
    /// How the candidate failed, located in its source; the oldest dropped beyond the host's limit.
    pub failures: Vec<ScriptFailure>,
}

/// Asks a candidate made-up views through every export of which fewer than `few` views were recorded. They are made
/// of those that were, else of samples.
///
/// # Errors
/// A module cannot be instantiated: the machine is out of memory.
pub fn rehearse(
    live: Option<&Module>,
    candidate: &Module,
    recordings: &[Recording],
    few: u64,
) -> Result<Vec<Rehearsal>, FailureKind> {
    let mut stage = Stage { live, candidate, recordings, few, done: Vec::new() };
    visit(candidate.kind(), &mut stage)?;
    Ok(stage.done)
}

struct Stage<'a> {
    live: Option<&'a Module>,
    candidate: &'a Module,
    recordings: &'a [Recording],
    few: u64,
    done: Vec<Rehearsal>,
}

impl Visitor for Stage<'_> {
    type Error = FailureKind;

    fn visit<H: Laned>(&mut self) -> Result<(), FailureKind> {
        let Self { live, candidate, recordings, .. } = *self;
        let rings = recordings
            .iter()
            .filter_map(|recording| H::tape(recording).of(candidate.script(), live?.schema()));
        let recorded: Vec<_> = rings.flat_map(|ring| ring.iter()).collect();
        if recorded.len() as u64 >= self.few {
            return Ok(());
        }
        let ctx = recorded.first().map_or(samples::CONTEXT, |record| record.ctx);
        let mut dice = Rng(SEED);
        let made_up = (0..MADE_UP_VIEWS).map(|number| {
            let base = recorded.get(number as usize % recorded.len().max(1));
            let mut view = base.map_or_else(H::sample, |record| record.view.clone());
            H::vary(&mut view, number, &mut dice);
            view
        });
        let made_up: Vec<H::View> = made_up.collect();
        let translation = live.map(|live| Translation::new::<H>(live, candidate, made_up.iter()));
        // A state that nobody has written need not be one that can be migrated.
        let both: Vec<(H::View, H::View)> = made_up
            .into_iter()
            .filter_map(|view| {
                let shown = match &translation {
                    Some(translation) => translation.view::<H>(&view).ok()?,
                    None => view.clone(),
                };
                Some((view, shown))
            })
            .collect();

        let mut before = live.map(Side::new).transpose()?;
        let mut side = Side::new(candidate)?;
        let mut newly_failed = 0;
        for batch in both.chunks(BATCH) {
            let (views, shown): (Vec<H::View>, Vec<H::View>) = batch.iter().cloned().unzip();
            let was = before.as_mut().map(|before| before.answer::<H>(&ctx, &views));
            for (at, now) in side.answer::<H>(&ctx, &shown).iter().enumerate() {
                let failed_before = was.as_ref().is_some_and(|was| was[at].origin == Origin::Fallback);
                newly_failed += u64::from(now.origin == Origin::Fallback && !failed_before);
            }
        }
        let failures = side.failures(candidate);
        self.done.push(Rehearsal { export: H::EXPORT, views: both.len() as u64, newly_failed, failures });
        Ok(())
    }
}
