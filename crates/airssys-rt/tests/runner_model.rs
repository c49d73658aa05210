//! Who polls a future, in a model of threads: one at a time, and no wake is lost.
#![allow(clippy::unwrap_used, missing_docs, dead_code, unused_imports, unreachable_pub, reason = "a test")]

/// The model's own locks.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicU8, Ordering};
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    pub(crate) use shuttle::thread::yield_now;
    pub(crate) use std::sync::{PoisonError, TryLockError};
}

/// Whoever wakes does the work itself.
mod prompt {
    use crate::runner::Lend;
    use std::sync::Arc;

    pub(crate) fn caught(woken: Arc<dyn Lend>) -> Option<Arc<dyn Lend>> {
        woken.run_here();
        None
    }
}

#[path = "../src/runner.rs"]
mod runner;

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use runner::{Home, Lend, Runner, Task};
use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::sync::{Mutex, mpsc};
use shuttle::thread;
use tokio::runtime::{Builder, Id, Runtime};

/// An executor that polls each task on a thread of the model, or that has ended.
#[derive(Clone, Copy)]
enum Executor {
    Runs,
    Ended,
}

impl Home for Executor {
    fn id(&self) -> Id {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        RUNTIME.get_or_init(|| Builder::new_current_thread().build().unwrap()).handle().id()
    }

    fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        match self {
            Executor::Runs => drop(thread::spawn(move || block_on(task))),
            Executor::Ended => drop(task),
        }
    }
}

fn home() -> Executor {
    Executor::Runs
}

fn check(model: impl Fn() + Send + Sync + Copy + 'static) {
    home().id();
    shuttle::check_random(model, 10_000);
    shuttle::check_pct(model, 10_000, 3);
}

#[derive(Default)]
struct Events {
    seen: Mutex<(usize, Option<Waker>)>,
    inside: AtomicBool,
    drops: AtomicUsize,
    /// Who waits for the drop.
    dropped: Mutex<Option<mpsc::Sender<()>>>,
}

impl Events {
    fn happen(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.0 += 1;
        let waker = seen.1.take();
        drop(seen);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Ready when so many events have happened.
struct Until(usize, Arc<Events>);

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        assert!(!self.1.inside.swap(true, Ordering::SeqCst), "two poll it at a time");
        let mut seen = self.1.seen.lock().unwrap();
        let over = seen.0 >= self.0;
        if !over {
            seen.1 = Some(context.waker().clone());
        }
        drop(seen);
        thread::yield_now();
        self.1.inside.store(false, Ordering::SeqCst);
        if over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        self.1.drops.fetch_add(1, Ordering::SeqCst);
        let waits = self.1.dropped.lock().unwrap().take();
        waits.into_iter().for_each(|waits| waits.send(()).unwrap());
    }
}

#[test]
fn a_future_that_its_task_and_two_others_poll_ends_whoever_saw_the_last_event() {
    check(|| {
        let events = Arc::new(Events::default());
        let task = Task::new(Until(3, Arc::clone(&events)), home());
        let others: Vec<_> = [1, 2]
            .map(|count| {
                let events = Arc::clone(&events);
                thread::spawn(move || (0..count).for_each(|_| events.happen()))
            })
            .into();
        block_on(task);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(events.drops.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_future_whose_task_is_dropped_while_another_polls_it_is_dropped_once_and_by_then() {
    check(|| {
        let events = Arc::new(Events::default());
        let mut task = Task::new(Until(9, Arc::clone(&events)), home());
        let polled = block_on(std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut task).poll(context))));
        assert!(polled.is_pending());
        let other = {
            let events = Arc::clone(&events);
            thread::spawn(move || (0..2).for_each(|_| events.happen()))
        };
        drop(task);
        other.join().unwrap();
        assert_eq!(events.drops.load(Ordering::SeqCst), 1);
        assert!(events.seen.lock().unwrap().1.take().is_none_or(|waker| {
            waker.wake();
            true
        }));
    });
}

/// A future that is kept on demand, told of its events before it is polled.
fn on_demand(count: usize, events: &Arc<Events>, home: Executor) -> Arc<Runner<Until, Executor>> {
    let runner = Runner::on_demand(Until(count, Arc::clone(events)), home);
    events.seen.lock().unwrap().1 = Some(Waker::from(Arc::clone(&runner)));
    runner
}

#[test]
fn a_future_on_demand_ends_whoever_saw_the_last_event() {
    check(|| {
        let (events, (sender, dropped)) = (Arc::new(Events::default()), mpsc::channel());
        *events.dropped.lock().unwrap() = Some(sender);
        let runner = on_demand(3, &events, Executor::Runs);
        let others: Vec<_> = [1, 2]
            .map(|count| {
                let events = Arc::clone(&events);
                thread::spawn(move || (0..count).for_each(|_| events.happen()))
            })
            .into();
        // Woken for another reason, too, and by nobody who does its work.
        runner.wake_task();
        others.into_iter().for_each(|other| other.join().unwrap());
        dropped.recv().unwrap();
        assert_eq!(events.drops.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_future_on_demand_whose_executor_has_ended_is_dropped_when_it_would_need_a_task() {
    check(|| {
        let events = Arc::new(Events::default());
        let runner = on_demand(9, &events, Executor::Ended);
        let other = {
            let events = Arc::clone(&events);
            thread::spawn(move || (0..2).for_each(|_| events.happen()))
        };
        runner.wake_task();
        other.join().unwrap();
        assert_eq!(events.drops.load(Ordering::SeqCst), 1);
    });
}
