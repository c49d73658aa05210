//! Every function the kernel offers, made from the WIT worlds themselves, called by a generated component under a
//! policy that permits nothing: each is denied in its table's way and leaves exactly one record.
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

mod support;

use airssys_osl::fs::MountSpec;
use airssys_osl::gate::removed::{VARIABLE, removed};
use airssys_osl::{ActionId, GuestPath};
use airssys_wasm::embed::{Component, ComponentRuntime, Error};
use airssys_wasm::host::wasi::TABLE;
use airssys_wasm::kernel::{Class, Denial, Row};
use airssys_wasm::policy::Source;
use std::collections::BTreeSet;
use support::probe::{Offered, Plan, build, build_with, offered};

/// Rows that neither decide nor record, by name: a change here is a change of what the kernel promises.
const FREE: &[&str] = &[
    "airssys:runtime/delegation#[method]accepted.terms",
    "airssys:runtime/messaging#acknowledge",
    "airssys:runtime/messaging#reply",
    "airssys:runtime/messaging#self",
    "airssys:runtime/messaging#unsubscribe-from-events",
    "wasi:cli/environment#initial-cwd",
    "wasi:cli/terminal-stderr#get-terminal-stderr",
    "wasi:cli/terminal-stdin#get-terminal-stdin",
    "wasi:cli/terminal-stdout#get-terminal-stdout",
    "wasi:filesystem/preopens#get-directories",
    "wasi:filesystem/types#filesystem-error-code",
    "wasi:io/error#[method]error.to-debug-string",
    "wasi:io/poll#[method]pollable.block",
    "wasi:io/poll#[method]pollable.ready",
    "wasi:io/poll#poll",
    "wasi:io/streams#[method]input-stream.subscribe",
    "wasi:io/streams#[method]output-stream.subscribe",
    "wasi:sockets/instance-network#instance-network",
    "wasi:sockets/ip-name-lookup#[method]resolve-address-stream.subscribe",
    "wasi:sockets/tcp#[method]tcp-socket.address-family",
    "wasi:sockets/tcp#[method]tcp-socket.finish-bind",
    "wasi:sockets/tcp#[method]tcp-socket.finish-listen",
    "wasi:sockets/tcp#[method]tcp-socket.hop-limit",
    "wasi:sockets/tcp#[method]tcp-socket.is-listening",
    "wasi:sockets/tcp#[method]tcp-socket.keep-alive-count",
    "wasi:sockets/tcp#[method]tcp-socket.keep-alive-enabled",
    "wasi:sockets/tcp#[method]tcp-socket.keep-alive-idle-time",
    "wasi:sockets/tcp#[method]tcp-socket.keep-alive-interval",
    "wasi:sockets/tcp#[method]tcp-socket.local-address",
    "wasi:sockets/tcp#[method]tcp-socket.receive-buffer-size",
    "wasi:sockets/tcp#[method]tcp-socket.remote-address",
    "wasi:sockets/tcp#[method]tcp-socket.send-buffer-size",
    "wasi:sockets/tcp#[method]tcp-socket.set-hop-limit",
    "wasi:sockets/tcp#[method]tcp-socket.set-keep-alive-count",
    "wasi:sockets/tcp#[method]tcp-socket.set-keep-alive-enabled",
    "wasi:sockets/tcp#[method]tcp-socket.set-keep-alive-idle-time",
    "wasi:sockets/tcp#[method]tcp-socket.set-keep-alive-interval",
    "wasi:sockets/tcp#[method]tcp-socket.set-receive-buffer-size",
    "wasi:sockets/tcp#[method]tcp-socket.set-send-buffer-size",
    "wasi:sockets/tcp#[method]tcp-socket.subscribe",
    "wasi:sockets/tcp-create-socket#create-tcp-socket",
    "wasi:sockets/udp#[method]incoming-datagram-stream.subscribe",
    "wasi:sockets/udp#[method]outgoing-datagram-stream.subscribe",
    "wasi:sockets/udp#[method]udp-socket.address-family",
    "wasi:sockets/udp#[method]udp-socket.finish-bind",
    "wasi:sockets/udp#[method]udp-socket.local-address",
    "wasi:sockets/udp#[method]udp-socket.receive-buffer-size",
    "wasi:sockets/udp#[method]udp-socket.remote-address",
    "wasi:sockets/udp#[method]udp-socket.send-buffer-size",
    "wasi:sockets/udp#[method]udp-socket.set-receive-buffer-size",
    "wasi:sockets/udp#[method]udp-socket.set-send-buffer-size",
    "wasi:sockets/udp#[method]udp-socket.set-unicast-hop-limit",
    "wasi:sockets/udp#[method]udp-socket.stream",
    "wasi:sockets/udp#[method]udp-socket.subscribe",
    "wasi:sockets/udp#[method]udp-socket.unicast-hop-limit",
    "wasi:sockets/udp-create-socket#create-udp-socket",
];

/// Functions that no component can be brought to call alone, by what their names contain: nobody lends to himself. What
/// they do, `tests/delegation.rs` shows.
const NOT_ALONE: &[&str] = &[
    "[method]accepted.",
    // Without a name there is no mailbox, and without somebody who sends nothing in it: `tests/named`.
    "messaging#receive-message",
    "messaging#subscribe-to-events",
];

fn alone(id: &str) -> bool {
    !NOT_ALONE.iter().any(|part| id.contains(part))
}

/// Functions that are recorded only where there is something to do.
const NOTHING_THERE: &[&str] = &["airssys:runtime/delegation#withdraw", "airssys:runtime/delegation#accept"];

/// `error-code::access`.
const ACCESS: u32 = 1000;
/// `error-code::access-denied` of sockets.
const ACCESS_DENIED: u32 = 1001;
/// `stream-error::last-operation-failed`.
const LAST_OPERATION_FAILED: u32 = 1000;

/// `error::not-found` of the runtime's own interfaces.
const NO_SUCH: u32 = 1007;

#[test]
fn the_free_rows_are_these_and_no_others() {
    let free: BTreeSet<&str> =
        TABLE.iter().filter(|row| row.class == Class::Free).map(|row| row.id).collect();
    assert_eq!(free, FREE.iter().copied().collect());
}

#[test]
fn the_table_is_the_world() {
    let resolve = support::wit();
    let world: BTreeSet<String> = offered(&resolve).into_iter().map(|offered| offered.id).collect();
    assert_eq!(world, TABLE.iter().map(|row| row.id.to_owned()).collect());
}

#[tokio::test]
async fn every_function_is_denied_in_its_way_and_leaves_one_record() {
    let resolve = support::wit();
    let mut probed = 0;
    // In a process that lacks a row, the function that lost it.
    let chosen = |id: &str| alone(id) && removed().is_none_or(|removed| removed == id);
    for offered in offered(&resolve).into_iter().filter(|offered| chosen(&offered.id)) {
        let row = TABLE.iter().find(|row| row.id == offered.id).unwrap();
        probe(&resolve, &offered, row).await;
        probed += 1;
    }
    assert_eq!(probed, TABLE.iter().filter(|row| chosen(row.id)).count());
    println!("{probed} functions probed");
}

/// A test process for each row, in which that row is not there: its function is neither decided on nor recorded.
#[test]
fn every_row_that_is_removed_is_missed() {
    let rows = TABLE.iter().filter(|row| row.class != Class::Free && alone(row.id));
    // Nothing has the number 0, so nothing is done there that a row could be missed by: `tests/delegation.rs`.
    let rows: Vec<_> = rows.filter(|row| !NOTHING_THERE.contains(&row.id)).collect();
    let survived: Vec<_> = rows.iter().filter(|row| passes_without(row.id)).map(|row| row.id).collect();
    assert!(survived.is_empty(), "nobody missed the rows of {survived:#?}");
    println!("{} rows removed, each missed", rows.len());
}

fn passes_without(id: &str) -> bool {
    let test = "every_function_is_denied_in_its_way_and_leaves_one_record";
    let mut process = std::process::Command::new(std::env::current_exe().unwrap());
    let ended =
        process.args([test, "--exact"]).env(VARIABLE, id).env("RUST_BACKTRACE", "0").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let one = if ended.status.success() { "1 passed; 0 failed" } else { "0 passed; 1 failed" };
    assert!(said.contains(one), "{id}: {said}");
    ended.status.success()
}

/// Somebody to connect to. Nothing takes up its connections, and none are needed.
fn somebody() -> (std::net::TcpListener, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn probe(resolve: &wit_parser::Resolve, offered: &Offered, row: &Row) {
    let id = &offered.id;
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("sub")).unwrap();
    std::fs::write(directory.path().join("file"), "contents").unwrap();
    let (config, memory) = support::config(support::ALLOW_ALL);
    let (_listener, port) = somebody();
    let config = config
        .trust(support::trust_in(&["inner-network"]))
        .env("VARIABLE", "value")
        .args(["program"])
        .mount(MountSpec::new(directory.path(), GuestPath::root()));
    let runtime = ComponentRuntime::new(config).unwrap();
    let bytes = build(resolve, offered, &Plan { path: "file", flags: (0, 0, 1), port });
    let component = runtime.load_component(support::signed("probe", &bytes)).await.unwrap();
    let prepared: u32 = component.call("prepare", &()).await.unwrap();
    assert_eq!(prepared, 0, "{id}: prepare");
    runtime.swap_policy(&[Source::new("none.cedar", "")], &[]).unwrap();
    let () = component.call("failing", &()).await.unwrap();
    let before = support::records(&memory).len();
    let answer: Result<u32, Error> = component.call("run", &()).await;
    let new: Vec<_> = support::records(&memory).split_off(before);
    let told = |record: &serde_json::Value| record["kind"] != "summary" && record["kind"] != "limit";
    let new: Vec<_> = new.into_iter().filter(|record| told(record) && !is_of_look_up(id, record)).collect();
    check(id, row, answer, &new);
    assert_untouched(directory.path(), id);
    drop::<Component>(component);
}

fn check(id: &str, row: &Row, answer: Result<u32, Error>, records: &[serde_json::Value]) {
    match row.class {
        Class::Free => assert!(records.is_empty(), "{id}: {records:?}"),
        // Nothing has the number 0, so nothing is done that could be recorded.
        Class::Record if id.starts_with("airssys:runtime/delegation#") => {
            return assert_eq!((answer.unwrap(), records.len()), (NO_SUCH, 0), "{id}: {records:?}");
        }
        Class::Record => {
            assert_eq!(records.len(), 1, "{id}: {records:?}");
            assert_eq!(records[0]["kind"], "note", "{id}");
            assert!(matches!(answer, Err(Error::Exited(_))), "{id}: {answer:?}");
            return;
        }
        Class::Decide | Class::Use => {
            assert_eq!(records.len(), 1, "{id}: {records:#?}");
            assert_eq!(
                (&records[0]["kind"], &records[0]["verdict"]),
                (&"decision".into(), &"deny".into()),
                "{id}"
            );
            assert_eq!(records[0]["import"], id, "recorded under another function's name");
            let action = records[0]["action"].as_str().unwrap();
            assert!(row.asks.iter().any(|ask| ask.name() == action), "{id} asked for {action}");
        }
    }
    match row.denial {
        Denial::Error if id.starts_with("wasi:io/streams") => {
            assert_eq!(answer.unwrap(), LAST_OPERATION_FAILED, "{id}")
        }
        Denial::Error if id.starts_with("wasi:sockets/") => {
            assert_eq!(answer.unwrap(), ACCESS_DENIED, "{id}")
        }
        Denial::Error => assert_eq!(answer.unwrap(), ACCESS, "{id}"),
        Denial::Empty => assert_eq!(answer.unwrap(), 2000, "{id}"),
        Denial::Closed => assert_eq!(answer.unwrap(), 1, "{id}"),
        Denial::Trap => assert!(matches!(answer, Err(Error::Denied(_))), "{id}: {answer:?}"),
        Denial::None => drop(answer.unwrap_or_else(|error| panic!("{id}: {error}"))),
    }
}

fn assert_untouched(directory: &std::path::Path, id: &str) {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["file", "sub"], "{id}");
    assert_eq!(std::fs::read(directory.join("file")).unwrap(), b"contents", "{id}");
}

/// Policies under which a row may ask for more than its main question: everything allowed, and all but one action.
fn policies(id: &str) -> Vec<String> {
    let mut policies = vec![support::ALLOW_ALL.to_owned()];
    if id.starts_with("wasi:filesystem/types") {
        policies.extend(ActionId::ALL.iter().filter(|action| action.name().starts_with("fs:")).map(|action| {
            let name = action.name();
            format!(
                "{}@id(\"but\") forbid (principal, action == Action::\"{name}\", resource == Path::\"/file\");",
                support::ALLOW_ALL
            )
        }));
    }
    policies
}

/// What a path may lead over: nothing, a step back, a link, and what is not there.
const PATHS: [(&str, &str); 5] =
    [("file", "new"), ("sub/../file", "sub/new"), ("link", "file"), ("none", "new"), ("sub", "other")];

/// Reading; following links, creating, truncating, and writing too.
const FLAGS: [(u32, u32, u32); 2] = [(0, 0, 1), (1, 9, 3)];

/// Leaves in `root` what each run begins with.
fn furnish(root: &std::path::Path) {
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let is_dir = std::fs::symlink_metadata(&path).unwrap().is_dir();
        if is_dir { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
    for name in ["sub", "other"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    std::fs::write(root.join("file"), "contents").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("file", root.join("link")).unwrap();
}

/// What is recorded while one function runs, once under each of the policies.
async fn recorded(
    resolve: &wit_parser::Resolve,
    offered: &Offered,
    plan: &Plan<'_>,
    second: &str,
) -> Vec<serde_json::Value> {
    let directory = tempfile::tempdir().unwrap();
    furnish(directory.path());
    let (config, memory) = support::config(support::ALLOW_ALL);
    let (_listener, port) = somebody();
    let config = config
        .trust(support::trust_in(&["inner-network"]))
        .env("VARIABLE", "value")
        .args(["program"])
        .mount(MountSpec::new(directory.path(), GuestPath::root()));
    let runtime = ComponentRuntime::new(config).unwrap();
    let bytes = build_with(resolve, offered, &Plan { port, ..*plan }, second);
    let component = runtime.load_component(support::signed("probe", &bytes)).await.unwrap();
    let mut records = Vec::new();
    for policy in policies(&offered.id) {
        furnish(directory.path());
        runtime.swap_policy(&[Source::new("all.cedar", support::ALLOW_ALL)], &[]).unwrap();
        let instance = component.instantiate().await.unwrap();
        assert_eq!(instance.call::<_, u32>("prepare", &()).await.unwrap(), 0, "{}: prepare", offered.id);
        // Another epoch, so that what was decided for the handles is asked once more.
        runtime.swap_policy(&[Source::new("other.cedar", policy)], &[]).unwrap();
        let () = instance.call("failing", &()).await.unwrap();
        let before = support::of_kind(&memory, "decision").len();
        let _: Result<u32, Error> = instance.call("run", &()).await;
        records.extend(support::of_kind(&memory, "decision").split_off(before));
    }
    records
}

/// Whether that was asked by the look-up that was prepared: it is asked about once more, by its own name, if the policies
/// change before its thread has begun it.
fn is_of_look_up(id: &str, record: &serde_json::Value) -> bool {
    id == "wasi:sockets/ip-name-lookup#[method]resolve-address-stream.resolve-next-address"
        && record["import"] == "wasi:sockets/ip-name-lookup#resolve-addresses"
}

#[tokio::test]
async fn no_function_is_recorded_asking_what_its_row_does_not_say() {
    let mut untrue = BTreeSet::new();
    let resolve = support::wit();
    for offered in offered(&resolve).into_iter().filter(|offered| alone(&offered.id)) {
        let row = TABLE.iter().find(|row| row.id == offered.id).unwrap();
        let by_path = offered.id.ends_with("-at");
        let (paths, flags) = if by_path { (&PATHS[..], &FLAGS[..]) } else { (&PATHS[..1], &FLAGS[..1]) };
        let mut records = Vec::new();
        for (path, second) in paths {
            for flags in flags {
                records.extend(
                    recorded(&resolve, &offered, &Plan { path, flags: *flags, port: 0 }, second).await,
                );
            }
        }
        records.retain(|record| !is_of_look_up(row.id, record));
        for record in &records {
            let action = record["action"].as_str().unwrap();
            let said = row.asks.iter().any(|ask| ask.name() == action);
            if !said || record["import"] != row.id {
                untrue.insert(format!("{}: {action} by {}", row.id, record["import"]));
            }
        }
        let asks = matches!(row.class, Class::Decide | Class::Use);
        assert_eq!(!records.is_empty(), asks, "{}: {records:?}", row.id);
    }
    assert!(untrue.is_empty(), "{untrue:#?}");
}
