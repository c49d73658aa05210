//! A component is compiled in a process of its own, which has an end whatever the component, and whose answer is believed only
//! when it is sealed.
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

mod guests;
mod support;

use airssys_osl::host_child::ChildLimits;
use airssys_wasm::embed::{ComponentRuntime, Error};
use airssys_wasm::identity::{VerifiedComponent, verify};
use airssys_wasm::kernel::{ChildCompiler, Compiled, Compiler, Engine, EngineError, Limits};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const AIRSSYS: &str = env!("CARGO_BIN_EXE_airssys");

fn limits() -> ChildLimits {
    let most = Duration::from_secs(120);
    ChildLimits { wall: most, cpu: most, memory: 4 << 30, output: 512 << 20 }
}

fn verified(bytes: &[u8]) -> VerifiedComponent {
    verify(support::signed("tiny", bytes), &support::trust(), jiff::Timestamp::now()).unwrap()
}

fn compiled(program: &Path, limits: ChildLimits, bytes: &[u8]) -> Result<Compiled, EngineError> {
    let engine = Engine::new(Limits::default().stack_kib, None).unwrap();
    let engine = engine.with_compiler(Compiler::Child(ChildCompiler::new(program).limits(limits)));
    loop {
        match Compiled::new(&engine, &verified(bytes), &Limits::default()) {
            // A child that another test starts just now has a program open that this one has just written.
            Err(EngineError::Unavailable(why)) if why.contains("Text file busy") => {}
            done => return done,
        }
    }
}

fn too_costly(program: &Path, limits: ChildLimits, bytes: &[u8]) -> String {
    match compiled(program, limits, bytes) {
        Err(EngineError::TooCostly(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// A function with so many loops in each other, each with a branch to all of them: what is live where is known late.
fn bomb(functions: usize) -> Vec<u8> {
    let mut body = String::new();
    for at in 0..2_000 {
        let _ = write!(
            body,
            "(local.set {} (i64.add (local.get {}) (i64.mul (local.get {}) (i64.const {at}))))",
            at % 400,
            (at * 7) % 400,
            (at * 13) % 400
        );
        let _ = write!(
            body,
            "(if (i64.eqz (local.get {})) (then (local.set {} (i64.const {at}))))",
            at % 399,
            (at * 3) % 400
        );
    }
    let locals = "i64 ".repeat(400);
    let function = format!("(func (local {locals}) {body})");
    let core = function.repeat(functions);
    wat::parse_str(format!("(component (core module {core}))")).unwrap()
}

#[test]
fn a_component_that_takes_too_long_to_compile_is_given_up_at_its_time() {
    let limits = ChildLimits { wall: Duration::from_millis(500), ..limits() };
    let begun = Instant::now();
    let why = too_costly(AIRSSYS.as_ref(), limits, &bomb(200));
    assert!(why.contains("it took longer than"), "{why}");
    // It would take minutes.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_component_that_takes_too_much_processor_time_or_memory_ends_its_compiler_alone() {
    let second = ChildLimits { cpu: Duration::from_secs(1), ..limits() };
    let why = too_costly(AIRSSYS.as_ref(), second, &bomb(200));
    assert!(why.contains("1 s of processor time"), "{why}");
    let little = ChildLimits { memory: 256 << 20, ..limits() };
    let why = too_costly(AIRSSYS.as_ref(), little, &bomb(200));
    assert!(why.contains("256 MiB"), "{why}");
}

#[test]
fn code_that_is_longer_than_it_may_be_is_not_taken() {
    let why = too_costly(AIRSSYS.as_ref(), ChildLimits { output: 1000, ..limits() }, &guests::text("tiny"));
    assert!(why.contains("more than 1000 bytes"), "{why}");
}

/// A program that answers with what `printf` makes of it.
fn impostor(directory: &Path, answer: &str) -> std::path::PathBuf {
    let path = directory.join("impostor");
    std::fs::write(&path, format!("#!/bin/sh\n/bin/cat >/dev/null\nprintf '{answer}'\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    path
}

#[test]
fn an_answer_that_is_not_sealed_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    // The last begins as machine code does.
    for answer in ["", "\\000", "\\000junk", "\\000airssys\\001junk", "\\002", "\\000\\177ELF"] {
        let program = impostor(directory.path(), answer);
        let why = too_costly(&program, limits(), &guests::text("tiny"));
        assert!(why.contains("was not used") || why.contains("no answer"), "{answer}: {why}");
    }
    let program = impostor(directory.path(), "\\001it said so");
    match compiled(&program, limits(), &guests::text("tiny")) {
        Err(EngineError::Invalid(why)) => assert_eq!(why, "it said so"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_compiler_that_is_not_there_is_the_hosts_own_fault() {
    match compiled("/nonexistent/airssys".as_ref(), limits(), &guests::text("tiny")) {
        Err(EngineError::Unavailable(why)) => assert!(why.contains("/nonexistent/airssys"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_valid_is_told_as_if_it_were_compiled_here() {
    let invalid = wat::parse_str("(component (core module (func (result i32))))").unwrap();
    let of = |done: Result<Compiled, EngineError>| done.map(drop).unwrap_err().to_string();
    let engine = Engine::new(Limits::default().stack_kib, None).unwrap();
    let here = of(Compiled::new(&engine, &verified(&invalid), &Limits::default()));
    assert_eq!(of(compiled(AIRSSYS.as_ref(), limits(), &invalid)), here);
}

#[tokio::test]
async fn what_was_compiled_elsewhere_runs_here() {
    let (config, _) = support::config(support::ALLOW_ALL);
    let config = config.compiler(Compiler::Child(ChildCompiler::new(AIRSSYS)));
    let runtime = ComponentRuntime::new(config).unwrap();
    let signed = support::signed("probe", &guests::component("probe-command"));
    let component = runtime.load_component(signed).await.unwrap();
    // What it says without arguments does not matter, but that its code runs.
    assert!(!matches!(component.call::<_, ()>("run", &()).await, Err(Error::Engine(_) | Error::Import(_))));
}

#[test]
fn nobody_makes_a_compiler_of_the_program_by_another_argument() {
    for argument in
        ["compile-for-parent", "compile-for-parent:", "compile-for-parent:x:1", "compile-for-parent:1"]
    {
        let done = Command::new(AIRSSYS).arg(argument).output().unwrap();
        assert_eq!(done.status.code(), Some(125), "{argument}");
    }
}
