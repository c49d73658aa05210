//! Monitors and links: who hears of an end, and who ends with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;

use airssys_rt::{ActorSystem, Address, ExitReason, Options, Shutdown};
use support::{Log, Say, Worker};
use tokio::sync::Semaphore;

fn worker(name: &str) -> (Address<Say>, Log) {
    let log = Log::default();
    let options = Options::new().name(name).capacity(4);
    (ActorSystem::new().spawn_with(options, Worker::new(&log)).unwrap(), log)
}

#[tokio::test]
async fn news_of_an_end_overtakes_messages_also_when_the_mailbox_is_full() {
    let (a, log) = worker("a");
    let (b, _) = worker("b");
    a.send(Say::Monitor(b.actor())).await.unwrap();
    let gate = Arc::new(Semaphore::new(0));
    a.send(Say::Hold(Arc::clone(&gate))).await.unwrap();
    log.wait_for("holds").await;
    while a.try_send(Say::Note(1)).is_ok() {}
    b.actor().kill();
    b.actor().ended().await;
    gate.add_permits(1);
    log.wait_for("note 1").await;
    assert_eq!(log.all()[..5], ["started", "holds", "goes on", "down b it was killed", "note 1"]);
}

#[tokio::test]
async fn each_monitor_of_one_that_is_dead_is_told_at_once() {
    let (a, log) = worker("a");
    let (b, _) = worker("b");
    b.send(Say::Fail).await.unwrap();
    b.actor().ended().await;
    a.send(Say::Monitor(b.actor())).await.unwrap();
    a.send(Say::Monitor(b.actor())).await.unwrap();
    a.send(Say::Note(1)).await.unwrap();
    log.wait_for("note 1").await;
    let down = "down b it failed: on demand";
    assert_eq!(log.all(), ["started", down, down, "note 1"]);
}

#[tokio::test]
async fn a_monitor_that_was_taken_off_says_nothing() {
    let (a, log) = worker("a");
    let (b, _) = worker("b");
    a.send(Say::MonitorAndNot(b.actor())).await.unwrap();
    a.send(Say::Note(1)).await.unwrap();
    log.wait_for("note 1").await;
    b.actor().kill();
    b.actor().ended().await;
    // News that was on the way already is taken back too.
    a.send(Say::MonitorAndNot(b.actor())).await.unwrap();
    a.send(Say::Note(2)).await.unwrap();
    log.wait_for("note 2").await;
    assert_eq!(log.all(), ["started", "note 1", "note 2"]);
}

#[tokio::test]
async fn the_end_of_a_linked_actor_ends_the_other_in_the_middle_of_a_handler_whoever_made_the_link() {
    for victim in [0, 1] {
        let pair = [worker("a"), worker("b")];
        pair[0].0.send(Say::Link(pair[1].0.actor())).await.unwrap();
        for (address, log) in &pair {
            address.send(Say::Forever).await.unwrap();
            log.wait_for("holds").await;
        }
        let (dies, follows) = (&pair[victim].0, &pair[1 - victim].0);
        dies.actor().kill();
        let reason = Arc::new(ExitReason::Killed);
        let name = Some(Arc::from(dies.name().unwrap()));
        assert_eq!(follows.actor().ended().await, ExitReason::Linked { id: dies.id(), name, reason });
    }
}

#[tokio::test]
async fn a_chain_of_links_ends_whole_and_names_the_first() {
    let chain: Vec<_> = ["a", "b", "c", "d"].map(worker).into_iter().collect();
    for pair in chain.windows(2) {
        pair[0].0.send(Say::Link(pair[1].0.actor())).await.unwrap();
        pair[0].0.ask(Say::Ask).await.unwrap();
    }
    chain[0].0.send(Say::Panic).await.unwrap();
    let ExitReason::Linked { id, reason, .. } = chain[3].0.actor().ended().await else {
        panic!("not linked")
    };
    assert_eq!((id, &*reason), (chain[0].0.id(), &ExitReason::Panicked("on demand".to_owned())));
}

#[tokio::test]
async fn a_normal_end_takes_nobody_along() {
    let (a, log) = worker("a");
    let (b, _) = worker("b");
    a.send(Say::Link(b.actor())).await.unwrap();
    a.ask(Say::Ask).await.unwrap();
    b.send(Say::Stop).await.unwrap();
    assert_eq!(b.actor().ended().await, ExitReason::Normal);
    a.ask(Say::Ask).await.unwrap();
    assert_eq!(log.all(), ["started"]);
}

#[tokio::test]
async fn a_stop_that_was_asked_for_takes_the_linked_along() {
    let (a, _) = worker("a");
    let (b, _) = worker("b");
    a.send(Say::Link(b.actor())).await.unwrap();
    a.ask(Say::Ask).await.unwrap();
    b.actor().stop(Shutdown::Infinity);
    assert!(matches!(a.actor().ended().await, ExitReason::Linked { .. }));
}

#[tokio::test]
async fn one_that_traps_exits_has_news_instead_also_of_one_that_is_dead() {
    let (a, log) = worker("a");
    let (b, _) = worker("b");
    let (c, _) = worker("c");
    c.actor().kill();
    c.actor().ended().await;
    a.send(Say::Trap).await.unwrap();
    a.send(Say::Link(b.actor())).await.unwrap();
    a.ask(Say::Ask).await.unwrap();
    b.send(Say::Fail).await.unwrap();
    log.wait_for("down b it failed: on demand").await;
    a.send(Say::Link(c.actor())).await.unwrap();
    log.wait_for("down c it was killed").await;
    a.ask(Say::Ask).await.unwrap();
}

#[tokio::test]
async fn linking_to_a_dead_actor_ends_the_linker_at_once() {
    let (a, log) = worker("a");
    let (b, _) = worker("b");
    b.actor().kill();
    b.actor().ended().await;
    a.try_send(Say::Link(b.actor())).unwrap();
    a.try_send(Say::Note(1)).unwrap();
    assert!(matches!(a.actor().ended().await, ExitReason::Linked { .. }));
    assert!(!log.all().contains(&"note 1".to_owned()));
}

#[tokio::test]
async fn kill_cannot_be_trapped() {
    let (a, _) = worker("a");
    a.send(Say::Trap).await.unwrap();
    a.ask(Say::Ask).await.unwrap();
    a.actor().kill();
    assert_eq!(a.actor().ended().await, ExitReason::Killed);
}

#[tokio::test]
async fn a_link_that_was_taken_off_ties_nobody() {
    let (a, _) = worker("a");
    let (b, _) = worker("b");
    a.send(Say::LinkAndNot(b.actor())).await.unwrap();
    a.ask(Say::Ask).await.unwrap();
    b.actor().kill();
    b.actor().ended().await;
    a.ask(Say::Ask).await.unwrap();
}
