;; Imports what no host offers.
(component
  (import "acme:nothing/api@1.0.0" (instance $api
    (export "touch" (func))))
  (core func $touch (canon lower (func $api "touch")))
  (core module $m
    (import "api" "touch" (func $touch))
    (func (export "run-empty") (call $touch)))
  (core instance $i (instantiate $m (with "api" (instance (export "touch" (func $touch))))))
  (func (export "run-empty") (canon lift (core func $i "run-empty"))))
