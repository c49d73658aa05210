;; Exports `acme:text/greet@1.2.0` with a function that nobody imports, and without the one that is imported.
(component
  (core module $m (func (export "run")))
  (core instance $i (instantiate $m))
  (func $run (canon lift (core func $i "run")))
  (instance $text (export "part" (func $run)))
  (export "acme:text/greet@1.2.0" (instance $text)))
