;; Traps while it is instantiated: it never comes to live.
(component
  (core module $m
    (func $start unreachable)
    (start $start)
    (func (export "run")))
  (core instance $i (instantiate $m))
  (func (export "run-empty") (canon lift (core func $i "run"))))
