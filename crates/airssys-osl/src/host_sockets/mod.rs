//! The host's own sockets: where its operators speak to it, and where its health is read. No guest ever has one.
//!
//! Every function that takes authority from the process itself ends in `_ambient`. Who stands at the other end of a
//! control connection is taken from the system when it is accepted, and from nothing that is sent.

mod error;
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod place;
mod plain;
#[cfg(unix)]
mod unix;

pub use error::HostSocketError;
#[cfg(not(unix))]
pub use other::{ControlListener, ControlStream, connect_ambient};
pub use plain::{PlainListener, PlainStream, connect_plain_ambient};
#[cfg(unix)]
pub use unix::{ControlListener, ControlStream, connect_ambient};

/// The user that stands for all whom this system cannot name, such as those of another user namespace.
pub const OVERFLOW_UID: u32 = 65534;

/// Who is at the other end, as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    uid: u32,
    gid: u32,
    pid: Option<u32>,
}

/// A peer that the system cannot name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user at the other end has no number here")]
pub struct Nameless;

impl Peer {
    /// A peer of these numbers, unless they stand for nobody in particular.
    ///
    /// # Errors
    /// [`Nameless`] for the overflow user.
    pub(crate) fn of(uid: u32, gid: u32, pid: Option<u32>) -> Result<Peer, Nameless> {
        if uid == OVERFLOW_UID { Err(Nameless) } else { Ok(Peer { uid, gid, pid }) }
    }

    /// The user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The process, where the system tells. It may have ended since, and its number may be another's.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }
}

/// The user this process acts as.
pub fn own_uid_ambient() -> u32 {
    #[cfg(unix)]
    let uid = rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    let uid = OVERFLOW_UID;
    uid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overflow_user_is_no_peer() {
        assert_eq!(Peer::of(OVERFLOW_UID, 0, None), Err(Nameless));
        let peer = Peer::of(0, 5, Some(7)).unwrap();
        assert_eq!((peer.uid(), peer.gid(), peer.pid()), (0, 5, Some(7)));
    }
}
