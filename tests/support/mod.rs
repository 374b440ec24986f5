//! What stories share.

pub mod content;
pub mod database;
pub mod guests;
pub mod guide;
pub mod http_server;
pub mod raw;
pub mod socket;
pub mod starter;
pub mod views;
pub mod world;
