;; process-data in text: answers the input in upper case, and err(input) where it begins with "fail". No import.
(component
  (core module $m
    (memory (export "memory") 1)
    ;; Memory is handed out from here upwards, and is all free again after each call.
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $free))
      (global.set $free
        (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 15)) (i32.const -16)))
      (block $enough
        (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $enough
          (i32.ne
            (memory.grow (i32.add (i32.div_u (local.get $size) (i32.const 65536)) (i32.const 1)))
            (i32.const -1)))
        unreachable)
      (local.get $at))
    (func (export "clean-up") (param i32)
      (global.set $free (i32.const 1024)))
    ;; The result stands at 16: which case, where, how long.
    (func $answer (param $case i32) (param $at i32) (param $size i32) (result i32)
      (i32.store (i32.const 16) (local.get $case))
      (i32.store (i32.const 20) (local.get $at))
      (i32.store (i32.const 24) (local.get $size))
      (i32.const 16))
    (func (export "process-data") (param $at i32) (param $size i32) (result i32)
      (local $next i32) (local $end i32) (local $byte i32)
      (if (i32.ge_u (local.get $size) (i32.const 4))
        (then
          ;; "fail", read as one little-endian number
          (if (i32.eq (i32.load align=1 (local.get $at)) (i32.const 0x6c696166))
            (then (return (call $answer (i32.const 1) (local.get $at) (local.get $size)))))))
      (local.set $next (local.get $at))
      (local.set $end (i32.add (local.get $at) (local.get $size)))
      (block $done
        (loop $each
          (br_if $done (i32.ge_u (local.get $next) (local.get $end)))
          (local.set $byte (i32.load8_u (local.get $next)))
          (if (i32.le_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 25))
            (then (i32.store8 (local.get $next) (i32.sub (local.get $byte) (i32.const 32)))))
          (local.set $next (i32.add (local.get $next) (i32.const 1)))
          (br $each)))
      (call $answer (i32.const 0) (local.get $at) (local.get $size))))
  (core instance $i (instantiate $m))
  (func (export "process-data") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $i "process-data") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")) (post-return (core func $i "clean-up")))))
