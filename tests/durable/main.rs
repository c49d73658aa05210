//! Durable mailboxes with real components: what was told to be sent is dealt with, whatever ends in between.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    reason = "a test"
)]

#[path = "../guests/mod.rs"]
mod guests;
#[path = "../support/mod.rs"]
mod support;

mod again;
mod killed;
mod restarted;
mod world;
