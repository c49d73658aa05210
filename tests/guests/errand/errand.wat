;; The errand as text: the core module of the world `errand` in errand.wit, which the test wraps. It takes the first
;; variable and the first directory that it is shown, and every path lies beneath that directory.
(module
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/environment@0.2.12" "get-arguments" (func $arguments (param i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:clocks/wall-clock@0.2.12" "now" (func $now (param i32)))
  (import "wasi:random/random@0.2.12" "get-random-u64" (func $random (result i64)))
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $directories (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
    (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read" (func $read (param i32 i64 i64 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "greeting: \n")   ;; 10 and 1 bytes
  (data (i32.const 32) "refused\n")      ;; 8
  (data (i32.const 48) "clock: ok\n")    ;; 10
  (data (i32.const 64) "random: ok\n")   ;; 11
  (data (i32.const 80) ": ")             ;; 2
  (global $out (mut i32) (i32.const 0))
  (global $failed (mut i32) (i32.const 0))
  (global $bump (mut i32) (i32.const 4096))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $bump (i32.and (i32.add (global.get $bump) (i32.const 15)) (i32.const -16)))
    (global.get $bump)
    (global.set $bump (i32.add (global.get $bump) (local.get 3))))

  (func $say (param $text i32) (param $size i32)
    (call $write (global.get $out) (local.get $text) (local.get $size) (i32.const 1024))
    (global.set $failed (i32.or (global.get $failed) (i32.load8_u (i32.const 1024)))))

  ;; A pointer and a length, as they lie at this address.
  (func $say-at (param $at i32)
    (call $say (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))

  ;; `PATH: TEXT` or `PATH: refused`, for the argument at this address; the directory lies at 2064.
  (func $show (param $argument i32)
    (local $skipped i32)
    (call $say-at (local.get $argument))
    (call $say (i32.const 80) (i32.const 2))
    (local.set $skipped (i32.add (i32.load offset=8 (i32.load (i32.const 2064))) (i32.const 1)))
    (call $open
      (i32.load (i32.load (i32.const 2064)))
      (i32.const 1)
      (i32.add (i32.load (local.get $argument)) (local.get $skipped))
      (i32.sub (i32.load offset=4 (local.get $argument)) (local.get $skipped))
      (i32.const 0)
      (i32.const 1)
      (i32.const 1040))
    (if (i32.load8_u (i32.const 1040))
      (then (call $say (i32.const 32) (i32.const 8)) (return)))
    (call $read (i32.load (i32.const 1044)) (i64.const 4096) (i64.const 0) (i32.const 1056))
    (if (i32.load8_u (i32.const 1056))
      (then (call $say (i32.const 32) (i32.const 8)) (return)))
    (call $say-at (i32.const 1060)))

  (func (export "wasi:cli/run@0.2.12#run") (result i32)
    (global.set $out (call $stdout))
    (call $environment (i32.const 2048))
    (call $arguments (i32.const 2056))
    (call $directories (i32.const 2064))
    (call $say (i32.const 16) (i32.const 10))
    (if (i32.load offset=4 (i32.const 2048))
      (then (call $say-at (i32.add (i32.load (i32.const 2048)) (i32.const 8)))))
    (call $say (i32.const 26) (i32.const 1))
    ;; Without its two arguments, or a directory for them, there is nothing to do.
    (if (i32.or
          (i32.ne (i32.load offset=4 (i32.const 2056)) (i32.const 3))
          (i32.eqz (i32.load offset=4 (i32.const 2064))))
      (then (return (i32.const 1))))
    (call $show (i32.add (i32.load (i32.const 2056)) (i32.const 8)))
    (call $show (i32.add (i32.load (i32.const 2056)) (i32.const 16)))
    (call $now (i32.const 2080))
    ;; After the year 2000.
    (if (i64.gt_u (i64.load (i32.const 2080)) (i64.const 946684800))
      (then (call $say (i32.const 48) (i32.const 10))))
    (if (i64.ne (call $random) (call $random))
      (then (call $say (i32.const 64) (i32.const 11))))
    (global.get $failed)))
