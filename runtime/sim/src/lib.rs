//! One zone of a Loreforge world as a pure state machine.
//!
//! [`World::step`] takes the inputs of one tick and the [`rules::Rules`] that scripts implement, and
//! returns what happened. There is no clock, no I/O, no thread, no float and no unordered
//! collection whose order could be seen: the same content, seed and inputs give the same
//! [`World::digest`] after every tick.
//!
//! What does not live here: sockets, encoding, storage (`runtime`) and WebAssembly (`host-api`).

mod admit;
mod character;
mod chat;
pub mod checkpoint;
mod combat;
pub mod content;
mod craft;
mod death;
mod dialog;
mod digest;
mod duel;
mod encounter;
mod entities;
pub mod entity;
mod environment;
mod event;
mod fee;
pub mod grid;
pub mod ids;
pub mod input;
mod inventory;
mod levels;
pub mod limits;
mod loot;
mod movement;
pub mod native;
mod npc;
pub mod output;
mod quest;
pub mod rng;
pub mod rules;
mod shop;
pub mod state;
mod status;
mod summon;
mod visit;
mod world;

pub use environment::GAME_MINUTE_MS;
pub use ids::{CharacterId, DefId, DuelId, EntityId, ModuleStamp, RequestId, def_id};
pub use world::{Character, NearList, World};

#[cfg(test)]
mod scenario;
#[cfg(test)]
mod tests;
