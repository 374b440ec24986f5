//! What stories share.

pub mod content;
pub mod http_server;
pub mod starter;
