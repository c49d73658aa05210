;; Calls itself until the stack is used up.
(component
  (core module $m
    (func $deeper (export "recurse") (param $depth i32) (result i32)
      ;; The addition after the call keeps it from being a tail call.
      (i32.add (i32.const 1) (call $deeper (i32.add (local.get $depth) (i32.const 1)))))
    (func (export "start") (result i32) (call $deeper (i32.const 0))))
  (core instance $i (instantiate $m))
  (func (export "recurse") (result u32) (canon lift (core func $i "start"))))
