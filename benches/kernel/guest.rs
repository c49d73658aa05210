//! The guest: one export for each operation, which does it so many times in a row.

use crate::support;
use std::fmt::Write as _;

/// Files to open that were not opened lately: more than a session keeps verdicts on.
pub(crate) const FRESH_FILES: usize = 8192;

/// The file that is opened over and over, and its size.
pub(crate) const FILE: &str = "a/b/file.txt";
pub(crate) const FILE_BYTES: usize = 4096;

/// The file that is written to.
pub(crate) const WRITTEN: &str = "a/b/out.bin";

/// One thing a guest does, and what it is compared by.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) export: &'static str,
    /// Touches files: the library by itself does that on another thread.
    pub(crate) files: bool,
    body: &'static str,
}

const fn operation(name: &'static str, export: &'static str, body: &'static str) -> Operation {
    Operation { name, export, files: false, body }
}

const fn on_files(name: &'static str, export: &'static str, body: &'static str) -> Operation {
    Operation { name, export, files: true, body }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    operation("clock now", "now", "(drop (call $now))"),
    operation("random u64", "random", "(drop (call $random))"),
    operation("stdout check-write", "check-write", "(call $check)"),
    operation("stdout write 64 B", "write-short", "(call $check) (call $put (i32.const 64))"),
    operation("stdout write 4 KiB", "write-long", "(call $check) (call $put (i32.const 4096))"),
    operation("pollable ready", "ready", "(drop (call $ready (global.get $pollable)))"),
    on_files("get-type", "get-type", "(call $get-type (global.get $file) (i32.const 256)) (call $fine)"),
    on_files(
        "write 4 KiB to a file",
        "write-file",
        "(call $write-file (global.get $written) (i32.const 2048) (i32.const 4096) (i64.const 0) (i32.const 256))
         (call $fine)",
    ),
    on_files("read 4 KiB", "read", "(call $get (global.get $file))"),
    on_files("open-at, drop", "open-drop", "(call $drop (call $known))"),
    on_files(
        "open-at, stat, drop",
        "open-stat-drop",
        "(local.set $f (call $known)) (call $look (local.get $f)) (call $drop (local.get $f))",
    ),
    on_files(
        "open-at, stat, read 4 KiB, drop",
        "open-stat-read-drop",
        "(local.set $f (call $known)) (call $look (local.get $f)) (call $get (local.get $f)) (call $drop (local.get $f))",
    ),
    on_files("open-at of a path not decided on, drop", "open-fresh-drop", "(call $drop (call $fresh))"),
];

/// The component, unsigned.
pub(crate) fn component() -> Vec<u8> {
    let (mut exports, mut functions) = (String::new(), String::new());
    for Operation { export, body, .. } in OPERATIONS {
        let _ = write!(exports, "export {export}: func(n: u32); ");
        let _ = writeln!(
            functions,
            r#"(func (export "{export}") (param $n i32) (local $f i32)
                 (loop $again {body}
                   (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"#
        );
    }
    let world = format!("package bench:calls; world calls {{ {WORLD} export setup: func(); {exports} }}");
    let fresh = fresh();
    support::component(&world, &format!("(module {IMPORTS} {PARTS} {fresh} {functions})"))
}

/// The name of the fresh file of that number, as the guest spells it.
pub(crate) fn fresh_name(number: usize) -> String {
    SHIFTS.iter().map(|shift| char::from(b'a' + ((number >> shift) & 15) as u8)).collect()
}

const SHIFTS: [usize; 4] = [12, 8, 4, 0];

/// `$fresh`: opens the next of the fresh files. The name's four letters follow `new/`.
fn fresh() -> String {
    let letter = |(at, shift): (usize, &usize)| {
        let nibble = format!("(i32.and (i32.shr_u (global.get $next) (i32.const {shift})) (i32.const 15))");
        format!("(i32.store8 (i32.const {}) (i32.add (i32.const 97) {nibble}))", 1044 + at)
    };
    let letters: String = SHIFTS.iter().enumerate().map(letter).collect();
    let last = FRESH_FILES - 1;
    format!(
        "(func $fresh (result i32) {letters}
           (global.set $next (i32.and (i32.add (global.get $next) (i32.const 1)) (i32.const {last})))
           (call $open-one (i32.const 1040) (i32.const 8)))"
    )
}

const WORLD: &str = "
  import wasi:cli/stdout@0.2.12;
  import wasi:clocks/monotonic-clock@0.2.12;
  import wasi:filesystem/preopens@0.2.12;
  import wasi:filesystem/types@0.2.12;
  import wasi:io/poll@0.2.12;
  import wasi:io/streams@0.2.12;
  import wasi:random/random@0.2.12;";

const IMPORTS: &str = r#"
  (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.ready" (func $ready (param i32) (result i32)))
  (import "wasi:random/random@0.2.12" "get-random-u64" (func $random (result i64)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $get-stdout (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $check-write (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $directories (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
    (func $open-at (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.stat" (func $stat (param i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read" (func $read (param i32 i64 i64 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.write"
    (func $write-file (param i32 i32 i32 i64 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.get-type" (func $get-type (param i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[resource-drop]descriptor" (func $drop (param i32)))
"#;

/// Memory, what was set up, and each call with a trap behind it, so that only successes are measured. Answers lie at
/// 256, the list of directories at 128. The allocator goes round and never frees.
const PARTS: &str = r#"
  (memory (export "memory") 8)
  (data (i32.const 1024) "a/b/file.txt") (data (i32.const 1040) "new/aaaa")
  (data (i32.const 1056) "a/b/out.bin")
  (global $bump (mut i32) (i32.const 65536))
  (global $root (mut i32) (i32.const 0)) (global $file (mut i32) (i32.const 0))
  (global $written (mut i32) (i32.const 0)) (global $pollable (mut i32) (i32.const 0))
  (global $out (mut i32) (i32.const 0)) (global $next (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (if (i32.gt_u (global.get $bump) (i32.const 400000)) (then (global.set $bump (i32.const 65536))))
    (local.set $at (global.get $bump))
    (global.set $bump (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 15)) (i32.const -16)))
    (local.get $at))
  (func $fine (if (i32.load8_u (i32.const 256)) (then unreachable)))
  (func $check (call $check-write (global.get $out) (i32.const 256)) (call $fine))
  (func $put (param $length i32)
    (call $write (global.get $out) (i32.const 2048) (local.get $length) (i32.const 256)) (call $fine))
  (func $look (param $f i32) (call $stat (local.get $f) (i32.const 256)) (call $fine))
  (func $get (param $f i32)
    (call $read (local.get $f) (i64.const 4096) (i64.const 0) (i32.const 256)) (call $fine)
    (if (i32.ne (i32.load offset=8 (i32.const 256)) (i32.const 4096)) (then unreachable)))
  (func $open (param $path i32) (param $length i32) (param $for i32) (result i32)
    (call $open-at (global.get $root) (i32.const 1) (local.get $path) (local.get $length)
      (i32.const 0) (local.get $for) (i32.const 256))
    (call $fine) (i32.load offset=4 (i32.const 256)))
  (func $open-one (param $path i32) (param $length i32) (result i32)
    (call $open (local.get $path) (local.get $length) (i32.const 1)))
  (func $known (result i32) (call $open-one (i32.const 1024) (i32.const 12)))
  (func (export "setup")
    (call $directories (i32.const 128))
    (if (i32.eqz (i32.load offset=4 (i32.const 128))) (then unreachable))
    (global.set $root (i32.load (i32.load (i32.const 128))))
    (global.set $file (call $known))
    (global.set $written (call $open (i32.const 1056) (i32.const 11) (i32.const 2)))
    (global.set $pollable (call $after (i64.const 0)))
    (global.set $out (call $get-stdout)))
"#;
