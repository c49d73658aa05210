//! A UDP socket, from its making to its end.

use crate::action::{ActionId, NetBind};
use crate::gate::{Denied, Lease};
use crate::net::decide::{check_local, check_remote};
use crate::net::embedded::is_ipv4_in_disguise;
use crate::net::line::Line;
use crate::net::peers::Peers;
use crate::net::slots::Slot;
use crate::net::standing::{Begun, Standing};
use crate::net::sys::Socket;
use crate::net::{Family, NetError, Network, Receiver, Sender, SocketOption};
use crate::resource::Transport;
use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A UDP socket. Clones are the same socket.
#[derive(Debug, Clone)]
pub struct UdpSocket(Arc<Udp>);

#[derive(Debug)]
struct Udp {
    network: Network,
    lease: Lease,
    family: Family,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Unbound(Socket, Slot),
    Binding(Arc<Bound>),
    Bound(Arc<Bound>),
    Closed,
}

/// A socket that datagrams can come to.
#[derive(Debug)]
pub(in crate::net) struct Bound {
    pub(in crate::net) network: Network,
    pub(in crate::net) family: Family,
    pub(in crate::net) line: Arc<Line>,
    pub(in crate::net) standing: Standing,
    pub(in crate::net) lease: Lease,
    pub(in crate::net) sent_to: Peers,
    pub(in crate::net) received_from: Peers,
    /// Which pair of streams counts, and its one remote if it has one.
    current: Mutex<(u64, Option<SocketAddr>)>,
    pub(in crate::net) permitted: AtomicU64,
}

impl Bound {
    /// Enters a use; a socket to whose use somebody has no right any more is closed.
    pub(in crate::net) fn entered(&self, import: &'static str) -> Result<Begun<'_>, Denied> {
        self.standing.entered(import).inspect_err(|_| self.line.reset())
    }

    fn current(&self) -> MutexGuard<'_, (u64, Option<SocketAddr>)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one remote of that pair of streams, if the pair still counts.
    pub(in crate::net) fn remote_of(&self, turn: u64) -> Result<Option<SocketAddr>, NetError> {
        let current = self.current();
        if current.0 == turn { Ok(current.1) } else { Err(NetError::InvalidState) }
    }
}

impl Network {
    /// A UDP socket that reaches nothing yet.
    ///
    /// # Errors
    /// [`NetError::NewSocketLimit`], [`NetError::NotSupported`].
    pub fn udp_socket(&self, family: Family) -> Result<UdpSocket, NetError> {
        let slot = self.slot()?;
        let state = Mutex::new(State::Unbound(Socket::open(family, Transport::Udp)?, slot));
        let (network, lease) = (self.clone(), self.rightless(Transport::Udp));
        Ok(UdpSocket(Arc::new(Udp { network, lease, family, state })))
    }
}

impl UdpSocket {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_live(&self, import: &'static str) -> Result<(), NetError> {
        Ok(self.lease().check_live(ActionId::NetBind, import)?)
    }

    fn bound(&self) -> Result<Arc<Bound>, NetError> {
        match &*self.state() {
            State::Bound(bound) => Ok(Arc::clone(bound)),
            State::Binding(_) => Err(NetError::ConcurrencyConflict),
            State::Unbound(..) | State::Closed => Err(NetError::InvalidState),
        }
    }

    /// Takes a local address, which is decided on first.
    ///
    /// # Errors
    /// [`NetError`]; after any of the system or of a decision the socket is as it was.
    pub fn start_bind(&self, local: SocketAddr, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let mut state = self.state();
        let socket = match &*state {
            State::Unbound(socket, _) => socket,
            State::Binding(_) => return Err(NetError::ConcurrencyConflict),
            State::Bound(_) | State::Closed => return Err(NetError::InvalidState),
        };
        let local = check_local(local, self.0.family)?;
        let granted = self.0.network.decide_local::<NetBind>(local, Transport::Udp, import)?;
        let local = granted.address()?;
        let standing = granted.into_standing();
        let begun = standing.entered(import)?;
        socket.bind(local, Transport::Udp)?;
        if let State::Unbound(socket, slot) = mem::replace(&mut *state, State::Closed) {
            let line = Line::new(socket, slot)?;
            standing.tie(&begun, import, &line);
            *state = State::Binding(self.in_use(line, standing.clone()));
        }
        Ok(())
    }

    fn in_use(&self, line: Arc<Line>, standing: Standing) -> Arc<Bound> {
        let (network, family) = (self.0.network.clone(), self.0.family);
        let lease = standing.lease().unwrap_or(network.lease()).clone();
        let (sent_to, received_from) = (Peers::default(), Peers::default());
        let (current, permitted) = (Mutex::new((0, None)), AtomicU64::new(0));
        Arc::new(Bound { network, family, line, standing, lease, sent_to, received_from, current, permitted })
    }

    /// Ends what [`UdpSocket::start_bind`] began.
    ///
    /// # Errors
    /// [`NetError::NotInProgress`].
    pub fn finish_bind(&self, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let mut state = self.state();
        let State::Binding(bound) = &*state else { return Err(NetError::NotInProgress) };
        *state = State::Bound(Arc::clone(bound));
        Ok(())
    }

    /// The two directions, with one remote or with any. Streams given before count no longer.
    ///
    /// Nothing is decided yet, and the system's socket is not connected: each datagram is decided on by itself.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] unless it is bound.
    pub fn stream(
        &self,
        remote: Option<SocketAddr>,
        import: &'static str,
    ) -> Result<(Receiver, Sender), NetError> {
        self.check_live(import)?;
        let bound = self.bound()?;
        let remote = remote.map(|remote| check_remote(remote, self.0.family)).transpose()?;
        if remote.is_some_and(|remote| is_ipv4_in_disguise(remote.ip())) {
            return Err(NetError::InvalidArgument);
        }
        let turn = {
            let mut current = bound.current();
            *current = (current.0 + 1, remote);
            bound.permitted.store(0, Ordering::SeqCst);
            current.0
        };
        Ok((Receiver::new(&bound, turn), Sender::new(&bound, turn)))
    }

    /// The address on this side.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] unless it is bound.
    pub fn local_address(&self, import: &'static str) -> Result<SocketAddr, NetError> {
        self.check_live(import)?;
        match &*self.state() {
            State::Bound(bound) => bound.line.with(Socket::local),
            State::Unbound(..) | State::Binding(_) | State::Closed => Err(NetError::InvalidState),
        }
    }

    /// The one remote of its streams.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] when there is none.
    pub fn remote_address(&self, import: &'static str) -> Result<SocketAddr, NetError> {
        self.check_live(import)?;
        let bound = self.bound()?;
        let remote = bound.current().1;
        remote.ok_or(NetError::InvalidState)
    }

    /// Which addresses it speaks to.
    pub fn family(&self) -> Family {
        self.0.family
    }

    /// What an option is set to.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] once it is closed; [`NetError::NotSupported`] for what only connections have.
    pub fn option(&self, option: SocketOption, import: &'static str) -> Result<u64, NetError> {
        self.check_live(import)?;
        self.with_socket(option, |socket| socket.option(option))
    }

    /// Sets an option, to the nearest that is possible.
    ///
    /// # Errors
    /// As [`UdpSocket::option`], and [`NetError::InvalidArgument`] for 0.
    pub fn set_option(&self, option: SocketOption, value: u64, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let value = option.clamped(value).ok_or(NetError::InvalidArgument)?;
        self.with_socket(option, |socket| socket.set_option(option, value))
    }

    fn with_socket<R>(
        &self,
        option: SocketOption,
        act: impl FnOnce(&Socket) -> std::io::Result<R>,
    ) -> Result<R, NetError> {
        match &*self.state() {
            _ if option.is_of_connections() => Err(NetError::NotSupported),
            State::Unbound(socket, _) => Ok(act(socket)?),
            State::Binding(bound) | State::Bound(bound) => bound.line.with(act),
            State::Closed => Err(NetError::InvalidState),
        }
    }

    /// Nothing about the socket itself has to be waited for; its streams have their own waits.
    pub async fn ready(&self) {}

    /// The permission of the socket by itself, which carries no right: each step decides, and what it made has its own.
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }
}
