//! The log: what goes in, what a failure does, and what a verification finds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests"
)]

mod failing;
mod file;
mod format;
mod journal;
mod queries;
mod records;
mod support;
mod tampering;
mod tampering_at_random;
