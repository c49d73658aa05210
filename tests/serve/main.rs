//! `airssys serve`: the real server in a process of its own, real components in it, and the commands that speak to it.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

#[path = "../cli_support/mod.rs"]
mod cli_support;
#[path = "../guests/mod.rs"]
mod guests;
#[path = "../support/mod.rs"]
mod support;

mod files;
mod hardened;
mod life;
mod operators;
mod work;
mod world;
