//! Taking up connections. Who is on the other side is decided on before a guest sees anything of it.

use crate::action::NetAccept;
use crate::net::connection::Conn;
use crate::net::sys::Socket;
use crate::net::{NetError, Reader, TcpSocket, Writer};
use crate::resource::Transport;

/// How many connections one call refuses before it lets others have a turn.
const REFUSED_AT_ONCE: usize = 64;

/// A connection that was taken up.
#[derive(Debug)]
pub struct Accepted {
    /// Its socket.
    pub socket: TcpSocket,
    /// What comes from the other side.
    pub reader: Reader,
    /// What goes there.
    pub writer: Writer,
}

impl TcpSocket {
    /// Takes up the next connection that is allowed; those before it that are not are reset and counted.
    ///
    /// # Errors
    /// [`NetError::WouldBlock`] when there is none, [`NetError::InvalidState`] unless it is listening.
    pub fn accept(&self, import: &'static str) -> Result<Accepted, NetError> {
        let (listening, network) = (self.listening()?, self.network());
        for _ in 0..REFUSED_AT_ONCE {
            // Before the connection is taken from the system: without a place for it, it stays there.
            let slot = network.slot()?;
            // Until what was taken up is tied to its own rights: a change waits for it, or finds it.
            let begun = listening.standing.entered(import).inspect_err(|_| listening.line.reset())?;
            let (socket, remote) = listening.line.try_read(Socket::accept)?;
            let Some(standing) = network.decide_incoming::<NetAccept>(remote, Transport::Tcp, import) else {
                socket.abort();
                continue;
            };
            let conn = Conn::new(socket, slot, standing, remote, network.lease(), &begun, import)?;
            let socket = TcpSocket::accepted(network, self.family(), &conn);
            return Ok(Accepted { socket, reader: Reader::of(&conn), writer: Writer::of(&conn) });
        }
        Err(NetError::WouldBlock)
    }
}
