//! What can be asked of a supervisor while it runs.

use std::sync::Arc;

use crate::address::{ActorRef, Address};
use crate::error::AskError;
use crate::exit::ExitReason;
use crate::reply::Reply;
use crate::supervisor::run::{Command, SupervisorMessage};
use crate::supervisor::spec::ChildSpec;
use crate::supervisor::strategy::Restart;

/// Where a child is.
///
/// ```
/// use airssys_rt::ChildState;
///
/// assert_ne!(ChildState::Restarting, ChildState::Resting);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildState {
    /// It is being started for the first time, or waits for those before it.
    Starting,
    /// It lives.
    Running,
    /// It has ended and will be started anew: it waits, or its factory is at work.
    Restarting,
    /// It has been told to stop.
    Stopping,
    /// It has ended and stays so, until it is asked for.
    Resting,
}

/// What a supervisor knows of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is.
    pub state: ChildState,
    /// The instance that lives now.
    pub actor: Option<ActorRef>,
    /// When it is started anew.
    pub restart: Restart,
    /// How many times it was started again.
    pub restarts: u64,
    /// Faults in a row: what its backoff goes by.
    pub faults: u32,
    /// How the last instance ended.
    pub last_exit: Option<ExitReason>,
    /// Why the last start failed, if the last start failed.
    pub last_failure: Option<String>,
}

/// Why a supervisor did not do what it was asked.
///
/// ```
/// use airssys_rt::ChildError;
///
/// let error = ChildError::Unknown { name: "acme/thumb".to_owned() };
/// assert_eq!(error.to_string(), "there is no child `acme/thumb`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// It has no child of this name.
    #[error("there is no child `{name}`")]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// It has a child of this name.
    #[error("there is a child `{name}` already")]
    Exists {
        /// The name that was asked for.
        name: String,
    },
    /// The child lives, or is about to: terminate it first.
    #[error("the child `{name}` lives or is being started: terminate it first")]
    Alive {
        /// The name that was asked for.
        name: String,
    },
    /// The child could not be started. Unless it is temporary, this is tried again.
    #[error("the child `{name}` could not be started: {why}")]
    Failed {
        /// The child.
        name: String,
        /// What its factory said.
        why: String,
    },
    /// It was terminated before it was started.
    #[error("the child `{name}` was terminated before it was started")]
    Terminated {
        /// The child.
        name: String,
    },
    /// The supervisor has ended, or is about to.
    #[error("the supervisor has ended, or is about to")]
    Ended,
}

/// A running supervisor.
///
/// ```
/// use airssys_rt::{ActorSystem, ChildSpec, ChildState, Supervisor};
/// # use airssys_rt::{Actor, Context, Failure};
/// # struct Idle;
/// # impl Actor for Idle {
/// #     type Message = ();
/// #     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> Result<(), Failure> { Ok(()) }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::new();
/// let supervisor = Supervisor::default().spawn(&system, "root")?;
/// supervisor.start_child(ChildSpec::new("acme/thumb", || async { Ok(Idle) })).await?;
/// let children = supervisor.which_children().await?;
/// assert_eq!((&*children[0].name, children[0].state), ("acme/thumb", ChildState::Running));
/// supervisor.terminate_child("acme/thumb").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SupervisorRef {
    address: Address<SupervisorMessage>,
}

impl From<Address<SupervisorMessage>> for SupervisorRef {
    fn from(address: Address<SupervisorMessage>) -> Self {
        Self { address }
    }
}

impl SupervisorRef {
    /// Takes in one child more, after the others, and waits for its first start.
    ///
    /// # Errors
    ///
    /// [`ChildError::Exists`], [`ChildError::Failed`], [`ChildError::Terminated`], [`ChildError::Ended`].
    pub async fn start_child(&self, spec: ChildSpec) -> Result<ActorRef, ChildError> {
        self.ask(|reply| Command::Start(Box::new(spec), reply)).await?
    }

    /// Stops a child, as its specification says, and waits for its end. It rests; a temporary one is forgotten.
    ///
    /// # Errors
    ///
    /// [`ChildError::Unknown`], [`ChildError::Ended`].
    pub async fn terminate_child(&self, name: &str) -> Result<(), ChildError> {
        self.ask(|reply| Command::Terminate(name.into(), reply)).await?
    }

    /// Starts a child that rests, and waits for that.
    ///
    /// # Errors
    ///
    /// [`ChildError::Unknown`], [`ChildError::Alive`], and those of [`SupervisorRef::start_child`].
    pub async fn restart_child(&self, name: &str) -> Result<ActorRef, ChildError> {
        self.ask(|reply| Command::Restart(name.into(), reply)).await?
    }

    /// Forgets a child that rests.
    ///
    /// # Errors
    ///
    /// [`ChildError::Unknown`], [`ChildError::Alive`], [`ChildError::Ended`].
    pub async fn delete_child(&self, name: &str) -> Result<(), ChildError> {
        self.ask(|reply| Command::Delete(name.into(), reply)).await?
    }

    /// All children, in their order.
    ///
    /// # Errors
    ///
    /// [`ChildError::Ended`].
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, ChildError> {
        self.ask(Command::Which).await
    }

    /// The supervisor, as any actor: to stop it, or to wait for its end.
    #[must_use]
    pub fn actor(&self) -> ActorRef {
        self.address.actor()
    }

    async fn ask<R: Send>(&self, command: impl FnOnce(Reply<R>) -> Command) -> Result<R, ChildError> {
        let asked = self.address.ask(|reply| SupervisorMessage(command(reply))).await;
        asked.map_err(|error| match error {
            AskError::NotSent(_) | AskError::TimedOut | AskError::NoReply => ChildError::Ended,
        })
    }
}
