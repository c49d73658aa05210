//! Values in and out of components: serde, WAVE, and the functions they are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod document;
mod fixture;
mod functions;
mod lift;
mod lower;
mod lower_errors;
mod roundtrip;
mod wave;
