//! How somebody is there, and what changes that: a pure state machine.

/// What others are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not there.
    Offline,
    /// There.
    Online,
    /// There, but does not look.
    Away,
    /// There, and not to be disturbed.
    Busy,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The character came into the world.
    Joined,
    /// The player says so.
    Chosen(State),
    /// The player did nothing for a while.
    Idle,
    /// The player did something.
    Input,
    /// The character left the world.
    Left,
}

/// Where somebody stands: what others are shown, and whether the player said so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Not there.
    #[default]
    Offline,
    /// There.
    Online,
    /// Away, until something is done.
    Idle,
    /// Away, until something else is chosen.
    Away,
    /// Busy, until something else is chosen.
    Busy,
}

/// Why somebody stands where they stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Who is not there is nothing but offline.
    #[error("the character is not in the world; `world.join` first")]
    NotThere,
    /// Nobody is in the world and offline.
    #[error("`offline` is who is not in the world: `world.leave`")]
    StillThere,
}

impl Standing {
    /// Where a change leads.
    ///
    /// # Errors
    /// [`Refused`]: it leads nowhere.
    pub fn after(self, change: Change) -> Result<Self, Refused> {
        Ok(match (self, change) {
            (_, Change::Joined) => Self::Online,
            (_, Change::Left) => Self::Offline,
            (Self::Offline, _) => return Err(Refused::NotThere),
            (_, Change::Chosen(State::Offline)) => return Err(Refused::StillThere),
            (_, Change::Chosen(State::Online)) => Self::Online,
            (_, Change::Chosen(State::Away)) => Self::Away,
            (_, Change::Chosen(State::Busy)) => Self::Busy,
            (Self::Online, Change::Idle) => Self::Idle,
            (Self::Idle, Change::Input) => Self::Online,
            // What was chosen stays.
            (standing, Change::Idle | Change::Input) => standing,
        })
    }

    /// What others are shown.
    pub fn state(self) -> State {
        match self {
            Self::Offline => State::Offline,
            Self::Online => State::Online,
            Self::Idle | Self::Away => State::Away,
            Self::Busy => State::Busy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(changes: &[Change]) -> Result<Standing, Refused> {
        changes.iter().try_fold(Standing::default(), |standing, change| standing.after(*change))
    }

    #[test]
    fn idleness_makes_away_only_who_is_online_and_input_ends_it() {
        use Change::{Chosen, Idle, Input, Joined};
        assert_eq!(after(&[Joined]), Ok(Standing::Online));
        assert_eq!(after(&[Joined, Idle]).map(Standing::state), Ok(State::Away));
        assert_eq!(after(&[Joined, Idle, Input]), Ok(Standing::Online));
        assert_eq!(after(&[Joined, Chosen(State::Busy), Idle]), Ok(Standing::Busy));
        assert_eq!(after(&[Joined, Chosen(State::Away), Input]), Ok(Standing::Away), "it was chosen");
        assert_eq!(after(&[Joined, Idle, Chosen(State::Away), Input]), Ok(Standing::Away));
        assert_eq!(after(&[Joined, Chosen(State::Away), Chosen(State::Online)]), Ok(Standing::Online));
    }

    #[test]
    fn nobody_is_there_without_joining_or_gone_without_leaving() {
        use Change::{Chosen, Idle, Input, Joined, Left};
        for change in [Chosen(State::Online), Chosen(State::Offline), Idle, Input] {
            assert_eq!(after(&[change]), Err(Refused::NotThere), "{change:?}");
            assert_eq!(after(&[Joined, Left, change]), Err(Refused::NotThere), "{change:?}");
        }
        assert_eq!(after(&[Joined, Chosen(State::Offline)]), Err(Refused::StillThere));
        for change in [Joined, Chosen(State::Busy), Chosen(State::Away), Idle] {
            let gone = after(&[Joined, change, Left]);
            assert_eq!(gone, Ok(Standing::Offline), "{change:?}");
        }
    }
}
