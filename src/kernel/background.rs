//! Where a call goes on that has used up its first tick: few threads, one less than there are cores.
//!
//! A call begins on its caller's own executor. There it would come back to the queue after every tick, and a hundred
//! calls that never end would keep each other call waiting for a hundred ticks. So a call that has used up a tick is
//! handed over, and its caller only waits for it.
//!
//! *Invariant:* whoever stops waiting for a call ends it. A call that is in the queue or waits for something is dropped
//! there and then; one whose code is running at that moment is dropped when its tick is over, and `given_up` is told.

use crate::kernel::limits::TICK;
use std::any::Any;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Builder, available_parallelism};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What keeps an executor so shortly does not count: a hundred others that do the same in turn keep it for one tick.
///
/// A component that does little between two messages stays where it is. Handed over, it would be woken on another thread
/// by each answer.
const BRIEF: Duration = TICK.checked_div(100).unwrap();

/// A call's future, whatever it gives.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The threads of one runtime for calls that take long. They start when they are needed and end with the pool.
#[derive(Debug)]
pub(crate) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    news: Condvar,
    most: usize,
}

#[derive(Debug, Default)]
struct Queue {
    ready: VecDeque<Arc<Job>>,
    threads: usize,
    idle: usize,
    ended: bool,
}

/// A call that was handed over.
struct Job {
    stage: Mutex<Stage>,
    pool: Arc<Shared>,
}

enum Stage {
    /// For something to happen.
    Waits(Given),
    /// For a thread.
    Queued(Given),
    /// On a thread; what it waits for may have happened meanwhile.
    Runs { woken: bool },
    /// Returned, or given up.
    Over,
}

/// What a call has used of its first tick: what it kept the executor from, by its code and by imports done in place.
#[derive(Default)]
struct Spent(Duration);

impl Spent {
    /// Counts a step that took so long. Whether the tick is used up.
    fn all_after(&mut self, kept: Duration) -> bool {
        if kept > BRIEF {
            self.0 += kept;
        }
        self.0 >= TICK
    }
}

/// What was handed over, and the executor whose timers and sockets it uses.
struct Given {
    work: Work,
    home: Handle,
}

/// How many threads there are unless the host says otherwise: a core is left to everybody else, if there are two.
fn default_threads() -> NonZeroUsize {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(cores.saturating_sub(1)).unwrap_or(NonZeroUsize::MIN)
}

impl Pool {
    /// A pool of at most so many threads.
    pub(crate) fn new(threads: Option<NonZeroUsize>) -> Pool {
        let most = threads.unwrap_or_else(default_threads).get();
        Pool(Arc::new(Shared { queue: Mutex::default(), news: Condvar::new(), most }))
    }

    /// Does `work` here until it has used up a tick, and then on a thread of the pool. None when the pool has lost it.
    ///
    /// `given_up` is told when the caller stops waiting while the work's code is running on another thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        given_up: impl FnOnce() + Send,
    ) -> Option<T> {
        let mut work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work);
        if let Some(done) = self.first_tick(&mut work).await {
            return Some(done);
        }
        let Ok(home) = Handle::try_current() else { return Some(work.await) };
        let (tell, told) = oneshot::channel();
        let job = Arc::new(Job { stage: Mutex::new(Stage::Over), pool: Arc::clone(&self.0) });
        let given = Given { work: telling(work, tell), home };
        let mut caller = Caller { job: Arc::clone(&job), given_up: Some(given_up) };
        job.queue(given);
        let told = told.await;
        // It has returned, also if its thread has not put that down yet.
        caller.given_up = None;
        match told {
            Ok(Ok(done)) => Some(done),
            // The caller's own panic, as it would have been without another thread.
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => None,
        }
    }

    /// Polls `work` on the caller's thread. None when it has used up a tick and there is a thread to go on.
    async fn first_tick<T>(&self, work: &mut Pin<Box<dyn Future<Output = T> + Send>>) -> Option<T> {
        let mut spent = Spent::default();
        poll_fn(|context| {
            let begun = Instant::now();
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            let hand_over = spent.all_after(begun.elapsed()) && self.0.has_thread();
            if hand_over { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let given_up = {
            let mut queue = lock(&self.0.queue);
            queue.ended = true;
            std::mem::take(&mut queue.ready)
        };
        // Each of them keeps what the threads share.
        drop(given_up);
        self.0.news.notify_all();
    }
}

impl Shared {
    /// Makes sure that there is a thread, one more while none is free and the number allows.
    fn has_thread(self: &Arc<Shared>) -> bool {
        let mut queue = lock(&self.queue);
        if queue.idle <= queue.ready.len() && queue.threads < self.most {
            let shared = Arc::clone(self);
            let thread = Builder::new().name("airssys-background".into());
            // Without a thread the call goes on where it is.
            queue.threads += usize::from(thread.spawn(move || shared.work()).is_ok());
        }
        queue.threads > 0
    }

    fn push(&self, job: Arc<Job>) {
        lock(&self.queue).ready.push_back(job);
        self.news.notify_one();
    }

    /// What a thread of the pool does.
    fn work(&self) {
        while let Some(job) = self.next() {
            // What a call panics with goes to its caller. A panic while its remains are dropped must not end the thread.
            let _ = catch_unwind(AssertUnwindSafe(|| job.step()));
        }
    }

    /// The job that has waited longest; none when the pool has ended.
    fn next(&self) -> Option<Arc<Job>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.ended {
                return None;
            }
            if let Some(job) = queue.ready.pop_front() {
                return Some(job);
            }
            queue.idle += 1;
            queue = self.news.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

impl Job {
    /// Puts the job at the end of the queue.
    fn queue(self: Arc<Job>, given: Given) {
        *lock(&self.stage) = Stage::Queued(given);
        Arc::clone(&self.pool).push(self);
    }

    /// One tick of the job, or what is left to its next wait.
    fn step(self: Arc<Job>) {
        let Some(mut given) = self.begin() else { return };
        let waker = Waker::from(Arc::clone(&self));
        let home = given.home.clone();
        let _entered = home.enter();
        let done = given.work.as_mut().poll(&mut Context::from_waker(&waker));
        let mut stage = lock(&self.stage);
        let woken = match *stage {
            Stage::Runs { woken } => Some(woken),
            Stage::Waits(_) | Stage::Queued(_) | Stage::Over => None,
        };
        match (done, woken) {
            (Poll::Pending, Some(true)) => {
                *stage = Stage::Queued(given);
                drop(stage);
                Arc::clone(&self.pool).push(self);
            }
            (Poll::Pending, Some(false)) => *stage = Stage::Waits(given),
            (Poll::Ready(()), _) | (Poll::Pending, None) => {
                *stage = Stage::Over;
                drop(stage);
                // Here a store goes whose caller gave it up in the middle of a tick.
                drop(given);
            }
        }
    }

    fn begin(&self) -> Option<Given> {
        let mut stage = lock(&self.stage);
        match std::mem::replace(&mut *stage, Stage::Runs { woken: false }) {
            Stage::Queued(given) => Some(given),
            // Given up while it stood in the queue.
            other @ (Stage::Waits(_) | Stage::Runs { .. } | Stage::Over) => {
                *stage = other;
                None
            }
        }
    }
}

impl Wake for Job {
    fn wake(self: Arc<Job>) {
        let mut stage = lock(&self.stage);
        match std::mem::replace(&mut *stage, Stage::Over) {
            Stage::Waits(given) => {
                *stage = Stage::Queued(given);
                drop(stage);
                Arc::clone(&self.pool).push(self);
            }
            Stage::Runs { .. } => *stage = Stage::Runs { woken: true },
            other @ (Stage::Queued(_) | Stage::Over) => *stage = other,
        }
    }
}

/// Who waits for a job. When dropped, the job is over.
struct Caller<F: FnOnce()> {
    job: Arc<Job>,
    given_up: Option<F>,
}

impl<F: FnOnce()> Drop for Caller<F> {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut *lock(&self.job.stage), Stage::Over);
        match stage {
            Stage::Runs { .. } => {
                if let Some(given_up) = self.given_up.take() {
                    given_up();
                }
            }
            // Dropped here and outside the lock: its wakers are this job's own.
            Stage::Waits(given) | Stage::Queued(given) => drop(given),
            Stage::Over => {}
        }
    }
}

/// `work`, whose end is told, a panic as well.
fn telling<T: Send + 'static>(
    mut work: Pin<Box<dyn Future<Output = T> + Send>>,
    tell: oneshot::Sender<Result<T, Box<dyn Any + Send>>>,
) -> Work {
    let mut tell = Some(tell);
    Box::pin(poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        let done = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(done)) => Ok(done),
            Err(panic) => Err(panic),
        };
        if let Some(tell) = tell.take() {
            // Nobody waits any more: it was given up in this very tick.
            drop(tell.send(done));
        }
        Poll::Ready(())
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brief_steps_use_up_no_tick_however_many_and_longer_ones_do() {
        let mut spent = Spent::default();
        assert!((0..100_000).all(|_| !spent.all_after(BRIEF)));
        let steps = (1..=200).find(|_| spent.all_after(BRIEF + Duration::from_micros(1)));
        assert_eq!(steps, Some(100));
        assert!(Spent::default().all_after(TICK));
    }
}
