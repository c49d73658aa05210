//! Everything that can go wrong for a host, with the facts.

use crate::actor::CallError;
use crate::audit::AuditError;
use crate::embed::value::ValueError;
use crate::identity::IdentityError;
use crate::kernel::{
    CallFault, EngineError, Failure, InstanceError, LimitExceeded, LinkError, Unenforceable,
};
use crate::policy::PolicyError;
use airssys_osl::Denied;
use airssys_osl::environment::EnvError;
use airssys_osl::fs::MountError;
use airssys_osl::host_files::HostFileError;

/// Why the runtime did not do what it was asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum Error {
    /// No such component file.
    #[error("there is no component `{0}`")]
    #[diagnostic(help("check the path"))]
    NotFound(String),
    /// The component's identity was refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Identity(#[from] IdentityError),
    /// The component asks for an import that is not offered.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Import(#[from] LinkError),
    /// The component is not valid, or the engine not available.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Engine(#[from] EngineError),
    /// Policies or entities were refused; those before stay in force.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Policy(#[from] PolicyError),
    /// A mount was refused.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// An environment variable is malformed.
    #[error(transparent)]
    Environment(#[from] EnvError),
    /// A file of the host's could not be read or written.
    #[error(transparent)]
    HostFile(#[from] HostFileError),
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// The audit log cannot be used.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A record could not be written, so what it was about did not happen.
    #[error(transparent)]
    Record(#[from] airssys_osl::RecordError),
    /// A denial stopped the component: the import it came through has no other way to say no.
    #[error("{0}")]
    Denied(Denied),
    /// A limit stopped the component.
    #[error(transparent)]
    LimitExceeded(LimitExceeded),
    /// The component called another, and there was no answer; it has ended.
    #[error(transparent)]
    #[diagnostic(help("the log says what became of the other component"))]
    Unanswered(CallFault),
    /// The component's manifest asks for a limit that cannot be kept.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unenforceable(#[from] Unenforceable),
    /// The component trapped.
    #[error("the component trapped: {0}")]
    #[diagnostic(help("this is a fault in the component; its author can reproduce it with the same input"))]
    Trap(String),
    /// The component ended itself by `wasi:cli/exit` in a call that is not a command's run.
    #[error("the component ended itself with status {0}")]
    Exited(u8),
    /// The instance has ended; `instantiate` gives another.
    #[error("the instance has ended: make another with `instantiate`")]
    Ended,
    /// No trusted key has that id.
    #[error("no trusted key has the id `{0}`")]
    #[diagnostic(help("`airssys verify` prints a component's"))]
    UnknownKey(String),
    /// Nobody has that name.
    #[error("no component is called `{}`", .name.escape_debug())]
    #[diagnostic(help("start it first, or correct the name"))]
    Unknown {
        /// The name.
        name: String,
    },
    /// Whoever has that name is being started again, or was stopped.
    #[error("`{name}` does not run at the moment")]
    #[diagnostic(help("try again while it is being started; what was stopped is to be started first"))]
    Unavailable {
        /// The name.
        name: String,
    },
    /// What was stopped was not started again.
    #[error("`{name}` was not started: {why}")]
    #[diagnostic(help("the log says what it was denied, or how it ended"))]
    Start {
        /// The name.
        name: String,
        /// Why.
        why: String,
    },
    /// Something about one of several components.
    #[error("`{name}`: {error}")]
    #[diagnostic(forward(error))]
    Of {
        /// Its name.
        name: String,
        /// What.
        error: Box<Error>,
    },
    /// Another version was not put in place.
    #[error("not reloaded: {0}")]
    #[diagnostic(help("the version before keeps its place, and is started again if it ended by this"))]
    Reload(String),
    /// A function or a value does not fit the component's types.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The function returned its own error, here in WAVE.
    #[error("the component answered with an error: {0}")]
    Guest(String),
    /// A blocking name was used inside an asynchronous task.
    #[error("the blocking API cannot be used inside an asynchronous task: use `airssys_wasm::embed` there")]
    BlockingInsideAsync,
    /// The host's executor failed.
    #[error("the executor failed: {0}")]
    Executor(String),
}

impl Error {
    /// The same, said of the component of that name.
    pub(crate) fn of(self, name: &str) -> Error {
        Error::Of { name: name.to_owned(), error: Box::new(self) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Exit(status) => Error::Exited(status),
            Failure::Denied(denied) => Error::Denied(denied),
            Failure::Limit(limit) => Error::LimitExceeded(limit),
            Failure::Unanswered(fault) => Error::Unanswered(fault),
            Failure::Trap(text) => Error::Trap(text),
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Error {
        match error {
            CallError::Ended => Error::Ended,
            CallError::Failed(failure) => failure.into(),
            CallError::Unrecorded(error) => error.into(),
            CallError::Types(text) => Error::Config(text),
        }
    }
}

impl From<InstanceError> for Error {
    fn from(error: InstanceError) -> Error {
        match error {
            InstanceError::Start(failure) => failure.into(),
        }
    }
}
