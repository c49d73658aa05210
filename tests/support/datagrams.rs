//! A component that sends and receives datagrams over one local address.
//!
//! Each function answers a number below 1000, or which step failed and the code of its error.

use super::traffic::address;
use super::{MEMORY, component};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const WORLD: &str = "package test:datagrams; world datagrams {
  import wasi:io/poll@0.2.12; import wasi:sockets/instance-network@0.2.12; import wasi:sockets/network@0.2.12;
  import wasi:sockets/udp@0.2.12; import wasi:sockets/udp-create-socket@0.2.12;
  export bind: func(port: u16) -> u32; export bind-all: func(port: u16) -> u32; export only: func(port: u16) -> u32;
  export receive: func() -> u32; export send: func(first: u16, second: u16, third: u16) -> u32;
}";

/// The component, on this address; it sends to the same one.
pub(crate) fn datagrams_at(ip: IpAddr) -> Vec<u8> {
    let imports = IMPORTS.replace("ADDRESS", &"i32 ".repeat(12));
    let any: IpAddr = if ip.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let body = BODY
        .replace("FAMILY", &format!("(i32.const {})", u8::from(ip.is_ipv6())))
        .replace("LOCAL", &address(ip, "(local.get $port)"))
        .replace("ALL", &address(any, "(local.get $port)"))
        .replace("NOBODY", &"(i32.const 0) ".repeat(13))
        .replace("THREE", &(0..3).map(|n| outgoing(ip, n)).collect::<String>());
    component(WORLD, &format!("(module {imports}{MEMORY}{body})"))
}

/// One of three datagrams in memory, whose port is still missing.
fn outgoing(ip: IpAddr, number: u32) -> String {
    let mut bytes = [0; 44];
    bytes[..4].copy_from_slice(&(2080 + number).to_le_bytes());
    bytes[4] = 1;
    bytes[8] = 1;
    match ip {
        IpAddr::V4(ip) => bytes[18..22].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => {
            bytes[12] = 1;
            let segments = ip.segments().map(u16::to_le_bytes).concat();
            bytes[24..40].copy_from_slice(&segments);
        }
    }
    let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(data (i32.const {}) \"{text}\")", 1024 + 44 * number)
}

const IMPORTS: &str = r#"
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $unpoll (param i32)))
  (import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $net (result i32)))
  (import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.start-bind" (func $bind (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.finish-bind" (func $bound (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.local-address" (func $local (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.stream" (func $stream (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]incoming-datagram-stream.subscribe" (func $insub (param i32) (result i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]incoming-datagram-stream.receive" (func $receive (param i32 i64 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.subscribe" (func $outsub (param i32) (result i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.check-send" (func $check (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.send" (func $send (param i32 i32 i32 i32)))
"#;

const BODY: &str = r#"
  THREE (data (i32.const 2080) "123")
  (global $socket (mut i32) (i32.const 0)) (global $in (mut i32) (i32.const 0)) (global $out (mut i32) (i32.const 0))

  (func $failed (param $step i32) (param $at i32) (result i32)
    (if (result i32) (i32.load8_u (i32.const 16))
      (then (i32.add (local.get $step) (i32.load8_u (i32.add (i32.const 16) (local.get $at)))))
      (else (i32.const 0))))
  (func $wait (param $pollable i32) (call $block (local.get $pollable)) (call $unpoll (local.get $pollable)))

  (func $new
    (call $udp FAMILY (i32.const 16))
    (global.set $socket (i32.load offset=4 (i32.const 16))))
  (func $streams (result i32) (local $e i32)
    (if (local.tee $e (call $failed (i32.const 500000) (i32.const 4))) (then (return (local.get $e))))
    (global.set $in (i32.load offset=4 (i32.const 16)))
    (global.set $out (i32.load offset=8 (i32.const 16)))
    (i32.const 0))
  (func $begun (result i32) (local $e i32)
    (if (local.tee $e (call $failed (i32.const 100000) (i32.const 1))) (then (return (local.get $e))))
    (call $bound (global.get $socket) (i32.const 16))
    (call $stream (global.get $socket) NOBODY (i32.const 16))
    (if (local.tee $e (call $streams)) (then (return (local.get $e))))
    (call $local (global.get $socket) (i32.const 16))
    (i32.load16_u offset=8 (i32.const 16)))

  (func (export "bind") (param $port i32) (result i32)
    (call $new)
    (call $bind (global.get $socket) (call $net) LOCAL (i32.const 16))
    (call $begun))
  (func (export "bind-all") (param $port i32) (result i32)
    (call $new)
    (call $bind (global.get $socket) (call $net) ALL (i32.const 16))
    (call $begun))

  ;; From now on with one remote.
  (func (export "only") (param $port i32) (result i32)
    (call $stream (global.get $socket) (i32.const 1) LOCAL (i32.const 16))
    (call $streams))

  ;; 100 for each datagram that came, and the first one's digit.
  (func (export "receive") (result i32) (local $e i32) (local $count i32)
    (call $wait (call $insub (global.get $in)))
    (call $receive (global.get $in) (i64.const 16) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 3000) (i32.const 4))) (then (return (local.get $e))))
    (if (i32.eqz (local.tee $count (i32.load offset=8 (i32.const 16)))) (then (return (i32.const 0))))
    (i32.add (i32.mul (local.get $count) (i32.const 100))
      (i32.sub (i32.load8_u (i32.load (i32.load offset=4 (i32.const 16)))) (i32.const 48))))

  (func (export "send") (param $first i32) (param $second i32) (param $third i32) (result i32) (local $e i32)
    (call $wait (call $outsub (global.get $out)))
    (call $check (global.get $out) (i32.const 16))
    (i32.store16 offset=1040 (i32.const 0) (local.get $first))
    (i32.store16 offset=1084 (i32.const 0) (local.get $second))
    (i32.store16 offset=1128 (i32.const 0) (local.get $third))
    (call $send (global.get $out) (i32.const 1024) (i32.const 3) (i32.const 16))
    (if (local.tee $e (call $failed (i32.const 2000) (i32.const 8))) (then (return (local.get $e))))
    (i32.load offset=8 (i32.const 16)))
"#;
