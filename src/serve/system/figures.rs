//! How a component is, in the words of the control plane.

use crate::embed::{Condition, Status};
use crate::serve::control::{ComponentStatus, Mailbox, State};

/// That status for operators; none for a name that is none.
pub(super) fn of(status: &Status) -> Option<ComponentStatus> {
    let (major, minor, patch) = status.version;
    Some(ComponentStatus {
        name: status.name.parse().ok()?,
        state: state(status.condition),
        version: format!("{major}.{minor}.{patch}"),
        release: status.release,
        digest: status.digest.clone(),
        supervisor: status.supervisor.clone(),
        restarts: status.restarts,
        last_end: status.last_end.clone(),
        mailbox: Mailbox {
            depth: status.waiting,
            capacity: status.capacity,
            dropped: status.dropped,
            durable: status.durable,
            dead_letters: status.dead_letters,
        },
        memory_bytes: status.memory_bytes,
        calls: status.calls,
        denials: status.denials,
        finishing: status.finishing,
        since_unix_ms: status.since_unix_ms,
    })
}

fn state(condition: Condition) -> State {
    match condition {
        Condition::Starting => State::Starting,
        Condition::Running => State::Running,
        Condition::Reloading => State::Reloading,
        Condition::Waiting => State::Waiting,
        Condition::Stopped => State::Stopped,
        Condition::Failed => State::Failed,
    }
}
