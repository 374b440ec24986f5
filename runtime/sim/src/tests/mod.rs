//! Mechanics as players meet them, and determinism.

mod determinism;
mod mechanics;
mod state;
mod talk;
mod trade;
