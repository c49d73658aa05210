//! What serves a link.

use crate::kernel::{Function, Limits};
use airssys_osl::calls::Under;
use airssys_osl::{Chain, Peer};
use std::pin::Pin;
use std::sync::Arc;
use wasmtime::component::Val;

/// A component that serves links. Who it is may change between two calls; its name does not.
pub(crate) trait Callee: Send + Sync {
    /// Its name, `publisher/component`.
    fn name(&self) -> &str;

    /// Who has that name now; none when nobody has, or will have it again.
    fn now(&self) -> Option<Arc<Target>>;

    /// Calls a function of the very instance that was decided on, on behalf of that chain. Dropped before it is done, it
    /// ends the instance as any call that is given up does, if its turn had come.
    fn call(&self, call: LinkedCall) -> Answer<'_>;
}

/// What comes of a call.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Val>, NotDone>> + Send + 'a>>;

/// Who serves a link at the moment. All of it is that of one live instance, whose number stands for it.
#[derive(Debug)]
pub(crate) struct Target {
    /// The instance.
    pub(crate) peer: Peer,
    /// What it exports.
    pub(crate) functions: Vec<Function>,
    /// The limits in force for it.
    pub(crate) limits: Limits,
}

/// One call that was permitted.
#[derive(Debug)]
pub(crate) struct LinkedCall {
    /// The instance that was decided on.
    pub(crate) to: Peer,
    /// Its function.
    pub(crate) function: Function,
    /// Values of its types.
    pub(crate) arguments: Vec<Val>,
    /// Everybody who waits for it.
    pub(crate) chain: Arc<Chain>,
    /// The permission by which each of its steps is taken.
    pub(crate) under: Under,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// It has ended before.
    Ended,
    /// Another instance has its place; nothing was done, and here are the arguments.
    Replaced(Vec<Val>),
    /// It failed in this call, and has told its own side why.
    Failed,
}
