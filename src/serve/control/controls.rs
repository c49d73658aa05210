//! What operators may ask of a served system.

use crate::serve::ComponentName;
use crate::serve::control::wire::{
    CallAnswer, CallRequest, ComponentStatus, LogsRequest, PolicyRequest, PolicySwapped, Reloaded, Revoked,
    SendRequest, Sent, StopRequest, Stopped, SystemStatus, TrustReloaded,
};
use crate::serve::control::{ControlError, Operator};
use crate::serve::follow::Logs;
use async_trait::async_trait;
use bytes::Bytes;

/// What operators may ask. Implemented over the actor system.
///
/// # What an implementor owes
///
/// - **Each operation is decided**, with `Operator::"<uid>"` as principal, before it has any effect and before its answer
///   tells anything: `component:call`, `component:load`, `component:reload`, `component:stop` and `component:status` on a `Component`,
///   `msg:send` likewise, `runtime:*` on `Runtime`. A fault is a denial.
/// - **Each verdict is recorded** before its effect starts, with the operator's uid and pid; a record that cannot be
///   written denies.
/// - **Who may not see a component learns nothing of it**: for an operator to whom `component:status` is not permitted on it,
///   every operation on it answers [`ControlError::unreachable`], as for one that is not there. [`Controls::ps`] leaves it
///   out.
/// - **No operation is left half done**: an operation that changes something runs to its end even if who asked for it has
///   hung up; it is not dropped on the way. [`Controls::status`], [`Controls::ps`], [`Controls::component`] and
///   [`Controls::logs`] may be.
/// - **Sentences tell no more** than the operator may know: no path of the host's, no value of a component's.
#[async_trait]
pub trait Controls: Send + Sync + 'static {
    /// How the system is.
    ///
    /// # Errors
    /// [`ControlError`].
    async fn status(&self, who: Operator) -> Result<SystemStatus, ControlError>;

    /// The components that the operator may see, by name.
    ///
    /// # Errors
    /// [`ControlError`].
    async fn ps(&self, who: Operator) -> Result<Vec<ComponentStatus>, ControlError>;

    /// One component.
    ///
    /// # Errors
    /// [`ControlError`].
    async fn component(&self, who: Operator, name: ComponentName) -> Result<ComponentStatus, ControlError>;

    /// Calls one of its functions, through its actor.
    ///
    /// # Errors
    /// [`ControlError`]; an error of the function's own is an answer.
    async fn call(
        &self,
        who: Operator,
        name: ComponentName,
        call: CallRequest,
    ) -> Result<CallAnswer, ControlError>;

    /// Puts a message into its mailbox. `Ok` means that it is there, and on disk where that is durable.
    ///
    /// # Errors
    /// [`ControlError`].
    async fn send(
        &self,
        who: Operator,
        name: ComponentName,
        message: SendRequest,
    ) -> Result<Sent, ControlError>;

    /// Puts a new version in its place, which is verified like any other.
    ///
    /// # Errors
    /// [`ControlError`]; the old version then goes on.
    async fn reload(
        &self,
        who: Operator,
        name: ComponentName,
        component: Bytes,
    ) -> Result<Reloaded, ControlError>;

    /// Stops it, and whatever its supervisor would start again stays stopped.
    ///
    /// # Errors
    /// [`ControlError`].
    async fn stop(
        &self,
        who: Operator,
        name: ComponentName,
        stop: StopRequest,
    ) -> Result<Stopped, ControlError>;

    /// Starts again what was stopped or has ended for good, and waits until it runs.
    ///
    /// # Errors
    /// [`ControlError`].
    async fn start(&self, who: Operator, name: ComponentName) -> Result<ComponentStatus, ControlError>;

    /// Puts these policies and entities in force in place of all others.
    ///
    /// # Errors
    /// [`ControlError`]; the old ones then stay in force.
    async fn swap_policy(&self, who: Operator, policy: PolicyRequest) -> Result<PolicySwapped, ControlError>;

    /// Reads the trust file anew. What it no longer trusts is revoked.
    ///
    /// # Errors
    /// [`ControlError`]; the old trust then stays.
    async fn reload_trust(&self, who: Operator) -> Result<TrustReloaded, ControlError>;

    /// Revokes a publisher's key, for good: a restart does not bring it back.
    ///
    /// # Errors
    /// [`ControlError`].
    async fn revoke_key(&self, who: Operator, key_id: String) -> Result<Revoked, ControlError>;

    /// The last records of the log that the operator may see, and those that come.
    ///
    /// # Errors
    /// [`ControlError`].
    async fn logs(&self, who: Operator, logs: LogsRequest) -> Result<Logs, ControlError>;

    /// Waits until what was recorded so far stands in the log's file, as far as it can be written.
    fn settle(&self);
}
