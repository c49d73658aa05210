//! The guests that ask, and the one that calls its host.

use crate::support::{self, MEMORY};

/// `run(n)` asks n times and answers how often that failed.
pub(crate) fn asking() -> Vec<u8> {
    let world = "package bench:asking; world asking { import airssys:runtime/messaging@0.1.0;
        export run: func(n: u32) -> u32; }";
    let core = format!(
        r#"(module
          (import "airssys:runtime/messaging@0.1.0" "request" (func $request (param i32 i32 i32 i32 i64 i32)))
          {MEMORY}
          (data (i32.const 1024) "acme/b") (data (i32.const 1040) "x")
          (func (export "run") (param $n i32) (result i32)
            (local $bad i32)
            (loop $again
              (global.set $bump (i32.const 65536))
              (call $request (i32.const 1024) (i32.const 6) (i32.const 1040) (i32.const 1)
                (i64.const 10000) (i32.const 2048))
              (local.set $bad (i32.add (local.get $bad) (i32.load8_u (i32.const 2048))))
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br_if $again (local.get $n)))
            (local.get $bad)))"#
    );
    support::component(world, &core)
}

/// The same with a host function in between and nothing else.
pub(crate) fn calling() -> Vec<u8> {
    let world =
        "package bench:calling; world calling { import go: func(); export run: func(n: u32) -> u32; }";
    let core = r#"(module (import "$root" "go" (func $go)) (memory (export "memory") 1)
      (func (export "run") (param $n i32) (result i32)
        (loop $again
          (call $go)
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br_if $again (local.get $n)))
        (i32.const 0)))"#;
    support::component(world, core)
}

/// `run(n)` asks the component `acme/b<n>` once and answers whether that failed.
pub(crate) fn asking_of() -> Vec<u8> {
    let world = "package bench:asking; world asking { import airssys:runtime/messaging@0.1.0;
        export run: func(n: u32) -> u32; }";
    let core = format!(
        r#"(module
          (import "airssys:runtime/messaging@0.1.0" "request" (func $request (param i32 i32 i32 i32 i64 i32)))
          {MEMORY}
          (data (i32.const 1024) "acme/b000") (data (i32.const 1040) "x")
          (func $digit (param $at i32) (param $n i32)
            (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10)))))
          (func (export "run") (param $n i32) (result i32)
            (call $digit (i32.const 1032) (local.get $n))
            (call $digit (i32.const 1031) (i32.div_u (local.get $n) (i32.const 10)))
            (call $digit (i32.const 1030) (i32.div_u (local.get $n) (i32.const 100)))
            (global.set $bump (i32.const 65536))
            (call $request (i32.const 1024) (i32.const 9) (i32.const 1040) (i32.const 1) (i64.const 10000) (i32.const 2048))
            (i32.load8_u (i32.const 2048))))"#
    );
    support::component(world, &core)
}
