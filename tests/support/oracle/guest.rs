//! A component that uses one kind of handle as often as it can, and opens it anew when it was lost.

use crate::support::{MEMORY, component};

const WORLD: &str = "package test:hammer; world hammer {
  import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12; import wasi:io/error@0.2.12;
  import wasi:clocks/monotonic-clock@0.2.12;
  import wasi:filesystem/types@0.2.12; import wasi:filesystem/preopens@0.2.12;
  import wasi:sockets/instance-network@0.2.12; import wasi:sockets/network@0.2.12;
  import wasi:sockets/tcp@0.2.12; import wasi:sockets/tcp-create-socket@0.2.12;
  import wasi:sockets/udp@0.2.12; import wasi:sockets/udp-create-socket@0.2.12;
  export work: func(kind: u32, n: u32, start: u64) -> u64;
}";

/// The component. `work` answers how many uses it got through, times 65,536; and what ended it: 0 for nothing, else 256
/// and the code of the interface's error.
pub(crate) fn hammer() -> Vec<u8> {
    let imports = IMPORTS.replace("ADDRESS", &"i32 ".repeat(12));
    let here = "(i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) ZEROS";
    let body = [WORK, FILES, SOCKETS].concat().replace("HERE", here);
    let body = body.replace("ZEROS", &"(i32.const 0) ".repeat(6));
    component(WORLD, &format!("(module {imports}{MEMORY}{body})"))
}

const IMPORTS: &str = r#"
  (import "wasi:io/error@0.2.12" "[resource-drop]error" (func $unerror (param i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $unpoll (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $check (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe" (func $outsub (param i32) (result i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $unout (param i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $unin (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $alarm (param i64) (result i32)))
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $dirs (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at" (func $openat (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read" (func $dread (param i32 i64 i64 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.write" (func $dwrite (param i32 i32 i32 i64 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.append-via-stream" (func $appends (param i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read-directory" (func $lists (param i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]directory-entry-stream.read-directory-entry" (func $entry (param i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[resource-drop]directory-entry-stream" (func $unlist (param i32)))
  (import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-bind" (func $bind (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-bind" (func $bound (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect" (func $connect (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-connect" (func $connected (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-listen" (func $listen (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-listen" (func $listening (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.accept" (func $accept (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.subscribe" (func $tcpsub (param i32) (result i32)))
  (import "wasi:sockets/tcp@0.2.12" "[resource-drop]tcp-socket" (func $untcp (param i32)))
  (import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.start-bind" (func $ubind (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.finish-bind" (func $ubound (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.stream" (func $ustream (param i32 i32 ADDRESS i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.subscribe" (func $dgsub (param i32) (result i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.check-send" (func $dgcheck (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.send" (func $dgsend (param i32 i32 i32 i32)))
"#;

/// A step answers 0 when it used its handle, 512 when there is nothing to tell but that it did not, else 256 and the
/// error's code. What a function gives stands at 16.
const WORK: &str = r#"
  (data (i32.const 776) "\01\00\00\00\00\00\00\00\00\00\7f\00\00\01")
  (data (i32.const 2048) "read/0") (data (i32.const 2064) "write/0")
  (data (i32.const 2080) "append/0") (data (i32.const 2096) "list/0")
  (data (i32.const 2112) "sixteen bytes !\n")
  (global $root (mut i32) (i32.const 0)) (global $net (mut i32) (i32.const 0))
  (global $h (mut i32) (i32.const 0)) (global $in (mut i32) (i32.const 0)) (global $s (mut i32) (i32.const 0))
  (global $at (mut i64) (i64.const 0))
  (type $step (func (result i32)))
  (table funcref (elem $read $put $append $list $talk $take $datagram $sleep))

  (func (export "work") (param $kind i32) (param $n i32) (param $start i64) (result i64)
    (local $left i32) (local $e i32) (local $done i64)
    (local.set $n (i32.add (local.get $n) (i32.const 48)))
    (i32.store8 (i32.const 2053) (local.get $n)) (i32.store8 (i32.const 2070) (local.get $n))
    (i32.store8 (i32.const 2087) (local.get $n)) (i32.store8 (i32.const 2101) (local.get $n))
    (if (i64.eqz (global.get $at)) (then (global.set $at (local.get $start))))
    (if (i32.eqz (global.get $net)) (then (global.set $net (call $network))))
    ;; A wait that is denied ends the instance, so it tells of itself more often.
    (local.set $left (select (i32.const 4) (i32.const 500) (i32.eq (local.get $kind) (i32.const 7))))
    (loop $again
      (global.set $bump (i32.const 65536))
      (local.set $e (call_indirect (type $step) (local.get $kind)))
      (if (i32.eqz (local.get $e)) (then (local.set $done (i64.add (local.get $done) (i64.const 65536)))))
      (if (i32.and (local.get $e) (i32.const 256))
        (then (return (i64.or (local.get $done) (i64.extend_i32_u (local.get $e))))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (local.get $done))

  (func $bad (result i32) (i32.load8_u (i32.const 16)))
  (func $code (param $at i32) (result i32) (i32.add (i32.const 256) (i32.load8_u (i32.add (i32.const 16) (local.get $at)))))
  (func $wait (param $pollable i32) (call $block (local.get $pollable)) (call $unpoll (local.get $pollable)))

  (func $sleep (result i32) (call $wait (call $alarm (i64.const 20000))) (i32.const 0))

  ;; The error of a stream stands so far behind 16.
  (func $noerror (param $at i32)
    (if (i32.eqz (i32.load8_u (i32.add (i32.const 16) (local.get $at))))
      (then (call $unerror (i32.load (i32.add (i32.const 20) (local.get $at)))))))

  ;; Writes once to the stream; when it fails, the stream is gone.
  (func $stream (result i32)
    (call $check (global.get $s) (i32.const 16))
    (if (call $bad) (then (call $noerror (i32.const 8)) (call $nostream) (return (i32.const 512))))
    (if (i64.eqz (i64.load (i32.const 24)))
      (then (call $wait (call $outsub (global.get $s))) (return (i32.const 512))))
    (call $write (global.get $s) (i32.const 2112) (i32.const 16) (i32.const 16))
    (if (call $bad) (then (call $noerror (i32.const 4)) (call $nostream) (return (i32.const 512))))
    (i32.const 0))
  (func $nostream (call $unout (global.get $s)) (global.set $s (i32.const 0)))
"#;

const FILES: &str = r#"
  (func $open (param $path i32) (param $len i32) (param $how i32) (param $flags i32) (result i32)
    (if (global.get $h) (then (return (i32.const 0))))
    (if (i32.eqz (global.get $root)) (then
      (call $dirs (i32.const 16))
      (if (i32.eqz (i32.load offset=4 (i32.const 16))) (then (return (i32.const 511))))
      (global.set $root (i32.load (i32.load (i32.const 16))))))
    (call $openat (global.get $root) (i32.const 1) (local.get $path) (local.get $len) (local.get $how) (local.get $flags) (i32.const 16))
    (if (call $bad) (then (return (call $code (i32.const 4)))))
    (global.set $h (i32.load (i32.const 20)))
    (i32.const 0))

  (func $read (result i32) (local $e i32)
    (if (local.tee $e (call $open (i32.const 2048) (i32.const 6) (i32.const 0) (i32.const 1))) (then (return (local.get $e))))
    (call $dread (global.get $h) (i64.const 16) (i64.const 0) (i32.const 16))
    (if (call $bad) (then (return (call $code (i32.const 4)))))
    (i32.const 0))

  (func $put (result i32) (local $e i32)
    (if (local.tee $e (call $open (i32.const 2064) (i32.const 7) (i32.const 0) (i32.const 2))) (then (return (local.get $e))))
    (call $dwrite (global.get $h) (i32.const 2112) (i32.const 16) (global.get $at) (i32.const 16))
    (if (call $bad) (then (return (call $code (i32.const 8)))))
    (global.set $at (i64.add (global.get $at) (i64.const 16)))
    (i32.const 0))

  (func $append (result i32) (local $e i32)
    (if (local.tee $e (call $open (i32.const 2080) (i32.const 8) (i32.const 0) (i32.const 2))) (then (return (local.get $e))))
    (if (i32.eqz (global.get $s)) (then
      (call $appends (global.get $h) (i32.const 16))
      (if (call $bad) (then (return (call $code (i32.const 4)))))
      (global.set $s (i32.load (i32.const 20)))))
    (call $stream))

  (func $list (result i32) (local $e i32)
    (if (local.tee $e (call $open (i32.const 2096) (i32.const 6) (i32.const 2) (i32.const 1))) (then (return (local.get $e))))
    (if (i32.eqz (global.get $s)) (then
      (call $lists (global.get $h) (i32.const 16))
      (if (call $bad) (then (return (call $code (i32.const 4)))))
      (global.set $s (i32.load (i32.const 20)))))
    (call $entry (global.get $s) (i32.const 16))
    (if (call $bad) (then (return (call $code (i32.const 4)))))
    (if (i32.eqz (i32.load8_u (i32.const 20)))
      (then (call $unlist (global.get $s)) (global.set $s (i32.const 0))))
    (i32.const 0))
"#;

const SOCKETS: &str = r#"
  (func $nosocket (result i32) (call $untcp (global.get $h)) (global.set $h (i32.const 0)) (i32.const 512))

  (func $talk (result i32) (local $e i32)
    (if (i32.eqz (global.get $h)) (then
      (call $tcp (i32.const 0) (i32.const 16))
      (if (call $bad) (then (return (i32.const 512))))
      (global.set $h (i32.load (i32.const 20)))
      (call $connect (global.get $h) (global.get $net) (i32.const 0) (i32.wrap_i64 (global.get $at)) HERE (i32.const 16))
      (if (call $bad) (then (local.set $e (call $code (i32.const 1))) (drop (call $nosocket)) (return (local.get $e))))
      (call $wait (call $tcpsub (global.get $h)))
      (call $connected (global.get $h) (i32.const 16))
      (if (call $bad) (then (return (call $nosocket))))
      (global.set $in (i32.load (i32.const 20)))
      (global.set $s (i32.load (i32.const 24)))))
    (local.set $e (call $stream))
    (if (i32.eqz (global.get $s)) (then (call $unin (global.get $in)) (drop (call $nosocket))))
    (local.get $e))

  (func $take (result i32) (local $e i32)
    (if (i32.eqz (global.get $h)) (then
      (call $tcp (i32.const 0) (i32.const 16))
      (if (call $bad) (then (return (i32.const 512))))
      (global.set $h (i32.load (i32.const 20)))
      (call $bind (global.get $h) (global.get $net) (i32.const 0) (i32.wrap_i64 (global.get $at)) HERE (i32.const 16))
      (if (call $bad) (then (local.set $e (call $code (i32.const 1))) (drop (call $nosocket)) (return (local.get $e))))
      (call $bound (global.get $h) (i32.const 16))
      (call $listen (global.get $h) (i32.const 16))
      (if (call $bad) (then (local.set $e (call $code (i32.const 1))) (drop (call $nosocket)) (return (local.get $e))))
      (call $listening (global.get $h) (i32.const 16))))
    (call $wait (call $tcpsub (global.get $h)))
    (call $accept (global.get $h) (i32.const 16))
    (if (call $bad) (then
      (local.set $e (call $code (i32.const 4)))
      ;; `would-block`: who came is gone.
      (if (i32.eq (local.get $e) (i32.const 264)) (then (return (i32.const 512))))
      (drop (call $nosocket))
      (return (local.get $e))))
    (call $unin (i32.load (i32.const 24))) (call $unout (i32.load (i32.const 28))) (call $untcp (i32.load (i32.const 20)))
    (i32.const 0))

  (func $datagram (result i32)
    (if (i32.eqz (global.get $s)) (then
      (call $udp (i32.const 0) (i32.const 16))
      (if (call $bad) (then (return (i32.const 512))))
      (global.set $h (i32.load (i32.const 20)))
      (call $ubind (global.get $h) (global.get $net) (i32.const 0) (i32.const 0) HERE (i32.const 16))
      (call $ubound (global.get $h) (i32.const 16))
      (call $ustream (global.get $h) (i32.const 0) ZEROS ZEROS (i32.const 16))
      (if (call $bad) (then (return (i32.const 510))))
      (global.set $s (i32.load (i32.const 24)))))
    (call $dgcheck (global.get $s) (i32.const 16))
    (if (call $bad) (then (return (call $code (i32.const 8)))))
    (if (i64.eqz (i64.load (i32.const 24)))
      (then (call $wait (call $dgsub (global.get $s))) (return (i32.const 512))))
    (i32.store (i32.const 768) (i32.const 2112)) (i32.store (i32.const 772) (i32.const 16))
    (i32.store16 (i32.const 784) (i32.wrap_i64 (global.get $at)))
    (call $dgsend (global.get $s) (i32.const 768) (i32.const 1) (i32.const 16))
    (if (call $bad) (then (return (call $code (i32.const 8)))))
    (i32.const 0))
"#;
