//! What a part is worth: the content's reward for an equal part or more, less for less.

use crate::wit::exports::lore::script::event::{Merit, Prize};

/// What the one who did most gets on top, permille, if there were others.
const FIRST_BONUS: u32 = 200;
/// What who took part gets at least and, however much it did, at most.
const PART: (u64, u64) = (250, 1_000);
/// Most that the host pays, permille.
const REWARD_MAX: u32 = 2_000;

/// One part.
pub fn reward(merit: &Merit) -> Prize {
    let equal = u64::from(merit.share_permille) * u64::from(merit.participants);
    let part = equal.clamp(PART.0, PART.1) as u32;
    let bonus = if merit.rank == 1 && merit.participants > 1 { FIRST_BONUS } else { 0 };
    Prize { id: merit.id, reward_permille: (part + bonus).min(REWARD_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_part_is_paid_in_full_and_a_small_one_in_part() {
        let permille = |share_permille, rank, participants| {
            let merit = Merit {
                id: 1,
                event: 1,
                character: 11,
                level: 3,
                points: 100,
                kills: 2,
                share_permille,
                rank,
                participants,
                seed: 1,
            };
            reward(&merit).reward_permille
        };
        assert_eq!(permille(1_000, 1, 1), 1_000, "alone");
        assert_eq!((permille(600, 1, 3), permille(333, 2, 3), permille(67, 3, 3)), (1_200, 999, 250));
        assert_eq!(permille(200, 2, 4), 800);
    }
}
