//! The life of a served system, in a process of its own: ready, read anew on SIGHUP, ended in order on SIGTERM, at once on
//! a second one; and what is told of its health meanwhile.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests prepare and look at real files, sockets and processes"
)]

mod serve_support;

use airssys_osl::host_signals::HostSignals;
use airssys_wasm::serve::config::SystemConfig;
use airssys_wasm::serve::metrics::Metrics;
use airssys_wasm::serve::{Event, Patience, Served, run};
use rustix::process::{Pid, Signal, kill_process};
use serve_support::fake::Fake;
use serve_support::{LONG, hasty};
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

/// What the child is to be.
const ERRAND: &str = "AIRSSYS_TEST_ERRAND";

/// The server, in the child: how long it may take to end, and how its system is.
#[test]
fn errand() {
    let Ok(errand) = std::env::var(ERRAND) else { return };
    let [directory, shutdown_ms, how] = errand.split(' ').collect::<Vec<_>>()[..] else { panic!("{errand}") };
    let text = format!("[serve]\nstate = 's'\ncontrol = 'c'\nmetrics = '0'\nshutdown_ms = {shutdown_ms}\n");
    let config = SystemConfig::parse(&text, Path::new("airssys.toml"), Path::new(directory)).unwrap();
    let fake = Arc::new(Fake::default());
    fake.ready.store(how != "broken", Ordering::Relaxed);
    if how != "stuck" {
        fake.go.add_permits(1);
    }
    let served = Served {
        controls: Arc::clone(&fake) as _,
        system: Arc::clone(&fake) as _,
        metrics: Metrics::default(),
        patience: if how == "patient" { Patience { head: LONG * 10, ..hasty() } } else { hasty() },
    };
    let tell = |event: Event| println!("\nevent: {event:?}");
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ended = executor
        .block_on(async { run(&config, served, HostSignals::listen_ambient().unwrap(), &tell).await });
    println!("\nevent: {ended:?}");
}

struct Server {
    directory: TempDir,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    metrics: String,
}

impl Server {
    fn start(shutdown_ms: u32, how: &str) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "errand", "--nocapture", "--test-threads=1"]).stdout(Stdio::piped());
        command.env(ERRAND, format!("{} {shutdown_ms} {how}", directory.path().display()));
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Server { directory, child, lines, metrics: String::new() };
        let ready = server.event();
        assert!(ready.starts_with("Ready"), "{ready}");
        let (_, address) = ready.split_once("Some(").unwrap();
        server.metrics = address.split_once(')').unwrap().0.to_owned();
        server
    }

    /// The next event.
    fn event(&mut self) -> String {
        let found = self
            .lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix("event: ").map(str::to_owned));
        found.expect("an event")
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), signal).unwrap();
    }

    fn ask(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_second_sigterm_ends_at_once_what_does_not_end() {
    let mut server = Server::start(600_000, "stuck");
    server.signal(Signal::TERM);
    assert_eq!(server.event(), "Ending");
    assert!(server.ask("/readyz").starts_with("HTTP/1.1 503"), "who ends is not ready");
    assert!(server.ask("/healthz").starts_with("HTTP/1.1 200"), "who ends is alive");
    server.signal(Signal::HUP);
    server.signal(Signal::TERM);
    assert_eq!(server.event(), "Aborting");
    assert_eq!(server.event(), "Ok(Ended { aborted: true, late: [], failed: None })");
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn what_does_not_end_in_time_is_named() {
    let mut server = Server::start(100, "stuck");
    server.signal(Signal::TERM);
    assert_eq!(server.event(), "Ending");
    assert_eq!(server.event(), "Ok(Ended { aborted: false, late: [\"acme/thumb\"], failed: None })");
}

#[test]
fn a_reload_that_fails_is_told_and_the_server_goes_on() {
    let mut server = Server::start(60_000, "broken");
    assert!(server.ask("/readyz").starts_with("HTTP/1.1 503"));
    server.signal(Signal::HUP);
    let said = server.event();
    assert!(said.starts_with("NotReloaded") && said.contains("policy.cedar:1:1: broken"), "{said}");
    assert!(server.ask("/healthz").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_second_server_does_not_take_the_socket_of_the_first() {
    let server = Server::start(60_000, "well");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "errand", "--nocapture", "--test-threads=1"]);
    let output =
        command.env(ERRAND, format!("{} 1 well", server.directory.path().display())).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("Live") && !said.contains("Ready"), "{said}");
    assert!(server.ask("/healthz").starts_with("HTTP/1.1 200"));
}

#[test]
fn whoever_stalls_at_the_health_address_keeps_nobody_out() {
    let server = Server::start(60_000, "patient");
    let stalled: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&server.metrics).unwrap()).collect();
    assert!(server.ask("/healthz").starts_with("HTTP/1.1 200"));
    drop(stalled);
    for path in ["/", "/v1/status", "/metrics/x"] {
        assert!(server.ask(path).starts_with("HTTP/1.1 404"), "{path}");
    }
}

#[test]
fn a_server_is_ready_reads_anew_on_sighup_and_ends_in_order_on_sigterm() {
    let mut server = Server::start(60_000, "well");
    assert!(server.directory.path().join("c").exists());
    assert!(server.ask("/readyz").starts_with("HTTP/1.1 200"));
    let page = server.ask("/metrics");
    assert!(page.contains("airssys_mailbox_depth{component=\"acme/thumb\"} 3"), "{page}");
    assert!(page.to_lowercase().contains("content-type: application/openmetrics-text"), "{page}");
    server.signal(Signal::HUP);
    assert_eq!(server.event(), "Reloaded(\"all of it\")");
    server.signal(Signal::TERM);
    assert_eq!(server.event(), "Ending");
    assert_eq!(server.event(), "Ok(Ended { aborted: false, late: [], failed: None })");
    assert!(server.child.wait().unwrap().success());
    assert!(!server.directory.path().join("c").exists(), "the socket's name is taken away");
}
