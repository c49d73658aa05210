//! How actors end: each end has a reason, and none is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use airssys_rt::{ActorSystem, Address, ExitReason, Options, SendError, Shutdown};
use support::{LONG, Log, Say, Worker};
use tokio::sync::Semaphore;

fn worker(panic_when: &'static str) -> (Address<Say>, Log) {
    let log = Log::default();
    let worker = Worker::panicking(&log, panic_when);
    (ActorSystem::new().spawn_with(Options::new().capacity(4), worker).unwrap(), log)
}

#[tokio::test]
async fn kill_ends_a_handler_in_the_middle_of_an_await_also_when_the_mailbox_is_full() {
    let (worker, log) = worker("");
    worker.send(Say::Forever).await.unwrap();
    log.wait_for("holds").await;
    while worker.try_send(Say::Note(0)).is_ok() {}
    worker.actor().kill();
    assert_eq!(worker.actor().ended().await, ExitReason::Killed);
    assert_eq!(log.all(), ["started", "holds", "dropped"], "no message was handled, no hook called");
}

#[tokio::test]
async fn nothing_more_is_handled_after_a_kill_also_when_no_handler_awaits() {
    let (worker, log) = worker("");
    worker.try_send(Say::Kill(worker.actor())).unwrap();
    worker.try_send(Say::Note(1)).unwrap();
    assert_eq!(worker.actor().ended().await, ExitReason::Killed);
    assert_eq!(log.all(), ["started", "dropped"]);
    assert_eq!(worker.dropped().unread, 1);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_that_takes_too_long_becomes_a_kill() {
    let (worker, log) = worker("");
    worker.send(Say::Forever).await.unwrap();
    log.wait_for("holds").await;
    let before = tokio::time::Instant::now();
    worker.actor().stop(Shutdown::Graceful(Duration::from_secs(9)));
    assert_eq!(worker.actor().ended().await, ExitReason::Killed);
    let took = before.elapsed();
    assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_later_stop_may_shorten_the_time_and_not_lengthen_it() {
    let (worker, log) = worker("");
    worker.send(Say::Forever).await.unwrap();
    log.wait_for("holds").await;
    let before = tokio::time::Instant::now();
    worker.actor().stop(Shutdown::Infinity);
    tokio::task::yield_now().await;
    worker.actor().stop(Shutdown::Graceful(Duration::from_secs(2)));
    worker.actor().stop(Shutdown::Graceful(LONG));
    worker.actor().ended().await;
    assert!(before.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_graceful_stop_refuses_what_is_new_and_finishes_what_was_accepted() {
    let (worker, log) = worker("");
    let gate = Arc::new(Semaphore::new(0));
    worker.send(Say::Hold(Arc::clone(&gate))).await.unwrap();
    log.wait_for("holds").await;
    worker.send(Say::Note(1)).await.unwrap();
    worker.actor().stop(Shutdown::Graceful(LONG));
    assert!(matches!(worker.send(Say::Note(2)).await, Err(SendError::Gone(Say::Note(2)))));
    gate.add_permits(1);
    assert_eq!(worker.actor().ended().await, ExitReason::Shutdown);
    let expected = ["started", "holds", "goes on", "note 1", "stopped: it was told to stop", "dropped"];
    assert_eq!(log.all(), expected);
    assert_eq!(worker.dropped().total(), 0);
}

#[tokio::test]
async fn an_actor_that_stops_itself_ends_normally_and_reads_no_more() {
    let (worker, log) = worker("");
    worker.try_send(Say::Stop).unwrap();
    worker.try_send(Say::Note(1)).unwrap();
    assert_eq!(worker.actor().ended().await, ExitReason::Normal);
    assert_eq!(log.all(), ["started", "stopped: it had done its work", "dropped"]);
    assert_eq!(worker.dropped().unread, 1);
}

#[tokio::test]
async fn a_failure_is_a_reason() {
    let (actor, log) = worker("");
    actor.send(Say::Fail).await.unwrap();
    assert_eq!(actor.actor().ended().await, ExitReason::Failed("on demand".to_owned()));
    assert_eq!(log.all(), ["started", "stopped: it failed: on demand", "dropped"]);
    let (actor, _) = worker("fail in started");
    assert_eq!(actor.actor().ended().await, ExitReason::Failed("no start".to_owned()));
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_reason_and_not_a_lost_task() {
    let (worker, log) = worker("");
    worker.send(Say::Panic).await.unwrap();
    assert_eq!(worker.actor().ended().await, ExitReason::Panicked("on demand".to_owned()));
    assert_eq!(log.all(), ["started", "dropped"], "a broken state is not asked to clean up");
}

#[tokio::test]
async fn a_panic_in_a_hook_or_in_the_drop_of_the_state_is_a_reason_too() {
    for place in ["started", "stopped", "drop", "down"] {
        let (actor, _) = worker(place);
        let (other, _) = worker("");
        // The first may have panicked already.
        drop(actor.send(Say::Monitor(other.actor())).await);
        if place == "down" {
            other.actor().kill();
        } else {
            actor.actor().stop(Shutdown::Infinity);
        }
        assert_eq!(actor.actor().ended().await, ExitReason::Panicked(format!("in {place}")));
    }
}

#[tokio::test]
async fn a_killed_actor_whose_drop_panics_is_still_told_of() {
    let (worker, _) = worker("drop");
    worker.actor().kill();
    assert_eq!(worker.actor().ended().await, ExitReason::Killed);
}

#[test]
fn an_actor_whose_tokio_runtime_ends_first_has_been_killed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (worker, _) = runtime.block_on(async { worker("") });
    drop(runtime);
    assert_eq!(worker.actor().exit(), Some(ExitReason::Killed));
    assert!(matches!(worker.try_send(Say::Note(1)), Err(SendError::Gone(_))));
}

#[tokio::test]
async fn the_end_is_told_to_who_comes_later_too() {
    let (worker, _) = worker("");
    worker.actor().kill();
    assert_eq!(worker.actor().ended().await, ExitReason::Killed);
    assert_eq!(worker.actor().ended().await, ExitReason::Killed);
    assert_eq!(worker.actor().exit(), Some(ExitReason::Killed));
}
