;; The smallest actor: answers each message with its body, whether an answer is wanted or not. One page of memory and no
;; tool chain: what it costs is what an actor costs.
(component
  (import "airssys:runtime/types@0.1.0" (instance $types
    (type $string string)
    (export "component-id" (type $id (eq $string)))
    (export "topic" (type $topic (eq $string)))
    (type $record (record
      (field "id" u64)
      (field "sender" $id)
      (field "topic" (option $topic))
      (field "wants-reply" bool)
      (field "time-to-live-ms" (option u64))
      (field "deliveries" u32)
      (field "missed" u64)
      (field "body" (list u8))))
    (export "message" (type (eq $record)))))
  (alias export $types "message" (type $message))
  (core module $m
    (memory (export "memory") 1)
    ;; Memory is handed out from here upwards, and is all free again after each message.
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $free))
      (global.set $free
        (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 15)) (i32.const -16)))
      (block $enough
        (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $enough
          (i32.ne
            (memory.grow (i32.add (i32.div_u (local.get $size) (i32.const 65536)) (i32.const 1)))
            (i32.const -1)))
        unreachable)
      (local.get $at))
    (func (export "clean-up") (param i32)
      (global.set $free (i32.const 1024)))
    ;; The result stands at 16: ok, some, where, how long.
    (func (export "handle-message")
      (param $id i64) (param $sender i32) (param $sender-size i32)
      (param $has-topic i32) (param $topic i32) (param $topic-size i32)
      (param $wants-reply i32) (param $has-end i32) (param $time-to-live i64)
      (param $deliveries i32) (param $missed i64) (param $body i32) (param $body-size i32) (result i32)
      (i32.store (i32.const 16) (i32.const 0))
      (i32.store (i32.const 20) (i32.const 1))
      (i32.store (i32.const 24) (local.get $body))
      (i32.store (i32.const 28) (local.get $body-size))
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (func $handle (param "message" $message) (result (result (option (list u8)) (error string)))
    (canon lift (core func $i "handle-message") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")) (post-return (core func $i "clean-up"))))
  ;; An instance that is exported names its types itself, which takes a component around them.
  (component $shell
    (type $record (record
      (field "id" u64)
      (field "sender" string)
      (field "topic" (option string))
      (field "wants-reply" bool)
      (field "time-to-live-ms" (option u64))
      (field "deliveries" u32)
      (field "missed" u64)
      (field "body" (list u8))))
    (import "message" (type $message (eq $record)))
    (import "handle-message"
      (func $handle (param "message" $message) (result (result (option (list u8)) (error string)))))
    (export $named "message" (type $message))
    (export "handle-message" (func $handle)
      (func (param "message" $named) (result (result (option (list u8)) (error string))))))
  (instance $handler (instantiate $shell
    (with "message" (type $message)) (with "handle-message" (func $handle))))
  (export "airssys:runtime/handler@0.1.0" (instance $handler)))
