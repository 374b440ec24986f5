//! What services cost. The content says the most of it.
//!
//! Who makes something pays a percent less for every level above the first, at most [`BETTER_PERCENT`]; what is left
//! is rounded up. The dead return for nothing up to level [`FREE_LEVEL`]; every level beyond costs a tenth of the fee,
//! rounded down.

use crate::wit::exports::lore::script::economy::{Charge, Fee, Service};

/// Most that a high level saves of the fee for an attempt, percent.
pub const BETTER_PERCENT: u32 = 10;
/// Up to this level death costs no gold.
pub const FREE_LEVEL: u32 = 5;

/// The fee of one service.
pub fn of(charge: &Charge) -> Fee {
    let amount = u64::from(charge.amount);
    let gold = match charge.service {
        Service::Crafting => {
            let better = u64::from(charge.level.saturating_sub(1).min(BETTER_PERCENT));
            (amount * (100 - better)).div_ceil(100)
        }
        Service::Respawn => amount * u64::from(charge.level.saturating_sub(FREE_LEVEL).min(10)) / 10,
    };
    Fee { id: charge.id, gold: gold as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gold(service: Service, level: u32, amount: u32) -> u32 {
        let (character, subject, balance) = (1, 0, 0);
        of(&Charge { id: 3, service, character, level, subject, count: 1, amount, balance }).gold
    }

    #[test]
    fn levels_save_a_tenth_of_the_fee_at_most() {
        let fee = |level| gold(Service::Crafting, level, 100);
        assert_eq!([0, 1, 2, 11, 60].map(fee), [100, 100, 99, 90, 90]);
        assert_eq!(gold(Service::Crafting, 60, 1), 1, "rounded up");
        assert_eq!(gold(Service::Crafting, 1, u32::MAX), u32::MAX);
    }

    #[test]
    fn the_young_return_for_nothing_and_the_old_pay_in_full() {
        let fee = |level| gold(Service::Respawn, level, 20);
        assert_eq!([1, 5, 6, 10, 15, 60].map(fee), [0, 0, 2, 10, 20, 20]);
    }
}
