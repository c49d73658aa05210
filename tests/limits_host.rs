//! Limits that the host counts: each lets pass what it says, answers one more by the interface's own error where it has
//! one, leaves one record, and lets the instance live.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod support;

use airssys_osl::GuestPath;
use airssys_osl::fs::MountSpec;
use airssys_osl::stdio::{self, Sink, Source};
use airssys_wasm::audit::{self, Filter, Memory};
use airssys_wasm::embed::{Component, ComponentRuntime, Error};
use airssys_wasm::kernel::{LimitExceeded, Limits};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::MEMORY;

/// What the guest answers for an error: the number of its case in its interface, after 1,000.
const INSUFFICIENT_MEMORY: u32 = 1022;
const QUOTA: u32 = 1006;
const NEW_SOCKET_LIMIT: u32 = 1010;
const LAST_OPERATION_FAILED: u32 = 1000;

const WORLD: &str = "package test:spends; world spends {
    import wasi:cli/stdin@0.2.12; import wasi:cli/stdout@0.2.12; import wasi:cli/stderr@0.2.12;
    import wasi:io/streams@0.2.12;
    import wasi:filesystem/preopens@0.2.12; import wasi:filesystem/types@0.2.12; import wasi:random/random@0.2.12;
    import wasi:sockets/tcp-create-socket@0.2.12; import wasi:sockets/udp-create-socket@0.2.12;
    import wasi:clocks/monotonic-clock@0.2.12;
    export prepare: func() -> u32; export open: func(n: u32) -> u32; export read: func(n: u32) -> u32;
    export write: func(n: u32) -> u32; export say: func(n: u32) -> u32; export complain: func(n: u32) -> u32;
    export hear: func(n: u32) -> u32; export draw: func(n: u32) -> u32; export number: func(n: u32) -> u32;
    export tcp: func(n: u32) -> u32; export udp: func(n: u32) -> u32; export wait: func(n: u32) -> u32;
    }";

const IMPORTS: &str = r#"
  (import "wasi:cli/stdin@0.2.12" "get-stdin" (func $in (result i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $out (result i32)))
  (import "wasi:cli/stderr@0.2.12" "get-stderr" (func $err (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $say (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.read" (func $hear (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop-out (param i32)))
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $dirs (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
    (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read" (func $read (param i32 i64 i64 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.write" (func $write (param i32 i32 i32 i64 i32)))
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $draw (param i64 i32)))
  (import "wasi:random/random@0.2.12" "get-random-u64" (func $number (result i64)))
  (import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
  (import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $wait (param i64) (result i32)))
"#;

const FUNCTIONS: &str = r#"
  (data (i32.const 1024) "file")
  (global $root (mut i32) (i32.const 0))
  (global $file (mut i32) (i32.const 0))
  (func $open-it (param $flags i32)
    (call $open (global.get $root) (i32.const 0) (i32.const 1024) (i32.const 4) (i32.const 0)
      (local.get $flags) (i32.const 16)))
  (func (export "prepare") (result i32)
    (call $dirs (i32.const 16))
    (global.set $root (i32.load (i32.load (i32.const 16))))
    (call $open-it (i32.const 3))
    (global.set $file (i32.load offset=4 (i32.const 16)))
    FOUR)
  (func (export "open") (param i32) (result i32) (call $open-it (i32.const 1)) FOUR)
  (func (export "read") (param i32) (result i32)
    (call $read (global.get $file) (i64.extend_i32_u (local.get 0)) (i64.const 0) (i32.const 16)) LENGTH)
  (func (export "write") (param i32) (result i32)
    (call $write (global.get $file) (i32.const 2048) (local.get 0) (i64.const 0) (i32.const 16)) EIGHT)
  (func $put (param $stream i32) (param $n i32)
    (call $say (local.get $stream) (i32.const 2048) (local.get $n) (i32.const 16))
    (call $drop-out (local.get $stream)))
  (func (export "say") (param i32) (result i32) (call $put (call $out) (local.get 0)) FOUR)
  (func (export "complain") (param i32) (result i32) (call $put (call $err) (local.get 0)) FOUR)
  (func (export "hear") (param i32) (result i32)
    (call $hear (call $in) (i64.extend_i32_u (local.get 0)) (i32.const 16)) LENGTH)
  (func (export "draw") (param i32) (result i32)
    (call $draw (i64.extend_i32_u (local.get 0)) (i32.const 16)) (i32.load offset=4 (i32.const 16)))
  (func (export "number") (param i32) (result i32) (drop (call $number)) (i32.const 0))
  (func (export "tcp") (param i32) (result i32) (call $tcp (i32.const 0) (i32.const 16)) FOUR)
  (func (export "udp") (param i32) (result i32) (call $udp (i32.const 0) (i32.const 16)) FOUR)
  (func (export "wait") (param i32) (result i32) (call $wait (i64.const 1)) )
"#;

/// `prepare` opens `/file`; each other function does one thing once, and what it opens stays open.
fn guest() -> Vec<u8> {
    let answer = "(if (result i32) (i32.load8_u (i32.const 16))
        (then (i32.add (i32.const 1000) (i32.load8_u offset=OFF (i32.const 16)))) (else GOOD))";
    let ending = |offset: &str, good: &str| answer.replace("OFF", offset).replace("GOOD", good);
    let (four, eight) = (ending("4", "(i32.const 0)"), ending("8", "(i32.load offset=8 (i32.const 16))"));
    let length = ending("4", "(i32.load offset=8 (i32.const 16))");
    let functions = FUNCTIONS.replace("FOUR", &four).replace("EIGHT", &eight).replace("LENGTH", &length);
    let core = format!("(module {IMPORTS} {MEMORY} {functions})");
    support::component(WORLD, &core)
}

/// A guest whose file holds `contents`.
struct Trial {
    component: Component,
    log: Memory,
    told: Arc<Mutex<Vec<LimitExceeded>>>,
    _runtime: ComponentRuntime,
    directory: tempfile::TempDir,
}

impl Trial {
    async fn new(limits: Limits) -> Trial {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "0123456789").unwrap();
        let (config, log) = support::config(support::ALLOW_ALL);
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let (out, err) = (stdio::Memory::bounded(1 << 20), stdio::Memory::bounded(1 << 20));
        let config = config
            .mount(MountSpec::new(directory.path(), GuestPath::root()))
            .stdin(Source::Bytes("0123456789".into()))
            .stdout(Sink::Memory(out))
            .stderr(Sink::Memory(err))
            .limits(limits)
            .on_exceeded(move |_, limit| tell.lock().unwrap().push(*limit));
        let runtime = ComponentRuntime::new(config).unwrap();
        let component = runtime.load_component(support::signed("spends", &guest())).await.unwrap();
        let trial = Trial { component, log, told, _runtime: runtime, directory };
        assert_eq!(trial.component.call::<_, u32>("prepare", &()).await.unwrap(), 0);
        trial
    }

    async fn does(&self, function: &str, n: u32) -> Result<u32, Error> {
        self.component.call(function, &n).await
    }

    #[track_caller]
    fn assert_within(&self) {
        assert_eq!(self.component.exceeded(), []);
        assert!(support::of_kind(&self.log, "limit").is_empty());
    }

    /// One record that says where, one call of the host's, and a log that is whole.
    #[track_caller]
    fn assert_exceeded(&self, limit: &'static str, value: u64, import: &str) {
        let exceeded = LimitExceeded::new(limit, value);
        assert_eq!(self.component.exceeded(), [exceeded]);
        assert_eq!(*self.told.lock().unwrap(), [exceeded]);
        let records = support::of_kind(&self.log, "limit");
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!(records[0]["limit"], serde_json::json!({ "name": limit, "allowed": value }));
        assert_eq!((&records[0]["import"], &records[0]["subject"]), (&import.into(), &"acme/spends".into()));
        assert_eq!(records[0]["text"], exceeded.to_string());
        let bytes = self.log.bytes();
        assert!(audit::verify(bytes.as_slice(), None).unwrap().is_sound());
    }

    /// Calls until it is refused, and says how often it was not; the refusal stays, and the instance lives.
    async fn count_until(&self, function: &str, refused: u32) -> u64 {
        let mut done = 0;
        loop {
            match self.does(function, 0).await.unwrap() {
                0 => done += 1,
                answer => {
                    assert_eq!(answer, refused);
                    break;
                }
            }
        }
        assert_eq!(self.does(function, 0).await.unwrap(), refused);
        done
    }
}

fn nonzero(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap()
}

const OPEN: &str = "wasi:filesystem/types#[method]descriptor.open-at";

#[tokio::test]
async fn one_handle_too_many_is_refused_by_the_interfaces_own_error() {
    let trial = Trial::new(Limits::default().handles(nonzero(10))).await;
    // The root and the file are two.
    assert_eq!(trial.count_until("open", INSUFFICIENT_MEMORY).await, 8);
    trial.assert_exceeded("handles", 10, OPEN);
    assert_eq!(trial.does("read", 1).await.unwrap(), 1, "the instance lives, and calls borrow handles");
}

#[tokio::test]
async fn one_handle_too_many_ends_the_instance_where_there_is_no_error_and_leaves_one_record_all_the_same() {
    let trial = Trial::new(Limits::default().handles(nonzero(3))).await;
    assert_eq!(trial.count_until("open", INSUFFICIENT_MEMORY).await, 1);
    let ended = trial.does("wait", 0).await.unwrap_err();
    assert!(
        matches!(ended, Error::LimitExceeded(limit) if limit == LimitExceeded::new("handles", 3)),
        "{ended}"
    );
    trial.assert_exceeded("handles", 3, OPEN);
    assert!(matches!(trial.does("wait", 0).await, Err(Error::Ended)));
}

#[tokio::test]
async fn one_open_file_too_many_is_refused_by_the_interfaces_own_error() {
    let trial = Trial::new(Limits::default().open_files(nonzero(3))).await;
    assert_eq!(trial.count_until("open", INSUFFICIENT_MEMORY).await, 2);
    trial.assert_exceeded("open_files", 3, OPEN);
    assert_eq!(trial.does("read", 1).await.unwrap(), 1);
}

#[tokio::test]
async fn one_socket_too_many_is_refused_by_the_interfaces_own_error() {
    let trial = Trial::new(Limits::default().sockets(nonzero(3))).await;
    assert_eq!(trial.does("udp", 0).await.unwrap(), 0);
    assert_eq!(trial.count_until("tcp", NEW_SOCKET_LIMIT).await, 2);
    assert_eq!(trial.does("udp", 0).await.unwrap(), NEW_SOCKET_LIMIT);
    trial.assert_exceeded("sockets", 3, "wasi:sockets/tcp-create-socket#create-tcp-socket");
    let trial = Trial::new(Limits::default().sockets(nonzero(1))).await;
    assert_eq!(trial.count_until("udp", NEW_SOCKET_LIMIT).await, 1);
    trial.assert_exceeded("sockets", 1, "wasi:sockets/udp-create-socket#create-udp-socket");
}

#[tokio::test]
async fn output_beyond_what_a_second_brings_fails_and_the_next_second_brings_more() {
    let trial = Trial::new(Limits::default().output_bytes_per_second(nonzero(1000))).await;
    assert_eq!(trial.does("say", 1000).await.unwrap(), 0);
    trial.assert_within();
    let trial = Trial::new(Limits::default().output_bytes_per_second(nonzero(1000))).await;
    assert_eq!(trial.does("complain", 1001).await.unwrap(), LAST_OPERATION_FAILED);
    assert_eq!(trial.does("say", 1001).await.unwrap(), LAST_OPERATION_FAILED);
    let import = "wasi:io/streams#[method]output-stream.write";
    trial.assert_exceeded("output_bytes_per_second", 1000, import);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(trial.does("complain", 1000).await.unwrap(), 0);
}

#[tokio::test]
async fn more_random_bytes_in_one_call_than_granted_end_the_instance() {
    let trial = Trial::new(Limits::default().random_bytes_per_call(nonzero(16))).await;
    assert_eq!(trial.does("draw", 16).await.unwrap(), 16);
    assert_eq!(trial.does("draw", 16).await.unwrap(), 16, "each call by itself");
    let exceeded = LimitExceeded::new("random_bytes_per_call", 16);
    let ended = trial.does("draw", 17).await.unwrap_err();
    assert!(matches!(ended, Error::LimitExceeded(limit) if limit == exceeded), "{ended}");
    trial.assert_exceeded("random_bytes_per_call", 16, "wasi:random/random#get-random-bytes");
    assert!(matches!(trial.does("draw", 1).await, Err(Error::Ended)));
    let trial = Trial::new(Limits::default().random_bytes_per_call(nonzero(8))).await;
    assert_eq!(trial.does("number", 0).await.unwrap(), 0);
    let trial = Trial::new(Limits::default().random_bytes_per_call(nonzero(7))).await;
    assert!(matches!(trial.does("number", 0).await, Err(Error::LimitExceeded(limit)) if limit.value == 7));
    trial.assert_exceeded("random_bytes_per_call", 7, "wasi:random/random#get-random-u64");
}

#[tokio::test]
async fn bytes_are_read_in_total_from_files_and_input_together() {
    let trial = Trial::new(Limits::default().read_bytes_total(nonzero(14))).await;
    assert_eq!(trial.does("hear", 8).await.unwrap(), 8);
    assert_eq!(trial.does("read", 8).await.unwrap(), 6, "what is left");
    trial.assert_within();
    assert_eq!(trial.does("read", 8).await.unwrap(), QUOTA);
    assert_eq!(trial.does("hear", 1).await.unwrap(), LAST_OPERATION_FAILED);
    trial.assert_exceeded("read_bytes_total", 14, "wasi:filesystem/types#[method]descriptor.read");
    assert_eq!(trial.does("write", 5).await.unwrap(), 5, "the instance lives");
}

#[tokio::test]
async fn bytes_are_written_in_total_to_files_and_output_together() {
    let trial = Trial::new(Limits::default().write_bytes_total(nonzero(14))).await;
    assert_eq!(trial.does("say", 5).await.unwrap(), 0);
    assert_eq!(trial.does("complain", 3).await.unwrap(), 0);
    assert_eq!(trial.does("write", 8).await.unwrap(), 6, "what is left");
    trial.assert_within();
    assert_eq!(trial.does("write", 1).await.unwrap(), QUOTA);
    assert_eq!(trial.does("say", 1).await.unwrap(), LAST_OPERATION_FAILED);
    trial.assert_exceeded("write_bytes_total", 14, "wasi:filesystem/types#[method]descriptor.write");
    let written = std::fs::read(trial.directory.path().join("file")).unwrap();
    assert_eq!(&written[..6], [0; 6], "zeros from the guest's memory");
    assert_eq!(&written[6..], b"6789");
    assert_eq!(trial.does("read", 5).await.unwrap(), 5, "the instance lives");
}

#[tokio::test]
async fn one_call_hands_the_guest_no_more_bytes_than_the_other_way() {
    let trial = Trial::new(Limits::default().host_call_bytes(nonzero(6))).await;
    assert_eq!(trial.does("read", 10).await.unwrap(), 6);
    assert_eq!(trial.does("hear", 10).await.unwrap(), 6);
    trial.assert_within();
}

#[tokio::test]
async fn every_limit_in_force_is_in_the_record_of_loading() {
    let trial = Trial::new(Limits::default().open_files(nonzero(7))).await;
    let load = &support::of_kind(&trial.log, "load")[0]["component"]["limits"];
    let limits = trial.component.limits();
    assert_eq!(load.as_object().unwrap().len(), limits.each().count());
    for (key, value) in limits.each() {
        assert_eq!(load[key], value.get(), "{key}");
    }
    assert_eq!(load["open_files"], 7);
}

#[tokio::test]
async fn the_records_of_limits_are_found_by_their_kind() {
    let trial = Trial::new(Limits::default().sockets(nonzero(1))).await;
    trial.count_until("tcp", NEW_SOCKET_LIMIT).await;
    let filter = Filter { kind: Some(audit::Kind::Limit), ..Filter::default() };
    let bytes = trial.log.bytes();
    let found = audit::query(bytes.as_slice(), filter).filter(Result::is_ok).count();
    assert_eq!(found, 1);
}
