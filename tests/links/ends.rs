//! Calls that have no answer.

use crate::guests;
use crate::support::{self, ALLOW_ALL};
use crate::world::{AT_LAST, SHOUT, World, linked, number, own_count, unanswered};
use airssys_wasm::embed::{Component, Error};
use airssys_wasm::kernel::Unanswered;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Waits until nothing of the component's call is left at the gate: it was given up in the middle, and has ended.
pub(crate) async fn is_given_up(world: &World, callee: &Component) {
    let begun = std::time::Instant::now();
    while world.gate.dropped.load(Ordering::SeqCst) == 0 && begun.elapsed() < AT_LAST {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.gate.dropped.load(Ordering::SeqCst), 1);
    assert!(matches!(number(callee, "own-open").await, Err(Error::Ended)));
}

#[tokio::test]
async fn a_component_that_waits_for_the_call_is_not_called() {
    let world = World::new(ALLOW_ALL);
    let of_own_name = world.runtime.load_component(support::signed("caller", &guests::callee("1.0.0")));
    let of_own_name = of_own_name.await.unwrap();
    let caller = world.caller(&of_own_name).await;
    let done = number(&caller, "count").await;
    assert_eq!(
        done.as_ref().unwrap_err().to_string(),
        "`acme/caller#acme:text/shout.count` cannot be called: its component waits for this very call"
    );
    assert_eq!(unanswered(done), Unanswered::Circular);
    let between = world.middle("between", &of_own_name).await;
    let caller = world.caller(&between).await;
    assert_eq!(unanswered(number(&caller, "count").await), Unanswered::Failed);
    let notes = support::of_kind(&world.log, "note");
    let why = |note: &&serde_json::Value| note["text"].as_str().unwrap().contains("waits for this very call");
    let told: Vec<_> = notes.iter().filter(why).collect();
    assert_eq!((told.len(), &told[0]["subject"]), (1, &"acme/between".into()), "{notes:#?}");
    assert_eq!(own_count(&of_own_name).await, 1, "it was never called");
}

#[tokio::test]
async fn a_component_that_has_ended_is_not_called() {
    let (_world, callee, caller) = linked().await;
    callee.unload().await.unwrap();
    let done = number(&caller, "count").await;
    assert_eq!(
        done.as_ref().unwrap_err().to_string(),
        "`acme/callee#acme:text/shout.count` cannot be called: its component has ended"
    );
    assert_eq!(unanswered(done), Unanswered::Ended);
    assert!(matches!(number(&caller, "own-open").await, Err(Error::Ended)));
    let (world, callee, caller) = linked().await;
    callee.call::<_, ()>("acme:text/shout@1.0.0#trap", &()).await.unwrap_err();
    assert_eq!(unanswered(number(&caller, "count").await), Unanswered::Ended);
    assert!(
        world
            .runtime
            .linked(support::signed("late", &guests::caller("1.0.0")))
            .link(SHOUT, &callee)
            .load()
            .await
            .is_ok(),
        "whether it lives is for each call to see"
    );
}

#[tokio::test]
async fn a_callee_that_traps_or_meets_a_limit_ends_both_and_its_secrets_stay_its_own() {
    let (world, callee, caller) = linked().await;
    let done = caller.call::<_, ()>("trap", &()).await;
    assert_eq!(
        done.as_ref().unwrap_err().to_string(),
        "`acme/callee#acme:text/shout.trap` did not return: its component has failed"
    );
    assert_eq!(unanswered(done), Unanswered::Failed);
    for component in [&callee, &caller] {
        assert!(matches!(number(component, "own-open").await, Err(Error::Ended)));
    }
    let notes = support::of_kind(&world.log, "note");
    assert!(
        notes
            .iter()
            .any(|note| note["subject"] == "acme/callee"
                && note["text"].as_str().unwrap().contains("unreachable")),
        "the log says it: {notes:#?}"
    );

    let world = World::new(ALLOW_ALL);
    let callee = world.callee_with("[limits]\ncpu_ms = 50\n").await;
    let caller = world.caller(&callee).await;
    assert_eq!(unanswered(caller.call::<_, ()>("spin", &()).await), Unanswered::Failed);
    assert_eq!(callee.exceeded()[0].limit, "cpu_ms");
    assert!(caller.exceeded().is_empty());
}

#[tokio::test]
async fn what_the_callee_is_denied_ends_the_callee_and_is_not_told_to_the_caller() {
    let world = World::new(r#"permit (principal == Component::"acme/caller", action, resource);"#);
    let callee = world.callee().await;
    let caller = world.caller(&callee).await;
    let error = caller.call::<_, ()>("wait", &()).await.unwrap_err();
    assert!(!error.to_string().contains("gate"), "{error}");
    assert_eq!(unanswered::<()>(Err(error)), Unanswered::Failed);
    let gate =
        support::of_kind(&world.log, "decision").into_iter().find(|it| it["action"] == "Acme::gate:wait");
    assert_eq!(gate.unwrap()["subject"], "acme/callee");
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_the_callees_call_too() {
    let (world, callee, caller) = linked().await;
    {
        let call = caller.call::<_, ()>("wait", &());
        tokio::select! {
            done = call => panic!("{done:?}"),
            () = world.gate.is_waited_at() => {}
        }
    }
    is_given_up(&world, &callee).await;
    assert!(matches!(number(&caller, "own-open").await, Err(Error::Ended)));
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_stands_in_the_queue_harms_nobody() {
    let (world, callee, caller) = linked().await;
    let middle = Arc::new(world.middle("middle", &callee).await);
    let first = tokio::spawn({
        let middle = Arc::clone(&middle);
        async move { middle.call::<_, ()>("acme:text/shout@1.0.0#wait", &()).await }
    });
    world.gate.is_waited_at().await;
    let queued = world.calls().len();
    {
        let call = number(&caller, "count");
        let stands_in_queue = async {
            while world.calls().len() == queued {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            done = call => panic!("{done:?}"),
            () = stands_in_queue => {}
        }
    }
    world.gate.opened.notify_one();
    first.await.unwrap().unwrap();
    assert_eq!(own_count(&callee).await, 1, "the call in the queue was not made");
}

#[tokio::test]
async fn the_callers_wall_limit_runs_while_it_waits() {
    let world = World::new(ALLOW_ALL);
    let callee = world.callee().await;
    let caller = world.caller_with("[limits]\nwall_ms = 300\n", &callee).await;
    let done = tokio::time::timeout(AT_LAST, caller.call::<_, ()>("wait", &())).await.unwrap();
    assert!(matches!(&done, Err(Error::LimitExceeded(limit)) if limit.limit == "wall_ms"), "{done:?}");
    is_given_up(&world, &callee).await;
    assert!(callee.exceeded().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_that_is_unloaded_in_the_middle_ends_the_call() {
    let (world, callee, caller) = linked().await;
    let waiting = tokio::spawn(async move { caller.call::<_, ()>("wait", &()).await });
    world.gate.is_waited_at().await;
    callee.unload().await.unwrap();
    let done = tokio::time::timeout(AT_LAST, waiting).await.unwrap().unwrap();
    assert_eq!(unanswered(done), Unanswered::Ended);
}

#[tokio::test]
async fn a_callee_lives_as_long_as_somebody_is_linked_with_it() {
    let (_world, callee, caller) = linked().await;
    drop(callee);
    assert_eq!(number(&caller, "count").await.unwrap(), 1);
}
