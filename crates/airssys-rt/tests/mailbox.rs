//! What a mailbox must refuse, and what it must not lose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use airssys_rt::{
    Actor, ActorSystem, Address, Context, Dropped, Failure, Options, Overflow, SendError, Sent,
};
use support::{LONG, Log, Say, Worker};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// A worker that holds in a handler, with an empty mailbox.
async fn busy(options: Options) -> (Address<Say>, Arc<Semaphore>, Log) {
    let log = Log::default();
    let worker = ActorSystem::new().spawn_with(options, Worker::new(&log)).unwrap();
    let gate = Arc::new(Semaphore::new(0));
    worker.send(Say::Hold(Arc::clone(&gate))).await.unwrap();
    log.wait_for("holds").await;
    (worker, gate, log)
}

async fn notes(log: &Log, worker: &Address<Say>, gate: &Semaphore) -> Vec<String> {
    gate.add_permits(1);
    worker.actor().stop(airssys_rt::Shutdown::Infinity);
    worker.actor().ended().await;
    log.all().into_iter().filter(|event| event.starts_with("note")).collect()
}

#[tokio::test]
async fn a_message_beyond_the_capacity_is_refused_and_handed_back_whatever_the_capacity() {
    for capacity in [1, 2, 3, 64, 200] {
        let (worker, _gate, _log) = busy(Options::new().capacity(capacity)).await;
        let accepted = (0..1000).take_while(|n| worker.try_send(Say::Note(*n)).is_ok()).count();
        assert_eq!(accepted, capacity, "the capacity is the bound, not a hint");
        assert_eq!((worker.depth(), worker.capacity()), (capacity, capacity));
        assert!(matches!(worker.try_send(Say::Note(4711)), Err(SendError::Full(Say::Note(4711)))));
    }
}

#[tokio::test]
async fn what_the_reader_took_in_a_batch_still_counts_against_the_capacity() {
    let log = Log::default();
    let worker = ActorSystem::new().spawn_with(Options::new().capacity(8), Worker::new(&log)).unwrap();
    let gate = Arc::new(Semaphore::new(0));
    // All eight are there before the actor looks, so it takes them at once; the first one holds.
    worker.try_send(Say::Hold(Arc::clone(&gate))).unwrap();
    (0..7).for_each(|n| {
        worker.try_send(Say::Note(n)).unwrap();
    });
    log.wait_for("holds").await;
    assert_eq!(worker.depth(), 7);
    assert_eq!(worker.try_send(Say::Note(7)).unwrap(), Sent::Queued);
    assert!(matches!(worker.try_send(Say::Note(8)), Err(SendError::Full(_))));
    assert_eq!(notes(&log, &worker, &gate).await.len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_while_the_mailbox_is_full_and_its_message_keeps_its_place() {
    let (worker, gate, log) = busy(Options::new().capacity(1)).await;
    worker.send(Say::Note(0)).await.unwrap();
    let senders: Vec<_> = (1..5)
        .map(|n| {
            let worker = worker.clone();
            tokio::spawn(async move { worker.send(Say::Note(n)).await.unwrap() })
        })
        .collect();
    tokio::time::sleep(LONG).await;
    assert_eq!(worker.depth(), 1);
    assert!(senders.iter().all(|sender| !sender.is_finished()));
    gate.add_permits(1);
    for sender in senders {
        sender.await.unwrap();
    }
    let expected: Vec<_> = (0..5).map(|n| format!("note {n}")).collect();
    assert_eq!(notes(&log, &worker, &gate).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_sender_with_a_deadline_has_its_message_back_when_there_is_no_room_in_time() {
    let (worker, gate, log) = busy(Options::new().capacity(1)).await;
    worker.send(Say::Note(1)).await.unwrap();
    let error = worker.send_within(Duration::from_secs(9), Say::Note(2)).await.unwrap_err();
    assert!(matches!(error, SendError::TimedOut(Say::Note(2))));
    assert_eq!(notes(&log, &worker, &gate).await, ["note 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_send_delivers_nothing_and_holds_no_place() {
    let (worker, gate, log) = busy(Options::new().capacity(1)).await;
    worker.send(Say::Note(1)).await.unwrap();
    assert!(timeout(Duration::from_secs(1), worker.send(Say::Note(2))).await.is_err());
    let third = tokio::spawn({
        let worker = worker.clone();
        async move { worker.send(Say::Note(3)).await }
    });
    tokio::time::sleep(LONG).await;
    gate.add_permits(1);
    third.await.unwrap().unwrap();
    assert_eq!(notes(&log, &worker, &gate).await, ["note 1", "note 3"]);
}

#[tokio::test]
async fn a_sender_that_waits_is_woken_with_its_message_when_the_actor_ends() {
    let (worker, _gate, _log) = busy(Options::new().capacity(1)).await;
    worker.send(Say::Note(1)).await.unwrap();
    let waiting = tokio::spawn({
        let worker = worker.clone();
        async move { worker.send(Say::Note(2)).await }
    });
    tokio::task::yield_now().await;
    worker.actor().kill();
    assert!(matches!(waiting.await.unwrap(), Err(SendError::Gone(Say::Note(2)))));
}

#[tokio::test]
async fn refusing_tells_the_sender_at_once_and_hands_the_message_back() {
    let (worker, _gate, _log) = busy(Options::new().capacity(1).overflow(Overflow::Refuse)).await;
    worker.send(Say::Note(1)).await.unwrap();
    assert!(matches!(worker.send(Say::Note(2)).await, Err(SendError::Full(Say::Note(2)))));
    assert_eq!(worker.dropped(), Dropped::default());
}

#[tokio::test]
async fn dropping_the_newest_is_told_and_counted_exactly() {
    let (worker, gate, log) = busy(Options::new().capacity(3).overflow(Overflow::DropNewest)).await;
    let mut sent = Vec::new();
    for n in 0..10 {
        sent.push(worker.send(Say::Note(n)).await.unwrap());
    }
    assert_eq!(sent.iter().filter(|sent| **sent == Sent::Dropped).count(), 7);
    assert_eq!(worker.dropped(), Dropped { newest: 7, ..Dropped::default() });
    assert_eq!(notes(&log, &worker, &gate).await, ["note 0", "note 1", "note 2"]);
}

#[tokio::test]
async fn dropping_the_oldest_is_told_and_counted_exactly() {
    let (worker, gate, log) = busy(Options::new().capacity(3).overflow(Overflow::DropOldest)).await;
    for n in 0..10 {
        let sent = worker.send(Say::Note(n)).await.unwrap();
        assert_eq!(sent == Sent::Displaced, n >= 3);
    }
    assert_eq!(worker.dropped(), Dropped { oldest: 7, ..Dropped::default() });
    assert_eq!(notes(&log, &worker, &gate).await, ["note 7", "note 8", "note 9"]);
}

#[tokio::test]
async fn the_oldest_is_dropped_also_when_all_were_there_before_the_actor_looked() {
    let log = Log::default();
    let options = Options::new().capacity(3).overflow(Overflow::DropOldest);
    let worker = ActorSystem::new().spawn_with(options, Worker::new(&log)).unwrap();
    let gate = Arc::new(Semaphore::new(0));
    worker.try_send(Say::Hold(Arc::clone(&gate))).unwrap();
    for n in 0..2 {
        worker.try_send(Say::Note(n)).unwrap();
    }
    log.wait_for("holds").await;
    for n in 2..4 {
        worker.try_send(Say::Note(n)).unwrap();
    }
    assert_eq!(worker.dropped().oldest, 1);
    assert_eq!(notes(&log, &worker, &gate).await, ["note 1", "note 2", "note 3"]);
}

#[tokio::test]
async fn what_was_accepted_and_not_read_is_counted_when_the_actor_is_killed() {
    for capacity in [5, 100] {
        let (worker, _gate, _log) = busy(Options::new().capacity(capacity)).await;
        (0..5).for_each(|n| {
            worker.try_send(Say::Note(n)).unwrap();
        });
        worker.actor().kill();
        worker.actor().ended().await;
        assert_eq!(worker.dropped(), Dropped { unread: 5, ..Dropped::default() });
        assert_eq!(worker.depth(), 0);
        assert!(matches!(worker.send(Say::Note(6)).await, Err(SendError::Gone(Say::Note(6)))));
    }
}

#[tokio::test]
async fn errors_do_not_print_the_message() {
    let gone = SendError::Gone("hush");
    let full = SendError::Full("hush");
    assert_eq!(format!("{gone:?} {full:?}"), "Gone(..) Full(..)");
    assert!(!format!("{gone} {full}").contains("hush"));
}

struct Counter(u64);
impl Actor for Counter {
    type Message = u64;
    async fn handle(&mut self, n: u64, _: &mut Context<Self>) -> Result<(), Failure> {
        self.0 += n;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_accepted_message_is_handled_or_counted_whatever_the_moment_of_the_end() {
    let system = ActorSystem::new();
    for round in 0..200_usize {
        let log = Log::default();
        let options = Options::new().capacity(3);
        let worker = system.spawn_with(options, Worker::new(&log)).unwrap();
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let worker = worker.clone();
                tokio::spawn(async move {
                    let mut accepted = 0;
                    while worker.send(Say::Note(1)).await.is_ok() {
                        accepted += 1;
                    }
                    accepted
                })
            })
            .collect();
        while log.all().len() <= round % 50 {
            tokio::task::yield_now().await;
        }
        worker.actor().kill();
        worker.actor().ended().await;
        let mut accepted = 0;
        for sender in senders {
            accepted += sender.await.unwrap();
        }
        let handled = log.all().iter().filter(|event| *event == "note 1").count() as u64;
        assert_eq!(accepted, handled + worker.dropped().unread, "round {round}");
    }
}

#[tokio::test]
async fn an_actor_with_a_full_mailbox_leaves_the_thread_to_others() {
    let system = ActorSystem::new();
    let counter = system.spawn_with(Options::new().capacity(100_000), Counter(0)).unwrap();
    (0..100_000).for_each(|_| {
        counter.try_send(1).unwrap();
    });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert!(counter.depth() > 0, "it has handled all before anybody else had a turn");
}
