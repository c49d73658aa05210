//! Sockets by rustix, readiness by tokio.

use crate::net::NetError;
use crate::net::types::{Family, Shutdown, SocketOption};
use crate::resource::Transport;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketType, ipproto, sockopt};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::runtime::Handle;

/// A socket of the system that never makes its caller wait.
#[derive(Debug)]
pub(in crate::net) struct Socket {
    fd: OwnedFd,
    family: Family,
    /// Who will watch it. Known from the start, so that nothing is sent on a socket that nobody can wait for.
    runtime: Handle,
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Socket {
    /// A socket that reaches nothing yet. An IPv6 one never takes IPv4 with it. Made inside the runtime that watches it.
    pub(in crate::net) fn open(family: Family, transport: Transport) -> Result<Socket, NetError> {
        let runtime = Handle::try_current().map_err(|_| NetError::NotSupported)?;
        let domain = match family {
            Family::V4 => AddressFamily::INET,
            Family::V6 => AddressFamily::INET6,
        };
        let (kind, protocol) = match transport {
            Transport::Tcp => (SocketType::STREAM, ipproto::TCP),
            Transport::Udp => (SocketType::DGRAM, ipproto::UDP),
        };
        let fd = new_socket(domain, kind, protocol).map_err(|errno| match errno {
            Errno::AFNOSUPPORT => NetError::NotSupported,
            other => io::Error::from(other).into(),
        })?;
        if family == Family::V6 {
            sockopt::set_ipv6_v6only(&fd, true).map_err(io::Error::from)?;
        }
        Ok(Socket { fd, family, runtime })
    }

    pub(in crate::net) fn bind(&self, address: SocketAddr, transport: Transport) -> io::Result<()> {
        if transport == Transport::Tcp && address.port() != 0 {
            // A server that is started anew gets its port back from connections that only wait for their end.
            sockopt::set_socket_reuseaddr(self, true)?;
        }
        Ok(rustix::net::bind(self, &address)?)
    }

    pub(in crate::net) fn listen(&self, backlog: i32) -> io::Result<()> {
        Ok(rustix::net::listen(self, backlog)?)
    }

    /// Sends the first packet of a connection, and waits for nothing.
    pub(in crate::net) fn connect(&self, remote: SocketAddr) -> io::Result<()> {
        match rustix::net::connect(self, &remote) {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether the connection stands; `WouldBlock` while it does not and has not failed.
    pub(in crate::net) fn connected(&self) -> io::Result<()> {
        sockopt::socket_error(self)??;
        match rustix::net::getpeername(self) {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(Errno::NOTCONN) => Err(io::ErrorKind::WouldBlock.into()),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(in crate::net) fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let (fd, remote) = new_connection(self)?;
        let remote = remote.map(plain_address).unwrap_or_else(|| Err(io::ErrorKind::InvalidData.into()))?;
        Ok((Socket { fd, family: self.family, runtime: self.runtime.clone() }, remote))
    }

    pub(in crate::net) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (read, _) = rustix::net::recv(self, buffer, RecvFlags::empty())?;
        Ok(read)
    }

    pub(in crate::net) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self, bytes, NO_SIGNAL)?)
    }

    pub(in crate::net) fn receive_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (read, _, remote) = rustix::net::recvfrom(self, buffer, RecvFlags::empty())?;
        let remote = remote.map(plain_address).unwrap_or_else(|| Err(io::ErrorKind::InvalidData.into()))?;
        Ok((read, remote))
    }

    pub(in crate::net) fn send_to(&self, bytes: &[u8], remote: SocketAddr) -> io::Result<usize> {
        Ok(rustix::net::sendto(self, bytes, NO_SIGNAL, &remote)?)
    }

    pub(in crate::net) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Receive => rustix::net::Shutdown::Read,
            Shutdown::Send => rustix::net::Shutdown::Write,
            Shutdown::Both => rustix::net::Shutdown::Both,
        };
        Ok(rustix::net::shutdown(self, how)?)
    }

    /// Throws away what the system still holds for the other side, which is told by a reset.
    pub(in crate::net) fn abort(&self) {
        // Closing resets from now on. The second call does so at once on Linux, also while somebody else holds the
        // socket for a moment; where it is not possible, closing has to do.
        let _ = sockopt::set_socket_linger(self, Some(Duration::ZERO));
        #[cfg(target_os = "linux")]
        let _ = rustix::net::connect_unspec(self);
    }

    pub(in crate::net) fn local(&self) -> io::Result<SocketAddr> {
        plain_address(rustix::net::getsockname(self)?)
    }

    pub(in crate::net) fn option(&self, option: SocketOption) -> io::Result<u64> {
        Ok(match option {
            SocketOption::KeepAlive => u64::from(sockopt::socket_keepalive(self)?),
            SocketOption::KeepAliveIdle => nanoseconds(sockopt::tcp_keepidle(self)?),
            SocketOption::KeepAliveInterval => nanoseconds(sockopt::tcp_keepintvl(self)?),
            SocketOption::KeepAliveCount => u64::from(sockopt::tcp_keepcnt(self)?),
            SocketOption::HopLimit => match self.family {
                Family::V4 => u64::from(sockopt::ip_ttl(self)?),
                Family::V6 => u64::from(sockopt::ipv6_unicast_hops(self)?),
            },
            SocketOption::ReceiveBuffer => usable(sockopt::socket_recv_buffer_size(self)?),
            SocketOption::SendBuffer => usable(sockopt::socket_send_buffer_size(self)?),
        })
    }

    /// Sets an option to a value that is within its bounds already.
    pub(in crate::net) fn set_option(&self, option: SocketOption, value: u64) -> io::Result<()> {
        let small = u32::try_from(value).unwrap_or(u32::MAX);
        match option {
            SocketOption::KeepAlive => sockopt::set_socket_keepalive(self, value != 0)?,
            SocketOption::KeepAliveIdle => sockopt::set_tcp_keepidle(self, Duration::from_nanos(value))?,
            SocketOption::KeepAliveInterval => sockopt::set_tcp_keepintvl(self, Duration::from_nanos(value))?,
            SocketOption::KeepAliveCount => sockopt::set_tcp_keepcnt(self, small)?,
            SocketOption::HopLimit => match self.family {
                Family::V4 => sockopt::set_ip_ttl(self, small)?,
                Family::V6 => {
                    sockopt::set_ipv6_unicast_hops(self, Some(u8::try_from(value).unwrap_or(u8::MAX)))?;
                }
            },
            SocketOption::ReceiveBuffer => sockopt::set_socket_recv_buffer_size(self, small as usize)?,
            SocketOption::SendBuffer => sockopt::set_socket_send_buffer_size(self, small as usize)?,
        }
        Ok(())
    }
}

/// A write to a connection that is gone is an error and not a signal to the process.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

#[cfg(not(target_vendor = "apple"))]
fn new_socket(
    domain: AddressFamily,
    kind: SocketType,
    protocol: rustix::net::Protocol,
) -> rustix::io::Result<OwnedFd> {
    use rustix::net::SocketFlags;
    rustix::net::socket_with(domain, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, Some(protocol))
}

#[cfg(target_vendor = "apple")]
fn new_socket(
    domain: AddressFamily,
    kind: SocketType,
    protocol: rustix::net::Protocol,
) -> rustix::io::Result<OwnedFd> {
    made_quiet(rustix::net::socket(domain, kind, Some(protocol))?)
}

#[cfg(not(target_vendor = "apple"))]
fn new_connection(listening: &Socket) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    use rustix::net::SocketFlags;
    rustix::net::acceptfrom_with(listening, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)
}

#[cfg(target_vendor = "apple")]
fn new_connection(listening: &Socket) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (fd, remote) = rustix::net::acceptfrom(listening)?;
    Ok((made_quiet(fd)?, remote))
}

#[cfg(target_vendor = "apple")]
fn made_quiet(fd: OwnedFd) -> rustix::io::Result<OwnedFd> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
    sockopt::set_socket_nosigpipe(&fd, true)?;
    Ok(fd)
}

/// Without zone and flow, which are neither shown nor judged.
fn plain_address(address: SocketAddrAny) -> io::Result<SocketAddr> {
    let address = SocketAddr::try_from(address)?;
    Ok(SocketAddr::new(address.ip(), address.port()))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Linux tells twice what was asked for, the other half being its own.
fn usable(size: usize) -> u64 {
    let size = if cfg!(target_os = "linux") { size / 2 } else { size };
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// A socket whose readiness is watched.
#[derive(Debug)]
pub(in crate::net) struct Io(AsyncFd<Socket>);

impl Io {
    /// Watches a socket that is bound, connecting or connected.
    #[expect(
        deprecated,
        reason = "its successor is unsafe; a `Socket` owns its descriptor and has only the one"
    )]
    pub(in crate::net) fn new(socket: Socket) -> Result<Io, NetError> {
        let runtime = socket.runtime.clone();
        let _inside = runtime.enter();
        // It panics in a runtime that watches nothing, which an embedder may have built; a guest must not meet that.
        let watched = catch_unwind(AssertUnwindSafe(|| AsyncFd::new(socket)));
        Ok(Io(watched.map_err(|_| NetError::NotSupported)??))
    }

    pub(in crate::net) fn socket(&self) -> &Socket {
        self.0.get_ref()
    }

    /// Where tasks for it run.
    pub(in crate::net) fn runtime(&self) -> &Handle {
        &self.0.get_ref().runtime
    }

    /// Does what reads, if there may be something to read; otherwise `WouldBlock`.
    pub(in crate::net) fn try_read<R>(&self, act: impl FnMut(&Socket) -> io::Result<R>) -> io::Result<R> {
        self.attempt(Interest::READABLE, act)
    }

    /// Does what writes, if there may be room; otherwise `WouldBlock`.
    pub(in crate::net) fn try_write<R>(&self, act: impl FnMut(&Socket) -> io::Result<R>) -> io::Result<R> {
        self.attempt(Interest::WRITABLE, act)
    }

    fn attempt<R>(&self, what: Interest, mut act: impl FnMut(&Socket) -> io::Result<R>) -> io::Result<R> {
        self.0.try_io(what, |socket| {
            loop {
                match act(socket) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            }
        })
    }

    /// True when there may be room to write.
    pub(in crate::net) fn has_room(&self) -> bool {
        self.0.poll_write_ready(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Returns when there may be something to read. An error is reported by the read.
    pub(in crate::net) async fn readable(&self) {
        let _: Option<Ready> = self.0.readable().await.ok().map(|guard| guard.ready());
    }

    /// Returns when there may be room to write. An error is reported by the write.
    pub(in crate::net) async fn writable(&self) {
        let _: Option<Ready> = self.0.writable().await.ok().map(|guard| guard.ready());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::OFlags;
    use rustix::io::FdFlags;

    #[tokio::test]
    async fn no_socket_makes_its_caller_wait_nor_outlives_an_exec_nor_shares_its_port() {
        let quiet = |socket: &Socket| {
            assert!(rustix::io::fcntl_getfd(socket).unwrap().contains(FdFlags::CLOEXEC));
            assert!(rustix::fs::fcntl_getfl(socket).unwrap().contains(OFlags::NONBLOCK));
            assert!(!sockopt::socket_reuseport(socket).unwrap());
        };
        for (family, any) in [(Family::V4, "127.0.0.1:0"), (Family::V6, "[::1]:0")] {
            let Ok(socket) = Socket::open(family, Transport::Udp) else {
                eprintln!("SKIPPED {family:?}: this machine has none");
                continue;
            };
            quiet(&socket);
            socket.bind(any.parse().unwrap(), Transport::Udp).unwrap();
            assert!(!sockopt::socket_reuseaddr(&socket).unwrap(), "two would get datagrams of one port");
            let (listening, dialling) = (
                Socket::open(family, Transport::Tcp).unwrap(),
                Socket::open(family, Transport::Tcp).unwrap(),
            );
            listening.bind(any.parse().unwrap(), Transport::Tcp).unwrap();
            listening.listen(1).unwrap();
            dialling.connect(listening.local().unwrap()).unwrap();
            let accepted = loop {
                match listening.accept() {
                    Ok((accepted, _)) => break accepted,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            [&listening, &dialling, &accepted].into_iter().for_each(quiet);
        }
    }
}
