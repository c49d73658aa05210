//! What an actor has at hand while it works: its own address, its system, and the ties to others.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::actor::Actor;
use crate::address::{ActorRef, Address};
use crate::cell::{Cell, Observer, Remote, Shared, fresh};
use crate::exit::{ActorId, MonitorId, ToldBy};
use crate::system::ActorSystem;

/// An actor's own view of itself.
///
/// ```
/// use airssys_rt::{Actor, ActorSystem, Context, Down, ExitReason, Failure};
///
/// /// Ends when the actor ends that it was given.
/// struct Watcher(airssys_rt::ActorRef);
/// impl Actor for Watcher {
///     type Message = ();
///     async fn started(&mut self, context: &mut Context<Self>) -> Result<(), Failure> {
///         context.monitor(&self.0);
///         Ok(())
///     }
///     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> Result<(), Failure> {
///         Ok(())
///     }
///     async fn down(&mut self, down: Down, context: &mut Context<Self>) -> Result<(), Failure> {
///         assert_eq!(down.reason, ExitReason::Killed);
///         context.stop();
///         Ok(())
///     }
/// }
/// # struct Idle;
/// # impl Actor for Idle {
/// #     type Message = ();
/// #     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> Result<(), Failure> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::new();
/// let idle = system.spawn(Idle)?;
/// let watcher = system.spawn(Watcher(idle.actor()))?;
/// idle.actor().kill();
/// assert_eq!(watcher.actor().ended().await, ExitReason::Normal);
/// # Ok(())
/// # }
/// ```
pub struct Context<A: Actor> {
    pub(crate) shared: Arc<Shared<A::Message>>,
    pub(crate) system: ActorSystem,
    pub(crate) stops: bool,
    /// Who waits for the first hook to be over: a supervisor.
    pub(crate) ready: Option<oneshot::Sender<()>>,
}

impl<A: Actor> Context<A> {
    /// Who this is.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.cell().id
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.cell().name.as_deref()
    }

    /// Its own address.
    #[must_use]
    pub fn address(&self) -> Address<A::Message> {
        Address { shared: Arc::clone(&self.shared) }
    }

    /// Itself, the type of its messages forgotten.
    #[must_use]
    pub fn actor(&self) -> ActorRef {
        ActorRef { remote: self.remote() }
    }

    /// The system in which it lives.
    #[must_use]
    pub fn system(&self) -> &ActorSystem {
        &self.system
    }

    /// Ends with [`ExitReason::Normal`](crate::ExitReason::Normal) after this handler. What waits is not read: it is
    /// counted, and whoever asked is told.
    pub fn stop(&mut self) {
        self.stops = true;
        self.shared.queue.close();
    }

    /// Whether it has been told to stop: nothing new is accepted, what is accepted is still handled.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stops || self.cell().is_stopping()
    }

    /// Whether the end of a linked actor is news (`down`) instead of an order to end too.
    pub fn trap_exits(&mut self, traps: bool) {
        self.cell().set_traps(traps);
    }

    /// Has `down` called when `other` ends, once for each monitor. If it has ended already, that is at once.
    pub fn monitor(&mut self, other: &ActorRef) -> MonitorId {
        let id = MonitorId(fresh());
        self.observe(other, Observer::Monitor(id, self.remote()));
        id
    }

    /// Ends one monitor. Its news does not come after this, even if it was on the way.
    pub fn demonitor(&mut self, other: &ActorRef, monitor: MonitorId) {
        other.remote.cell().forget(|known| matches!(known, Observer::Monitor(id, _) if *id == monitor));
        self.cell().unread(|down| down.by == ToldBy::Monitor(monitor));
    }

    /// Ties the two together: when one ends with another reason than `Normal`, the other ends too, or has news of it
    /// if it traps exits. If `other` has ended already, that is at once.
    pub fn link(&mut self, other: &ActorRef) {
        if other.id() == self.id() || other.remote.cell().links_to(self.id()) {
            return;
        }
        if self.observe(other, Observer::Link(self.remote())) {
            other.remote.cell().note(Arc::downgrade(&self.remote()));
            // This one is alive, or it could not call.
            drop(self.cell().observe(Observer::Link(Arc::clone(&other.remote))));
        }
    }

    /// Takes the tie off. News of it does not come after this.
    pub fn unlink(&mut self, other: &ActorRef) {
        let own = self.id();
        other.remote.cell().forget(|known| known.is_link_of(own));
        self.cell().forget(|known| known.is_link_of(other.id()));
        self.cell().unread(|down| down.by == ToldBy::Link && down.id == other.id());
    }

    /// Makes `child` end when this one ends, whatever the reason, and has `down` called when the child ends.
    pub(crate) fn adopt(&mut self, child: &ActorRef) -> MonitorId {
        drop(self.cell().observe(Observer::Child(Arc::clone(&child.remote))));
        child.remote.cell().note(Arc::downgrade(&self.remote()));
        self.monitor(child)
    }

    fn observe(&self, other: &ActorRef, observer: Observer) -> bool {
        let cell = other.remote.cell();
        match cell.observe(observer) {
            Ok(()) => {
                self.cell().note(Arc::downgrade(&other.remote));
                true
            }
            Err((observer, reason)) => {
                cell.tell(observer, &reason);
                false
            }
        }
    }

    /// Tells a supervisor that the first hook is over.
    pub(crate) fn tell_ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            // A supervisor that has ended does not wait.
            ready.send(()).ok();
        }
    }

    fn cell(&self) -> &Cell {
        &self.shared.cell
    }

    fn remote(&self) -> Arc<dyn Remote> {
        Arc::<Shared<A::Message>>::clone(&self.shared)
    }
}

impl<A: Actor> fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}
