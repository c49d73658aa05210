//! Guests, for any test: `mod guests;` and then `guests::component("probe-command")`.
//!
//! With `AIRSSYS_GUESTS=DIR` the components come from `DIR`, where `cargo xtask guests --out DIR` has just
//! built them, so that the same tests judge the committed components and fresh ones.
#![allow(dead_code, reason = "no test needs every function")]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reads the work tree"
)]

use std::path::{Path, PathBuf};

/// Where each committed component lies. A test holds this against the manifest.
pub(crate) const COMPONENTS: &[(&str, &str)] = &[
    ("probe-actor", "tests/guests/probe-actor/probe-actor.wasm"),
    ("probe-actor-2", "tests/guests/probe-actor/probe-actor-2.wasm"),
    ("probe-callee", "tests/guests/probe-callee/probe-callee.wasm"),
    ("probe-caller", "tests/guests/probe-caller/probe-caller.wasm"),
    ("probe-command", "tests/guests/probe-command/probe-command.wasm"),
    ("probe-poller", "tests/guests/probe-poller/probe-poller.wasm"),
    ("probe-process", "tests/guests/probe-process/probe-process.wasm"),
    ("reporter", "examples/guests/reporter/reporter.wasm"),
];

/// The work tree.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests"))
}

/// The file of the Rust guest `name`.
pub(crate) fn component_path(name: &str) -> PathBuf {
    if let Some(dir) = std::env::var_os("AIRSSYS_GUESTS") {
        return root().join(dir).join(format!("{name}.wasm"));
    }
    let (_, path) = COMPONENTS.iter().find(|(known, _)| *known == name).expect("a guest of the table");
    root().join(path)
}

/// The bytes of the Rust guest `name`.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let path = component_path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// Where the text guests lie.
pub(crate) fn text_dir() -> PathBuf {
    root().join("tests/guests/wat")
}

/// The binary form of the text guest `name`: `text("tiny")`.
pub(crate) fn text(name: &str) -> Vec<u8> {
    assembled(&text_dir().join(format!("{name}.wat")))
}

/// The binary form of a text file.
pub(crate) fn assembled(path: &Path) -> Vec<u8> {
    wat::parse_file(path).unwrap_or_else(|error| panic!("{error}"))
}
