//! The verbs on the network. std for WASI 0.1 has no sockets, so these are the interfaces themselves.

use std::io::{self, Write};
use std::net::SocketAddrV4;

use wasip2::cli::stdout::get_stdout;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

/// Does `words` if they are a verb of this module.
pub(crate) fn run(words: &[&str]) -> Option<io::Result<()>> {
    Some(match *words {
        ["tcp", address, text] => tell(address, text),
        _ => return None,
    })
}

/// Sends one line, and prints the answer.
fn tell(address: &str, line: &str) -> io::Result<()> {
    let address: SocketAddrV4 =
        address.parse().map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let [a, b, c, d] = address.ip().octets();
    let remote = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: address.port(), address: (a, b, c, d) });
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(error)?;
    socket.start_connect(&instance_network(), remote).map_err(error)?;
    socket.subscribe().block();
    let (input, output) = socket.finish_connect().map_err(error)?;
    output.blocking_write_and_flush(format!("{line}\n").as_bytes()).map_err(io::Error::other)?;
    io::stdout().flush()?;
    // From stream to stream: in a command of WASI 0.1 the linker has each export run the constructors, `cabi_realloc`
    // too, and these ask the host for its directories, which nobody may while a list is being handed over.
    get_stdout().blocking_splice(&input, 4096).map_err(io::Error::other)?;
    Ok(())
}

fn error(code: ErrorCode) -> io::Error {
    let kind = match code {
        ErrorCode::AccessDenied => io::ErrorKind::PermissionDenied,
        ErrorCode::ConnectionRefused => io::ErrorKind::ConnectionRefused,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, code)
}
