//! What an actor is: state that one task owns, and what it does with a message.

use std::sync::Arc;
use std::task::Poll;

use crate::context::Context;
use crate::exit::{Down, ExitReason, Failure};
use crate::overflow::Overflow;

/// State, and what it does with messages. One task owns it; nobody else ever touches it.
///
/// A hook or handler that returns a [`Failure`] ends the actor with [`ExitReason::Failed`], one that panics with
/// [`ExitReason::Panicked`].
///
/// ```
/// use airssys_rt::{Actor, ActorSystem, Context, ExitReason, Failure};
///
/// struct Counter(u32);
/// impl Actor for Counter {
///     type Message = u32;
///     async fn handle(&mut self, step: u32, context: &mut Context<Self>) -> Result<(), Failure> {
///         self.0 = self.0.checked_add(step).ok_or_else(|| Failure::new("too many to count"))?;
///         if self.0 > 9 {
///             context.stop();
///         }
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::new();
/// let counter = system.spawn(Counter(0))?;
/// counter.send(10).await?;
/// assert_eq!(counter.actor().ended().await, ExitReason::Normal);
/// # Ok(())
/// # }
/// ```
pub trait Actor: Sized + Send + 'static {
    /// What it is sent.
    type Message: Send + 'static;

    /// Called first, in the actor's own task.
    fn started(&mut self, context: &mut Context<Self>) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Called for each message, in the order of arrival.
    ///
    /// The future may be dropped at any of its awaits when the actor is killed.
    fn handle(
        &mut self,
        message: Self::Message,
        context: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// What it has to do that nobody sent to its mailbox: read from a source of its own, one thing at a time, in turns with
    /// the mailbox so that neither keeps the other waiting. While there is nothing it has `context`'s waker woken, as a
    /// future has. It is not asked any more once the actor was told to stop.
    ///
    /// What it gives is handled as a message is; the mailbox's capacity and depth do not count it.
    fn poll_own(&mut self, context: &mut std::task::Context<'_>) -> Poll<Self::Message> {
        let _ = context;
        Poll::Pending
    }

    /// Called when one ends that this one monitors, or is linked to while it traps exits; before waiting messages.
    fn down(
        &mut self,
        down: Down,
        context: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = (down, context);
        async { Ok(()) }
    }

    /// Called last, unless the actor is killed or has panicked.
    fn stopped(
        &mut self,
        reason: &ExitReason,
        context: &mut Context<Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, context);
        async {}
    }
}

/// How an actor is spawned: its name, the bound of its mailbox, and what a full one does.
///
/// ```
/// use airssys_rt::{Options, Overflow};
///
/// let options = Options::new().name("acme/thumb").capacity(8).overflow(Overflow::Refuse);
/// # drop(options);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    pub(crate) traps: bool,
    pub(crate) on_demand: bool,
}

impl Options {
    /// How many messages a mailbox holds unless something else is said.
    pub const CAPACITY: usize = 64;

    /// No name, [`Options::CAPACITY`], senders wait, exits are not trapped.
    pub fn new() -> Self {
        let (name, overflow) = (None, Overflow::Wait);
        Self { name, capacity: Self::CAPACITY, overflow, traps: false, on_demand: false }
    }

    /// Gives it a name: one live actor has it.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many messages may be accepted and not yet begun. None is no mailbox: one is the least.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity.max(1);
        self
    }

    /// What a full mailbox does.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Whether it has a task only from when it needs one: when it is woken by somebody who does not wait for its answer
    /// ([`gather`](crate::gather)), or waits itself. Until then nothing of it runs, [`Actor::started`] and
    /// [`Actor::poll_own`] neither. It ends with its executor as any other does.
    pub fn on_demand(mut self, on_demand: bool) -> Self {
        self.on_demand = on_demand;
        self
    }

    /// Whether the end of a linked actor is news (`down`) instead of an order to end too.
    pub fn trap_exits(mut self, traps: bool) -> Self {
        self.traps = traps;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
