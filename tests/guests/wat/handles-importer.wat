;; Imports an interface whose function answers with a resource. Another component cannot be asked for it: a resource
;; lives in the instance that made it.
(component
  (import "acme:text/handles@1.0.0" (instance $handles
    (export "handle" (type $handle (sub resource)))
    (export "open" (func (param "name" string) (result (own $handle))))))
  (core module $m (func (export "run")))
  (core instance $i (instantiate $m))
  (func (export "run-empty") (canon lift (core func $i "run"))))
