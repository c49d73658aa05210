//! Topics over a change of version: what the one before heard of, and the next one may.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

mod common;

use airssys_osl::post::{Office, Terms, publish};
use airssys_osl::{ActionId, Authorizer, Gate, Principal, Session, Subject};
use common::{IMPORT, Log, Script};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const TERMS: Terms = Terms { messages: 8, body_bytes: 1000, bytes: 1 << 20 };

#[tokio::test]
async fn a_successor_hears_of_the_topics_that_it_may_also_of_what_waits_already() {
    let script = Script::new(|_, _| true);
    let gate = Gate::new(Arc::clone(&script) as _, Arc::new(Log::default()) as _);
    let session = |name: &str, instance: u64| -> Arc<Session> {
        let principal = Principal { name: name.to_owned(), ..common::principal() };
        gate.session(Subject::new(principal, instance))
    };
    let swap = |allowed: fn(ActionId, &str) -> bool| {
        let old = script.epoch().load(Ordering::SeqCst);
        script.swap(allowed);
        gate.policies_changed(old);
    };
    let (office, a, b, next) =
        (Office::new(), session("acme/a", 1), session("acme/b", 2), session("acme/b", 3));
    let publish = |topic, body: &str| {
        publish(&office, &a, topic, body.as_bytes().to_vec(), IMPORT).unwrap();
    };
    let principal = b.subject().component().unwrap();
    let before = office.open(principal, 2, TERMS).unwrap();
    for topic in ["/late", "/news"] {
        before.subscribe(&b, topic, IMPORT).unwrap();
    }
    publish("/late", "waits in vain");
    publish("/news/today", "waits");
    swap(|action, topic| !(action == ActionId::MsgSubscribe && topic == "/late"));
    let successor = office.waiting(principal, 3, TERMS);
    let lost = successor.succeed(&next, IMPORT);
    assert_eq!(lost.iter().map(|topic| topic.as_str()).collect::<Vec<_>>(), ["/late"]);
    swap(|_, _| true);
    publish("/late", "comes in vain");
    publish("/news/today", "comes");
    // As one that has gone.
    b.revoke();
    for expected in ["waits", "comes"] {
        assert_eq!(&*successor.take(&next, IMPORT).await.unwrap().unwrap().body, expected.as_bytes());
    }
    assert_eq!((successor.depth(), before.depth()), (0, 0), "each is told once");
}
