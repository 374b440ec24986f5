//! The life of a change as a pure state machine: states, what may happen to a change, and what
//! becomes of it then. No clock, no disk, no zone.

use super::Verdict;
use serde::{Deserialize, Serialize};

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It loads and fits what is live.
    Checked,
    /// Its proof allows it to go on.
    Proven,
    /// It waits for a person's word.
    Held,
    /// Instances are made; the zones take them next.
    Staged,
    /// It runs in the chosen zones and is watched there.
    Canary,
    /// It runs in all zones and is watched.
    Probation,
    /// It has passed and is what others fall back to.
    Live,
    /// It never became live, or a person said no.
    Refused,
    /// It was live and the version before took over again.
    RolledBack,
    /// It was live, failed, and must not come back.
    Quarantined,
    /// A later change took its place.
    Superseded,
}

/// What happens to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The proof lets it pass, or there is none.
    Accept,
    /// The proof, or who pushed it, wants a person's word.
    Hold,
    /// It does not fit, its proof is bad, or it cannot be prepared.
    Refuse,
    /// Instances are ready.
    Stage,
    /// A person said yes.
    Approve,
    /// A person said no.
    Reject,
    /// The chosen zones have it.
    EnterSome,
    /// All zones have it.
    EnterAll,
    /// It was watched long enough.
    Pass,
    /// It broke a rule of its probation.
    Breach,
    /// It failed too often.
    Strike,
    /// A person went back to the version before.
    Undo,
    /// A later change took its place.
    Supersede,
}

/// A thing that cannot happen to a change in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a change that is {} cannot {}, only one that is {}; `lore changes` shows how far each is",
    state.name(),
    event.words(),
    event.states().join(", ")
)]
pub struct Impossible {
    /// Its state.
    pub state: State,
    /// What was asked.
    pub event: Event,
}

impl Event {
    /// What a change does then, in words of an operator.
    fn words(self) -> &'static str {
        match self {
            Self::Accept => "be accepted",
            Self::Hold => "be held",
            Self::Refuse => "be refused",
            Self::Stage => "be staged",
            Self::Approve => "be approved",
            Self::Reject => "be rejected",
            Self::EnterSome => "enter some zones",
            Self::EnterAll => "enter all zones",
            Self::Pass => "pass its probation",
            Self::Breach => "be taken back",
            Self::Strike => "be quarantined",
            Self::Undo => "be rolled back",
            Self::Supersede => "be superseded",
        }
    }

    /// The names of the states in which this can happen.
    fn states(self) -> Vec<&'static str> {
        State::ALL.into_iter().filter(|state| state.after(self).is_ok()).map(State::name).collect()
    }
}

impl From<&Verdict> for Event {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Hold { .. } => Self::Hold,
            Verdict::Refuse { .. } => Self::Refuse,
        }
    }
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 11] = [
        Self::Checked,
        Self::Proven,
        Self::Held,
        Self::Staged,
        Self::Canary,
        Self::Probation,
        Self::Live,
        Self::Refused,
        Self::RolledBack,
        Self::Quarantined,
        Self::Superseded,
    ];

    /// As it stands in JSON and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Proven => "proven",
            Self::Held => "held",
            Self::Staged => "staged",
            Self::Canary => "canary",
            Self::Probation => "probation",
            Self::Live => "live",
            Self::Refused => "refused",
            Self::RolledBack => "rolled-back",
            Self::Quarantined => "quarantined",
            Self::Superseded => "superseded",
        }
    }

    /// Nothing can happen to it any more but what can happen to what is live.
    pub fn is_settled(self) -> bool {
        self == Self::Live || self.is_over()
    }

    /// Nothing can happen to it any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Refused | Self::RolledBack | Self::Quarantined | Self::Superseded)
    }

    /// What becomes of it.
    ///
    /// # Errors
    /// This cannot happen in this state; nothing changes then.
    pub fn after(self, event: Event) -> Result<Self, Impossible> {
        use Event as E;
        let next = match (self, event) {
            (Self::Checked, E::Accept) => Self::Proven,
            (Self::Checked | Self::Proven, E::Hold) => Self::Held,
            // It has passed where it was tried, but a person shall say that it may go on.
            (Self::Canary, E::Hold) => Self::Held,
            (Self::Checked | Self::Proven | Self::Staged, E::Refuse) => Self::Refused,
            (Self::Held | Self::Staged, E::Reject) => Self::Refused,
            // A canary that passed, or that a person lets go on before, is on its way to all zones.
            (Self::Proven | Self::Canary, E::Stage) => Self::Staged,
            (Self::Held | Self::Canary | Self::Staged, E::Approve) => Self::Staged,
            (Self::Staged, E::EnterSome) => Self::Canary,
            (Self::Staged, E::EnterAll) => Self::Probation,
            (Self::Probation, E::Pass) => Self::Live,
            (Self::Canary, E::Reject) => Self::RolledBack,
            // What is held or staged may be a canary that has passed and still runs in its zones.
            (Self::Held | Self::Staged | Self::Canary | Self::Probation, E::Breach) => Self::RolledBack,
            (Self::Held | Self::Staged | Self::Canary | Self::Probation | Self::Live, E::Undo) => {
                Self::RolledBack
            }
            (Self::Held | Self::Staged | Self::Canary | Self::Probation | Self::Live, E::Strike) => {
                Self::Quarantined
            }
            (state, E::Supersede) if !state.is_over() => Self::Superseded,
            (state, event) => return Err(Impossible { state, event }),
        };
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 13] = [
        Event::Accept,
        Event::Hold,
        Event::Refuse,
        Event::Stage,
        Event::Approve,
        Event::Reject,
        Event::EnterSome,
        Event::EnterAll,
        Event::Pass,
        Event::Breach,
        Event::Strike,
        Event::Undo,
        Event::Supersede,
    ];

    /// Every pair, one line a state, one column an event; `.` cannot happen.
    const TABLE: &str = "
        checked:     proven held refused . . . . . . . . . superseded
        proven:      . held refused staged . . . . . . . . superseded
        held:        . . . . staged refused . . . rolled-back quarantined rolled-back superseded
        staged:      . . refused . staged refused canary probation . rolled-back quarantined rolled-back superseded
        canary:      . held . staged staged rolled-back . . . rolled-back quarantined rolled-back superseded
        probation:   . . . . . . . . live rolled-back quarantined rolled-back superseded
        live:        . . . . . . . . . . quarantined rolled-back superseded
        refused:     . . . . . . . . . . . . .
        rolled-back: . . . . . . . . . . . . .
        quarantined: . . . . . . . . . . . . .
        superseded:  . . . . . . . . . . . . .";

    #[test]
    fn every_event_in_every_state_has_one_outcome() {
        let mut rows = TABLE.trim().lines();
        for state in State::ALL {
            let (name, cells) = rows.next().and_then(|row| row.trim().split_once(':')).expect("a row");
            assert_eq!(name, state.name());
            let cells: Vec<&str> = cells.split_whitespace().collect();
            assert_eq!(cells.len(), EVENTS.len(), "{name}");
            for (event, cell) in EVENTS.into_iter().zip(cells) {
                let found = state.after(event).map_or(".", State::name);
                assert_eq!(found, cell, "{name}, {event:?}");
            }
        }
    }

    #[test]
    fn an_operator_is_told_in_which_states_it_is_possible() {
        let said = State::Live.after(Event::Approve).expect_err("it is live").to_string();
        let expected = "a change that is live cannot be approved, only one that is held, staged, canary; \
            `lore changes` shows how far each is";
        assert_eq!(said, expected);
        for event in EVENTS {
            assert!(!event.states().is_empty() && !event.words().is_empty(), "{event:?}");
        }
    }

    #[test]
    fn what_is_over_stays_over_and_names_are_those_of_json() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).expect("JSON"), state.name());
            let moves = EVENTS.into_iter().any(|event| state.after(event).is_ok());
            assert_eq!(moves, !state.is_over(), "{state:?}");
        }
    }
}
