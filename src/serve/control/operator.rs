//! Operators: the users who may speak to the control socket at all.

use airssys_osl::host_sockets::{Peer, own_uid_ambient};
use std::collections::BTreeSet;

/// Who asks, as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operator {
    uid: u32,
    gid: u32,
    pid: Option<u32>,
}

impl Operator {
    /// An operator that is known by other means than the control socket, as to an embedder with a door of its own.
    pub fn assume(uid: u32, gid: u32, pid: Option<u32>) -> Operator {
        Operator { uid, gid, pid }
    }

    /// The user: the name of the principal, `Operator::"1000"`.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The group. Never what a decision rests on; groups of operators stand in the configuration.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The process, for the record.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }
}

/// The users who may speak to the control socket: whoever runs the server, and those whom the configuration names.
///
/// That they may speak permits nothing: what they ask is decided by the policies. The socket's mode lets its owner and the
/// superuser connect, so naming others is of use only to those who are handed a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operators(BTreeSet<u32>);

impl Operators {
    /// Whoever runs this process, and these users.
    pub fn with_own_ambient(uids: impl IntoIterator<Item = u32>) -> Operators {
        Operators(uids.into_iter().chain([own_uid_ambient()]).collect())
    }

    /// These users and nobody else.
    pub fn only(uids: impl IntoIterator<Item = u32>) -> Operators {
        Operators(uids.into_iter().collect())
    }

    /// The operator at the other end, if it is one.
    pub(super) fn admit(&self, peer: Peer) -> Option<Operator> {
        let operator = Operator { uid: peer.uid(), gid: peer.gid(), pid: peer.pid() };
        self.0.contains(&operator.uid).then_some(operator)
    }
}
