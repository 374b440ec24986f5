//! Mechanics as players meet them, and determinism.

mod determinism;
mod mechanics;
mod talk;
mod trade;
