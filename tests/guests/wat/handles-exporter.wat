;; Exports the interface that `handles-importer.wat` imports: whoever links the two must say why it does not.
(component
  (type $handle (resource (rep i32)))
  (core func $new (canon resource.new $handle))
  (core module $m
    (import "host" "new" (func $new (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "open") (param i32 i32) (result i32) (call $new (i32.const 7))))
  (core instance $i (instantiate $m (with "host" (instance (export "new" (func $new))))))
  (func $open (param "name" string) (result (own $handle))
    (canon lift (core func $i "open") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  ;; An instance that is exported names its types itself, which takes a component around them.
  (component $shell
    (import "handle" (type $handle (sub resource)))
    (import "open" (func $open (param "name" string) (result (own $handle))))
    (export $named "handle" (type $handle))
    (export "open" (func $open) (func (param "name" string) (result (own $named)))))
  (instance $handles (instantiate $shell (with "handle" (type $handle)) (with "open" (func $open))))
  (export "acme:text/handles@1.0.0" (instance $handles)))
