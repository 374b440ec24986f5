//! One zone of a Loreforge world as a pure state machine.
//!
//! [`World::step`] takes the inputs of one tick and the [`Rules`] that scripts implement, and
//! returns what happened. There is no clock, no I/O, no thread, no float and no unordered
//! collection whose order could be seen: the same content, seed and inputs give the same
//! [`World::digest`] after every tick.
//!
//! What does not live here: sockets, encoding, storage (`runtime`) and WebAssembly (`host-api`).

pub mod content;
pub mod entity;
pub mod ids;
pub mod input;
pub mod limits;
pub mod output;
pub mod rules;
mod world;

pub use ids::{CharacterId, DefId, EntityId, ModuleStamp, RequestId, def_id};
pub use world::{Character, World};
