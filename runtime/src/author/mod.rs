//! What authors of scripts are given: templates to start from, tests as text, calls by hand.

pub mod balance;
mod component;
pub mod cost;
pub mod scenario;
mod template;
mod written;

pub use component::{component_of, engine, from_here, load, scripts_meant};
pub use template::{NewError, NewScript, REPLACED, has_template, new_script};
pub use written::{toml_of, written};
