//! Guests of all kinds, most of them hostile, against the host's public interface.

mod cache;
mod contain;
mod fixture;
mod load;
