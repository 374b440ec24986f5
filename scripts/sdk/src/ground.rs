//! Places on the ground of a zone, in millimetres, without floats.

use crate::Rng;

/// A place or an offset: east, north.
pub type Point = (i32, i32);

/// Distance, rounded down.
pub fn distance(a: Point, b: Point) -> u32 {
    let dx = i64::from(a.0) - i64::from(b.0);
    let dy = i64::from(a.1) - i64::from(b.1);
    ((dx * dx + dy * dy) as u64).isqrt().min(u64::from(u32::MAX)) as u32
}

/// The place `length` farther from `threat` than `from` is, in a straight line; due east when
/// both are the same place.
pub fn away(from: Point, threat: Point, length: u32) -> Point {
    let apart = i64::from(distance(from, threat));
    if apart == 0 {
        return (from.0.saturating_add_unsigned(length), from.1);
    }
    let along = |mine: i32, theirs: i32| {
        let step = (i64::from(mine) - i64::from(theirs)) * i64::from(length) / apart;
        (i64::from(mine) + step).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    };
    (along(from.0, threat.0), along(from.1, threat.1))
}

/// A random place at most `radius` (clamped to 8 km) from `centre`, as an offset from it.
pub fn stroll(rng: &mut Rng, radius: u32) -> Point {
    let radius = radius.min(OFFSET_MAX as u32) as i32;
    let (x, y) = (rng.between(-radius, radius), rng.between(-radius, radius));
    let length = distance((0, 0), (x, y)) as i32;
    if length <= radius {
        return (x, y);
    }
    let shrink = |v: i32| (i64::from(v) * i64::from(radius) / i64::from(length)) as i32;
    (shrink(x), shrink(y))
}

/// Largest offset [`pack`] keeps, either way: 8 km.
pub const OFFSET_MAX: i32 = 8_000_000;

/// An offset and eight flags in the one number a host keeps for a script.
pub fn pack(offset: Point, flags: u8) -> i64 {
    let part = |v: i32| i64::from(v.clamp(-OFFSET_MAX, OFFSET_MAX)) & 0xff_ffff;
    part(offset.0) << 32 | part(offset.1) << 8 | i64::from(flags)
}

/// What [`pack`] packed.
pub fn unpack(memory: i64) -> (Point, u8) {
    let part = |shift: u32| ((memory >> shift << 40) >> 40) as i32;
    ((part(32), part(8)), memory as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flees_in_a_straight_line() {
        assert_eq!(away((3_000, 4_000), (0, 0), 5_000), (6_000, 8_000));
        assert_eq!(away((1, 1), (1, 1), 10), (11, 1));
    }

    #[test]
    fn strolls_stay_in_the_circle() {
        let mut rng = Rng::new(7);
        for _ in 0..1_000 {
            assert!(distance((0, 0), stroll(&mut rng, 5_000)) <= 5_000);
        }
        assert_eq!(stroll(&mut rng, 0), (0, 0));
    }

    #[test]
    fn memory_keeps_offsets_and_flags() {
        for offset in [(0, 0), (-1, 1), (OFFSET_MAX, -OFFSET_MAX), (-123_456, 654_321)] {
            for flags in [0, 1, 0x80, 0xff] {
                assert_eq!(unpack(pack(offset, flags)), (offset, flags));
            }
        }
        assert_eq!(unpack(0), ((0, 0), 0));
    }
}
