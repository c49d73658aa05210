//! One component's import, served by another's export: each call is decided, each acts by its own authority.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

#[path = "../support/mod.rs"]
mod support;

mod authority;
mod composed;
mod ends;
mod guests;
mod limits;
mod refusals;
mod values;
mod world;
