//! Oracles: what airssys-wasm promises, each as a function of bytes that panics where the promise is broken.
//!
//! A fuzzer calls them with inputs of its own making (`fuzz/`, by `just fuzz`); ordinary tests call them with the
//! inputs that are kept in `fuzz/corpus` and with random ones, so that what a fuzzer once found is never lost. Each
//! stands in a module of its own and is there twice: as `NAME(data)`, about the product, and as `check(data, …)`,
//! about whatever is handed to it; `tests/can_fail.rs` hands a broken twin to each and sees it found.
//!
//! *Invariant:* an oracle's outcome depends on its bytes alone, whatever the clock, the machine or the run before. Where
//! threads run against each other (`swap`), it holds in whatever order they do.
//!
//! Nothing that is shipped depends on this crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an oracle is a test: it fails by a panic, and builds its little worlds by hand"
)]

pub mod audit_log;
pub mod choices;
#[cfg(unix)]
pub mod code_cache;
pub mod files;
pub mod handles;
pub mod identity;
pub mod mailbox;
#[cfg(target_os = "linux")]
pub mod paths;
pub mod policies;
mod scripted;
pub mod supervision;
pub mod swap;

/// An oracle.
pub type Oracle = fn(&[u8]);

/// Every oracle by the name of its target, its corpus and its figures.
pub const ORACLES: &[(&str, Oracle)] = &[
    ("policies", policies::policies),
    ("identity", identity::identity),
    ("files", files::files),
    ("audit_log", audit_log::audit_log),
    ("handles", handles::handles),
    ("mailbox", mailbox::mailbox),
    ("swap", swap::swap),
    ("supervision", supervision::supervision),
    #[cfg(unix)]
    ("code_cache", code_cache::code_cache),
    #[cfg(target_os = "linux")]
    ("paths", paths::paths),
];
