//! What authors of scripts are given: templates to start from.

mod template;

pub use template::{NewError, NewScript, new_script};
