//! A held process makes no connection that it does not need, has no system call that it has no use for, and reaches no other
//! process.
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
use rustix::process::{Pid, Signal};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};

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

/// Runs the same test in a process of its own, which is told to be the one that is held, and has what it said.
fn held(test: &str, told: &str) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let out = child.args([test, "--exact", "--nocapture"]).env(CHILD, told).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
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
    let said = held(test, &listener.local_addr().unwrap().to_string());
    for (what, refused) in
        [("fast open", Errno::PERM), ("multipath", Errno::PERM), ("connect", Errno::ACCESS)]
    {
        assert!(said.contains(&format!("{what}: Some({refused:?})")), "{what}: {said}");
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody has connected");
}

/// A system call by its name, and what the system answered.
fn answer<T>(what: &str, answered: Result<T, impl Into<std::io::Error>>) {
    let error = answered.err().map(|error| error.into().raw_os_error());
    println!("{what}: {error:?}");
}

/// What no host of components does.
fn hostile() {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    answer("clock_settime", rustix::time::clock_settime(rustix::time::ClockId::Realtime, time));
    answer("sethostname", rustix::system::sethostname(b"airssys"));
    answer("chroot", rustix::process::chroot("/"));
    answer("mount", rustix::mount::mount_bind("/", "/"));
    answer("unmount", rustix::mount::unmount("/", rustix::mount::UnmountFlags::empty()));
    answer("setpriority", rustix::process::setpriority_process(None, 1));
    answer("setsid", rustix::process::setsid());
    answer(
        "mkfifo",
        rustix::fs::mknodat(rustix::fs::CWD, "fifo", rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0),
    );
    answer("setxattr", rustix::fs::setxattr("/", "user.x", b"", rustix::fs::XattrFlags::empty()));
}

/// What is on the list, with arguments that are of no use.
fn by_arguments() {
    let of = |family, kind| socket(family, kind, None).map(drop);
    answer("raw", of(AddressFamily::INET, SocketType::RAW));
    answer("packet", of(AddressFamily::PACKET, SocketType::RAW));
    answer("netlink", of(AddressFamily::NETLINK, SocketType::RAW));
    answer("vsock", of(AddressFamily::VSOCK, SocketType::STREAM));
    answer("datagrams", UdpSocket::bind("127.0.0.1:0"));
    answer("local", UnixDatagram::unbound());
    answer("dumpable", rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable));
    // Without the filter: that this is no terminal.
    answer("terminal", rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush));
    let parent = rustix::process::getppid().unwrap();
    answer("signal", rustix::process::kill_process(parent, Signal::CONT));
    answer("start", Command::new("/proc/self/exe").arg("--list").spawn());
}

#[test]
fn what_a_host_has_no_use_for_is_refused_also_in_another_thread() {
    if std::env::var_os(CHILD).is_some() {
        println!("held: {:?}", harden_ambient(&HostNeeds::default()).err());
        let all = || (hostile(), by_arguments());
        std::thread::spawn(all).join().unwrap();
        all();
        return;
    }
    let said = held("what_a_host_has_no_use_for_is_refused_also_in_another_thread", "1");
    let twice = |what: &str, errno: i32| {
        let line = format!("{what}: Some(Some({errno}))");
        assert_eq!(said.lines().filter(|said| **said == *line).count(), 2, "{what}: {said}");
    };
    for what in ["clock_settime", "sethostname", "chroot", "mount", "unmount", "setpriority", "setsid"] {
        twice(what, libc::ENOSYS);
    }
    for what in ["mkfifo", "setxattr", "signal"] {
        twice(what, libc::ENOSYS);
    }
    for what in ["raw", "packet", "netlink", "vsock", "datagrams", "local", "dumpable", "terminal"] {
        twice(what, libc::EPERM);
    }
    assert!(said.matches("start: Some(").count() == 2 && !said.contains("None\n"), "{said}");
}

/// Whether Landlock knows signals and abstract sockets here: since Linux 6.12.
fn has_scopes() -> bool {
    let name = rustix::system::uname();
    let mut numbers = name.release().to_str().unwrap().split(['.', '-']).map_while(|part| part.parse().ok());
    (numbers.next(), numbers.next()) >= (Some(6_u32), Some(12))
}

#[test]
fn another_process_is_neither_killed_nor_spoken_to() {
    if let Ok(told) = std::env::var(CHILD) {
        let (victim, name) = told.split_once(' ').unwrap();
        let execute = [std::env::current_exe().unwrap()].into();
        let needs = HostNeeds { local: true, execute, ..HostNeeds::default() };
        println!("held: {:?}", harden_ambient(&needs).err());
        let victim = Pid::from_raw(victim.parse().unwrap()).unwrap();
        answer("kill", rustix::process::kill_process(victim, Signal::KILL));
        answer("signal", rustix::process::kill_process(victim, Signal::TERM));
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        answer("speak", UnixStream::connect_addr(&address));
        return;
    }
    if !has_scopes() {
        return;
    }
    let mut victim = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let name = format!("airssys-{}", victim.id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _listens = UnixListener::bind_addr(&address).unwrap();
    let told = format!("{} {name}", victim.id());
    let said = held("another_process_is_neither_killed_nor_spoken_to", &told);
    for what in ["kill", "signal", "speak"] {
        assert!(said.contains(&format!("{what}: Some(Some({}))", libc::EPERM)), "{said}");
    }
    assert!(victim.try_wait().unwrap().is_none(), "it was killed");
    drop(victim.stdin.take());
    assert!(victim.wait().unwrap().success());
}
