//! Who polls an actor's future: its own task, or for once whoever waits for what it does.
//!
//! *Invariant:* one thread polls it at a time, and no wake is lost. Whoever comes while somebody else than its task polls
//! it leaves a mark, and that one has the task woken for it.
//!
//! A future that is kept on demand has no task at first: it gets one when it is woken and nobody is there who polls it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::{Handle, Id};

use crate::prompt::caught;
use crate::sync::{AtomicU8, Mutex, MutexGuard, Ordering, PoisonError, TryLockError};

/// Somebody other than its task polls it.
const LENT: u8 = 1;
/// It is to be polled once more when that is over.
const AGAIN: u8 = 2;
/// Its task has gone, so it ends when that is over.
const ORPHAN: u8 = 4;

/// Where tasks run, with the timers and sockets of theirs.
pub(crate) trait Home: Send + Sync + 'static {
    fn id(&self) -> Id;
    /// Has it polled. An executor that has ended drops it at once.
    fn start(&self, task: impl Future<Output = ()> + Send + 'static);
}

impl Home for Handle {
    fn id(&self) -> Id {
        self.id()
    }

    fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.spawn(task));
    }
}

/// What a runner knows of its task.
enum Known {
    /// It has none yet.
    None,
    /// Its first poll is on its way, and sees everything.
    Coming,
    Task(Waker),
}

/// A future, and the mark of who polls it.
pub(crate) struct Runner<F, H> {
    /// None once it is over.
    work: Mutex<Option<F>>,
    task: Mutex<Known>,
    mark: AtomicU8,
    home: H,
}

/// A runner, whatever it runs.
pub(crate) trait Lend: Send + Sync {
    /// The executor whose timers and sockets it uses.
    fn home(&self) -> Id;
    /// Polls it once, here, unless somebody polls it.
    fn run_here(self: Arc<Self>);
    /// Has its task poll it.
    fn wake_task(self: Arc<Self>);
}

impl<F: Future<Output = ()> + Unpin + Send + 'static, H: Home> Runner<F, H> {
    /// One that gets a task when it needs one. Whoever is to wake it has to be told of it: it is not polled before.
    pub(crate) fn on_demand(work: F, home: H) -> Arc<Self> {
        Arc::new(Self::new(work, Known::None, home))
    }

    fn new(work: F, task: Known, home: H) -> Self {
        Self { work: Mutex::new(Some(work)), task: Mutex::new(task), mark: AtomicU8::new(0), home }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_work(&self) -> Option<MutexGuard<'_, Option<F>>> {
        match self.work.try_lock() {
            Ok(work) => Some(work),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn poll(self: &Arc<Self>, work: &mut Option<F>) -> Poll<()> {
        let Some(future) = work else { return Poll::Ready(()) };
        let waker = Waker::from(Arc::clone(self));
        let polled = Pin::new(future).poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            *work = None;
        }
        polled
    }

    /// Leaves a mark for whoever polls it in its task's place. False when nobody does.
    fn leave(&self, mark: u8) -> bool {
        let marked = |now: u8| (now & LENT != 0).then_some(now | mark);
        self.mark.fetch_update(Ordering::SeqCst, Ordering::SeqCst, marked).is_ok()
    }
}

impl<F: Future<Output = ()> + Unpin + Send + 'static, H: Home> Lend for Runner<F, H> {
    fn home(&self) -> Id {
        self.home.id()
    }

    fn run_here(self: Arc<Self>) {
        if matches!(*self.known(), Known::Coming) {
            // Two polls would only be in each other's way.
            return;
        }
        let Some(mut work) = self.try_work() else { return Arc::clone(&self).wake_task() };
        let lent = Lent::new(&self.mark);
        let over = self.poll(&mut work).is_ready();
        // Before the lock is left: whoever comes from here on finds no mark, and looks again.
        let left = lent.back();
        if left & ORPHAN != 0 {
            *work = None;
        }
        drop(work);
        // What is over needs no task that it has not got.
        if left & AGAIN != 0 || over && !matches!(*self.known(), Known::None) {
            self.wake_task();
        }
    }

    fn wake_task(self: Arc<Self>) {
        let mut known = self.known();
        let task = match std::mem::replace(&mut *known, Known::Coming) {
            Known::Task(waker) => {
                *known = Known::Task(waker.clone());
                Some(waker)
            }
            Known::Coming => return,
            Known::None => None,
        };
        drop(known);
        match task {
            Some(waker) => waker.wake(),
            None => Arc::clone(&self).home.start(Task { runner: self, waker: None }),
        }
    }
}

impl<F: Future<Output = ()> + Unpin + Send + 'static, H: Home> Wake for Runner<F, H> {
    fn wake(self: Arc<Self>) {
        if !self.leave(AGAIN)
            && let Some(woken) = caught(self)
        {
            woken.wake_task();
        }
    }
}

/// While this lives, marks can be left. Also a panic takes it back.
struct Lent<'a>(&'a AtomicU8);

impl Lent<'_> {
    fn new(mark: &AtomicU8) -> Lent<'_> {
        mark.store(LENT, Ordering::SeqCst);
        Lent(mark)
    }

    /// What was left.
    fn back(self) -> u8 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

/// The task of a runner.
pub(crate) struct Task<F: Future<Output = ()> + Unpin + Send + 'static, H: Home> {
    runner: Arc<Runner<F, H>>,
    /// What the runner knows it by.
    waker: Option<Waker>,
}

impl<F: Future<Output = ()> + Unpin + Send + 'static, H: Home> Task<F, H> {
    pub(crate) fn new(work: F, home: H) -> Self {
        Self { runner: Arc::new(Runner::new(work, Known::Coming, home)), waker: None }
    }

    fn set_waker(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
            *self.runner.known() = Known::Task(waker.clone());
        }
    }
}

impl<F: Future<Output = ()> + Unpin + Send + 'static, H: Home> Future for Task<F, H> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.set_waker(context.waker());
        if let Some(mut work) = self.runner.try_work() {
            return self.runner.poll(&mut work);
        }
        if !self.runner.leave(AGAIN) {
            // It is taken or left in this very moment.
            crate::sync::yield_now();
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<F: Future<Output = ()> + Unpin + Send + 'static, H: Home> Drop for Task<F, H> {
    fn drop(&mut self) {
        loop {
            if let Some(mut work) = self.runner.try_work() {
                *work = None;
                return;
            }
            // Its executor ends while somebody polls it.
            if self.runner.leave(ORPHAN) {
                return;
            }
            crate::sync::yield_now();
        }
    }
}
