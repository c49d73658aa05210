;; Exports `acme:text/greet@1.2.0`, but its function takes a number and answers with one.
(component
  (core module $m (func (export "greet") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (func $greet (param "name" u32) (result u32) (canon lift (core func $i "greet")))
  (instance $text (export "greet" (func $greet)))
  (export "acme:text/greet@1.2.0" (instance $text)))
