//! Addresses: where messages are sent, and what is known of the actor from outside.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};

use crate::cell::{Observer, Remote, Shared};
use crate::error::{AskError, SendError};
use crate::exit::{ActorId, ExitReason, Shutdown};
use crate::overflow::{Dropped, Overflow, Sent};
use crate::prompt::gather;
use crate::queue::Offer;
use crate::reply::{Reply, slot};

/// Where an actor's messages are sent.
///
/// Clones lead to the same mailbox. An address keeps nobody alive, and outlives its actor: what is sent to it then
/// comes back as [`SendError::Gone`].
///
/// ```
/// use airssys_rt::{Actor, ActorSystem, Context, Failure, Options, Overflow, SendError, Shutdown};
///
/// struct Idle;
/// impl Actor for Idle {
///     type Message = u8;
///     async fn handle(&mut self, _: u8, _: &mut Context<Self>) -> Result<(), Failure> { Ok(()) }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::new();
/// let idle = system.spawn_with(Options::new().capacity(1), Idle)?;
/// assert!(idle.try_send(1).is_ok());
/// assert!(matches!(idle.try_send(2), Err(SendError::Full(2))));
/// assert_eq!(idle.depth(), 1);
/// idle.actor().stop(Shutdown::Infinity);
/// idle.actor().ended().await;
/// assert!(matches!(idle.send(3).await, Err(SendError::Gone(3))));
/// # Ok(())
/// # }
/// ```
pub struct Address<M> {
    pub(crate) shared: Arc<Shared<M>>,
}

impl<M: Send + 'static> Address<M> {
    /// Sends `message`, and does what the mailbox's [`Overflow`] says when it is full.
    ///
    /// Dropping the future before it is ready withdraws the message: it was not sent, and never will be.
    ///
    /// # Errors
    ///
    /// [`SendError::Gone`] when the actor has ended or takes nothing more, also if that happens while waiting;
    /// [`SendError::Full`] where refusing was asked for. Both with the message.
    pub async fn send(&self, message: M) -> Result<Sent, SendError<M>> {
        match self.try_send(message) {
            Err(SendError::Full(message)) if self.shared.queue.overflow() == Overflow::Wait => {
                let sent = self.shared.queue.wait(message).await;
                sent.map(|()| Sent::Queued).map_err(SendError::Gone)
            }
            sent => sent,
        }
    }

    /// Sends `message` if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] when there is no room and [`SendError::Gone`] when the actor has ended or takes nothing
    /// more, both with the message.
    pub fn try_send(&self, message: M) -> Result<Sent, SendError<M>> {
        match self.shared.queue.offer(message) {
            Offer::Queued => Ok(Sent::Queued),
            Offer::Displaced(_) => Ok(Sent::Displaced),
            Offer::Dropped(_) => Ok(Sent::Dropped),
            Offer::Full(message) => Err(SendError::Full(message)),
            Offer::Closed(message) => Err(SendError::Gone(message)),
        }
    }

    /// As [`Address::send`], and does the actor's work if that is idle.
    async fn put(&self, question: M) -> Result<Sent, SendError<M>> {
        let (sent, prompt) = gather(|| self.try_send(question));
        match sent {
            Err(SendError::Full(question)) => self.send(question).await,
            sent => {
                prompt.run();
                sent
            }
        }
    }

    /// As [`Address::send`], but waits no longer than `most`.
    ///
    /// # Errors
    ///
    /// As for [`Address::send`], and [`SendError::TimedOut`] with the message.
    pub async fn send_within(&self, most: Duration, message: M) -> Result<Sent, SendError<M>> {
        self.send_until(pin!(sleep(most)).as_mut(), message).await
    }

    async fn send_until(&self, mut time: Pin<&mut Sleep>, message: M) -> Result<Sent, SendError<M>> {
        let message = match self.try_send(message) {
            Err(SendError::Full(message)) if self.shared.queue.overflow() == Overflow::Wait => message,
            sent => return sent,
        };
        let mut wait = self.shared.queue.wait(message);
        match first(&mut wait, time.as_mut()).await {
            Some(sent) => sent.map(|()| Sent::Queued).map_err(SendError::Gone),
            None => wait.give_up().map_or(Ok(Sent::Queued), |message| Err(SendError::TimedOut(message))),
        }
    }

    /// Asks: sends what `question` makes of the right to reply, and waits for the answer.
    ///
    /// Dropping the future cancels: the replier can see it ([`Reply::is_cancelled`]).
    ///
    /// # Errors
    ///
    /// [`AskError::NotSent`] with the question, [`AskError::NoReply`] when there will be no answer.
    pub async fn ask<R: Send>(&self, question: impl FnOnce(Reply<R>) -> M) -> Result<R, AskError<M>> {
        let (reply, answer) = slot();
        self.put(question(reply)).await.map_err(AskError::NotSent)?;
        answer.await.ok_or(AskError::NoReply)
    }

    /// As [`Address::ask`], but sending and waiting together take no longer than `most`.
    ///
    /// # Errors
    ///
    /// As for [`Address::ask`], and [`AskError::TimedOut`].
    pub async fn ask_within<R: Send>(
        &self,
        most: Duration,
        question: impl FnOnce(Reply<R>) -> M,
    ) -> Result<R, AskError<M>> {
        let mut time = pin!(sleep(most));
        let (reply, mut answer) = slot();
        self.send_until(time.as_mut(), question(reply)).await.map_err(AskError::NotSent)?;
        match first(&mut answer, time).await {
            Some(answer) => answer.ok_or(AskError::NoReply),
            None => answer.give_up().ok_or(AskError::TimedOut),
        }
    }

    /// The actor, the type of its messages forgotten.
    #[must_use]
    pub fn actor(&self) -> ActorRef {
        ActorRef { remote: Arc::<Shared<M>>::clone(&self.shared) }
    }
}

impl<M> Address<M> {
    /// Who this leads to.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.shared.cell.id
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.cell.name.as_deref()
    }

    /// How many messages are accepted and not yet begun.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.shared.queue.depth()
    }

    /// How many that may be.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.queue.capacity()
    }

    /// How many messages were lost here, and why. The counts stay when the actor has ended.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.shared.queue.dropped()
    }

    /// Whether nothing is taken any more. `false` may be out of date when it arrives, `true` stays true.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.shared.queue.is_closed()
    }
}

/// `future`, or `None` if the time is over before.
async fn first<F: Future + Unpin>(future: &mut F, mut time: Pin<&mut Sleep>) -> Option<F::Output> {
    std::future::poll_fn(|context| match Pin::new(&mut *future).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => time.as_mut().poll(context).map(|()| None),
    })
    .await
}

// Derived, this would ask the same of `M`: a message need not be `Clone`.
impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// An actor, whatever its messages are: to stop it, to wait for its end, to link and to monitor it.
///
/// ```
/// use airssys_rt::{Actor, ActorSystem, Context, ExitReason, Failure, Shutdown};
///
/// struct Idle;
/// impl Actor for Idle {
///     type Message = ();
///     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> Result<(), Failure> { Ok(()) }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let idle = ActorSystem::new().spawn(Idle)?.actor();
/// assert_eq!(idle.exit(), None);
/// idle.stop(Shutdown::Infinity);
/// assert_eq!(idle.ended().await, ExitReason::Shutdown);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ActorRef {
    pub(crate) remote: Arc<dyn Remote>,
}

impl ActorRef {
    /// Who it is.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.remote.cell().id
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.remote.cell().name.as_deref()
    }

    /// How many messages are accepted and not yet begun.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.remote.depth()
    }

    /// How many that may be.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.remote.capacity()
    }

    /// How many messages were lost here, and why.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.remote.dropped()
    }

    /// Its address, if its messages are of this type.
    #[must_use]
    pub fn address<M: Send + 'static>(&self) -> Option<Address<M>> {
        let any: Arc<dyn std::any::Any + Send + Sync> = Arc::<dyn Remote>::clone(&self.remote);
        any.downcast().ok().map(|shared| Address { shared })
    }

    /// Tells it to end. This overtakes all messages, and does not wait: see [`ActorRef::ended`].
    pub fn stop(&self, how: Shutdown) {
        match how {
            Shutdown::Immediate => self.kill(),
            Shutdown::Infinity => self.stop_until(None),
            // A time that no clock reaches is none.
            Shutdown::Graceful(most) => self.stop_until(Instant::now().checked_add(most)),
        }
    }

    fn stop_until(&self, deadline: Option<Instant>) {
        self.remote.cell().stop(deadline);
        self.remote.close();
    }

    /// Ends it, also in the middle of a handler, at its next await.
    pub fn kill(&self) {
        self.remote.cell().doom(ExitReason::Killed);
        self.remote.close();
    }

    /// Why it ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<ExitReason> {
        self.remote.cell().exit()
    }

    /// How many are told of its end: monitors, links, and who waits.
    #[must_use]
    pub fn observers(&self) -> usize {
        self.remote.cell().observers()
    }

    /// Waits for its end.
    pub async fn ended(&self) -> ExitReason {
        let (sender, receiver) = oneshot::channel();
        match self.remote.cell().observe(Observer::Waiter(sender)) {
            // The sender is kept until the end is told, so there is always something to receive.
            Ok(()) => receiver.await.unwrap_or(ExitReason::Killed),
            Err((_, reason)) => reason,
        }
    }
}

impl PartialEq for ActorRef {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for ActorRef {}

impl fmt::Debug for ActorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorRef").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}
