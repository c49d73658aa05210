;; Imports the network of WASI 0.2, and asks for a handle on it.
(component
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))))
  (alias export $network "network" (type $handle))
  (import "wasi:sockets/instance-network@0.2.0" (instance $instance-network
    (alias outer 1 $handle (type $outer))
    (export "network" (type $network (eq $outer)))
    (export "instance-network" (func (result (own $network))))))
  (core func $ask (canon lower (func $instance-network "instance-network")))
  (core module $m
    (import "sockets" "instance-network" (func $ask (result i32)))
    (func (export "run-empty") (drop (call $ask))))
  (core instance $i (instantiate $m (with "sockets" (instance (export "instance-network" (func $ask))))))
  (func (export "run-empty") (canon lift (core func $i "run-empty"))))
