//! What the runtime knows of one actor, whatever its messages are: its end, and who hears of it.
//!
//! System messages stand here and not in the mailbox. That is why a full mailbox cannot hold them up.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::exit::{ActorId, Down, ExitReason, MonitorId, ToldBy};
use crate::overflow::Dropped;
use crate::queue::Queue;

/// There is news for the actor's `down`.
const NEWS: u8 = 1;
/// It must end at once, in the middle of a handler.
const DOOM: u8 = 2;
/// It has been told to stop.
const STOP: u8 = 4;
/// Its supervisor stops it, in its turn.
const SUPERVISED: u8 = 8;

/// A number that this process has not given before.
pub(crate) fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An actor from outside, its type of messages forgotten.
pub(crate) trait Remote: Any + Send + Sync {
    fn cell(&self) -> &Cell;
    /// Takes no message any more.
    fn close(&self);
    fn depth(&self) -> usize;
    fn capacity(&self) -> usize;
    fn dropped(&self) -> Dropped;
}

/// What an actor and its addresses share.
pub(crate) struct Shared<M> {
    pub(crate) cell: Cell,
    pub(crate) queue: Queue<M>,
}

impl<M: Send + 'static> Remote for Shared<M> {
    fn cell(&self) -> &Cell {
        &self.cell
    }

    fn close(&self) {
        self.queue.close();
    }

    fn depth(&self) -> usize {
        self.queue.depth()
    }

    fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn dropped(&self) -> Dropped {
        self.queue.dropped()
    }
}

/// The part without a type of messages.
pub(crate) struct Cell {
    pub(crate) id: ActorId,
    pub(crate) name: Option<Arc<str>>,
    flags: AtomicU8,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waker: Option<Waker>,
    news: VecDeque<Down>,
    doom: Option<ExitReason>,
    deadline: Option<Instant>,
    traps: bool,
    observers: Vec<Observer>,
    /// Whom this one observes, so that it leaves nothing of itself there.
    observed: Vec<Weak<dyn Remote>>,
    exit: Option<ExitReason>,
}

/// Who is told of an actor's end.
pub(crate) enum Observer {
    /// By a [`Down`], whatever the reason.
    Monitor(MonitorId, Arc<dyn Remote>),
    /// By ending too, unless the reason is `Normal` or it traps exits.
    Link(Arc<dyn Remote>),
    /// By ending too, in any case: this one is supervised by the one that ended.
    Child(Arc<dyn Remote>),
    /// From outside of all actors.
    Waiter(oneshot::Sender<ExitReason>),
}

impl Observer {
    fn actor(&self) -> Option<&Arc<dyn Remote>> {
        match self {
            Self::Monitor(_, who) | Self::Link(who) | Self::Child(who) => Some(who),
            Self::Waiter(_) => None,
        }
    }

    fn is(&self, id: ActorId) -> bool {
        self.actor().is_some_and(|who| who.cell().id == id)
    }

    pub(crate) fn is_link_of(&self, id: ActorId) -> bool {
        matches!(self, Self::Link(who) if who.cell().id == id)
    }
}

impl Cell {
    pub(crate) fn new(name: Option<Arc<str>>, traps: bool) -> Self {
        let state = State { traps, ..State::default() };
        Self { id: ActorId(fresh()), name, flags: AtomicU8::new(0), state: Mutex::new(state) }
    }

    /// Who is to be polled when something happens here. One task, so the waker stays the same.
    pub(crate) fn register(&self, waker: &Waker) {
        self.lock().waker = Some(waker.clone());
    }

    pub(crate) fn set_traps(&self, traps: bool) {
        self.lock().traps = traps;
    }

    /// It must end at once, for this reason. The first reason counts.
    pub(crate) fn doom(&self, reason: ExitReason) {
        self.change(DOOM, |state| {
            state.doom.get_or_insert(reason);
        });
    }

    /// It is told to stop; the earliest deadline counts.
    pub(crate) fn stop(&self, deadline: Option<Instant>) {
        self.change(STOP, |state| {
            state.deadline = match (state.deadline, deadline) {
                (Some(old), Some(new)) => Some(old.min(new)),
                (old, new) => old.or(new),
            };
        });
    }

    fn news(&self, down: Down) {
        self.change(NEWS, |state| state.news.push_back(down));
    }

    fn change(&self, flag: u8, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.exit.is_some() {
            return;
        }
        change(&mut state);
        self.flags.fetch_or(flag, Ordering::SeqCst);
        let waker = state.waker.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it must end at once.
    pub(crate) fn is_doomed(&self) -> bool {
        self.flags.load(Ordering::SeqCst) & DOOM != 0
    }

    /// Whether it has been told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.flags.load(Ordering::SeqCst) & STOP != 0
    }

    /// Marks it as one that a supervisor will stop.
    pub(crate) fn set_supervised(&self) {
        self.flags.fetch_or(SUPERVISED, Ordering::SeqCst);
    }

    /// Whether a supervisor stops it.
    pub(crate) fn is_supervised(&self) -> bool {
        self.flags.load(Ordering::SeqCst) & SUPERVISED != 0
    }

    /// Why it must end at once.
    pub(crate) fn sentence(&self) -> Option<ExitReason> {
        self.is_doomed().then(|| self.lock().doom.clone().unwrap_or(ExitReason::Killed))
    }

    /// Until when it may take to stop.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.is_stopping() { self.lock().deadline } else { None }
    }

    /// The next news for `down`.
    pub(crate) fn next_news(&self) -> Option<Down> {
        if self.flags.load(Ordering::SeqCst) & NEWS == 0 {
            return None;
        }
        let mut state = self.lock();
        let next = state.news.pop_front();
        if state.news.is_empty() {
            // Under the lock, as it is set: no news can come between.
            self.flags.fetch_and(!NEWS, Ordering::SeqCst);
            state.news = VecDeque::new();
        }
        next
    }

    /// Why it ended, if it has.
    pub(crate) fn exit(&self) -> Option<ExitReason> {
        self.lock().exit.clone()
    }

    /// Has `observer` told of the end; `Err` with it when the end has been.
    pub(crate) fn observe(&self, observer: Observer) -> Result<(), (Observer, ExitReason)> {
        let mut state = self.lock();
        if let Some(reason) = state.exit.clone() {
            return Err((observer, reason));
        }
        if let Observer::Waiter(_) = observer {
            state.observers.retain(|known| !matches!(known, Observer::Waiter(other) if other.is_closed()));
        }
        state.observers.push(observer);
        Ok(())
    }

    /// Whether the end of this one is told to `id` by a link.
    pub(crate) fn links_to(&self, id: ActorId) -> bool {
        self.lock().observers.iter().any(|known| known.is_link_of(id))
    }

    pub(crate) fn observers(&self) -> usize {
        self.lock().observers.len()
    }

    /// Notes whom this one observes.
    pub(crate) fn note(&self, other: Weak<dyn Remote>) {
        let mut state = self.lock();
        if !state.observed.iter().any(|known| known.ptr_eq(&other)) {
            state.observed.push(other);
        }
    }

    /// Takes out who is chosen, of those that would be told.
    pub(crate) fn forget(&self, chosen: impl Fn(&Observer) -> bool) {
        let mut state = self.lock();
        // Dropped after the lock: the last hold on a dead actor may be among them.
        let (gone, kept) = std::mem::take(&mut state.observers).into_iter().partition(|known| chosen(known));
        state.observers = kept;
        drop(state);
        drop::<Vec<_>>(gone);
    }

    /// Takes out news that has not been read.
    pub(crate) fn unread(&self, chosen: impl Fn(&Down) -> bool) {
        self.lock().news.retain(|down| !chosen(down));
    }

    /// The end: told to everybody, once.
    pub(crate) fn end(&self, reason: &ExitReason) {
        let mut state = self.lock();
        if state.exit.is_some() {
            return;
        }
        state.exit = Some(reason.clone());
        let last = State { exit: state.exit.clone(), ..State::default() };
        let before = std::mem::replace(&mut *state, last);
        drop(state);
        for other in before.observed.iter().filter_map(Weak::upgrade) {
            other.cell().forget(|known| known.is(self.id));
        }
        before.observers.into_iter().for_each(|observer| self.tell(observer, reason));
    }

    /// Tells one observer that this one ended.
    pub(crate) fn tell(&self, observer: Observer, reason: &ExitReason) {
        match observer {
            Observer::Monitor(id, who) => who.cell().news(self.down(reason, ToldBy::Monitor(id))),
            Observer::Link(who) => who.cell().linked(self, reason),
            Observer::Child(who) => {
                who.cell().doom(self.as_cause(reason));
            }
            // Who does not wait any more need not be told.
            Observer::Waiter(waiter) => drop(waiter.send(reason.clone())),
        }
    }

    fn linked(&self, other: &Self, reason: &ExitReason) {
        if self.lock().traps {
            self.news(other.down(reason, ToldBy::Link));
        } else if *reason != ExitReason::Normal {
            self.doom(other.as_cause(reason));
        }
    }

    fn down(&self, reason: &ExitReason, by: ToldBy) -> Down {
        Down { id: self.id, name: self.name.clone(), reason: reason.clone(), by }
    }

    /// This end as the reason of another: the first of a chain is kept, so that reasons do not grow.
    fn as_cause(&self, reason: &ExitReason) -> ExitReason {
        match reason {
            ExitReason::Linked { .. } => reason.clone(),
            ExitReason::Normal
            | ExitReason::Shutdown
            | ExitReason::Killed
            | ExitReason::Failed(_)
            | ExitReason::Panicked(_) => {
                ExitReason::Linked { id: self.id, name: self.name.clone(), reason: Arc::new(reason.clone()) }
            }
        }
    }

    // Nothing foreign is called under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
