//! Mechanics as players meet them, and determinism.

mod determinism;
mod duel;
mod encounter;
mod events;
mod mechanics;
mod state;
mod summon;
mod talk;
mod trade;
