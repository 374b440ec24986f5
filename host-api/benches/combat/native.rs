//! The yardstick: `sim`'s own formula in Rust, not inlined, so that it is called once per view.

use crate::weigh;
use sim::native;
use sim::rules::{Attack, Outcome};

pub fn pass(attacks: &[Attack]) -> i64 {
    attacks.iter().map(|attack| weigh(&resolve(attack))).sum()
}

#[inline(never)]
fn resolve(attack: &Attack) -> Outcome {
    native::resolve(attack)
}
