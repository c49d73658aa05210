//! Components that lend each other what they may do, through `airssys:runtime/delegation`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod support;

use airssys_wasm::audit;
use airssys_wasm::embed::{Component, ComponentRuntime};
use airssys_wasm::policy::{Policies, Question, Source, explain_lent};
use std::sync::Arc;

const LENDS: &str = r#"
@id("lends") permit (principal == Component::"acme/lender", action == Action::"component:delegate",
    resource in Publisher::"acme") when { !(context has caller) };
@id("sees") permit (principal == Component::"acme/lender", action == Action::"env:read", resource)
    when { context has caller && context.caller == Component::"acme/borrower" };
"#;

const NO_SUCH: u32 = 1007;
const INVALID: u32 = 1008;
const UNREACHABLE: u32 = 1000;

/// `lend` lends `VARIABLE` to `acme/borrower` or `acme/stranger`, and answers the number, or 0; `refused` says why not.
fn lender() -> Vec<u8> {
    let world = "package test:lender; world lender { import airssys:runtime/delegation@0.1.0;
        export lend: func(to: u32, lifetime: u64) -> u64; export refused: func() -> u32;
        export back: func(id: u64) -> u32; }";
    let core = format!(
        r#"(module
  (import "airssys:runtime/delegation@0.1.0" "delegate" (func $delegate
    (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32)))
  (import "airssys:runtime/delegation@0.1.0" "withdraw" (func $withdraw (param i64 i32)))
  {memory}
  (data (i32.const 1024) "acme/borrower") (data (i32.const 1040) "acme/stranger")
  (data (i32.const 1056) "env:read") (data (i32.const 1072) "EnvVar") (data (i32.const 1088) "VARIABLE")
  (data (i32.const 1104) "acme/lender\00\00") (data (i32.const 1120) "no name here!")
  (func (export "lend") (param $to i32) (param $lifetime i64) (result i64)
    (i32.store (i32.const 512) (i32.const 1056)) (i32.store (i32.const 516) (i32.const 8))
    (call $delegate
      (if (result i32) (i32.eq (local.get $to) (i32.const 2)) (then (i32.const 1120))
        (else (i32.add (i32.const 1024) (i32.mul (local.get $to) (i32.const 16)))))
      (i32.const 13)
      (i32.const 512) (i32.const 1) (i32.const 1072) (i32.const 6) (i32.const 1088) (i32.const 8)
      (local.get $lifetime) (i32.const 0) (i32.const 256))
    (if (result i64) (i32.load8_u (i32.const 256)) (then (i64.const 0)) (else (i64.load (i32.const 264)))))
  (func (export "refused") (result i32)
    (i32.add (i32.const 1000) (i32.load8_u (i32.const 264))))
  (func (export "back") (param $id i64) (result i32)
    (call $withdraw (local.get $id) (i32.const 256))
    (if (result i32) (i32.load8_u (i32.const 256))
      (then (i32.add (i32.const 1000) (i32.load8_u (i32.const 264)))) (else (i32.const 1)))))"#,
        memory = support::MEMORY
    );
    support::component(world, &core)
}

/// `take` accepts, `look` counts the environment's variables it is let see, `drop` lets go.
fn borrower() -> Vec<u8> {
    let world = "package test:borrower; world borrower { import airssys:runtime/delegation@0.1.0;
        import wasi:cli/environment@0.2.12; export take: func(id: u64) -> u32; export look: func() -> u32;
        export terms: func() -> u64; export let-go: func(); }";
    let core = format!(
        r#"(module
  (import "airssys:runtime/delegation@0.1.0" "accept" (func $accept (param i64 i32)))
  (import "airssys:runtime/delegation@0.1.0" "[method]accepted.terms" (func $terms (param i32 i32)))
  (import "airssys:runtime/delegation@0.1.0" "[resource-drop]accepted" (func $drop (param i32)))
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  {memory}
  (global $held (mut i32) (i32.const 0))
  (func (export "take") (param $id i64) (result i32)
    (call $accept (local.get $id) (i32.const 256))
    (if (result i32) (i32.load8_u (i32.const 256))
      (then (i32.add (i32.const 1000) (i32.load8_u (i32.const 264))))
      (else (global.set $held (i32.load (i32.const 264))) (i32.const 1))))
  (func (export "look") (result i32)
    (call $environment (i32.const 256)) (i32.load (i32.const 260)))
  (func (export "terms") (result i64)
    (call $terms (global.get $held) (i32.const 256)) (i64.load (i32.const 280)))
  (func (export "let-go") (call $drop (global.get $held))))"#,
        memory = support::MEMORY
    );
    support::component(world, &core)
}

struct Desk {
    runtime: ComponentRuntime,
    memory: audit::Memory,
    lender: Component,
    borrower: Component,
}

impl Desk {
    async fn new() -> Desk {
        let (config, memory) = support::config(LENDS);
        let config = config.env("VARIABLE", "value").env("OTHER", "value");
        let runtime = ComponentRuntime::new(config).unwrap();
        let lender = runtime.load_component(support::signed("lender", &lender())).await.unwrap();
        let borrower = runtime.load_component(support::signed("borrower", &borrower())).await.unwrap();
        Desk { runtime, memory, lender, borrower }
    }

    async fn lend(&self, to: u32) -> u64 {
        self.lender.call("lend", &(to, 3_600_000_u64)).await.unwrap()
    }

    async fn take(&self, id: u64) -> u32 {
        self.borrower.call("take", &id).await.unwrap()
    }

    async fn sees(&self) -> u32 {
        self.borrower.call("look", &()).await.unwrap()
    }
}

#[tokio::test]
async fn nothing_is_lent_to_another_by_another_number_or_without_a_permit() {
    let desk = Desk::new().await;
    assert_eq!(desk.lend(2).await, 0);
    assert_eq!(desk.lender.call::<_, u32>("refused", &()).await.unwrap(), INVALID);
    let strangers = desk.lend(1).await;
    assert_ne!(strangers, 0);
    let number = desk.lend(0).await;
    assert_eq!([desk.take(strangers).await, desk.take(number ^ 1).await], [NO_SUCH; 2]);
    assert_eq!(desk.sees().await, 0);
    desk.runtime.swap_policy(&[Source::new("none.cedar", "")], &[]).unwrap();
    assert_eq!(desk.lend(0).await, 0);
    assert_eq!(desk.lender.call::<_, u32>("refused", &()).await.unwrap(), UNREACHABLE);
}

#[tokio::test]
async fn what_was_lent_is_seen_while_it_is_held_and_until_it_is_withdrawn() {
    let desk = Desk::new().await;
    let number = desk.lend(0).await;
    assert_eq!(desk.sees().await, 0);
    assert_eq!(desk.take(number).await, 1);
    assert_eq!(desk.sees().await, 1, "and nothing but what was lent");
    let left: u64 = desk.borrower.call("terms", &()).await.unwrap();
    assert!(left > 3_000_000 && left <= 3_600_000, "{left}");
    let () = desk.borrower.call("let-go", &()).await.unwrap();
    assert_eq!(desk.sees().await, 0);
    assert_eq!(desk.take(number).await, 1);
    assert_eq!(desk.sees().await, 1);
    assert_eq!(desk.lender.call::<_, u32>("back", &number).await.unwrap(), 1);
    assert_eq!(desk.sees().await, 0);
    assert_eq!(desk.lender.call::<_, u32>("back", &number).await.unwrap(), NO_SUCH);
    assert_eq!(desk.take(number).await, NO_SUCH);
}

#[tokio::test]
async fn what_was_lent_ends_with_its_deadline_and_with_the_lender() {
    let desk = Desk::new().await;
    let brief: u64 = desk.lender.call("lend", &(0_u32, 300_u64)).await.unwrap();
    assert_eq!(desk.take(brief).await, 1);
    while desk.sees().await > 0 {
        // The guest's memory is handed out once: a look each moment, and not as many as there is time for.
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let number = desk.lend(0).await;
    assert_eq!(desk.take(number).await, 1);
    assert_eq!(desk.sees().await, 1);
    desk.lender.unload().await.unwrap();
    assert_eq!(desk.sees().await, 0);
}

#[tokio::test]
async fn a_record_says_whose_authority_it_was_and_is_decided_again_from_the_log() {
    let desk = Desk::new().await;
    let number = desk.lend(0).await;
    assert_eq!((desk.take(number).await, desk.sees().await), (1, 1));
    let decisions = support::of_kind(&desk.memory, "decision");
    let record = decisions.iter().find(|record| !record["delegation"].is_null()).unwrap();
    assert_eq!((&record["subject"], &record["verdict"]), (&"acme/borrower".into(), &"allow".into()));
    assert_eq!(record["delegation"]["id"], number);
    assert_eq!(record["delegation"]["lenders"][0]["component"], "acme/lender");
    let seq = record["seq"].as_u64().unwrap();
    let situation = audit::situation(std::io::Cursor::new(desk.memory.bytes()), seq).unwrap().unwrap();
    let question = Question {
        principal: situation.party().unwrap(),
        action: situation.record.action_id().unwrap(),
        resource: situation.resource().unwrap(),
        import: situation.record.import.as_deref().unwrap().to_owned(),
        chain: Arc::new(situation.chain().unwrap()),
    };
    let policies = |text: &str| Policies::load(&[Source::new("p.cedar", text)], &[]).unwrap();
    let lenders = situation.lenders().unwrap();
    let again = explain_lent(&policies(LENDS), &question, &lenders);
    assert_eq!((again.verdict, again.policies.len()), ("allow", 1));
    assert_eq!(again.lenders, ["acme/lender"]);
    assert!(again.to_string().contains("lent by `acme/lender`"), "{again}");
    // Neither without the lender, nor where the user is forbidden.
    assert_eq!(explain_lent(&policies(LENDS), &question, &[]).verdict, "deny");
    let forbid = format!("{LENDS} forbid (principal == Component::\"acme/borrower\", action, resource);");
    assert_eq!(explain_lent(&policies(&forbid), &question, &lenders).verdict, "deny");
    let notes = support::of_kind(&desk.memory, "note");
    let texts: Vec<_> = notes.iter().map(|note| note["text"].as_str().unwrap()).collect();
    assert!(
        texts[0].starts_with(&format!("lends delegation {number} to acme/borrower: env:read on")),
        "{texts:?}"
    );
    assert!(texts[1].starts_with(&format!("accepts delegation {number}: env:read on")), "{texts:?}");
}
