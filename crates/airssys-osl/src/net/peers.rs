//! What was decided on the remotes of a socket for datagrams, kept for the next datagram.

use crate::net::Network;
use crate::net::embedded::forms;
use crate::net::lookups::Seen;
use crate::net::standing::Standing;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many remotes are remembered; a full memory is emptied.
const MAX_PEERS: usize = 256;

/// By remote: as which hosts each of its forms was judged, and what that left.
type Known = HashMap<SocketAddr, (Vec<Seen>, Standing)>;

/// Remotes that were allowed, with the names they were judged as. A change of those makes another question.
#[derive(Debug, Default)]
pub(in crate::net) struct Peers(Mutex<Known>);

impl Peers {
    /// What was decided on a remote, or what `decide` says now.
    pub(in crate::net) fn standing<E>(
        &self,
        network: &Network,
        remote: SocketAddr,
        decide: impl FnOnce() -> Result<Standing, E>,
    ) -> Result<Standing, E> {
        let seen = network.seen(&forms(remote));
        if let Some((before, standing)) = self.kept().get(&remote)
            && *before == seen
        {
            return Ok(standing.clone());
        }
        let standing = decide()?;
        let mut kept = self.kept();
        if kept.len() >= MAX_PEERS {
            kept.clear();
        }
        kept.insert(remote, (seen, standing.clone()));
        Ok(standing)
    }

    /// The remote is to be decided on anew.
    pub(in crate::net) fn forget(&self, remote: SocketAddr) {
        self.kept().remove(&remote);
    }

    /// The remote is to be decided on anew if what is remembered of it is not so.
    pub(in crate::net) fn forget_unless(&self, remote: SocketAddr, so: impl FnOnce(&Standing) -> bool) {
        let mut kept = self.kept();
        if kept.get(&remote).is_some_and(|(_, standing)| !so(standing)) {
            kept.remove(&remote);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
