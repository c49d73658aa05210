//! One errand in each language, under the least policy that it can be done with.
//!
//! Each policy stands here in full; a permit names one principal, one action and one resource. The test leaves out one
//! permit after the other: each time the errand fails, or says something else. What a language's own library asks for
//! beyond the policy, and does without, is listed too.
//!
//! Rust and text run everywhere. The others are run if `AIRSSYS_POLYGLOT_DIR` names the directory that
//! `tests/guests/build-polyglot.sh` wrote.
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

mod guests;
mod support;

use support::errand::{Errand, Server};

const PRINTS: &str = "greeting: yes\n/data/in/a: allowed\n/data/private/b: refused\nclock: ok\nrandom: ok\n";

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The component, when there are any.
fn built(name: &str) -> Option<Vec<u8>> {
    let Some(directory) = std::env::var_os("AIRSSYS_POLYGLOT_DIR") else {
        eprintln!("skipped: AIRSSYS_POLYGLOT_DIR is not set, so there is no `{name}` to run");
        return None;
    };
    let path = std::path::Path::new(&directory).join(format!("{name}.wasm"));
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display())))
}

#[tokio::test]
async fn a_program_in_rust_needs_all_of_its_policy_and_no_more() {
    let server = Server::start();
    let address = server.address.to_string();
    let errand = Errand {
        program: guests::component("probe-command"),
        arguments: words(&[
            "env", "SHOWN", "then", "read", "/data/in/a", "then", "reads", "/data/private/b", "then", "now",
            "then", "random", "then", "tcp", &address, "errand",
        ]),
        policy: RUST.replace("ADDRESS", &address),
        groups: &["inner-network"],
        server: Some(server),
        prints: "yes\nallowed\n/data/private/b: PermissionDenied: refused\n(milliseconds)\n(random)\nheard errand\n"
            .to_owned(),
        denied: &[("env:read", "HIDDEN"), ("fs:read", "/data/private/b")],
        // Where it is built for `wasm32-wasip1`, wasi-libc takes all three streams at the start.
        perhaps: STARTS_WITH_ALL_THREE,
    };
    errand.needs_all_of_it_and_no_more().await;
}

const RUST: &str = r#"
permit (principal == Component::"acme/probe", action == Action::"process:args", resource == Process::"self");
permit (principal == Component::"acme/probe", action == Action::"env:read", resource == EnvVar::"SHOWN");
permit (principal == Component::"acme/probe", action == Action::"stdio:write", resource == Stdio::"stdout");
permit (principal == Component::"acme/probe", action == Action::"fs:read", resource == Path::"/data/in/a");
permit (principal == Component::"acme/probe", action == Action::"clock:read", resource == Clock::"wall");
permit (principal == Component::"acme/probe", action == Action::"random:read", resource == Random::"secure");
permit (principal == Component::"acme/probe", action == Action::"net:bind", resource == Endpoint::"*:0/tcp");
permit (principal == Component::"acme/probe", action == Action::"net:connect", resource == Endpoint::"ADDRESS/tcp");
"#;

#[tokio::test]
async fn a_program_in_text_needs_all_of_its_policy_and_no_more() {
    let read =
        |name: &str| std::fs::read_to_string(guests::root().join("tests/guests/errand").join(name)).unwrap();
    prints_the_errand(
        support::component_of(&read("errand.wit"), "errand", &read("errand.wat")),
        BY_HAND,
        &[],
    )
    .await;
}

#[tokio::test]
async fn a_program_in_assemblyscript_needs_all_of_its_policy_and_no_more() {
    let Some(program) = built("assemblyscript-errand") else { return };
    prints_the_errand(program, BY_HAND, &[]).await;
}

/// Of those who reach the interfaces as they are.
const BY_HAND: &str = r#"
permit (principal == Component::"acme/probe", action == Action::"process:args", resource == Process::"self");
permit (principal == Component::"acme/probe", action == Action::"env:read", resource == EnvVar::"SHOWN");
permit (principal == Component::"acme/probe", action == Action::"stdio:write", resource == Stdio::"stdout");
permit (principal == Component::"acme/probe", action == Action::"fs:read", resource == Path::"/data/in/a");
permit (principal == Component::"acme/probe", action == Action::"clock:read", resource == Clock::"wall");
permit (principal == Component::"acme/probe", action == Action::"random:read", resource == Random::"secure");
"#;

#[tokio::test]
async fn a_program_in_c_needs_all_of_its_policy_and_no_more() {
    let Some(program) = built("c-errand") else { return };
    prints_the_errand(program, C, STARTS_WITH_ALL_THREE).await;
}

/// wasi-libc takes all three standard streams at the start.
const STARTS_WITH_ALL_THREE: &[(&str, &str)] = &[("stdio:read", "stdin"), ("stdio:write", "stderr")];

const C: &str = r#"
permit (principal == Component::"acme/probe", action == Action::"process:args", resource == Process::"self");
permit (principal == Component::"acme/probe", action == Action::"env:read", resource == EnvVar::"SHOWN");
permit (principal == Component::"acme/probe", action == Action::"stdio:write", resource == Stdio::"stdout");
permit (principal == Component::"acme/probe", action == Action::"fs:read", resource == Path::"/data/in/a");
permit (principal == Component::"acme/probe", action == Action::"clock:read", resource == Clock::"wall");
permit (principal == Component::"acme/probe", action == Action::"random:read", resource == Random::"secure");
"#;

#[tokio::test]
async fn a_program_in_javascript_needs_all_of_its_policy_and_no_more() {
    let Some(program) = built("js-errand") else { return };
    prints_the_errand(program, JAVASCRIPT, &[]).await;
}

const JAVASCRIPT: &str = r#"
permit (principal == Component::"acme/probe", action == Action::"process:args", resource == Process::"self");
permit (principal == Component::"acme/probe", action == Action::"env:read", resource == EnvVar::"SHOWN");
permit (principal == Component::"acme/probe", action == Action::"stdio:write", resource == Stdio::"stdout");
permit (principal == Component::"acme/probe", action == Action::"fs:read", resource == Path::"/data/in/a");
permit (principal == Component::"acme/probe", action == Action::"clock:read", resource == Clock::"wall");
permit (principal == Component::"acme/probe", action == Action::"random:read", resource == Random::"secure");
"#;

/// The errand that all but Rust have in common.
async fn prints_the_errand(program: Vec<u8>, policy: &str, more: &'static [(&'static str, &'static str)]) {
    let denied = [&[("env:read", "HIDDEN"), ("fs:read", "/data/private/b")], more].concat();
    let errand = Errand {
        program,
        arguments: words(&["/data/in/a", "/data/private/b"]),
        policy: policy.to_owned(),
        groups: &[],
        server: None,
        prints: PRINTS.to_owned(),
        denied: denied.leak(),
        perhaps: &[],
    };
    errand.needs_all_of_it_and_no_more().await;
}

#[tokio::test]
async fn a_program_in_python_needs_all_of_its_policy_and_no_more() {
    let Some(program) = built("python-errand") else { return };
    let server = Server::start();
    let address = server.address.to_string();
    let errand = Errand {
        program,
        arguments: words(&["/data/in/a", "/data/private/b", &address]),
        policy: PYTHON.replace("ADDRESS", &address),
        groups: &["inner-network"],
        server: Some(server),
        prints: format!("{PRINTS}server: heard errand\n"),
        denied: &[("env:read", "HIDDEN"), ("fs:read", "/data/private/b")],
        perhaps: &[],
    };
    errand.needs_all_of_it_and_no_more().await;
}

const PYTHON: &str = r#"
permit (principal == Component::"acme/probe", action == Action::"process:args", resource == Process::"self");
permit (principal == Component::"acme/probe", action == Action::"env:read", resource == EnvVar::"SHOWN");
permit (principal == Component::"acme/probe", action == Action::"stdio:write", resource == Stdio::"stdout");
permit (principal == Component::"acme/probe", action == Action::"fs:read", resource == Path::"/data/in/a");
permit (principal == Component::"acme/probe", action == Action::"clock:read", resource == Clock::"wall");
permit (principal == Component::"acme/probe", action == Action::"random:read", resource == Random::"secure");
permit (principal == Component::"acme/probe", action == Action::"net:bind", resource == Endpoint::"*:0/tcp");
permit (principal == Component::"acme/probe", action == Action::"net:connect", resource == Endpoint::"ADDRESS/tcp");
"#;
