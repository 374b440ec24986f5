//! The Loreforge server: everything that touches the outside world.
//!
//! `lore` is a thin binary over this library. Game rules live in scripts, game state in [`sim`],
//! WebAssembly in [`host_api`]; here are sockets, HTTP, storage, the zone threads and the tools.

pub mod abuse;
pub mod admin;
pub mod auth;
pub mod author;
pub mod bench;
pub mod build;
pub mod bus;
pub mod cache;
pub mod cli;
pub mod client;
pub mod config;
pub mod content;
pub mod gateway;
pub mod http;
pub mod load;
pub mod online;
pub mod presence;
pub mod reload;
pub mod replay;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod zone;
