;; The same, where the resource is not seen at once: lent, inside an option, inside a list, inside a record. The
;; function beside it could cross by itself.
(component
  (import "acme:text/hidden@1.0.0" (instance
    (export "handle" (type $handle (sub resource)))
    (type $row (record (field "name" string) (field "held" (list (option (borrow $handle))))))
    (export "row" (type $named (eq $row)))
    (export "close" (func (param "row" $named)))
    (export "greet" (func (param "name" string) (result string)))))
  (core module $m (func (export "run")))
  (core instance $i (instantiate $m))
  (func (export "run-empty") (canon lift (core func $i "run"))))
