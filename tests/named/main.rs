//! Components that have names: they speak to each other, are started again, and are replaced while they run.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "a test"
)]

#[path = "../guests/mod.rs"]
mod guests;
#[path = "../support/mod.rs"]
mod support;

mod messages;
mod reload;
mod supervised;
mod world;
