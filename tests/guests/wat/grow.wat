;; Grows its memory page by page until it gets no more; returns the pages it has in the end.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "grow") (result i32)
      (loop $more
        (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (memory.size)))
  (core instance $i (instantiate $m))
  (func (export "grow") (result u32) (canon lift (core func $i "grow"))))
