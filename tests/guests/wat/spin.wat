;; Never returns, and never calls its host.
(component
  (core module $m
    (func (export "spin") (loop $forever (br $forever))))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin"))))
