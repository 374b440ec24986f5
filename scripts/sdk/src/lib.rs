//! What Rust scripts for Loreforge share.
//!
//! A script needs only the files in `wit/`; this crate makes the common parts short: ids of
//! definitions, dice from a view's seed, places on the ground, panics that reach the author's
//! log, and memory that is fast for single calls. It holds no state between calls and knows no kind of script.

// Natively only its tests use it.
#[cfg(any(target_arch = "wasm32", test))]
mod arena;
mod dice;
pub mod ground;
mod report;

pub use dice::Rng;
pub use report::each;

/// The id of a definition: FNV-1a, 32 bit, of its kind and name, such as `npc/wolf`.
///
/// ```
/// const STRIKE: u32 = lore_sdk::def_id("ability/strike");
/// assert_ne!(STRIKE, 0);
/// ```
pub const fn def_id(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
}

/// Ticks that `ms` milliseconds take, rounded up, so that a delay is never shorter than asked.
/// `tick_ms` is the context's; 0 counts as 1.
pub const fn ticks(ms: u32, tick_ms: u32) -> u32 {
    ms.div_ceil(if tick_ms == 0 { 1 } else { tick_ms })
}

/// `amount` times `permille` / 1000, towards zero, saturating.
pub fn share(amount: i32, permille: i32) -> i32 {
    let exact = i64::from(amount) * i64::from(permille) / 1_000;
    exact.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fnv_1a() {
        // Published test vectors of FNV-1a, 32 bit.
        assert_eq!(def_id(""), 0x811c_9dc5);
        assert_eq!(def_id("a"), 0xe40c_292c);
        assert_eq!(def_id("foobar"), 0xbf9c_f968);
    }

    #[test]
    fn delays_are_never_cut_short() {
        assert_eq!(ticks(500, 50), 10);
        assert_eq!(ticks(501, 50), 11);
        assert_eq!(ticks(0, 50), 0);
        assert_eq!(ticks(7, 0), 7);
    }

    #[test]
    fn shares_round_towards_zero_and_saturate() {
        assert_eq!(share(7, 1_500), 10);
        assert_eq!(share(-7, 1_500), -10);
        assert_eq!(share(i32::MAX, 2_000), i32::MAX);
    }
}
