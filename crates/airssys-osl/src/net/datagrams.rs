//! Datagrams in both directions. Each is decided on by its remote, also when the socket speaks to one remote only.

use crate::action::{NetReceive, NetSend};
use crate::gate::Lease;
use crate::net::decide::check_remote;
use crate::net::sys::Socket;
use crate::net::udp::Bound;
use crate::net::{Datagram, NetError, Outgoing};
use crate::resource::Transport;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The largest datagram: what IPv4 leaves of 64 KiB.
pub const MAX_DATAGRAM_BYTES: usize = 65_507;
/// How many datagrams are sent or shown in one call.
const AT_ONCE: usize = 16;
/// How many are looked at in one call, most of which may be dropped.
const LOOKED_AT: usize = 64;
/// Room for any datagram there can be.
const BUFFER_BYTES: usize = 64 * 1024;

/// Where datagrams come in.
#[derive(Debug)]
pub struct Receiver {
    bound: Arc<Bound>,
    turn: u64,
}

/// Where datagrams go out.
#[derive(Debug)]
pub struct Sender {
    bound: Arc<Bound>,
    turn: u64,
}

impl Receiver {
    pub(in crate::net) fn new(bound: &Arc<Bound>, turn: u64) -> Receiver {
        Receiver { bound: Arc::clone(bound), turn }
    }

    /// Takes at most `most` datagrams of what is there and allowed. What is not allowed is dropped and counted.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] when the socket has newer streams.
    pub fn receive(&self, most: usize, import: &'static str) -> Result<Vec<Datagram>, NetError> {
        let only = self.bound.remote_of(self.turn)?;
        if let Some(exceeded) = self.bound.lease.session().out_of_reads() {
            return Err(exceeded.into());
        }
        let mut taken = Vec::new();
        if most == 0 {
            let _begun = self.bound.entered(import)?;
            return Ok(taken);
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        for _ in 0..LOOKED_AT {
            match self.next(&mut buffer, only, import) {
                Ok(datagram) => taken.extend(datagram),
                Err(NetError::WouldBlock) => break,
                // What was taken already must not be lost; a lasting error comes again.
                Err(_) if !taken.is_empty() => break,
                Err(error) => return Err(error),
            }
            if taken.len() >= most.min(AT_ONCE) {
                break;
            }
        }
        Ok(taken)
    }

    /// The next datagram; none when it is not for this guest.
    fn next(
        &self,
        buffer: &mut [u8],
        only: Option<SocketAddr>,
        import: &'static str,
    ) -> Result<Option<Datagram>, NetError> {
        let (length, remote) = {
            let _begun = self.bound.entered(import)?;
            self.bound.line.try_read(|socket| socket.receive_from(buffer))?
        };
        if only.is_some_and(|only| only != remote) || !self.is_allowed(remote, import) {
            return Ok(None);
        }
        self.bound.lease.session().count_read(length, import)?;
        let data = buffer.get(..length).unwrap_or_default().to_vec();
        Ok(Some(Datagram { data, remote }))
    }

    /// Whether a datagram from there may be shown. Whatever has to be decided anew is decided as if the remote were new,
    /// also for one that is known: how often it happens is up to who is outside.
    fn is_allowed(&self, remote: SocketAddr, import: &'static str) -> bool {
        let (network, known) = (&self.bound.network, &self.bound.received_from);
        known.forget_unless(remote, |standing| standing.is_current(import));
        let decide = || network.decide_incoming::<NetReceive>(remote, Transport::Udp, import).ok_or(());
        known.standing(network, remote, decide).is_ok()
    }

    /// Returns when there may be something to receive, or the permission was lost.
    pub async fn ready(&self) {
        if self.bound.lease.session().out_of_reads().is_none() {
            self.bound.line.readable().await;
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.bound.lease
    }
}

impl Sender {
    pub(in crate::net) fn new(bound: &Arc<Bound>, turn: u64) -> Sender {
        Sender { bound: Arc::clone(bound), turn }
    }

    /// How many datagrams the next [`Sender::send`] may bring; 0 when it has to wait for [`Sender::ready`].
    ///
    /// # Errors
    /// [`NetError::InvalidState`] when the socket has newer streams.
    pub fn check_send(&self, import: &'static str) -> Result<usize, NetError> {
        self.bound.remote_of(self.turn)?;
        let _begun = self.bound.entered(import)?;
        let permitted = if self.bound.line.has_room() { AT_ONCE } else { 0 };
        self.bound.permitted.store(permitted as u64, Ordering::SeqCst);
        Ok(permitted)
    }

    /// Sends what goes at once, and says how many that were; each is decided on first.
    ///
    /// # Errors
    /// What the first one met; an error at a later one is for the next call. [`NetError::TooMuch`] for more than
    /// [`Sender::check_send`] permitted.
    pub fn send(&self, datagrams: &[Outgoing], import: &'static str) -> Result<usize, NetError> {
        let only = self.bound.remote_of(self.turn)?;
        let left = |permitted: u64| permitted.checked_sub(datagrams.len() as u64);
        let permitted = self.bound.permitted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left);
        permitted.map_err(|_| NetError::TooMuch)?;
        for (sent, datagram) in datagrams.iter().enumerate() {
            match self.send_one(datagram, only, import) {
                Ok(()) => {}
                Err(NetError::WouldBlock) => return Ok(sent),
                Err(error) if sent == 0 => return Err(error),
                Err(_) => return Ok(sent),
            }
        }
        Ok(datagrams.len())
    }

    fn send_one(
        &self,
        datagram: &Outgoing,
        only: Option<SocketAddr>,
        import: &'static str,
    ) -> Result<(), NetError> {
        let (bound, network) = (&self.bound, &self.bound.network);
        let remote = match (only, datagram.remote) {
            (Some(only), None) => only,
            (Some(only), Some(given)) if check_remote(given, bound.family)? == only => only,
            (None, Some(given)) => check_remote(given, bound.family)?,
            (Some(_), Some(_)) | (None, None) => return Err(NetError::InvalidArgument),
        };
        if datagram.data.len() > MAX_DATAGRAM_BYTES {
            return Err(NetError::DatagramTooLarge);
        }
        let decide = || {
            let granted = network.decide_remote::<NetSend>(remote, Transport::Udp, import)?;
            Ok::<_, NetError>(granted.into_standing())
        };
        let standing = bound.sent_to.standing(network, remote, decide)?;
        let aside = bound.lease.session().all_to_write(datagram.data.len(), import)?;
        let _own = bound.entered(import)?;
        let _begun = standing.entered(import).inspect_err(|_| bound.sent_to.forget(remote))?;
        bound.line.try_write(|socket| Socket::send_to(socket, &datagram.data, remote))?;
        aside.spend(datagram.data.len());
        Ok(())
    }

    /// Returns when there may be room to send, or the permission was lost.
    pub async fn ready(&self) {
        self.bound.line.writable().await;
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.bound.lease
    }
}
