//! Questions: one answer, to the one who asked, or the news that there is none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use airssys_rt::{Actor, ActorSystem, AskError, Context, Failure, Options, Reply, SendError};
use support::{LONG, Log, Say, Worker};
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_question_to_one_that_has_ended_is_handed_back() {
    let worker = ActorSystem::new().spawn(Worker::default()).unwrap();
    worker.actor().kill();
    worker.actor().ended().await;
    let error = worker.ask(Say::Ask).await.unwrap_err();
    assert!(matches!(error, AskError::NotSent(SendError::Gone(Say::Ask(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_not_answered_in_time_is_given_up_and_the_replier_can_see_it() {
    let log = Log::default();
    let worker = ActorSystem::new().spawn(Worker::new(&log)).unwrap();
    let error = worker.ask_within(Duration::from_secs(1), Say::Keep).await.unwrap_err();
    assert!(matches!(error, AskError::TimedOut));
    worker.send(Say::AnswerKept(1)).await.unwrap();
    log.wait_for("cancelled true late true").await;
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_question_holds_while_it_waits_for_room_too() {
    let log = Log::default();
    let worker = ActorSystem::new().spawn_with(Options::new().capacity(1), Worker::new(&log)).unwrap();
    worker.send(Say::Forever).await.unwrap();
    log.wait_for("holds").await;
    worker.send(Say::Note(1)).await.unwrap();
    let error = worker.ask_within(Duration::from_secs(1), Say::Ask).await.unwrap_err();
    assert!(matches!(error, AskError::NotSent(SendError::TimedOut(Say::Ask(_)))));
    assert_eq!(worker.depth(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_reaches_nobody_and_the_next_question_has_its_own() {
    let log = Log::default();
    let worker = ActorSystem::new().spawn(Worker::new(&log)).unwrap();
    assert!(worker.ask_within(Duration::from_secs(1), Say::Keep).await.is_err());
    // The first reply is kept, and answered (with 1) while the second question waits for its answer.
    let second = tokio::spawn({
        let worker = worker.clone();
        async move { worker.ask(Say::Keep).await }
    });
    tokio::time::sleep(LONG).await;
    worker.send(Say::AnswerKept(1)).await.unwrap();
    assert_eq!(second.await.unwrap().unwrap(), 1);
    assert_eq!(
        log.all().into_iter().filter(|event| event.contains("late")).collect::<Vec<_>>(),
        ["cancelled true late true", "cancelled false late false"]
    );
}

#[tokio::test]
async fn an_asker_that_goes_away_cancels() {
    struct Waits(Log);
    impl Actor for Waits {
        type Message = Reply<u8>;
        async fn handle(&mut self, mut reply: Reply<u8>, _: &mut Context<Self>) -> Result<(), Failure> {
            self.0.add("waits");
            reply.cancelled().await;
            self.0.add(format!("cancelled {}", reply.is_cancelled()));
            Ok(())
        }
    }
    let log = Log::default();
    let waits = ActorSystem::new().spawn(Waits(log.clone())).unwrap();
    let asker = tokio::spawn(async move { waits.ask(|reply| reply).await });
    log.wait_for("waits").await;
    asker.abort();
    log.wait_for("cancelled true").await;
}

#[tokio::test]
async fn a_dropped_reply_is_told_at_once() {
    struct Drops;
    impl Actor for Drops {
        type Message = Reply<u8>;
        async fn handle(&mut self, reply: Reply<u8>, _: &mut Context<Self>) -> Result<(), Failure> {
            drop(reply);
            std::future::pending().await
        }
    }
    let drops = ActorSystem::new().spawn(Drops).unwrap();
    assert!(matches!(drops.ask(|reply| reply).await, Err(AskError::NoReply)));
}

#[tokio::test]
async fn askers_are_told_when_the_actor_ends_over_their_questions_or_before_them() {
    let log = Log::default();
    let worker = ActorSystem::new().spawn(Worker::new(&log)).unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let kept = tokio::spawn({
        let worker = worker.clone();
        async move { worker.ask(Say::Keep).await }
    });
    log.wait_for("kept").await;
    worker.send(Say::Hold(Arc::clone(&gate))).await.unwrap();
    log.wait_for("holds").await;
    worker.send(Say::Panic).await.unwrap();
    let queued = tokio::spawn({
        let worker = worker.clone();
        async move { worker.ask(Say::Ask).await }
    });
    while worker.depth() < 2 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    assert!(matches!(kept.await.unwrap(), Err(AskError::NoReply)));
    assert!(matches!(queued.await.unwrap(), Err(AskError::NoReply)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_askers_has_the_answer_to_its_own_question() {
    struct Echo;
    impl Actor for Echo {
        type Message = (u32, Reply<u32>);
        async fn handle(&mut self, (n, reply): Self::Message, _: &mut Context<Self>) -> Result<(), Failure> {
            if n % 3 == 0 {
                // Out of order, and from elsewhere.
                tokio::spawn(async move { reply.send(n) });
            } else {
                reply.send(n).ok();
            }
            Ok(())
        }
    }
    let echo = ActorSystem::new().spawn_with(Options::new().capacity(4), Echo).unwrap();
    let askers: Vec<_> = (0..500)
        .map(|n| {
            let echo = echo.clone();
            tokio::spawn(async move { (n, echo.ask(|reply| (n, reply)).await.unwrap()) })
        })
        .collect();
    for asker in askers {
        let (asked, answered) = asker.await.unwrap();
        assert_eq!(asked, answered);
    }
}
