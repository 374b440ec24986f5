//! Stories: the whole server through its public interfaces, one file per story.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod audit;
mod author_tools;
mod balance;
mod browser;
mod canary;
mod costs;
mod determinism;
mod encounters;
mod endless;
mod formulas;
mod full_zones;
mod fuzz_corpus;
mod grants;
mod hostile;
mod http_bad_input;
mod http_characters;
mod http_conduct;
mod http_login;
mod kill;
mod languages;
mod life;
mod live;
mod migration;
mod newcomer;
mod pack_fits;
mod plan;
mod probation;
mod protocol_doc;
mod reload_pipeline;
mod replay;
mod scenarios;
mod script_logs;
mod shop;
mod skies;
mod soak;
mod socket_bad_input;
mod socket_conduct;
mod socket_play;
mod speech;
mod storm;
mod support;
mod trap_lines;
mod versions;
mod world_events;
