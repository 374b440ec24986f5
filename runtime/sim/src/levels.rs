//! What the progression script says of levels: experience between them, and the numbers of a class
//! at each. Asked once for all of it, because the answers hold for as long as the same script and
//! content do.

use crate::content::{Content, Stats};
use crate::ids::{CharacterId, DefId};
use crate::limits;
use crate::rules::{Context, Growth, LevelStep, Rules};
use crate::world::World;
use std::collections::BTreeMap;

/// The ladder of levels. Follows from rules and content alone, so that it is neither in a
/// checkpoint nor in a digest.
pub(crate) struct Ladder {
    /// Other rules or other content may say otherwise.
    pub(crate) stale: bool,
    /// Experience from level `n` to `n + 1` at index `n - 1`.
    to_next: Vec<u64>,
    /// Before equipment.
    stats: BTreeMap<(DefId, u32), Stats>,
}

impl Ladder {
    /// As the content has it, until the script was asked.
    pub(crate) fn unasked(content: &Content) -> Self {
        let to_next = content.progression.experience_to_next.clone();
        Self { stale: true, to_next, stats: BTreeMap::new() }
    }

    fn ask(content: &Content, ctx: &Context, rules: &mut dyn Rules) -> Self {
        let needs = &content.progression.experience_to_next;
        let top = needs.len() as u32 + 1;
        let steps: Vec<LevelStep> = (0..)
            .zip(needs)
            .map(|(id, &experience)| LevelStep { id, level: id + 1, top, experience })
            .collect();
        let mut required = Vec::with_capacity(steps.len());
        rules.require_experience(ctx, &steps, &mut required);
        assert_eq!(required.len(), steps.len(), "one requirement per step");

        let levels = |class| (1..=limits::LEVEL_MAX).map(move |level| (class, level));
        let growths: Vec<Growth> = (0..)
            .zip(content.classes.iter().flat_map(levels))
            .map(|(id, ((class, definition), level))| Growth {
                id,
                class: *class,
                level,
                base: definition.base,
                per_level: definition.growth,
            })
            .collect();
        let mut grown = Vec::with_capacity(growths.len());
        rules.grow_stats(ctx, &growths, &mut grown);
        assert_eq!(grown.len(), growths.len(), "one answer per growth");

        let to_next = required.iter().map(|answer| answer.value.experience.clamp(1, limits::EXPERIENCE_MAX));
        let stats = growths.iter().zip(&grown);
        Self {
            stale: false,
            to_next: to_next.collect(),
            stats: stats.map(|(asked, answer)| ((asked.class, asked.level), answer.value.stats)).collect(),
        }
    }

    /// The highest level.
    pub(crate) fn top(&self) -> u32 {
        self.to_next.len() as u32 + 1
    }

    /// Experience from this level to the next; 0 at the top.
    pub(crate) fn to_next(&self, level: u32) -> u64 {
        self.to_next.get(level.saturating_sub(1) as usize).copied().unwrap_or(0)
    }

    /// The numbers of a class at a level; next to nothing for a class that is gone.
    pub(crate) fn stats(&self, class: DefId, level: u32) -> Stats {
        let known = self.stats.get(&(class, level.clamp(1, limits::LEVEL_MAX))).copied();
        known.unwrap_or(Stats { health: 1, ..Stats::default() })
    }
}

impl World {
    /// Asks for the ladder if it may be another one, and fits everybody to it.
    pub(crate) fn climb(&mut self, rules: &mut dyn Rules) {
        if !self.ladder.stale {
            return;
        }
        self.ladder = Ladder::ask(&self.content, &self.context(), rules);
        let ids: Vec<CharacterId> = self.characters.keys().copied().collect();
        for id in ids {
            self.refresh_stats(id);
        }
    }

    /// Experience from this level to the next, as the progression script has it; 0 at the top.
    pub fn experience_to_next(&self, level: u32) -> u64 {
        self.ladder.to_next(level)
    }
}
