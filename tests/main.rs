//! Stories: the whole server through its public interfaces, one file per story.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod determinism;
mod formulas;
mod audit;
mod full_zones;
mod hostile;
mod http_bad_input;
mod http_characters;
mod http_conduct;
mod http_login;
mod kill;
mod live;
mod newcomer;
mod storm;
mod support;
mod trap_lines;
