;; The smallest guest: one export, no import.
(component
  (core module $m
    (func (export "run-empty")))
  (core instance $i (instantiate $m))
  (func (export "run-empty") (canon lift (core func $i "run-empty"))))
