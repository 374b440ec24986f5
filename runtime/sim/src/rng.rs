//! Named randomness. Every draw is forked from the zone's seed, the tick, an entity and a purpose,
//! so that neither the order of a batch nor another entity's draws change a result.

/// What a draw is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Cast = 1,
    Swing,
    Pulse,
    Think,
    Loot,
    Quest,
    Dialog,
    Weather,
    Spawn,
    Chat,
    Kill,
    Fall,
    Trade,
    Summon,
    Direct,
    Duel,
    Event,
    Craft,
    Visit,
}

/// The seed of one draw.
pub(crate) fn fork(seed: u64, tick: u64, subject: u64, purpose: Purpose) -> u64 {
    let mut rng = Rng(seed ^ (purpose as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
    let a = rng.next_u64() ^ tick;
    let b = Rng(a).next_u64() ^ subject;
    Rng(b).next_u64()
}

/// SplitMix64: the state is a counter, so that any 64-bit number is a good seed.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound` (0 for a bound of 0): the high half of a product, whose bias is below
    /// 2^-32 for every bound used here.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next_u64() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Uniform in `low..=high`.
    pub fn within(&mut self, low: u32, high: u32) -> u32 {
        low + self.below((high - low.min(high)).saturating_add(1))
    }

    /// A hundred-sided die, 1..=100.
    pub fn d100(&mut self) -> u32 {
        1 + self.below(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_differ_by_every_part() {
        let base = fork(1, 2, 3, Purpose::Swing);
        assert_eq!(base, fork(1, 2, 3, Purpose::Swing));
        for other in [
            fork(2, 2, 3, Purpose::Swing),
            fork(1, 3, 3, Purpose::Swing),
            fork(1, 2, 4, Purpose::Swing),
            fork(1, 2, 3, Purpose::Cast),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn the_die_is_fair() {
        let mut rng = Rng(42);
        let mut faces = [0_u32; 100];
        for _ in 0..1_000_000 {
            faces[rng.d100() as usize - 1] += 1;
        }
        assert!(faces.iter().all(|&count| (9_500..10_500).contains(&count)), "{faces:?}");
    }
}
