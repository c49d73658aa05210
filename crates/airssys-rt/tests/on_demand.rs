//! An actor that has a task only when it needs one: nothing of it is lost, and it ends with its executor all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use airssys_rt::{Actor, ActorSystem, Address, AskError, Context, Failure, Options, Reply, Shutdown, gather};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::Notify;

enum Say {
    Note,
    Where(Reply<ThreadId>),
    /// Answers after a while.
    Later(Reply<ThreadId>),
}

#[derive(Default)]
struct Worker {
    noted: Arc<Notify>,
    dropped: Arc<AtomicUsize>,
}

impl Actor for Worker {
    type Message = Say;

    async fn handle(&mut self, say: Say, _: &mut Context<Self>) -> Result<(), Failure> {
        match say {
            Say::Note => self.noted.notify_one(),
            Say::Where(reply) => reply.send(std::thread::current().id()).unwrap(),
            Say::Later(reply) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                reply.send(std::thread::current().id()).unwrap();
            }
        }
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn spawned(system: &ActorSystem, worker: Worker) -> Address<Say> {
    system.spawn_with(Options::new().on_demand(true), worker).unwrap()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_does_all_of_its_work_and_no_task_is_made() {
    let system = ActorSystem::new();
    let first = spawned(&system, Worker::default());
    let before = tasks();
    let workers: Vec<_> = (0..10).map(|_| spawned(&system, Worker::default())).collect();
    for worker in &workers {
        assert_eq!(worker.ask(Say::Where).await.unwrap(), std::thread::current().id());
    }
    assert_eq!(tasks(), before);
    drop(first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_is_done_by_a_task() {
    let worker = Worker::default();
    let noted = Arc::clone(&worker.noted);
    let worker = spawned(&ActorSystem::new(), worker);
    worker.send(Say::Note).await.unwrap();
    noted.notified().await;
    assert!(worker.ask(Say::Where).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_to_wait_goes_on_in_a_task() {
    let worker = spawned(&ActorSystem::new(), Worker::default());
    assert_ne!(worker.ask(Say::Later).await.unwrap(), std::thread::current().id());
    assert!(worker.ask(Say::Where).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_stopped_and_killed_as_any_other() {
    let system = ActorSystem::new();
    for end in [
        |worker: &Address<Say>| worker.actor().kill(),
        |worker: &Address<Say>| worker.actor().stop(Shutdown::Infinity),
    ] {
        let worker = Worker::default();
        let dropped = Arc::clone(&worker.dropped);
        let worker = spawned(&system, worker);
        end(&worker);
        worker.actor().ended().await;
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }
    spawned(&system, Worker::default());
    assert!(system.shutdown(Duration::from_secs(5)).await.is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_kills_it_and_says_so_drops_it_at_once() {
    let worker = Worker::default();
    let dropped = Arc::clone(&worker.dropped);
    let worker = spawned(&ActorSystem::new(), worker);
    let ((), prompt) = gather(|| worker.actor().kill());
    prompt.run();
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn it_ends_with_its_executor_also_when_it_never_had_a_task() {
    for threads in [0, 2] {
        let builder = if threads == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        let executor = { builder }.enable_all().build().unwrap();
        let (system, worker) = (ActorSystem::new(), Worker::default());
        let dropped = Arc::clone(&worker.dropped);
        let worker = executor.block_on(async {
            let worker = spawned(&system, worker);
            worker.ask(Say::Where).await.unwrap();
            worker
        });
        drop(executor);
        assert!(worker.is_gone() && system.is_empty(), "with {threads} threads");
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        // Whoever asks from elsewhere is told so.
        let other = Builder::new_current_thread().build().unwrap();
        assert!(matches!(other.block_on(worker.ask(Say::Where)), Err(AskError::NotSent(_))));
    }
}

#[test]
fn a_system_that_nobody_has_any_more_leaves_nothing_behind_with_its_executor() {
    let executor = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let worker = Worker::default();
    let dropped = Arc::clone(&worker.dropped);
    executor.block_on(async { drop(spawned(&ActorSystem::new(), worker)) });
    drop(executor);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}
