//! Ways to a connection that Landlock is not asked about.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test"
)]

use airssys_osl::host_harden::{HostNeeds, Ports, harden_ambient};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, RawProtocol, SendFlags, SocketType, sendto, socket};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

const CHILD: &str = "AIRSSYS_TEST_HARDENED";

/// What becomes of a connection with the first bytes, of one of several paths, and of an ordinary one.
fn tried(to: SocketAddr) {
    let fast_open = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.unsigned_abs());
    let stream = || socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    println!("fast open: {:?}", sendto(stream(), b"x", fast_open, &to).err());
    let multipath = Protocol::from_raw(RawProtocol::new(libc::IPPROTO_MPTCP.unsigned_abs()).unwrap());
    println!("multipath: {:?}", socket(AddressFamily::INET, SocketType::STREAM, Some(multipath)).err());
    println!("connect: {:?}", rustix::net::connect(stream(), &to).err());
}

#[test]
fn a_port_that_is_not_needed_is_reached_in_no_other_way_either() {
    if let Ok(to) = std::env::var(CHILD) {
        let needs = HostNeeds { connect: Ports::These([1].into()), ..HostNeeds::default() };
        // The harness has a thread of its own, which is told; this one is held.
        println!("held: {:?}", harden_ambient(&needs).err());
        return tried(to.parse().unwrap());
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let test = "a_port_that_is_not_needed_is_reached_in_no_other_way_either";
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).env(CHILD, listener.local_addr().unwrap().to_string());
    let said = String::from_utf8(child.output().unwrap().stdout).unwrap();
    for (what, refused) in
        [("fast open", Errno::PERM), ("multipath", Errno::PERM), ("connect", Errno::ACCESS)]
    {
        assert!(said.contains(&format!("{what}: Some({refused:?})")), "{what}: {said}");
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody has connected");
}
