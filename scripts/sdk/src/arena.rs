//! Memory for a call about few views: handed out one piece after the other, and whole again once all of it was given
//! back, as it is after every call. Finding a free piece in a heap costs more than most rules; here it is an addition.
//!
//! What does not fit, and what a script keeps for longer, is right too: the rest comes from the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// Bytes for one call: views and answers of a hundred swings.
#[cfg(target_arch = "wasm32")]
const ROOM: usize = 32 << 10;

/// Highest alignment there is room for.
const ALIGN: usize = 16;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ARENA: Arena<ROOM> = Arena::new();

#[repr(C, align(16))]
struct Room<const BYTES: usize>([u8; BYTES]);

struct Arena<const BYTES: usize> {
    room: UnsafeCell<Room<BYTES>>,
    /// Where the next piece may begin.
    next: Cell<usize>,
    /// Pieces that were not given back.
    live: Cell<usize>,
}

// SAFETY: a script has one thread.
#[cfg(target_arch = "wasm32")]
unsafe impl<const BYTES: usize> Sync for Arena<BYTES> {}

impl<const BYTES: usize> Arena<BYTES> {
    const fn new() -> Self {
        Self { room: UnsafeCell::new(Room([0; BYTES])), next: Cell::new(0), live: Cell::new(0) }
    }

    fn base(&self) -> *mut u8 {
        self.room.get().cast()
    }

    /// Where in the room a piece is; beyond its end for one of the heap.
    fn start_of(&self, piece: *mut u8) -> usize {
        (piece as usize).wrapping_sub(self.base() as usize)
    }

    /// Takes a piece of the room, if there is one.
    fn take(&self, layout: Layout) -> Option<usize> {
        let align = layout.align();
        let start = (self.next.get() + align - 1) & !(align - 1);
        let end = start.checked_add(layout.size())?;
        if align > ALIGN || end > BYTES {
            return None;
        }
        self.next.set(end);
        self.live.set(self.live.get() + 1);
        Some(start)
    }
}

// SAFETY: pieces of the room do not overlap while they are live: `next` only goes back to the beginning of the last
// one when that is given back, or to 0 when all are. All others are the heap's.
unsafe impl<const BYTES: usize> GlobalAlloc for Arena<BYTES> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            // SAFETY: it is within the room.
            Some(start) => unsafe { self.base().add(start) },
            // SAFETY: as the caller promises.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let start = self.start_of(piece);
        if start >= BYTES {
            // SAFETY: as the caller promises; it came from the heap.
            return unsafe { System.dealloc(piece, layout) };
        }
        self.live.set(self.live.get() - 1);
        if self.live.get() == 0 {
            self.next.set(0);
        } else if start + layout.size() == self.next.get() {
            self.next.set(start);
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = self.start_of(piece);
        if start >= BYTES {
            // SAFETY: as the caller promises; it came from the heap.
            return unsafe { System.realloc(piece, layout, size) };
        }
        if start + layout.size() == self.next.get() && size <= BYTES - start {
            self.next.set(start + size);
            return piece;
        }
        // SAFETY: as the caller promises; the new piece is another one and has room for what is copied.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(piece, layout.size().min(size));
                self.dealloc(piece, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    #[test]
    fn a_room_is_whole_again_when_all_was_given_back() {
        let arena = Arena::<64>::new();
        let (byte, word) = (layout(1, 1), layout(8, 8));
        // SAFETY: every piece is given back with its layout.
        unsafe {
            let (a, b) = (arena.alloc(byte), arena.alloc(word));
            assert_eq!((arena.start_of(a), arena.start_of(b)), (0, 8));
            arena.dealloc(b, word);
            assert_eq!(arena.next.get(), 8, "the last piece is free again");
            let c = arena.alloc(word);
            arena.dealloc(a, byte);
            assert_eq!(arena.next.get(), 16, "another one is still there");
            arena.dealloc(c, word);
            assert_eq!((arena.next.get(), arena.live.get()), (0, 0));
        }
    }

    #[test]
    fn what_does_not_fit_comes_from_the_heap() {
        let arena = Arena::<64>::new();
        let (most, more, wide) = (layout(60, 4), layout(61, 1), layout(8, 32));
        // SAFETY: every piece is given back with its layout.
        unsafe {
            let (a, b, c) = (arena.alloc(most), arena.alloc(more), arena.alloc(wide));
            assert!(arena.start_of(a) == 0 && arena.start_of(b) >= 64 && arena.start_of(c) >= 64);
            for (piece, layout) in [(c, wide), (b, more), (a, most)] {
                arena.dealloc(piece, layout);
            }
            assert_eq!((arena.next.get(), arena.live.get()), (0, 0));
        }
    }

    #[test]
    fn a_piece_grows_in_its_place_or_moves_with_what_is_in_it() {
        let arena = Arena::<64>::new();
        let (four, eight) = (layout(4, 4), layout(8, 4));
        // SAFETY: every piece is given back with its layout.
        unsafe {
            let a = arena.alloc(four);
            a.copy_from_nonoverlapping([1, 2, 3, 4].as_ptr(), 4);
            assert_eq!(arena.realloc(a, four, 8), a);
            let b = arena.alloc(four);
            let moved = arena.realloc(a, eight, 12);
            assert_eq!(arena.start_of(moved), 12);
            assert_eq!(std::slice::from_raw_parts(moved, 4), [1, 2, 3, 4]);
            let far = arena.realloc(moved, layout(12, 4), 200);
            assert!(arena.start_of(far) >= 64);
            assert_eq!(std::slice::from_raw_parts(far, 4), [1, 2, 3, 4]);
            let back = arena.realloc(far, layout(200, 4), 4);
            arena.dealloc(back, four);
            arena.dealloc(b, four);
            assert_eq!((arena.next.get(), arena.live.get()), (0, 0));
        }
    }
}
