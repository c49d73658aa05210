//! Clocks, random numbers, variables and standard streams: each by its permit, and no longer than that.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

mod common;

use airssys_osl::action::{ClockRead, ClockSleep, EnvRead, ProcessArgs, RandomRead, StdioRead, StdioWrite};
use airssys_osl::environment::{Arguments, Environment};
use airssys_osl::stdio::{BUDGET_BYTES, Input, Memory, Output, Sink, Source, StdioError};
use airssys_osl::{Clock, ProcessSelf, Random, Session, Stdio, clock, random};
use common::{IMPORT, Log, Script};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn open() -> (Arc<Script>, Arc<Log>, Arc<Session>) {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    (script, log, session)
}

#[test]
fn a_clock_stops_with_its_permission_and_goes_on_until_then() {
    let (script, _log, session) = open();
    let reader = clock::Reader::new(session.authorize::<ClockRead>(Clock::Monotonic, IMPORT).unwrap());
    let wall = clock::Reader::new(session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap());
    let now = || clock::nanoseconds(reader.now(IMPORT).unwrap());
    let (first, second) = (now(), now());
    assert!(first <= second);
    assert!(reader.now(IMPORT).unwrap() < Duration::from_secs(3600), "not since the system started");
    assert!(wall.now(IMPORT).unwrap() > Duration::from_secs(1_700_000_000));
    assert!(!reader.resolution(IMPORT).unwrap().is_zero() && !wall.resolution(IMPORT).unwrap().is_zero());
    script.swap(|_, _| false);
    assert!(reader.now(IMPORT).is_err() && wall.now(IMPORT).is_err() && wall.resolution(IMPORT).is_err());
}

#[tokio::test]
async fn a_wait_ends_with_its_time_or_its_permission() {
    let (script, _log, session) = open();
    let sleeper = clock::Sleeper::new(session.authorize::<ClockSleep>(Clock::Monotonic, IMPORT).unwrap());
    let started = Instant::now();
    let timer = sleeper.after(20_000_000, IMPORT).unwrap();
    assert!(!timer.is_over());
    timer.over().await;
    assert!(started.elapsed() >= Duration::from_millis(20) && timer.is_over());
    sleeper.until(0, IMPORT).unwrap().over().await;

    let endless = sleeper.until(u64::MAX, IMPORT).unwrap();
    let revoker = endless.lease().clone();
    let waiting = tokio::spawn(async move { endless.over().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    revoker.revoke();
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    script.swap(|_, _| false);
    assert!(sleeper.after(1, IMPORT).is_err() && sleeper.until(1, IMPORT).is_err());
}

#[test]
fn random_numbers_stop_with_their_permission_and_do_not_repeat() {
    let (script, _log, session) = open();
    let mut source = random::Source::new(session.authorize::<RandomRead>(Random::Secure, IMPORT).unwrap());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        assert!(seen.insert(source.u64(IMPORT).unwrap()));
    }
    for length in [0, 1, 7, 127, 128, 129, 511, 512, 513, 5000] {
        let mut bytes = vec![0; length];
        source.fill(&mut bytes, IMPORT).unwrap();
        assert!(length < 32 || bytes.iter().any(|byte| *byte != 0), "{length}");
        assert!(length < 64 || bytes[length - 32..].iter().any(|byte| *byte != 0), "{length}");
    }
    script.swap(|_, _| false);
    assert!(source.u64(IMPORT).is_err() && source.fill(&mut [0; 8], IMPORT).is_err());
}

#[test]
fn only_the_permitted_variable_is_read() {
    let (script, _log, session) = open();
    let variables = [("A", "1"), ("SECRET", "hidden"), ("A", "2")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = Environment::new(variables).unwrap();
    script.swap(|_, id| id != "SECRET");
    let read = |name: &str| {
        let name = airssys_osl::EnvName::parse(name).unwrap();
        session.authorize::<EnvRead>(name, IMPORT).ok().and_then(|permit| environment.read(permit).unwrap())
    };
    assert_eq!((read("A"), read("SECRET"), read("NONE")), (Some("2"), None, None));
    assert_eq!(environment.names().count(), 2);
    assert!(!format!("{environment:?}").contains("hidden"));
    let arguments = Arguments::new(["run".to_owned()]);
    let permit = session.authorize::<ProcessArgs>(ProcessSelf::Itself, IMPORT).unwrap();
    assert_eq!(arguments.read(permit).unwrap(), ["run"]);
}

#[test]
fn output_is_bounded_and_stops_with_its_permission() {
    let (script, _log, session) = open();
    let memory = Memory::bounded(10);
    let permit = session.authorize::<StdioWrite>(Stdio::Stdout, IMPORT).unwrap();
    let output = Output::new(permit, Sink::Memory(memory.clone())).unwrap();
    for _ in 0..1000 {
        output.write(b"", IMPORT).unwrap();
    }
    assert_eq!(memory.contents(), b"", "an empty write leaves nothing behind");
    assert_eq!(output.budget(IMPORT).unwrap(), 10);
    output.write(b"12345678", IMPORT).unwrap();
    assert!(matches!(output.write(b"901", IMPORT), Err(StdioError::Closed)), "all or nothing");
    assert_eq!(memory.contents(), b"12345678");
    output.write(b"90", IMPORT).unwrap();
    assert!(matches!(output.budget(IMPORT), Err(StdioError::Closed)) && output.is_ready());
    assert_eq!(memory.take(), b"1234567890");
    assert_eq!(output.budget(IMPORT).unwrap(), 10);
    let too_much = vec![0; BUDGET_BYTES + 1];
    assert!(matches!(output.write(&too_much, IMPORT), Err(StdioError::TooMuch)));
    script.swap(|_, _| false);
    assert!(matches!(output.write(b"", IMPORT), Err(StdioError::Denied(_))));
    assert!(matches!(output.budget(IMPORT), Err(StdioError::Denied(_))));
    assert!(matches!(output.flush(IMPORT), Err(StdioError::Denied(_))));
}

#[tokio::test]
async fn output_to_nowhere_and_to_the_process_itself_takes_what_it_says() {
    let (_script, _log, session) = open();
    for sink in [Sink::Null, Sink::Inherit] {
        let permit = session.authorize::<StdioWrite>(Stdio::Stderr, IMPORT).unwrap();
        let output = Output::new(permit, sink).unwrap();
        output.ready(IMPORT).await;
        assert!((1..=BUDGET_BYTES).contains(&output.budget(IMPORT).unwrap()));
        output.write(b"", IMPORT).unwrap();
        output.flush(IMPORT).unwrap();
    }
    let permit = session.authorize::<StdioWrite>(Stdio::Stdin, IMPORT).unwrap();
    assert!(matches!(Output::new(permit, Sink::Inherit), Err(StdioError::Closed)));
}

#[tokio::test]
async fn input_ends_and_stops_with_its_permission() {
    let (script, _log, session) = open();
    let input = |source| Input::new(session.authorize::<StdioRead>(Stdio::Stdin, IMPORT).unwrap(), source);
    let memory = input(Source::Bytes(bytes::Bytes::from_static(b"hello")));
    memory.ready(IMPORT).await;
    assert_eq!(memory.read(3, IMPORT).unwrap(), "hel");
    assert_eq!(memory.read(9, IMPORT).unwrap(), "lo");
    assert!(matches!(memory.read(9, IMPORT), Err(StdioError::Closed)));
    let null = input(Source::Null);
    null.ready(IMPORT).await;
    assert!(matches!(null.read(9, IMPORT), Err(StdioError::Closed)));
    let permit = session.authorize::<StdioRead>(Stdio::Stdout, IMPORT).unwrap();
    let wrong = Input::new(permit, Source::Bytes(bytes::Bytes::from_static(b"hello")));
    assert!(matches!(wrong.read(9, IMPORT), Err(StdioError::Closed)));
    script.swap(|_, _| false);
    assert!(matches!(memory.read(1, IMPORT), Err(StdioError::Denied(_))));
}
