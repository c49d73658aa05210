//! A component that connects, listens and sends, and tells how each ended in one number.
//!
//! Below 1000: bytes that came back, a port or a count. Above: which step failed, and the code of its error.

use super::{MEMORY, component};
use std::net::IpAddr;

const WORLD: &str = "package test:traffic; world traffic {
  import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;
  import wasi:sockets/instance-network@0.2.12; import wasi:sockets/ip-name-lookup@0.2.12; import wasi:sockets/network@0.2.12;
  import wasi:sockets/tcp@0.2.12; import wasi:sockets/tcp-create-socket@0.2.12;
  import wasi:sockets/udp@0.2.12; import wasi:sockets/udp-create-socket@0.2.12;
  export dial: func(port: u16) -> u32; export dial-name: func(port: u16) -> u32; export again: func() -> u32;
  export listen: func() -> u32; export take: func() -> u32; export send: func(port: u16) -> u32; export many: func() -> u32;
}";

/// The component, on 127.0.0.1.
pub(crate) fn traffic() -> Vec<u8> {
    traffic_at([127, 0, 0, 1].into())
}

/// The component, on this address for its connections and what it listens at.
pub(crate) fn traffic_at(ip: IpAddr) -> Vec<u8> {
    let imports = IMPORTS.replace("ADDRESS", &"i32 ".repeat(12));
    let family = format!("(i32.const {})", u8::from(ip.is_ipv6()));
    let body = BODY.replace("FAMILY", &family).replace("ZEROS", &"(i32.const 0) ".repeat(6));
    let body = body.replace("REMOTE", &address(ip, "(local.get $port)"));
    let body = body.replace("LOCAL", &address(ip, "(i32.const 0)"));
    component(WORLD, &format!("(module {imports}{MEMORY}{body})"))
}

/// An address as arguments.
pub(crate) fn address(ip: IpAddr, port: &str) -> String {
    let rest: Vec<u16> = match ip {
        IpAddr::V4(ip) => ip.octets().map(u16::from).into_iter().chain([0; 6]).collect(),
        IpAddr::V6(ip) => [0].into_iter().chain(ip.segments()).chain([0]).collect(),
    };
    let rest = rest.iter().map(|n| format!("(i32.const {n}) ")).collect::<String>();
    format!("(i32.const {}) {port} {rest}", u8::from(ip.is_ipv6()))
}

const IMPORTS: &str = r#"
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $unpoll (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $net (result i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "[method]resolve-address-stream.subscribe" (func $namesub (param i32) (result i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "[method]resolve-address-stream.resolve-next-address" (func $next (param i32 i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-bind" (func $bind (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-bind" (func $bound (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect" (func $connect (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-connect" (func $connected (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-listen" (func $listen (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-listen" (func $listening (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.accept" (func $accept (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.local-address" (func $local (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.subscribe" (func $tcpsub (param i32) (result i32)))
  (import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.start-bind" (func $ubind (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.finish-bind" (func $ubound (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.stream" (func $stream (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.subscribe" (func $outsub (param i32) (result i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.check-send" (func $check (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.send" (func $send (param i32 i32 i32 i32)))
"#;

const BODY: &str = r#"
  (data (i32.const 776) "\01\00\00\00\00\00\00\00\00\00\7f\00\00\01")
  (data (i32.const 2056) "localhost") (data (i32.const 2080) "ping")
  (global $socket (mut i32) (i32.const 0)) (global $in (mut i32) (i32.const 0)) (global $out (mut i32) (i32.const 0))
  (global $listener (mut i32) (i32.const 0)) (global $names (mut i32) (i32.const 0))

  ;; The step and its error, whose code stands so far behind 16; 0 where there is none.
  (func $failed (param $step i32) (param $at i32) (result i32)
    (if (result i32) (i32.load8_u (i32.const 16))
      (then (i32.add (local.get $step) (i32.load8_u (i32.add (i32.const 16) (local.get $at)))))
      (else (i32.const 0))))
  (func $wait (param $pollable i32) (call $block (local.get $pollable)) (call $unpoll (local.get $pollable)))

  (func $echo (result i32) (local $e i32)
    (call $write (global.get $out) (i32.const 2080) (i32.const 4) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 4000) (i32.const 4))) (then (return (local.get $e))))
    (call $read (global.get $in) (i64.const 64) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 5000) (i32.const 4))) (then (return (local.get $e))))
    (i32.load offset=8 (i32.const 16)))

  (func $linked (result i32) (local $e i32)
    (if (local.tee $e (call $failed (i32.const 1000) (i32.const 1))) (then (return (local.get $e))))
    (call $wait (call $tcpsub (global.get $socket)))
    (call $connected (global.get $socket) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 2000) (i32.const 4))) (then (return (local.get $e))))
    (global.set $in (i32.load offset=4 (i32.const 16)))
    (global.set $out (i32.load offset=8 (i32.const 16)))
    (call $echo))

  (func (export "dial") (param $port i32) (result i32) (local $e i32)
    (call $tcp FAMILY (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 3000) (i32.const 4))) (then (return (local.get $e))))
    (global.set $socket (i32.load offset=4 (i32.const 16)))
    (call $connect (global.get $socket) (call $net) REMOTE (i32.const 16))
    (call $linked))

  (func (export "dial-name") (param $port i32) (result i32) (local $e i32)
    (call $resolve (call $net) (i32.const 2056) (i32.const 9) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 6000) (i32.const 4))) (then (return (local.get $e))))
    (global.set $names (i32.load offset=4 (i32.const 16)))
    (loop $another
      (call $wait (call $namesub (global.get $names)))
      (call $next (global.get $names) (i32.const 16))
      (if (local.tee $e (call $failed (i32.const 7000) (i32.const 2))) (then (return (local.get $e))))
      (if (i32.eqz (i32.load8_u offset=2 (i32.const 16))) (then (return (i32.const 8000))))
      ;; Until it is one of IPv4.
      (br_if $another (i32.load8_u offset=4 (i32.const 16))))
    (i32.store (i32.const 48) (i32.load offset=6 align=2 (i32.const 16)))
    (call $tcp (i32.const 0) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 3000) (i32.const 4))) (then (return (local.get $e))))
    (global.set $socket (i32.load offset=4 (i32.const 16)))
    (call $connect (global.get $socket) (call $net) (i32.const 0) (local.get $port)
      (i32.load8_u (i32.const 48)) (i32.load8_u (i32.const 49))
      (i32.load8_u (i32.const 50)) (i32.load8_u (i32.const 51)) ZEROS (i32.const 16))
    (call $linked))

  (func (export "again") (result i32) (call $echo))

  (func (export "listen") (result i32) (local $e i32)
    (call $tcp FAMILY (i32.const 16))
    (global.set $listener (i32.load offset=4 (i32.const 16)))
    (call $bind (global.get $listener) (call $net) LOCAL (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 100000) (i32.const 1))) (then (return (local.get $e))))
    (call $bound (global.get $listener) (i32.const 16))
    (call $listen (global.get $listener) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 200000) (i32.const 1))) (then (return (local.get $e))))
    (call $listening (global.get $listener) (i32.const 16))
    (call $local (global.get $listener) (i32.const 16))
    (i32.load16_u offset=8 (i32.const 16)))

  (func (export "take") (result i32) (local $e i32)
    (call $wait (call $tcpsub (global.get $listener)))
    (call $accept (global.get $listener) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 3000) (i32.const 4))) (then (return (local.get $e))))
    (global.set $in (i32.load offset=8 (i32.const 16)))
    (global.set $out (i32.load offset=12 (i32.const 16)))
    (call $echo))

  (func (export "send") (param $port i32) (result i32) (local $e i32)
    (call $udp (i32.const 0) (i32.const 16))
    (global.set $socket (i32.load offset=4 (i32.const 16)))
    (call $ubind (global.get $socket) (call $net) (i32.const 0) (i32.const 0)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) ZEROS (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 1000) (i32.const 1))) (then (return (local.get $e))))
    (call $ubound (global.get $socket) (i32.const 16))
    (call $stream (global.get $socket) (i32.const 0) ZEROS ZEROS (i32.const 16))
    (global.set $out (i32.load offset=8 (i32.const 16)))
    (call $wait (call $outsub (global.get $out)))
    (call $check (global.get $out) (i32.const 16))
    (i32.store (i32.const 768) (i32.const 2080)) (i32.store (i32.const 772) (i32.const 4))
    (i32.store16 (i32.const 784) (local.get $port))
    (call $send (global.get $out) (i32.const 768) (i32.const 1) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 2000) (i32.const 8))) (then (return (local.get $e))))
    (i32.load offset=8 (i32.const 16)))

  (func (export "many") (result i32) (local $count i32)
    (loop $more
      (call $tcp (i32.const 0) (i32.const 16))
      (if (i32.load8_u (i32.const 16))
        (then (return (i32.add (i32.mul (local.get $count) (i32.const 100)) (i32.load8_u offset=4 (i32.const 16))))))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br $more))
    (unreachable))
"#;
