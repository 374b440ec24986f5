//! The handlers: from typed input to one call of the store or of identity, to the wire.

pub(super) mod auth;
pub(super) mod characters;
pub(super) mod health;
pub(super) mod me;
pub(super) mod views;
