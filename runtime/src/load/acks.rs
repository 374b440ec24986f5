//! Which frames of state the server is told of, so that it knows how much is still on its way to a client. Pure.

/// The server is told of a frame so many ticks after the one before, as `web/sdk` does.
const EVERY_TICKS: u64 = 2;
/// So many when there is no other message that it can go with.
const LATEST_TICKS: u64 = 5;

/// The newest frame that came, and the newest that the server was told of.
#[derive(Debug, Default)]
pub struct FrameAcks {
    heard: u64,
    told: u64,
}

impl FrameAcks {
    /// A snapshot of this tick came: of another zone perhaps, whose ticks are others.
    pub fn begin(&mut self, tick: u64) {
        *self = Self { heard: tick, told: 0 };
    }

    /// A delta of this tick came.
    pub fn heard(&mut self, tick: u64) {
        self.heard = tick;
    }

    /// The tick to tell of with a message that is sent anyway; it counts as told.
    pub fn due(&mut self) -> Option<u64> {
        self.after(EVERY_TICKS)
    }

    /// The tick to tell of in a message of its own, because there was no other.
    pub fn overdue(&mut self) -> Option<u64> {
        self.after(LATEST_TICKS)
    }

    fn after(&mut self, ticks: u64) -> Option<u64> {
        let is_due = self.heard.saturating_sub(self.told) >= ticks;
        is_due.then(|| {
            self.told = self.heard;
            self.heard
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_told_of_every_second_frame() {
        let mut acks = FrameAcks::default();
        assert_eq!((acks.due(), acks.overdue()), (None, None), "nothing came");
        acks.begin(100);
        assert_eq!((acks.due(), acks.due()), (Some(100), None));
        let told: Vec<Option<u64>> = (101..=104)
            .map(|tick| {
                acks.heard(tick);
                acks.due()
            })
            .collect();
        assert_eq!(told, [None, Some(102), None, Some(104)]);
    }

    #[test]
    fn who_says_nothing_else_tells_a_little_later() {
        let mut acks = FrameAcks::default();
        acks.begin(100);
        assert_eq!(acks.overdue(), Some(100), "of a snapshot at once");
        acks.heard(104);
        assert_eq!(acks.overdue(), None);
        acks.heard(105);
        assert_eq!((acks.overdue(), acks.due()), (Some(105), None));
    }

    #[test]
    fn ticks_of_another_zone_begin_anew() {
        let mut acks = FrameAcks::default();
        acks.begin(9_000);
        assert_eq!(acks.due(), Some(9_000));
        acks.begin(50);
        assert_eq!(acks.due(), Some(50));
    }
}
