;; Traps at once.
(component
  (core module $m
    (func (export "trap") unreachable))
  (core instance $i (instantiate $m))
  (func (export "trap") (canon lift (core func $i "trap"))))
