//! An idle actor's work is done by whoever asks for it, and nothing else of it changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use airssys_rt::{Actor, ActorSystem, Address, Context, ExitReason, Failure, Reply, gather};
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

enum Say {
    Note,
    /// On which thread it is handled.
    Where(Reply<ThreadId>),
    /// Waits first.
    After(Arc<Semaphore>, Reply<ThreadId>),
    /// Asks the next in the row for how many there are, then says one more.
    Row(Reply<usize>),
    Panic(Reply<()>),
}

#[derive(Default)]
struct Worker {
    next: Option<Address<Say>>,
    noted: Arc<Notify>,
}

impl Actor for Worker {
    type Message = Say;

    async fn handle(&mut self, say: Say, _: &mut Context<Self>) -> Result<(), Failure> {
        match say {
            Say::Note => self.noted.notify_one(),
            Say::Where(reply) => reply.send(std::thread::current().id()).unwrap(),
            Say::After(gate, reply) => {
                gate.acquire().await.unwrap().forget();
                let _gone = reply.send(std::thread::current().id());
            }
            Say::Row(reply) => {
                let behind = match &self.next {
                    Some(next) => next.ask(Say::Row).await.unwrap(),
                    None => 0,
                };
                reply.send(behind + 1).unwrap();
            }
            Say::Panic(reply) => panic!("on purpose, before {reply:?}"),
        }
        Ok(())
    }
}

/// One that waits for its first message.
async fn idle() -> Address<Say> {
    let worker = ActorSystem::new().spawn(Worker::default()).unwrap();
    worker.ask(Say::Where).await.unwrap();
    // Its task has looked, too.
    tokio::time::sleep(Duration::from_millis(20)).await;
    worker
}

/// The test's own thread. The executor runs no tasks there.
fn thread() -> ThreadId {
    std::thread::current().id()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_actor_works_on_the_thread_of_who_asks() {
    let worker = idle().await;
    // This thread is none of the executor's, so only the asker can have brought the work here.
    assert_eq!(worker.ask(Say::Where).await.unwrap(), thread());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_goes_on_in_the_actors_task() {
    let worker = idle().await;
    let gate = Arc::new(Semaphore::new(0));
    let (sent, asked) = (worker.clone(), Arc::clone(&gate));
    let asking = tokio::spawn(async move { sent.ask(|reply| Say::After(asked, reply)).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(20)).await;
    std::thread::spawn(move || gate.add_permits(1)).join().unwrap();
    assert_ne!(asking.await.unwrap(), thread());
    assert_eq!(worker.ask(Say::Where).await.unwrap(), thread(), "and the next is a call again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asker_that_is_killed_in_the_middle_leaves_the_actor_as_it_is() {
    let worker = idle().await;
    let gate = Arc::new(Semaphore::new(0));
    let mut asking = Box::pin(worker.ask(|reply| Say::After(Arc::clone(&gate), reply)));
    assert!(
        std::future::poll_fn(|context| std::task::Poll::Ready(asking.as_mut().poll(context)))
            .await
            .is_pending()
    );
    drop(asking);
    gate.add_permits(1);
    worker.ask(Say::Where).await.unwrap();
    assert_eq!(gate.available_permits(), 0, "what was begun was finished");
}

#[tokio::test]
async fn a_panic_is_the_actors_and_not_the_askers() {
    let worker = idle().await;
    assert!(worker.ask(Say::Panic).await.is_err());
    let ended = worker.actor().ended().await;
    assert!(matches!(&ended, ExitReason::Panicked(why) if why.contains("on purpose")), "{ended:?}");
}

#[tokio::test]
async fn a_row_of_actors_that_ask_each_other_is_as_long_as_one_likes() {
    let system = ActorSystem::new();
    let mut next = None;
    for _ in 0..1_000 {
        let worker = Worker { next: next.take(), ..Worker::default() };
        next = Some(system.spawn(worker).unwrap());
    }
    assert_eq!(next.unwrap().ask(Say::Row).await.unwrap(), 1_000);
}

#[tokio::test]
async fn actors_that_ask_in_a_circle_wait_and_nobody_is_entered_twice() {
    struct Circle(Option<Address<Reply<()>>>);
    impl Actor for Circle {
        type Message = Reply<()>;
        async fn handle(&mut self, reply: Reply<()>, context: &mut Context<Self>) -> Result<(), Failure> {
            let to = self.0.clone().unwrap_or_else(|| context.address());
            let asked = to.ask_within(Duration::from_millis(50), |reply| reply).await;
            drop(reply);
            asked.map_err(|_| Failure::new("nobody answers who waits for himself"))
        }
    }
    let circle = ActorSystem::new().spawn(Circle(None)).unwrap();
    assert!(circle.ask(|reply| reply).await.is_err());
    assert!(matches!(circle.actor().ended().await, ExitReason::Failed(_)));
}

#[test]
fn an_actor_of_another_executor_is_woken_and_not_done_here() {
    let far = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let worker = far.block_on(async { ActorSystem::new().spawn(Worker::default()).unwrap() });
    let near = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..10 {
        assert_ne!(near.block_on(worker.ask(Say::Where)).unwrap(), thread());
    }
}

#[tokio::test]
async fn who_is_not_run_is_woken_when_the_prompt_is_dropped() {
    let noted = Arc::new(Notify::new());
    let worker = Worker { noted: Arc::clone(&noted), ..Worker::default() };
    let worker = ActorSystem::new().spawn(worker).unwrap();
    for _ in 0..3 {
        worker.ask(Say::Where).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let (sent, prompt) = gather(|| worker.try_send(Say::Note));
        assert!(sent.is_ok());
        drop(prompt);
        tokio::time::timeout(Duration::from_secs(20), noted.notified()).await.expect("it is never woken");
    }
}

#[tokio::test]
async fn who_asks_does_one_message_and_no_flood_that_comes_with_it() {
    let worker = idle().await;
    for _ in 0..50 {
        worker.send(Say::Note).await.unwrap();
    }
    let (sent, prompt) = gather(|| worker.try_send(Say::Note));
    assert!(sent.is_ok());
    prompt.run();
    assert!(worker.depth() >= 49, "{}", worker.depth());
}
