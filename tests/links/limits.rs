//! Bytes over a link: counted on both sides, in both directions.

use crate::support::ALLOW_ALL;
use crate::world::{World, number, own_count, unanswered};
use airssys_wasm::embed::{Component, Error};
use airssys_wasm::kernel::{LimitExceeded, Unanswered};

const FEW: &str = "[limits]\nhost_call_bytes = 50000\n";

async fn pair(caller: &str, callee: &str) -> (World, Component, Component) {
    let world = World::new(ALLOW_ALL);
    let callee = world.callee_with(callee).await;
    let caller = world.caller_with(caller, &callee).await;
    (world, callee, caller)
}

async fn sends(caller: &Component, bytes: usize) -> Result<usize, Error> {
    caller.call::<_, String>("same", &"x".repeat(bytes)).await.map(|text| text.len())
}

async fn asks_for(caller: &Component, bytes: u32) -> Result<u32, Error> {
    caller.call("length", &bytes).await
}

#[track_caller]
fn assert_exceeded<T: std::fmt::Debug>(done: Result<T, Error>, component: &Component) {
    let limit = LimitExceeded::new("host_call_bytes", 50_000);
    assert!(matches!(&done, Err(Error::LimitExceeded(exceeded)) if *exceeded == limit), "{done:?}");
    assert_eq!(component.exceeded(), [limit]);
}

#[tokio::test]
async fn a_caller_sends_no_more_than_its_own_limit() {
    let (_world, callee, caller) = pair(FEW, "").await;
    assert_eq!(sends(&caller, 50_000).await.unwrap(), 50_000);
    assert_exceeded(sends(&caller, 50_001).await, &caller);
    assert!(callee.exceeded().is_empty());
    assert_eq!(own_count(&callee).await, 1, "the callee lives");
}

#[tokio::test]
async fn a_callee_is_given_no_more_than_its_own_limit_and_lives() {
    let (_world, callee, caller) = pair("", FEW).await;
    assert_eq!(sends(&caller, 50_000).await.unwrap(), 50_000);
    let done = sends(&caller, 50_001).await;
    assert_eq!(
        done.as_ref().unwrap_err().to_string(),
        "`acme/callee#acme:text/shout.same` cannot be called with so much: its limit `host_call_bytes` is 50000"
    );
    assert_eq!(unanswered(done), Unanswered::TooMuch { limit: 50_000 });
    assert!(callee.exceeded().is_empty());
    assert_eq!(own_count(&callee).await, 1, "what it was to be given is not its fault");
}

#[tokio::test]
async fn a_callee_answers_with_no_more_than_its_own_limit() {
    let (_world, callee, caller) = pair("", FEW).await;
    assert_eq!(asks_for(&caller, 1000).await.unwrap(), 1000);
    assert_eq!(unanswered(asks_for(&caller, 3000).await), Unanswered::Failed);
    assert_eq!(callee.exceeded(), [LimitExceeded::new("host_call_bytes", 50_000)]);
    assert!(caller.exceeded().is_empty());
}

#[tokio::test]
async fn a_caller_is_given_no_more_than_its_own_limit() {
    let (_world, callee, caller) = pair(FEW, "").await;
    assert_eq!(asks_for(&caller, 1000).await.unwrap(), 1000);
    assert_exceeded(asks_for(&caller, 3000).await, &caller);
    assert!(callee.exceeded().is_empty());
    assert_eq!(number(&callee, "own-open").await.unwrap(), 0, "the callee lives");
}
