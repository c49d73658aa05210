//! Identity from outside: each refusal with its own error, and agreement with other tools.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod authority;
mod outcome;
mod support;
mod wholeness;
