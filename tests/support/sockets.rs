//! What probes of sockets need: a component's own sockets, at each stage of their lives.

use std::fmt::Write as _;

/// The interfaces that [`imports`] takes functions of.
pub(crate) const INTERFACES: [&str; 7] = [
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
    "wasi:sockets/network@0.2.12",
    "wasi:sockets/tcp@0.2.12",
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/udp@0.2.12",
    "wasi:sockets/udp-create-socket@0.2.12",
];

/// A name that needs no resolver.
pub(crate) const LOCALHOST: &str = "(i32.const 2056) (i32.const 9) ";
/// One datagram without bytes, with its own remote.
pub(crate) const DATAGRAMS: &str = "(i32.const 768) (i32.const 1) ";

/// An address of 127.0.0.1 as arguments.
pub(crate) fn address(port: u16) -> String {
    let numbers = [0, u32::from(port), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    numbers.iter().map(|n| format!("(i32.const {n}) ")).collect()
}

/// Imports and data for these handles; before the memory, and the globals with the handles.
pub(crate) fn imports(port: u16) -> String {
    let [low, high] = port.to_le_bytes();
    let twelve = "i32 ".repeat(12);
    let mut text = IMPORTS.replace("ADDRESS", &twelve);
    let _ = write!(
        text,
        r#"(data (i32.const 776) "\01\00\00\00\00\00\00\00\{low:02x}\{high:02x}\7f\00\00\01") (data (i32.const 2056) "localhost")"#
    );
    text
}

/// Makes the handles of these kinds.
pub(crate) fn prepare<'a>(kinds: impl Iterator<Item = &'a str>, port: u16) -> String {
    let (mut text, any, there) = (String::new(), address(0), address(port));
    let mut wanted: Vec<_> = kinds.filter(|kind| STEPS.iter().any(|(own, _)| own == kind)).collect();
    if wanted.is_empty() {
        return text;
    }
    wanted.retain(|kind| *kind != "network");
    wanted.insert(0, "network");
    for kind in wanted {
        for step in STEPS.iter().filter(|(own, _)| *own == kind).flat_map(|(_, steps)| *steps) {
            let call = step.replace("SELF", &format!("(global.get ${kind})"));
            let call = call
                .replace("ANY", &any)
                .replace("THERE", &there)
                .replace("SET", &format!("global.set ${kind}"));
            let _ = writeln!(text, "{call}");
            let _ = writeln!(text, "{}", if call.contains(FAILS) { CHECK } else { "" });
        }
    }
    text
}

/// Where results are written that can be errors.
const FAILS: &str = "(i32.const 16))";
const CHECK: &str = "(if (i32.load8_u (i32.const 16)) (then (return (i32.add (i32.const 400) (i32.load8_u offset=4 (i32.const 16))))))";

const TCP: &str = "(call $tcp (i32.const 0) (i32.const 16))";
const UDP: &str = "(call $udp (i32.const 0) (i32.const 16))";
const KEEP: &str = "(SET (i32.load offset=4 (i32.const 16)))";
const BIND: &str = "(call $bind SELF (global.get $network) ANY (i32.const 16))";
const BOUND: &str = "(call $bound SELF (i32.const 16))";
const CONNECT: &str = "(call $connect SELF (global.get $network) THERE (i32.const 16))";
const UDP_BIND: &str = "(call $ubind SELF (global.get $network) ANY (i32.const 16))";
const UDP_BOUND: &str = "(call $ubound SELF (i32.const 16))";
const STREAM: &str = "(call $stream SELF (i32.const 0) ANY (i32.const 16))";

/// How each handle comes about.
const STEPS: [(&str, &[&str]); 10] = [
    ("network", &["(SET (call $net))"]),
    (
        "resolve-address-stream",
        &["(call $resolve (global.get $network) (i32.const 2056) (i32.const 9) (i32.const 16))", KEEP],
    ),
    ("tcp-socket", &[TCP, KEEP]),
    ("tcp-bound", &[TCP, KEEP, BIND, BOUND]),
    (
        "tcp-listening",
        &[
            TCP,
            KEEP,
            BIND,
            BOUND,
            "(call $listen SELF (i32.const 16))",
            "(call $listening SELF (i32.const 16))",
        ],
    ),
    ("tcp-connecting", &[TCP, KEEP, CONNECT]),
    (
        "tcp-connected",
        &[TCP, KEEP, CONNECT, "(call $block (call $tcpsub SELF))", "(call $connected SELF (i32.const 16))"],
    ),
    ("udp-socket", &[UDP, KEEP]),
    ("incoming-datagram-stream", &[UDP, KEEP, UDP_BIND, UDP_BOUND, STREAM, KEEP]),
    (
        "outgoing-datagram-stream",
        &[
            UDP,
            KEEP,
            UDP_BIND,
            UDP_BOUND,
            STREAM,
            "(SET (i32.load offset=8 (i32.const 16)))",
            "(call $block (call $outsub SELF))",
            "(call $check SELF (i32.const 16))",
        ],
    ),
];

const IMPORTS: &str = r#"
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $net (result i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-bind" (func $bind (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-bind" (func $bound (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect" (func $connect (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-connect" (func $connected (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-listen" (func $listen (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-listen" (func $listening (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.subscribe" (func $tcpsub (param i32) (result i32)))
  (import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.start-bind" (func $ubind (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.finish-bind" (func $ubound (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.stream" (func $stream (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.subscribe" (func $outsub (param i32) (result i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.check-send" (func $check (param i32 i32)))
"#;
