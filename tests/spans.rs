//! What a trace shows: a span for each call and each decision, each in the call that it came of, and nothing that was
//! said in them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "a test"
)]

mod guests;
#[path = "support/kept_spans.rs"]
mod kept_spans;
mod support;
#[path = "support/talk.rs"]
mod talk;

use kept_spans::{Kept, Seen};
use support::ALLOW_ALL;

/// The decisions that were taken in a call, but for the standard streams that a program in Rust opens.
fn decisions(spans: &[Seen], within: &Seen) -> Vec<(String, String)> {
    let inside = |seen: &&Seen| seen.name == "airssys.decision" && seen.parent == Some(within.id);
    let spoken = |seen: &&Seen| !seen.fields["action"].starts_with("stdio:");
    let told = |seen: &Seen| (seen.fields["action"].clone(), seen.fields["verdict"].clone());
    spans.iter().filter(inside).filter(spoken).map(told).collect()
}

/// The one call of that component.
fn call<'a>(spans: &'a [Seen], component: &str, within: Option<u64>) -> &'a Seen {
    let is_it = |seen: &&Seen| {
        seen.name == "airssys.call" && seen.fields["component"] == component && seen.parent == within
    };
    let found: Vec<_> = spans.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{component} within {within:?}: {spans:#?}");
    found[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_denied_and_how_a_call_ended_is_told_and_nothing_that_was_said() {
    let kept = Kept::of(&["acme/d1", "acme/d2"]);
    let (runtime, _) =
        support::runtime("permit (principal, action == Action::\"component:load\", resource);");
    let d1 = runtime.spawn(talk::actor("d1")).await.unwrap();
    assert!(talk::ask(&d1, "send:acme/d2=the-secret-value").await.is_err());
    assert!(talk::ask(&d1, "panic:").await.is_err());
    let spans = kept.seen();
    let calls: Vec<_> = spans.iter().filter(|seen| seen.name == "airssys.call").collect();
    assert_eq!(calls.len(), 2, "{spans:#?}");
    assert_eq!([&calls[0].fields["outcome"], &calls[1].fields["outcome"]], ["returned", "trap"]);
    assert_eq!(decisions(&spans, calls[0]), [("msg:send".to_owned(), "deny".to_owned())]);
    let denied = spans.iter().find(|seen| seen.fields.get("action").is_some_and(|it| it == "msg:send"));
    let denied = &denied.unwrap().fields;
    assert_eq!((&*denied["resource.kind"], &*denied["resource.id"]), ("Component", "acme/d2"));
    assert_eq!(denied["import"], "airssys:runtime/messaging#send-message");
    assert_eq!((&*denied["epoch"], &*denied["recorded"]), ("1", "true"));
    assert!(!format!("{spans:?}").contains("secret-value"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_a_link_lies_in_the_callers_and_its_decisions_in_it() {
    let kept = Kept::of(&["acme/l1", "acme/l2"]);
    let (runtime, _) = support::runtime(ALLOW_ALL);
    let (caller, _callee) = talk::linked(&runtime, "l1", "l2").await;
    assert_eq!(talk::ask(&caller, "shout:quietly").await.unwrap(), "QUIETLY");
    let spans = kept.seen();
    let outer = call(&spans, "acme/l1", None);
    assert_eq!(outer.fields["function"], "ask");
    assert_eq!(decisions(&spans, outer), [("component:call".to_owned(), "allow".to_owned())]);
    let inner = call(&spans, "acme/l2", Some(outer.id));
    assert_eq!(inner.fields["function"], "acme:text/shout@1.2.0#shout");
    assert_ne!(inner.fields["instance"], outer.fields["instance"]);
    assert_eq!(talk::ask(&caller, "shout:again").await.unwrap(), "AGAIN");
    let spans = kept.seen();
    let count = spans
        .iter()
        .filter(|seen| seen.fields.get("action").is_some_and(|it| it == "component:call"))
        .count();
    assert_eq!(count, 1, "what is used again is not told again: {spans:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_with_a_message_lies_in_the_call_that_sent_it() {
    let kept = Kept::of(&["acme/m1", "acme/m2", "acme/m3"]);
    let (runtime, _) = support::runtime(ALLOW_ALL);
    let m1 = runtime.spawn(talk::actor("m1")).await.unwrap();
    let _m2 = runtime.spawn(talk::actor("m2")).await.unwrap();
    let _m3 = runtime.spawn(talk::actor("m3")).await.unwrap();
    let through = "request:acme/m2,20000=request:acme/m3,20000=echo:hello";
    assert_eq!(talk::ask(&m1, through).await.unwrap(), "hello");
    let spans = kept.seen();
    let first = call(&spans, "acme/m1", None);
    let second = call(&spans, "acme/m2", Some(first.id));
    let third = call(&spans, "acme/m3", Some(second.id));
    assert_eq!(third.fields["function"], "airssys:runtime/handler@0.1.0#handle-message");
    let taken = |action: &str| (action.to_owned(), "allow".to_owned());
    // Whether the receiver may hear it is decided before it is called, on the way there.
    assert_eq!(decisions(&spans, first), [taken("msg:request"), taken("msg:receive")]);
    assert_eq!(decisions(&spans, second), [taken("msg:request"), taken("msg:receive")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_goes_on_in_the_background_takes_its_span_along() {
    let kept = Kept::of(&["acme/g1", "acme/g2"]);
    let (runtime, _) = support::runtime(ALLOW_ALL);
    let g1 = runtime.spawn(talk::actor("g1")).await.unwrap();
    // Enough work for more than a tick, and then a question.
    assert!(talk::ask(&g1, "all:much:60000000;;much:60000000;;much:60000000;;send:acme/g2=x").await.is_err());
    let spans = kept.seen();
    let outer = call(&spans, "acme/g1", None);
    assert_eq!(decisions(&spans, outer).last().unwrap().0, "msg:send");
}
