//! A system: the actors that belong together, found by name and by id, and ended together.

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::actor::{Actor, Options};
use crate::address::{ActorRef, Address};
use crate::cell::{Cell, Shared};
use crate::context::Context;
use crate::directory::{Claim, Directory, LookupError, SpawnError};
use crate::error::SendError;
use crate::executors::Executors;
use crate::exit::{ActorId, ExitReason, Shutdown};
use crate::life::Life;
use crate::overflow::Sent;
use crate::queue::Queue;
use crate::runner::{Runner, Task};

/// How long a killed actor has until it must have ended: its handler has to come to an await.
const GRACE: Duration = Duration::from_secs(1);

/// Actors that belong together.
///
/// Clones are the same system. It runs on the tokio runtime in which its actors are spawned.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::{Actor, ActorSystem, Context, Failure, Options};
///
/// struct Greeter;
/// impl Actor for Greeter {
///     type Message = String;
///     async fn handle(&mut self, name: String, _: &mut Context<Self>) -> Result<(), Failure> {
///         println!("Hello, {name}!");
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::new();
/// system.spawn_with(Options::new().name("greeter"), Greeter)?;
/// system.send("greeter", "world".to_owned()).await?;
/// assert!(system.send("greeters", "world".to_owned()).await.is_err());
/// let report = system.shutdown(Duration::from_secs(5)).await;
/// assert!(report.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ActorSystem {
    directory: Arc<Directory>,
    executors: Arc<Executors>,
}

impl ActorSystem {
    /// A system without actors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns an actor without a name.
    ///
    /// # Errors
    ///
    /// [`SpawnError::ShuttingDown`] and [`SpawnError::NoRuntime`].
    pub fn spawn<A: Actor>(&self, actor: A) -> Result<Address<A::Message>, SpawnError> {
        self.spawn_with(Options::new(), actor)
    }

    /// Spawns an actor.
    ///
    /// # Errors
    ///
    /// As for [`ActorSystem::spawn`], and [`SpawnError::NameTaken`].
    pub fn spawn_with<A: Actor>(
        &self,
        options: Options,
        actor: A,
    ) -> Result<Address<A::Message>, SpawnError> {
        self.spawn_claimed(options, actor, Weak::new(), None)
    }

    pub(crate) fn spawn_claimed<A: Actor>(
        &self,
        options: Options,
        actor: A,
        claim: Weak<Claim>,
        ready: Option<oneshot::Sender<()>>,
    ) -> Result<Address<A::Message>, SpawnError> {
        let runtime = Handle::try_current().map_err(|_| SpawnError::NoRuntime)?;
        let shared = Arc::new(Shared {
            cell: Cell::new(options.name, options.traps),
            queue: Queue::new(options.capacity, options.overflow),
        });
        if claim.strong_count() > 0 {
            shared.cell.set_supervised();
        }
        self.directory.enter(Arc::<Shared<A::Message>>::clone(&shared), claim)?;
        let context = Context { shared: Arc::clone(&shared), system: self.clone(), stops: false, ready };
        let life = Life::new(actor, context);
        if options.on_demand {
            let runner = Runner::on_demand(life, runtime.clone());
            let known: Weak<_> = Arc::downgrade(&runner);
            let waker = Waker::from(runner);
            shared.cell.register(&waker);
            shared.queue.register(waker);
            self.executors.note(&runtime, known);
        } else {
            drop(runtime.spawn(Task::new(life, runtime.clone())));
        }
        Ok(Address { shared })
    }

    /// The address that has this name now. After a restart there is another.
    ///
    /// # Errors
    ///
    /// Each case of [`LookupError`].
    pub fn address<M: Send + 'static>(&self, name: &str) -> Result<Address<M>, LookupError> {
        let found = self.directory.by_name(name)?;
        found.address().ok_or_else(|| LookupError::OtherType { name: name.to_owned() })
    }

    /// The address of this id, if its actor lives and takes messages of this type.
    #[must_use]
    pub fn address_of<M: Send + 'static>(&self, id: ActorId) -> Option<Address<M>> {
        self.directory.by_id(id)?.address()
    }

    /// The actor that has this name now.
    ///
    /// # Errors
    ///
    /// [`LookupError::Unknown`] and [`LookupError::Restarting`].
    pub fn actor(&self, name: &str) -> Result<ActorRef, LookupError> {
        self.directory.by_name(name)
    }

    /// The actor with this id, if it lives.
    #[must_use]
    pub fn actor_of(&self, id: ActorId) -> Option<ActorRef> {
        self.directory.by_id(id)
    }

    /// Sends to whoever has this name now, as [`Address::send`] does.
    ///
    /// # Errors
    ///
    /// As for [`Address::send`], [`SendError::Unknown`] when nobody has the name or takes other messages, and
    /// [`SendError::Restarting`]; each with the message.
    pub async fn send<M: Send + 'static>(&self, name: &str, message: M) -> Result<Sent, SendError<M>> {
        match self.address(name) {
            Ok(address) => address.send(message).await,
            Err(LookupError::Restarting { .. }) => Err(SendError::Restarting(message)),
            Err(LookupError::Unknown { .. } | LookupError::OtherType { .. }) => {
                Err(SendError::Unknown(message))
            }
        }
    }

    /// Sends to the actor with this id, as [`Address::send`] does.
    ///
    /// # Errors
    ///
    /// As for [`Address::send`], and [`SendError::Unknown`] when it does not live or takes other messages.
    pub async fn send_to<M: Send + 'static>(&self, id: ActorId, message: M) -> Result<Sent, SendError<M>> {
        match self.address_of(id) {
            Some(address) => address.send(message).await,
            None => Err(SendError::Unknown(message)),
        }
    }

    /// All actors that live, in no order.
    #[must_use]
    pub fn actors(&self) -> Vec<ActorRef> {
        self.directory.all()
    }

    /// How many actors live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.directory.len()
    }

    /// Whether no actor lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends all actors, and returns when all have ended.
    ///
    /// Nobody is taken in any more. Each actor finishes what it has accepted; supervisors stop their children in
    /// reverse. Who has not ended after `most` is killed. An actor that does not even come to an await within a
    /// second after that cannot be ended at all; it is left alone, and named in [`Report::stuck`].
    pub async fn shutdown(&self, most: Duration) -> Report {
        self.directory.close();
        let deadline = Instant::now().checked_add(most);
        for actor in self.stoppable() {
            actor.stop(Shutdown::Infinity);
        }
        let ended = match deadline {
            Some(deadline) => timeout_at(deadline, self.directory.empty()).await.is_ok(),
            None => {
                self.directory.empty().await;
                true
            }
        };
        if ended {
            return Report::default();
        }
        let mut late = self.directory.all();
        late.sort_by_key(ActorRef::id);
        late.iter().for_each(ActorRef::kill);
        // Each is looked at below.
        drop(timeout(GRACE, self.directory.empty()).await);
        let (stuck, killed) = late.iter().partition::<Vec<_>, _>(|actor| actor.exit().is_none());
        Report {
            killed: killed.into_iter().map(Late::new).collect(),
            stuck: stuck.into_iter().map(Late::new).collect(),
        }
    }

    fn stoppable(&self) -> Vec<ActorRef> {
        let mut all = self.directory.all();
        all.retain(|actor| !actor.remote.cell().is_supervised());
        all.sort_by_key(|actor| std::cmp::Reverse(actor.id()));
        all
    }

    /// The end of one of its actors.
    pub(crate) fn retire(&self, cell: &Cell, reason: &ExitReason) {
        // First the name, so that who hears of the end may use it; last the count, so that all is told when all are
        // counted.
        self.directory.vacate(cell);
        cell.end(reason);
        self.directory.leave(cell.id);
    }

    pub(crate) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }
}

impl fmt::Debug for ActorSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorSystem").field("actors", &self.len()).finish_non_exhaustive()
    }
}

/// Who did not end in time when a system was shut down.
///
/// ```
/// assert!(airssys_rt::Report::default().is_clean());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Had to be killed, and are dead.
    pub killed: Vec<Late>,
    /// Did not even end when killed: they hold their thread and never come to an await.
    pub stuck: Vec<Late>,
}

impl Report {
    /// Whether all ended in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.killed.is_empty() && self.stuck.is_empty()
    }
}

/// One that did not end in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// Who.
    pub id: ActorId,
    /// Its name, if it had one.
    pub name: Option<Arc<str>>,
}

impl Late {
    fn new(actor: &ActorRef) -> Self {
        Self { id: actor.id(), name: actor.remote.cell().name.clone() }
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "`{name}` ({})", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}
