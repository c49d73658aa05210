//! One operation of one operator: its session, and what is asked under it.

use crate::embed::Named;
use crate::serve::ComponentName;
use crate::serve::control::{Code, ControlError, Operator};
use crate::serve::system::LiveSystem;
use airssys_osl::action::{Action, ComponentStatus};
use airssys_osl::operate::{Operation, spent};
use airssys_osl::{Denied, Peer, Session, Why};
use std::sync::Arc;

/// What is asked, as the log names it.
pub(super) const CONTROL: &str = "airssys:control";

/// An operator's session, which ends with this.
pub(super) struct Asking {
    session: Arc<Session>,
    /// What it has sent waits for longer than this.
    kept: bool,
}

impl Asking {
    /// A session for whoever asks now.
    pub(super) fn begin(system: &LiveSystem, who: Operator) -> Result<Asking, ControlError> {
        let known = system.config.operators.iter().find(|operator| operator.uid == who.uid());
        let groups = known.map(|known| known.groups.iter().map(ToString::to_string).collect());
        let operator = airssys_osl::Operator::new(who.uid(), groups.unwrap_or_default());
        let nobody = || {
            let help = "connect as the user who runs the server, or as one that `[[operator]]` names";
            ControlError::new(Code::NotAnOperator, "you are no operator of this server", help)
        };
        let session = system.runtime.operator(operator.ok_or_else(nobody)?);
        let asking = Asking { session, kept: false };
        if let Some(pid) = who.pid() {
            asking.session.note(CONTROL, &format!("asked by process {pid}")).map_err(|_| unrecorded())?;
        }
        Ok(asking)
    }

    /// The session itself.
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Leaves the session to what was sent under it: that ends it, when it is delivered or dropped.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }

    /// Decides, records and spends: `what` it is for, as in `stop acme/thumb`.
    pub(super) fn may<A: Operation>(&self, on: A::Resource, what: &str) -> Result<(), ControlError> {
        self.session.authorize::<A>(on, CONTROL).and_then(spent).map_err(|denied| refused(&denied, what))
    }

    /// Decides on an effect that spends its permission itself.
    pub(super) fn authorize<A: Action>(
        &self,
        on: A::Resource,
        what: &str,
    ) -> Result<airssys_osl::Permit<A>, ControlError> {
        self.session.authorize::<A>(on, CONTROL).map_err(|denied| refused(&denied, what))
    }

    /// The component of that name, if the operator may see it. One that is not there is asked about like any other, so that
    /// neither the answer nor the log tells them apart.
    pub(super) fn seen(&self, system: &LiveSystem, name: &ComponentName) -> Result<Named, ControlError> {
        let (text, unreachable) = (name.to_string(), || ControlError::unreachable(name));
        let named = system.runtime.named(&text).ok();
        let peer = named.as_ref().and_then(Named::peer).or_else(|| Peer::named(&text));
        let seen = self.session.authorize::<ComponentStatus>(peer.ok_or_else(unreachable)?, CONTROL);
        seen.and_then(spent).map_err(|denied| match denied.why {
            Why::Audit => unrecorded(),
            _ => unreachable(),
        })?;
        named.ok_or_else(unreachable)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.kept {
            // What it did is recorded already; that no more comes need not be.
            let _ = self.session.close();
        }
    }
}

/// What an operator is told of a denial.
pub(super) fn refused(denied: &Denied, what: &str) -> ControlError {
    match denied.why {
        Why::Audit => unrecorded(),
        _ => ControlError::denied(what),
    }
}

fn unrecorded() -> ControlError {
    let help = "make room for the server's log; nothing is done without its record";
    ControlError::new(Code::Internal, "the log cannot be written, so nothing was done", help)
}
