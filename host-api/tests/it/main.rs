//! Guests of all kinds, most of them hostile, against the host's public interface.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod cache;
mod contain;
mod crossing;
mod fights;
mod fixture;
mod generated;
mod grants;
mod harness;
mod hostile;
mod interface;
mod limits;
mod load;
mod migration;
mod prove;
mod reference;
mod rest;
mod talk;
mod trade;
mod versions;
