//! A TCP socket, from its making to its end.

use crate::action::{ActionId, NetBind, NetListen};
use crate::gate::Lease;
use crate::net::connection::{Conn, Dialled, Route};
use crate::net::decide::check_local;
use crate::net::line::Line;
use crate::net::slots::Slot;
use crate::net::standing::Standing;
use crate::net::sys::Socket;
use crate::net::{Family, NetError, Network, Reader, Shutdown, SocketOption, Writer};
use crate::resource::Transport;
use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections wait to be taken up, unless the guest says otherwise; and at most.
const BACKLOG: i32 = 128;
const MAX_BACKLOG: i32 = 4096;

/// A TCP socket. Clones are the same socket.
#[derive(Debug, Clone)]
pub struct TcpSocket(Arc<Tcp>);

#[derive(Debug)]
struct Tcp {
    network: Network,
    lease: Lease,
    family: Family,
    backlog: AtomicI32,
    state: Mutex<State>,
}

/// Where in its life it stands. What each step needs is in the state before, so none can be left out.
#[derive(Debug)]
enum State {
    Unbound(Open),
    Binding(Bound),
    Bound(Bound),
    Connecting(Arc<Dialled>),
    Connected(Arc<Conn>),
    StartingToListen(Arc<Listening>),
    Listening(Arc<Listening>),
    Closed,
}

#[derive(Debug)]
struct Open {
    socket: Socket,
    slot: Slot,
}

#[derive(Debug)]
struct Bound {
    open: Open,
    standing: Standing,
}

#[derive(Debug)]
pub(in crate::net) struct Listening {
    pub(in crate::net) line: Arc<Line>,
    pub(in crate::net) standing: Standing,
}

impl State {
    /// True between the start and the finish of a step.
    fn is_under_way(&self) -> bool {
        matches!(self, State::Binding(_) | State::Connecting(_) | State::StartingToListen(_))
    }

    /// The error for a step that does not begin here.
    fn refusal(&self) -> NetError {
        if self.is_under_way() { NetError::ConcurrencyConflict } else { NetError::InvalidState }
    }
}

impl Network {
    /// A TCP socket that reaches nothing yet.
    ///
    /// # Errors
    /// [`NetError::NewSocketLimit`], [`NetError::NotSupported`].
    pub fn tcp_socket(&self, family: Family) -> Result<TcpSocket, NetError> {
        let slot = self.slot()?;
        let open = Open { socket: Socket::open(family, Transport::Tcp)?, slot };
        Ok(TcpSocket::in_state(self, family, State::Unbound(open)))
    }
}

impl TcpSocket {
    fn in_state(network: &Network, family: Family, state: State) -> TcpSocket {
        let (network, lease) = (network.clone(), network.rightless(Transport::Tcp));
        let (backlog, state) = (AtomicI32::new(BACKLOG), Mutex::new(state));
        TcpSocket(Arc::new(Tcp { network, lease, family, backlog, state }))
    }

    /// A socket that was connected by somebody else.
    pub(in crate::net) fn accepted(network: &Network, family: Family, conn: &Arc<Conn>) -> TcpSocket {
        TcpSocket::in_state(network, family, State::Connected(Arc::clone(conn)))
    }

    pub(in crate::net) fn network(&self) -> &Network {
        &self.0.network
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_live(&self, import: &'static str) -> Result<(), NetError> {
        Ok(self.lease().check_live(ActionId::NetBind, import)?)
    }

    /// Takes a local address, which is decided on first.
    ///
    /// # Errors
    /// [`NetError`]; after any of them the socket is as it was.
    pub fn start_bind(&self, local: SocketAddr, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let mut state = self.state();
        let State::Unbound(open) = &*state else { return Err(state.refusal()) };
        let local = check_local(local, self.0.family)?;
        let granted = self.0.network.decide_local::<NetBind>(local, Transport::Tcp, import)?;
        let local = granted.address()?;
        let standing = granted.into_standing();
        {
            let _begun = standing.entered(import)?;
            open.socket.bind(local, Transport::Tcp)?;
        }
        if let State::Unbound(open) = mem::replace(&mut *state, State::Closed) {
            *state = State::Binding(Bound { open, standing });
        }
        Ok(())
    }

    /// Ends what [`TcpSocket::start_bind`] began.
    ///
    /// # Errors
    /// [`NetError::NotInProgress`].
    pub fn finish_bind(&self, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let mut state = self.state();
        match mem::replace(&mut *state, State::Closed) {
            State::Binding(bound) => {
                *state = State::Bound(bound);
                Ok(())
            }
            other => {
                *state = other;
                Err(NetError::NotInProgress)
            }
        }
    }

    /// Begins to connect to an address, which is decided on first.
    ///
    /// # Errors
    /// [`NetError`]; after a denial or an argument that makes no sense the socket is as it was, otherwise closed.
    pub fn start_connect(&self, remote: SocketAddr, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let (mut state, network) = (self.state(), &self.0.network);
        let bound = match &*state {
            State::Unbound(_) => None,
            State::Bound(bound) => Some(&bound.standing),
            other => return Err(other.refusal()),
        };
        let route = Route::decide(network, bound, remote, self.0.family, import)?;
        let Open { socket, slot } = match mem::replace(&mut *state, State::Closed) {
            State::Unbound(open) | State::Bound(Bound { open, .. }) => open,
            other => {
                *state = other;
                return Err(state.refusal());
            }
        };
        *state = State::Connecting(Arc::new(Dialled::begin(network, route, socket, slot, import)?));
        Ok(())
    }

    /// Ends what [`TcpSocket::start_connect`] began.
    ///
    /// # Errors
    /// [`NetError::NotInProgress`], [`NetError::WouldBlock`], or how it failed; the socket is then closed.
    pub fn finish_connect(&self, import: &'static str) -> Result<(Reader, Writer), NetError> {
        self.check_live(import)?;
        let mut state = self.state();
        let State::Connecting(dialled) = &*state else { return Err(NetError::NotInProgress) };
        match dialled.finish(import) {
            Err(NetError::WouldBlock) => Err(NetError::WouldBlock),
            Err(error) => {
                *state = State::Closed;
                Err(error)
            }
            Ok(()) => {
                let conn = Arc::clone(&dialled.conn);
                let streams = (Reader::of(&conn), Writer::of(&conn));
                *state = State::Connected(conn);
                Ok(streams)
            }
        }
    }

    /// Begins to listen at the address it is bound to, which is decided on first as it is by now: with the port that
    /// the system chose, if it was to choose one.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] unless it is bound; after a denial it still is, otherwise closed.
    pub fn start_listen(&self, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let mut state = self.state();
        let State::Bound(bound) = &*state else { return Err(state.refusal()) };
        let local = bound.open.socket.local()?;
        let granted = self.0.network.decide_local::<NetListen>(local, Transport::Tcp, import)?;
        let standing = granted.into_standing().and(&bound.standing);
        let backlog = self.0.backlog.load(Ordering::Relaxed);
        let State::Bound(Bound { open, .. }) = mem::replace(&mut *state, State::Closed) else {
            return Err(NetError::InvalidState);
        };
        let line = {
            let begun = standing.entered(import)?;
            open.socket.listen(backlog)?;
            let line = Line::new(open.socket, open.slot)?;
            standing.tie(&begun, import, &line);
            line
        };
        *state = State::StartingToListen(Arc::new(Listening { line, standing }));
        Ok(())
    }

    /// Ends what [`TcpSocket::start_listen`] began.
    ///
    /// # Errors
    /// [`NetError::NotInProgress`].
    pub fn finish_listen(&self, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let mut state = self.state();
        let State::StartingToListen(listening) = &*state else { return Err(NetError::NotInProgress) };
        *state = State::Listening(Arc::clone(listening));
        Ok(())
    }

    pub(in crate::net) fn listening(&self) -> Result<Arc<Listening>, NetError> {
        match &*self.state() {
            State::Listening(listening) => Ok(Arc::clone(listening)),
            other => Err(other.refusal()),
        }
    }

    /// Ends one or both directions of the connection.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] unless it is connected.
    pub fn shutdown(&self, how: Shutdown, import: &'static str) -> Result<(), NetError> {
        let conn = match &*self.state() {
            State::Connected(conn) => Arc::clone(conn),
            other => return Err(other.refusal()),
        };
        conn.shut(how, import)
    }

    /// The address on this side.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] unless it is bound.
    pub fn local_address(&self, import: &'static str) -> Result<SocketAddr, NetError> {
        self.check_live(import)?;
        match &*self.state() {
            State::Bound(bound) => Ok(bound.open.socket.local()?),
            State::Connecting(dialled) => dialled.conn.line.with(Socket::local),
            State::Connected(conn) => conn.line.with(Socket::local),
            State::StartingToListen(listening) | State::Listening(listening) => {
                listening.line.with(Socket::local)
            }
            State::Unbound(_) | State::Binding(_) | State::Closed => Err(NetError::InvalidState),
        }
    }

    /// The address on the other side.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] unless it is connected.
    pub fn remote_address(&self, import: &'static str) -> Result<SocketAddr, NetError> {
        self.check_live(import)?;
        match &*self.state() {
            State::Connected(conn) => Ok(conn.remote),
            _ => Err(NetError::InvalidState),
        }
    }

    /// True when connections can be taken up.
    pub fn is_listening(&self) -> bool {
        matches!(&*self.state(), State::Listening(_))
    }

    /// Which addresses it speaks to.
    pub fn family(&self) -> Family {
        self.0.family
    }

    /// Says how many connections may wait to be taken up.
    ///
    /// # Errors
    /// [`NetError::InvalidArgument`] for none, [`NetError::InvalidState`] when it is no listener and never will be one.
    pub fn set_backlog(&self, value: u64, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        if value == 0 {
            return Err(NetError::InvalidArgument);
        }
        let state = self.state();
        let backlog = i32::try_from(value).unwrap_or(MAX_BACKLOG).min(MAX_BACKLOG);
        match &*state {
            State::Unbound(_) | State::Binding(_) | State::Bound(_) => {}
            State::StartingToListen(listening) | State::Listening(listening) => {
                let _begun = listening.standing.entered(import)?;
                listening.line.with(|socket| socket.listen(backlog))?;
            }
            State::Connecting(_) | State::Connected(_) | State::Closed => return Err(NetError::InvalidState),
        }
        self.0.backlog.store(backlog, Ordering::Relaxed);
        Ok(())
    }

    /// What an option is set to.
    ///
    /// # Errors
    /// [`NetError::InvalidState`] once it is closed.
    pub fn option(&self, option: SocketOption, import: &'static str) -> Result<u64, NetError> {
        self.check_live(import)?;
        self.with_socket(|socket| socket.option(option))
    }

    /// Sets an option, to the nearest that is possible. What it is for was decided or will be; this is not.
    ///
    /// # Errors
    /// [`NetError::InvalidArgument`] for 0 where that makes no sense.
    pub fn set_option(&self, option: SocketOption, value: u64, import: &'static str) -> Result<(), NetError> {
        self.check_live(import)?;
        let value = option.clamped(value).ok_or(NetError::InvalidArgument)?;
        self.with_socket(|socket| socket.set_option(option, value))
    }

    fn with_socket<R>(&self, act: impl FnOnce(&Socket) -> std::io::Result<R>) -> Result<R, NetError> {
        match &*self.state() {
            State::Unbound(open) | State::Binding(Bound { open, .. }) | State::Bound(Bound { open, .. }) => {
                Ok(act(&open.socket)?)
            }
            State::Connecting(dialled) => dialled.conn.line.with(act),
            State::Connected(conn) => conn.line.with(act),
            State::StartingToListen(listening) | State::Listening(listening) => listening.line.with(act),
            State::Closed => Err(NetError::InvalidState),
        }
    }

    /// Returns when the step under way can be finished, a connection waits to be taken up, or the permission was lost.
    pub async fn ready(&self) {
        enum Wait {
            Connect(Arc<Dialled>),
            Accept(Arc<Listening>),
        }
        let wait = match &*self.state() {
            State::Connecting(dialled) => Wait::Connect(Arc::clone(dialled)),
            State::Listening(listening) => Wait::Accept(Arc::clone(listening)),
            _ => return,
        };
        match wait {
            Wait::Connect(dialled) => dialled.conn.line.writable().await,
            Wait::Accept(listening) => listening.line.readable().await,
        }
    }

    /// The permission of the socket by itself, which carries no right: each step decides, and what it made has its own.
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }
}
