//! One question, one answer: the slot in which they meet.
//!
//! The slot is there before the question is sent, so no answer can come too early; it belongs to one question, so
//! none can come to another. *Invariant:* a slot leaves `Open` once. Whoever comes second is told.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

enum State<R> {
    Open {
        asker: Option<Waker>,
        replier: Option<Waker>,
    },
    Answered(R),
    /// The reply was dropped: there will be no answer.
    Unanswered,
    /// The asker has gone.
    Cancelled,
    /// The asker has taken what there was.
    Taken,
}

struct Slot<R>(Mutex<State<R>>);

impl<R> Slot<R> {
    // An answer is never dropped and a waker never called under the lock.
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves `Open`, for `next`; `Err` with it when somebody did before.
    fn settle(&self, next: State<R>) -> Result<(), State<R>> {
        let mut state = self.lock();
        let State::Open { asker, replier } = &mut *state else { return Err(next) };
        let wake = (asker.take(), replier.take());
        *state = next;
        drop(state);
        wake.0.into_iter().chain(wake.1).for_each(Waker::wake);
        Ok(())
    }
}

/// The two ends of a new slot.
pub(crate) fn slot<R>() -> (Reply<R>, Answer<R>) {
    let slot = Arc::new(Slot(Mutex::new(State::Open { asker: None, replier: None })));
    (Reply { slot: Some(Arc::clone(&slot)) }, Answer { slot: Some(slot) })
}

/// The right to answer one question, once. It travels inside the question.
///
/// Dropped without an answer, it tells the asker at once.
///
/// ```
/// use airssys_rt::{Actor, ActorSystem, Context, Failure, Reply};
///
/// struct Doubler;
/// struct Double(u32, Reply<u32>);
/// impl Actor for Doubler {
///     type Message = Double;
///     async fn handle(&mut self, Double(n, reply): Double, _: &mut Context<Self>) -> Result<(), Failure> {
///         // The asker may have gone: then there is nobody to tell, and that is no failure of ours.
///         drop(reply.send(n * 2));
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::new();
/// let doubler = system.spawn(Doubler)?;
/// assert_eq!(doubler.ask(|reply| Double(21, reply)).await?, 42);
/// # Ok(())
/// # }
/// ```
pub struct Reply<R> {
    /// `None` once it has answered.
    slot: Option<Arc<Slot<R>>>,
}

impl<R> Reply<R> {
    /// Answers.
    ///
    /// # Errors
    ///
    /// The answer itself, when nobody waits for it any more: the asker gave up, or its time was over.
    pub fn send(mut self, answer: R) -> Result<(), R> {
        let Some(slot) = self.slot.take() else { return Err(answer) };
        match slot.settle(State::Answered(answer)) {
            Ok(()) => Ok(()),
            Err(State::Answered(answer)) => Err(answer),
            // `settle` hands back what it was given.
            Err(State::Open { .. } | State::Unanswered | State::Cancelled | State::Taken) => Ok(()),
        }
    }

    /// Whether nobody waits for the answer any more. `false` may be out of date when it arrives, `true` stays true.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        !self.slot.as_ref().is_some_and(|slot| matches!(&*slot.lock(), State::Open { .. }))
    }

    /// Waits until nobody waits for the answer any more.
    pub async fn cancelled(&mut self) {
        std::future::poll_fn(|context| self.poll_cancelled(context)).await;
    }

    fn poll_cancelled(&self, context: &Context<'_>) -> Poll<()> {
        let Some(slot) = &self.slot else { return Poll::Ready(()) };
        let mut state = slot.lock();
        let State::Open { replier, .. } = &mut *state else { return Poll::Ready(()) };
        *replier = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            drop(slot.settle(State::Unanswered));
        }
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

/// The asker's end. Dropped, it cancels.
pub(crate) struct Answer<R> {
    /// `None` once it has what there was.
    slot: Option<Arc<Slot<R>>>,
}

impl<R> Future for Answer<R> {
    /// `None`: the reply was dropped.
    type Output = Option<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<R>> {
        let Some(slot) = &self.slot else { return Poll::Ready(None) };
        let mut state = slot.lock();
        if let State::Open { asker, .. } = &mut *state {
            match asker {
                Some(known) if known.will_wake(context.waker()) => {}
                Some(_) | None => *asker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        let last = std::mem::replace(&mut *state, State::Taken);
        drop(state);
        self.slot = None;
        match last {
            State::Answered(answer) => Poll::Ready(Some(answer)),
            State::Unanswered | State::Open { .. } | State::Cancelled | State::Taken => Poll::Ready(None),
        }
    }
}

impl<R> Answer<R> {
    /// Gives up waiting: an answer that came at the last moment, or the promise that none comes.
    pub(crate) fn give_up(mut self) -> Option<R> {
        let slot = self.slot.take()?;
        match slot.settle(State::Cancelled) {
            Ok(()) => None,
            Err(_) => match std::mem::replace(&mut *slot.lock(), State::Taken) {
                State::Answered(answer) => Some(answer),
                State::Unanswered | State::Open { .. } | State::Cancelled | State::Taken => None,
            },
        }
    }
}

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            drop(slot.settle(State::Cancelled));
        }
    }
}
