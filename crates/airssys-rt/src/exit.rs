//! How an actor ends, and who hears of it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An actor, among all that ever were in this process.
///
/// It is never given twice: a restarted actor has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(pub(crate) u64);

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Why an actor ended.
///
/// ```
/// use airssys_rt::ExitReason;
///
/// assert!(!ExitReason::Normal.is_abnormal());
/// assert!(!ExitReason::Shutdown.is_abnormal());
/// assert!(ExitReason::Failed("the disk is full".to_owned()).is_abnormal());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    /// It had done its work and said so.
    Normal,
    /// It was told to stop, and did so in time.
    Shutdown,
    /// It was killed, or did not stop in time.
    Killed,
    /// A hook or a handler returned this failure.
    Failed(String),
    /// A hook, a handler or the drop of its state panicked with this text.
    Panicked(String),
    /// An actor it was linked to, or its supervisor, ended.
    Linked {
        /// Which one: the first of the chain.
        id: ActorId,
        /// Its name, if it had one.
        name: Option<Arc<str>>,
        /// Why that one ended.
        reason: Arc<ExitReason>,
    },
}

impl ExitReason {
    /// Whether this is neither the end of the work nor a stop that was asked for.
    #[must_use]
    pub fn is_abnormal(&self) -> bool {
        match self {
            Self::Normal | Self::Shutdown => false,
            Self::Killed | Self::Failed(_) | Self::Panicked(_) | Self::Linked { .. } => true,
        }
    }

    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Self::Panicked(text.unwrap_or("a panic that is no text").to_owned())
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("it had done its work"),
            Self::Shutdown => f.write_str("it was told to stop"),
            Self::Killed => f.write_str("it was killed"),
            Self::Failed(why) => write!(f, "it failed: {why}"),
            Self::Panicked(why) => write!(f, "it panicked: {why}"),
            Self::Linked { id, name, reason } => match name {
                Some(name) => write!(f, "`{name}`, which it was linked to, ended: {reason}"),
                None => write!(f, "actor {id}, which it was linked to, ended: {reason}"),
            },
        }
    }
}

/// What a hook or a handler returns when its actor cannot go on: the actor ends with [`ExitReason::Failed`].
///
/// Any error becomes one by `?`.
///
/// ```
/// use airssys_rt::Failure;
///
/// fn parse(text: &str) -> Result<u32, Failure> {
///     if text.is_empty() {
///         return Err(Failure::new("nothing to parse"));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(parse("").unwrap_err().to_string(), "nothing to parse");
/// assert!(parse("x").is_err());
/// ```
pub struct Failure(String);

impl Failure {
    /// A failure, in words.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({:?})", self.0)
    }
}

/// News that an actor has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Down {
    /// Who.
    pub id: ActorId,
    /// Its name, if it had one.
    pub name: Option<Arc<str>>,
    /// Why.
    pub reason: ExitReason,
    /// Why this is told.
    pub by: ToldBy,
}

/// Why an actor is told of another's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToldBy {
    /// It monitors that one.
    Monitor(MonitorId),
    /// It is linked to that one, and traps exits.
    Link,
    /// It waited for that one's end from outside.
    Wait,
}

/// One monitor: which of several a [`Down`] belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MonitorId(pub(crate) u64);

/// How an actor is told to end.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::Shutdown;
///
/// assert_ne!(Shutdown::Graceful(Duration::from_secs(5)), Shutdown::Immediate);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// It takes nothing new, finishes what it has begun and what it has accepted, and is killed after this time.
    Graceful(Duration),
    /// It is killed, also in the middle of a handler.
    Immediate,
    /// As graceful, for as long as it takes. For supervisors: their children have times of their own.
    Infinity,
}
