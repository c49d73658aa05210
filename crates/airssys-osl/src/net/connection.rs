//! Making a connection: the one way out for sockets, and for whatever speaks over them.

use crate::action::NetConnect;
use crate::gate::{Denied, Lease};
use crate::net::decide::{check_remote, is_unicast};
use crate::net::line::{Line, Watcher};
use crate::net::slots::Slot;
use crate::net::standing::{Begun, Standing};
use crate::net::stream::Outbox;
use crate::net::sys::Socket;
use crate::net::{Family, NetError, Network, Reader, Writer};
use crate::resource::Transport;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::Notify;

/// A connection that was made.
#[derive(Debug)]
pub struct Connection {
    /// What comes from the other side.
    pub reader: Reader,
    /// What goes there.
    pub writer: Writer,
    /// The address on this side.
    pub local: SocketAddr,
    /// The address that was decided on.
    pub remote: SocketAddr,
}

/// Both directions of one connection.
#[derive(Debug)]
pub(in crate::net) struct Conn {
    pub(in crate::net) line: Arc<Line>,
    pub(in crate::net) standing: Standing,
    pub(in crate::net) lease: Lease,
    /// Where the other side is: what was decided on, or where it came from.
    pub(in crate::net) remote: SocketAddr,
    pub(in crate::net) input_ended: AtomicBool,
    pub(in crate::net) outbox: Mutex<Outbox>,
    pub(in crate::net) drained: Notify,
}

impl Conn {
    pub(in crate::net) fn new(
        socket: Socket,
        slot: Slot,
        standing: Standing,
        remote: SocketAddr,
        fallback: &Lease,
        begun: &Begun<'_>,
        import: &'static str,
    ) -> Result<Arc<Conn>, NetError> {
        let line = Line::new(socket, slot)?;
        let lease = standing.lease().unwrap_or(fallback).clone();
        let (outbox, drained) = (Mutex::new(Outbox::new(import)), Notify::new());
        let input_ended = AtomicBool::new(false);
        let conn = Arc::new(Conn { line, standing, lease, remote, input_ended, outbox, drained });
        conn.standing.tie(begun, import, &conn);
        Ok(conn)
    }

    /// Enters a use; a connection to whose use somebody has no right any more is reset.
    pub(in crate::net) fn entered(&self, import: &'static str) -> Result<Begun<'_>, Denied> {
        self.standing.entered(import).inspect_err(|_| self.line.reset())
    }
}

/// Where a connection may go, and on what it rests. Made by deciding; the address is the one that was decided on.
#[derive(Debug)]
pub(in crate::net) struct Route {
    standing: Standing,
    remote: SocketAddr,
}

impl Route {
    /// Decides on a connection, from a local address that was decided on before or from one that the system takes.
    pub(in crate::net) fn decide(
        network: &Network,
        bound: Option<&Standing>,
        remote: SocketAddr,
        family: Family,
        import: &'static str,
    ) -> Result<Route, NetError> {
        let remote = check_remote(remote, family)?;
        if !is_unicast(remote.ip()) {
            return Err(NetError::InvalidArgument);
        }
        let granted = network.decide_remote::<NetConnect>(remote, Transport::Tcp, import)?;
        let bound = match bound {
            Some(bound) => bound.clone(),
            None => network.decide_implicit_bind(Transport::Tcp, import)?,
        };
        let remote = granted.address()?;
        Ok(Route { standing: granted.into_standing().and(&bound), remote })
    }
}

/// A connection on its way.
#[derive(Debug)]
pub(in crate::net) struct Dialled {
    pub(in crate::net) conn: Arc<Conn>,
    deadline: Option<Instant>,
    _timer: Option<Watcher>,
}

impl Dialled {
    /// Sends the first packet.
    pub(in crate::net) fn begin(
        network: &Network,
        route: Route,
        socket: Socket,
        slot: Slot,
        import: &'static str,
    ) -> Result<Dialled, NetError> {
        let Route { standing, remote } = route;
        let conn = {
            let rights = standing.clone();
            let begun = rights.entered(import)?;
            socket.connect(remote).map_err(|error| NetError::from(error).connecting())?;
            Conn::new(socket, slot, standing, remote, network.lease(), &begun, import)?
        };
        let deadline = Instant::now().checked_add(network.shared().limits.connect_time);
        let _timer = deadline.and_then(|deadline| conn.line.until(deadline));
        Ok(Dialled { conn, deadline, _timer })
    }

    /// The connection, once it stands. Any error but `WouldBlock` is its end.
    pub(in crate::net) fn finish(&self, import: &'static str) -> Result<(), NetError> {
        let _begun = self.conn.entered(import)?;
        if self.conn.line.is_gone() {
            return Err(NetError::Timeout);
        }
        let late = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        match self.conn.line.try_write(Socket::connected) {
            Ok(()) => {
                self.conn.line.settle();
                Ok(())
            }
            Err(NetError::WouldBlock) if !late => Err(NetError::WouldBlock),
            Err(error) => {
                self.conn.line.reset();
                Err(if late { NetError::Timeout } else { error.connecting() })
            }
        }
    }
}

impl Network {
    /// Connects to an address, which is decided on first; the same way a guest's socket goes.
    ///
    /// # Errors
    /// [`NetError`]; [`NetError::Denied`] before anything was sent.
    pub async fn connect(&self, remote: SocketAddr, import: &'static str) -> Result<Connection, NetError> {
        let family = Family::of(&remote);
        let route = Route::decide(self, None, remote, family, import)?;
        let (slot, remote) = (self.slot()?, route.remote);
        let socket = Socket::open(family, Transport::Tcp)?;
        let dialled = Dialled::begin(self, route, socket, slot, import)?;
        loop {
            dialled.conn.line.writable().await;
            match dialled.finish(import) {
                Err(NetError::WouldBlock) => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        let (conn, local) = (&dialled.conn, dialled.conn.line.with(Socket::local)?);
        Ok(Connection { reader: Reader::of(conn), writer: Writer::of(conn), local, remote })
    }
}
