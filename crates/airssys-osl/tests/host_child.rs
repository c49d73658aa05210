//! A confined child computes, and can do nothing else.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

use airssys_osl::host_child::{ChildLimits, confine_ambient};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

const CHILD: &str = "AIRSSYS_TEST_CONFINED";

fn limits() -> ChildLimits {
    ChildLimits { wall: Duration::MAX, cpu: Duration::from_secs(20), memory: 1 << 30, output: u64::MAX }
}

/// What is tried, and whether it was refused.
fn tried() -> Vec<(&'static str, bool)> {
    let refused =
        |done: std::io::Result<()>| done.is_err_and(|error| error.raw_os_error() == Some(libc::EPERM));
    vec![
        ("open a file", refused(std::fs::File::open("/etc/passwd").map(drop))),
        ("make a file", refused(std::fs::write("/tmp/airssys-confined", ""))),
        ("list a directory", refused(std::fs::read_dir("/").map(drop))),
        ("look at a file", refused(std::fs::metadata("/etc/passwd").map(drop))),
        ("remove a file", refused(std::fs::remove_file("/tmp/airssys-not-there"))),
        ("connect", refused(TcpStream::connect("127.0.0.1:1").map(drop))),
        ("listen", refused(TcpListener::bind("127.0.0.1:0").map(drop))),
        ("send", refused(UdpSocket::bind("127.0.0.1:0").map(drop))),
        ("a local socket", refused(UnixDatagram::unbound().map(drop))),
        ("start a program", Command::new("/bin/true").spawn().is_err()),
        ("look at its parent", refused(std::fs::read_link("/proc/self/exe").map(drop))),
    ]
}

#[test]
fn a_confined_child_opens_connects_and_starts_nothing_also_from_another_thread() {
    if std::env::var_os(CHILD).is_some() {
        // Of a process with one thread; the others of a test's harness stay as they are.
        confine_ambient(&limits()).unwrap();
        let elsewhere = std::thread::spawn(tried).join().unwrap();
        for (what, refused) in tried().into_iter().chain(elsewhere) {
            println!("{what}: {}", if refused { "refused" } else { "DONE" });
        }
        println!("sum: {}", (0..1_000_000_u64).sum::<u64>());
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let test = "a_confined_child_opens_connects_and_starts_nothing_also_from_another_thread";
    let said = child.args([test, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.matches(": refused").count(), 22, "{said}");
    assert!(!said.contains("DONE") && said.contains("sum: 499999500000"), "{said}");
}

#[test]
fn a_confined_child_has_no_more_memory_and_time_than_it_was_given() {
    let spent = |kind: &str| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let test = "a_confined_child_has_no_more_memory_and_time_than_it_was_given";
        child.args([test, "--exact", "--nocapture"]).env(CHILD, kind).output().unwrap().status
    };
    match std::env::var(CHILD).as_deref() {
        Ok("memory") => {
            confine_ambient(&limits()).unwrap();
            let taken: Vec<u8> = vec![1; 3 << 30];
            println!("{}", taken.len());
        }
        Ok("time") => {
            confine_ambient(&ChildLimits { cpu: Duration::from_secs(1), ..limits() }).unwrap();
            loop {
                std::hint::spin_loop();
            }
        }
        _ => assert!(!spent("memory").success() && !spent("time").success()),
    }
}
