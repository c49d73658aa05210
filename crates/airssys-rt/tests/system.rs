//! Names, ids and the end of a whole system.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use airssys_rt::{
    Actor, ActorSystem, Address, Context, ExitReason, Failure, LookupError, Options, Report, SendError,
    SpawnError,
};
use support::{LONG, Log, Say, Worker};

fn named(system: &ActorSystem, name: &str) -> Address<Say> {
    system.spawn_with(Options::new().name(name), Worker::default()).unwrap()
}

#[tokio::test]
async fn an_unknown_name_or_id_is_an_error_to_the_sender_with_the_message() {
    let system = ActorSystem::new();
    assert!(matches!(system.send("acme/thumb", 7_u8).await, Err(SendError::Unknown(7))));
    let worker = named(&system, "acme/thumb");
    for other in ["acme/thum", "acme/thumbs", "acme", "acme/*", "*", "", "ACME/thumb", "acme/thumb/"] {
        assert!(
            matches!(system.send(other, Say::Note(1)).await, Err(SendError::Unknown(Say::Note(1)))),
            "`{other}`"
        );
    }
    worker.actor().kill();
    worker.actor().ended().await;
    assert!(matches!(system.send("acme/thumb", Say::Note(1)).await, Err(SendError::Unknown(_))));
    assert!(matches!(system.send_to(worker.id(), Say::Note(1)).await, Err(SendError::Unknown(_))));
}

#[tokio::test]
async fn a_message_of_another_type_is_refused() {
    let system = ActorSystem::new();
    let worker = named(&system, "acme/thumb");
    assert!(matches!(system.address::<u8>("acme/thumb"), Err(LookupError::OtherType { .. })));
    assert!(matches!(system.send("acme/thumb", 7_u8).await, Err(SendError::Unknown(7))));
    assert!(system.address_of::<u8>(worker.id()).is_none());
}

#[tokio::test]
async fn a_taken_name_is_refused_and_free_when_its_owner_has_ended() {
    let system = ActorSystem::new();
    let first = named(&system, "acme/thumb");
    let options = Options::new().name("acme/thumb");
    let refused = system.spawn_with(options.clone(), Worker::default()).unwrap_err();
    assert_eq!(refused, SpawnError::NameTaken { name: "acme/thumb".to_owned() });
    assert_eq!(system.address::<Say>("acme/thumb").unwrap().id(), first.id());
    first.actor().kill();
    first.actor().ended().await;
    let second = system.spawn_with(options, Worker::default()).unwrap();
    assert_ne!(second.id(), first.id());
    assert_eq!(system.actor("acme/thumb").unwrap().id(), second.id());
}

#[tokio::test]
async fn a_message_goes_to_the_one_who_has_the_name_or_the_id() {
    let system = ActorSystem::new();
    let log = Log::default();
    let worker = system.spawn_with(Options::new().name("w"), Worker::new(&log)).unwrap();
    system.send("w", Say::Note(1)).await.unwrap();
    system.send_to(worker.id(), Say::Note(2)).await.unwrap();
    log.wait_for("note 2").await;
    assert_eq!(log.all(), ["started", "note 1", "note 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_names_who_had_to_be_killed_and_takes_no_longer_than_it_may() {
    let system = ActorSystem::new();
    let log = Log::default();
    let stubborn = system.spawn_with(Options::new().name("stubborn"), Worker::new(&log)).unwrap();
    let good = named(&system, "good");
    stubborn.send(Say::Forever).await.unwrap();
    log.wait_for("holds").await;
    let before = tokio::time::Instant::now();
    let report = system.shutdown(Duration::from_secs(9)).await;
    assert!(before.elapsed() < Duration::from_secs(11));
    assert_eq!(report.killed.iter().map(|late| late.name.as_deref()).collect::<Vec<_>>(), [Some("stubborn")]);
    assert!(report.stuck.is_empty());
    assert_eq!(good.actor().exit(), Some(ExitReason::Shutdown));
    assert_eq!(stubborn.actor().exit(), Some(ExitReason::Killed));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_of_idle_actors_does_not_wait_for_its_time_to_be_over() {
    let system = ActorSystem::new();
    (0..1000).for_each(|n| drop(named(&system, &format!("worker {n}"))));
    let before = tokio::time::Instant::now();
    assert_eq!(system.shutdown(LONG).await, Report::default());
    assert!(before.elapsed() < Duration::from_secs(1));
    assert!(system.is_empty());
}

#[tokio::test]
async fn a_system_that_is_shut_down_takes_nobody_in() {
    let system = ActorSystem::new();
    system.shutdown(LONG).await;
    assert!(matches!(system.spawn(Worker::default()), Err(SpawnError::ShuttingDown)));
}

#[tokio::test]
async fn a_shutdown_finishes_what_was_accepted() {
    let system = ActorSystem::new();
    let log = Log::default();
    let worker = system.spawn(Worker::new(&log)).unwrap();
    (0..50).for_each(|n| {
        worker.try_send(Say::Note(n)).unwrap();
    });
    assert!(system.shutdown(LONG).await.is_clean());
    assert_eq!(log.all().iter().filter(|event| event.starts_with("note")).count(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_never_comes_to_an_await_is_named_as_stuck() {
    struct Blocks(std::sync::mpsc::Receiver<()>);
    impl Actor for Blocks {
        type Message = ();
        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<(), Failure> {
            // The other end is dropped when the test is over.
            self.0.recv().ok();
            Ok(())
        }
    }
    let system = ActorSystem::new();
    let (release, blocked) = std::sync::mpsc::channel();
    let blocks = system.spawn_with(Options::new().name("blocks"), Blocks(blocked)).unwrap();
    blocks.send(()).await.unwrap();
    while blocks.depth() > 0 {
        tokio::task::yield_now().await;
    }
    let report = system.shutdown(Duration::from_millis(50)).await;
    assert_eq!(report.stuck.iter().map(|late| late.name.as_deref()).collect::<Vec<_>>(), [Some("blocks")]);
    assert!(report.killed.is_empty());
    drop(release);
    assert_eq!(blocks.actor().ended().await, ExitReason::Killed);
}

#[tokio::test]
async fn what_has_ended_leaves_nothing_of_itself_with_those_it_watched() {
    let system = ActorSystem::new();
    let hub = named(&system, "hub");
    for _ in 0..100 {
        let log = Log::default();
        let watcher = system.spawn(Worker::new(&log)).unwrap();
        watcher.send(Say::Monitor(hub.actor())).await.unwrap();
        watcher.send(Say::Link(hub.actor())).await.unwrap();
        watcher.send(Say::Stop).await.unwrap();
        watcher.actor().ended().await;
    }
    assert_eq!(hub.actor().observers(), 0);
    assert_eq!(system.len(), 1);
}

#[tokio::test]
async fn ten_thousand_actors_answer_and_end() {
    let system = ActorSystem::new();
    let all: Vec<_> = (0..10_000).map(|_| system.spawn(Worker::default()).unwrap()).collect();
    for worker in &all {
        assert_eq!(worker.ask(Say::Ask).await.unwrap(), 7);
    }
    assert_eq!(system.len(), 10_000);
    assert!(system.shutdown(LONG).await.is_clean());
    assert!(all.iter().all(|worker| worker.actor().exit() == Some(ExitReason::Shutdown)));
}
