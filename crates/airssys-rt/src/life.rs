//! The task of one actor, from its first hook to the news of its end.
//!
//! *Invariant:* whatever happens in a hook, a handler or the drop of the state, and whenever the task is dropped, the
//! end is told, once, with its reason.
//!
//! The actor and what it is doing at the moment are one future, the body. Killing is dropping the body between two
//! polls: no handler has to look for it, and none can refuse.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::actor::Actor;
use crate::cell::Shared;
use crate::context::Context;
use crate::exit::{Down, ExitReason, Failure};
use crate::prompt;
use crate::system::ActorSystem;

/// How many messages are handled before other tasks of the runtime have their turn.
const TURN: u32 = 128;

/// One step of an actor.
enum Step<M> {
    News(Down),
    Message(M),
    /// The mailbox is closed and read to its end.
    Last,
}

/// Everything an actor does, and why it ended.
pub(crate) async fn body<A: Actor>(mut actor: A, mut context: Context<A>) -> ExitReason {
    let reason = match serve(&mut actor, &mut context).await {
        Ok(reason) => reason,
        Err(failure) => ExitReason::Failed(failure.into_text()),
    };
    // Nobody will read any more: senders are told so now, and not when the last hook is over.
    context.shared.queue.close();
    actor.stopped(&reason, &mut context).await;
    reason
}

async fn serve<A: Actor>(actor: &mut A, context: &mut Context<A>) -> Result<ExitReason, Failure> {
    let shared = Arc::clone(&context.shared);
    let mut turns = Turns { batch: VecDeque::new(), kept: None, taken: 0, own_first: false };
    actor.started(context).await?;
    context.tell_ready();
    while !context.stops {
        match poll_fn(|waits| turns.next(actor, &shared, waits)).await {
            Step::News(down) => actor.down(down, context).await?,
            Step::Message(message) => {
                prompt::begun();
                actor.handle(message, context).await?;
            }
            Step::Last => return Ok(ExitReason::Shutdown),
        }
    }
    Ok(ExitReason::Normal)
}

/// Whose turn it is.
struct Turns<M> {
    /// Taken from the mailbox.
    batch: VecDeque<M>,
    /// Of its own, for its task to begin.
    kept: Option<M>,
    /// How many messages were handled since other tasks had their turn.
    taken: u32,
    /// The mailbox was read last, so what the actor has of its own comes first.
    own_first: bool,
}

impl<M> Turns<M> {
    /// What comes next. News overtakes messages, and the end of the actor overtakes both.
    fn next<A>(
        &mut self,
        actor: &mut A,
        shared: &Shared<M>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Step<M>>
    where
        A: Actor<Message = M>,
    {
        if shared.cell.is_doomed() {
            // The task looks at this before it polls the body again.
            return Poll::Pending;
        }
        if let Some(down) = shared.cell.next_news() {
            return Poll::Ready(Step::News(down));
        }
        if self.taken >= TURN {
            self.taken = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if prompt::is_done() && self.is_left(actor, shared, context) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = match self.kept.take() {
            Some(own) => Poll::Ready(Step::Message(own)),
            None => self.poll_message(actor, shared, context),
        };
        self.taken = if polled.is_ready() { self.taken.saturating_add(1) } else { 0 };
        polled
    }

    /// Whether there is more to do, where another than its task does the actor's work and has done what it waits for.
    fn is_left<A>(&mut self, actor: &mut A, shared: &Shared<M>, context: &mut std::task::Context<'_>) -> bool
    where
        A: Actor<Message = M>,
    {
        if self.kept.is_none()
            && !shared.cell.is_stopping()
            && let Poll::Ready(own) = actor.poll_own(context)
        {
            self.kept = Some(own);
        }
        self.kept.is_some() || shared.queue.depth() > 0
    }

    /// The next message of the mailbox or of the actor's own, by turns.
    fn poll_message<A>(
        &mut self,
        actor: &mut A,
        shared: &Shared<M>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Step<M>>
    where
        A: Actor<Message = M>,
    {
        let has_own = !shared.cell.is_stopping();
        if has_own
            && self.own_first
            && let Poll::Ready(own) = actor.poll_own(context)
        {
            self.own_first = false;
            return Poll::Ready(Step::Message(own));
        }
        match shared.queue.poll_next(&mut self.batch, context) {
            Poll::Ready(Some(message)) => {
                self.own_first = true;
                return Poll::Ready(Step::Message(message));
            }
            Poll::Ready(None) => return Poll::Ready(Step::Last),
            Poll::Pending => {}
        }
        // Asked already, when its turn was first.
        let unasked = has_own && !self.own_first;
        self.own_first = false;
        if unasked { actor.poll_own(context).map(Step::Message) } else { Poll::Pending }
    }
}

/// The task.
pub(crate) struct Life<M: Send + 'static> {
    /// `None` once the end has begun.
    body: Option<Pin<Box<dyn Future<Output = ExitReason> + Send>>>,
    shared: Arc<Shared<M>>,
    system: ActorSystem,
    waker: Option<Waker>,
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<M: Send + 'static> Life<M> {
    pub(crate) fn new<A: Actor<Message = M>>(actor: A, context: Context<A>) -> Self {
        let shared = Arc::clone(&context.shared);
        let system = context.system.clone();
        Self { body: Some(Box::pin(body(actor, context))), shared, system, waker: None, timer: None }
    }

    fn register(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
            self.shared.cell.register(waker);
        }
    }

    fn step(&mut self, context: &mut std::task::Context<'_>) -> Poll<ExitReason> {
        loop {
            if let Some(reason) = self.shared.cell.sentence() {
                return Poll::Ready(reason);
            }
            match self.poll_body(context) {
                // A mailbox that a kill has closed looks as one that a stop has closed.
                Poll::Ready(ExitReason::Shutdown) => {
                    return Poll::Ready(self.shared.cell.sentence().unwrap_or(ExitReason::Shutdown));
                }
                Poll::Ready(reason) => return Poll::Ready(reason),
                Poll::Pending => {}
            }
            if self.shared.cell.is_doomed() {
                continue;
            }
            return self.poll_deadline(context).map(|()| ExitReason::Killed);
        }
    }

    fn poll_body(&mut self, context: &mut std::task::Context<'_>) -> Poll<ExitReason> {
        let Some(body) = &mut self.body else { return Poll::Ready(ExitReason::Killed) };
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context))) {
            Ok(polled) => polled,
            Err(payload) => {
                let reason = ExitReason::panicked(&*payload);
                quietly_drop(payload);
                Poll::Ready(reason)
            }
        }
    }

    fn poll_deadline(&mut self, context: &mut std::task::Context<'_>) -> Poll<()> {
        let Some(deadline) = self.shared.cell.deadline() else { return Poll::Pending };
        let timer = match &mut self.timer {
            Some((known, timer)) if *known == deadline => timer,
            other => &mut other.insert((deadline, Box::pin(sleep_until(deadline)))).1,
        };
        timer.as_mut().poll(context)
    }

    fn finish(&mut self, reason: ExitReason) {
        let Some(body) = self.body.take() else { return };
        self.timer = None;
        let dropped = catch(move || drop(body));
        let unread = self.shared.queue.end();
        let unread = catch(move || drop(unread));
        let reason = match dropped.or(unread) {
            Some(panic) if !reason.is_abnormal() => panic,
            Some(_) | None => reason,
        };
        self.system.retire(&self.shared.cell, &reason);
    }
}

/// Runs `code`; `Some` when it panicked.
fn catch(code: impl FnOnce()) -> Option<ExitReason> {
    let payload = catch_unwind(AssertUnwindSafe(code)).err()?;
    let reason = ExitReason::panicked(&*payload);
    quietly_drop(payload);
    Some(reason)
}

/// The drop of what was panicked with may panic again. That is not worth a task.
pub(crate) fn quietly_drop(payload: Box<dyn std::any::Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

impl<M: Send + 'static> Future for Life<M> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<()> {
        let life = self.get_mut();
        life.register(context.waker());
        let Poll::Ready(reason) = life.step(context) else { return Poll::Pending };
        life.finish(reason);
        Poll::Ready(())
    }
}

impl<M: Send + 'static> Drop for Life<M> {
    fn drop(&mut self) {
        // The tokio runtime ends before the actor has.
        self.finish(ExitReason::Killed);
    }
}
