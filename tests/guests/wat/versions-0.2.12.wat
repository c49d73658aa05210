;; Reads the monotonic clock of WASI 0.2.12: every 0.2 version is offered.
(component
  (import "wasi:clocks/monotonic-clock@0.2.12" (instance $clock
    (export "now" (func (result u64)))))
  (core func $now (canon lower (func $clock "now")))
  (core module $m
    (import "clock" "now" (func $now (result i64)))
    (func (export "read-clock") (result i64) (call $now)))
  (core instance $i (instantiate $m (with "clock" (instance (export "now" (func $now))))))
  (func (export "read-clock") (result u64) (canon lift (core func $i "read-clock"))))
