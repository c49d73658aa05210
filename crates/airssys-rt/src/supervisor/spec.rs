//! What a child is: how it is made, when it is made anew, and how long it may take to stop.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::actor::{Actor, Options};
use crate::address::ActorRef;
use crate::backoff::Backoff;
use crate::directory::{Claim, SpawnError};
use crate::exit::{Failure, Shutdown};
use crate::overflow::Overflow;
use crate::supervisor::intensity::Intensity;
use crate::supervisor::run::Supervisor;
use crate::supervisor::strategy::Restart;
use crate::system::ActorSystem;

/// How long a child may take to stop unless something else is said.
const TIME: Duration = Duration::from_secs(5);

/// A fresh instance that is not spawned yet, its type forgotten.
pub(crate) type Built = Box<
    dyn FnOnce(&ActorSystem, Options, Weak<Claim>, oneshot::Sender<()>) -> Result<ActorRef, SpawnError>
        + Send,
>;
/// A factory at work.
pub(crate) type Building = Pin<Box<dyn Future<Output = Result<Built, Failure>> + Send>>;

/// A child of a supervisor.
///
/// Its name is its name in the system too, kept for it while it is restarted. The factory is asked for a fresh
/// instance before each start: nothing of a broken one comes back. It may take its time, and may fail; that counts as
/// a fault of the child.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::{ChildSpec, Restart, Shutdown};
/// # use airssys_rt::{Actor, Context, Failure};
/// # struct Idle;
/// # impl Actor for Idle {
/// #     type Message = ();
/// #     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> Result<(), Failure> { Ok(()) }
/// # }
///
/// let spec = ChildSpec::new("acme/thumb", || async { Ok(Idle) })
///     .restart(Restart::Transient)
///     .shutdown(Shutdown::Graceful(Duration::from_secs(1)));
/// assert_eq!(spec.name(), "acme/thumb");
/// ```
#[derive(Clone)]
#[must_use]
pub struct ChildSpec {
    pub(crate) name: Arc<str>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) backoff: Backoff,
    pub(crate) options: Options,
    pub(crate) build: Arc<dyn Fn() -> Building + Send + Sync>,
    pub(crate) alone: Option<Alone>,
}

/// A child that stands for itself alone: how many faults of it are borne, and who is told that they were too many.
#[derive(Clone)]
pub(crate) struct Alone {
    pub(crate) intensity: Intensity,
    pub(crate) abandoned: Arc<dyn Fn() + Send + Sync>,
}

impl ChildSpec {
    /// A permanent child, with five seconds to stop.
    pub fn new<A, F, B>(name: impl Into<Arc<str>>, factory: F) -> Self
    where
        A: Actor,
        F: Fn() -> B + Send + Sync + 'static,
        B: Future<Output = Result<A, Failure>> + Send + 'static,
    {
        let name = name.into();
        let build = move || -> Building {
            let building = factory();
            Box::pin(async move {
                let actor = building.await?;
                Ok(Box::new(move |system: &ActorSystem, options, claim, ready| {
                    system.spawn_claimed(options, actor, claim, Some(ready)).map(|address| address.actor())
                }) as Built)
            })
        };
        Self {
            options: Options::new().name(Arc::clone(&name)),
            name,
            restart: Restart::default(),
            shutdown: Shutdown::Graceful(TIME),
            backoff: Backoff::default(),
            build: Arc::new(build),
            alone: None,
        }
    }

    /// A supervisor as a child. It has all the time to stop, since its children have times of their own.
    pub fn supervisor(
        name: impl Into<Arc<str>>,
        factory: impl Fn() -> Supervisor + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, move || {
            let supervisor = factory();
            async move { Ok(supervisor) }
        })
        .shutdown(Shutdown::Infinity)
    }

    /// When it is started anew.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How it is told to end, by its supervisor.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// How long to wait before it is started anew.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Has it stand for itself alone: its faults do not count as its supervisor's. When they are too many it rests, as if it
    /// had been terminated, and `abandoned` is called; the supervisor and the other children go on. The BEAM has no such
    /// thing: there a supervisor of its own, started as temporary, does for a child what this does.
    pub fn alone(mut self, intensity: Intensity, abandoned: impl Fn() + Send + Sync + 'static) -> Self {
        self.alone = Some(Alone { intensity, abandoned: Arc::new(abandoned) });
        self
    }

    /// The bound of its mailbox.
    pub fn mailbox(mut self, capacity: usize, overflow: Overflow) -> Self {
        self.options = self.options.capacity(capacity).overflow(overflow);
        self
    }

    /// Leaves it without a name in the system: only its supervisor knows it by its name.
    pub fn unlisted(mut self) -> Self {
        self.options.name = None;
        self
    }

    pub(crate) fn intensity(&self) -> Option<Intensity> {
        self.alone.as_ref().map(|alone| alone.intensity)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}
