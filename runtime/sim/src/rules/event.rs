//! What `event.conduct` and `event.reward` are shown and answer.

use crate::ids::{DefId, EntityId};
use borsh::{BorshDeserialize, BorshSerialize};

/// Why an event asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum EventOccasion {
    Started,
    Changed,
    StageOver,
    Kill,
    Second,
}

/// See `event.stage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct StageView {
    pub duration_ticks: u32,
    pub kills_needed: u32,
    pub creatures: u32,
    pub announcement: DefId,
}

/// See `event.moment`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct EventMoment {
    pub id: u32,
    pub event: DefId,
    pub occasion: EventOccasion,
    pub stage: u32,
    pub stages: Vec<StageView>,
    pub stage_ticks: u32,
    pub due: bool,
    pub trigger_count: u32,
    pub trigger_needed: u32,
    pub cooldown_left_ticks: u32,
    pub kills: u32,
    pub spawned: u32,
    pub alive: u32,
    pub participants: u32,
    pub nearby: u32,
    pub on_success: DefId,
    pub on_failure: DefId,
    pub memory: i64,
    pub seed: u64,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum EventOutcome {
    Idle,
    Going,
    Success,
    Failure,
}

/// See `event.course`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Course {
    pub id: u32,
    pub outcome: EventOutcome,
    pub stage: u32,
    pub spawn: u32,
    pub dismiss: bool,
    pub announcement: DefId,
    pub memory: i64,
}

impl Course {
    /// Fallback: everything stays as it is. An event whose stage is long over is ended by the host.
    pub fn fallback(moment: &EventMoment) -> Self {
        Self {
            id: moment.id,
            outcome: if moment.stage == 0 { EventOutcome::Idle } else { EventOutcome::Going },
            stage: moment.stage,
            spawn: 0,
            dismiss: false,
            announcement: DefId::NONE,
            memory: moment.memory,
        }
    }

    /// Whether this can be answered to `moment`: what does not run cannot end, what runs is in one of
    /// its stages.
    pub fn answers(&self, moment: &EventMoment) -> bool {
        match self.outcome {
            EventOutcome::Idle => moment.stage == 0,
            EventOutcome::Going => (1..=moment.stages.len() as u32).contains(&self.stage),
            EventOutcome::Success | EventOutcome::Failure => moment.stage > 0,
        }
    }
}

/// See `event.merit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Merit {
    pub id: u32,
    pub event: DefId,
    pub character: EntityId,
    pub level: u32,
    pub points: u64,
    pub kills: u32,
    pub share_permille: u32,
    pub rank: u32,
    pub participants: u32,
    pub seed: u64,
}

/// See `event.prize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Prize {
    pub id: u32,
    pub reward_permille: u32,
}

impl Prize {
    /// Fallback: what the content says, for everybody.
    pub fn fallback(merit: &Merit) -> Self {
        Self { id: merit.id, reward_permille: 1_000 }
    }
}
