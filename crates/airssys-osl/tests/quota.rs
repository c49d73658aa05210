//! Bytes in total and by the second: what is left goes through, the next byte does not, and one record says so.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

mod common;
mod net_common;

use airssys_osl::action::{StdioRead, StdioWrite};
use airssys_osl::fs::FsError;
use airssys_osl::net::{Datagram, NetError, Outgoing};
use airssys_osl::stdio::{Input, Memory, Output, Sink, Source, StdioError};
use airssys_osl::{Allowance, LimitExceeded, Session, Stdio};
use common::{CREATE, IMPORT, Log, READ, Script, World};
use net_common::{Guest, soon};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

const READS: LimitExceeded = LimitExceeded::new("read_bytes_total", 10);
const WRITES: LimitExceeded = LimitExceeded::new("write_bytes_total", 10);

fn ten() -> Allowance {
    Allowance { read_bytes_total: 10, write_bytes_total: 10, ..Allowance::default() }
}

/// One record for each limit, however often it was met.
#[track_caller]
fn assert_met(session: &Session, log: &Log, met: &[LimitExceeded]) {
    assert_eq!(session.exceeded(), met);
    let told: Vec<_> = met.iter().map(LimitExceeded::to_string).collect();
    assert_eq!(*log.notes.lock().unwrap(), told);
}

#[test]
fn a_file_is_read_to_the_last_byte_that_is_left_and_no_further() {
    let world = World::within(ten());
    world.file("long", "0123456789+").file("whole", "0123456789");
    let node = world.open("long", READ).unwrap();
    let file = node.file().unwrap();
    assert_eq!(file.read_at(4, 0, IMPORT).unwrap(), b"0123");
    assert_eq!(file.read_into(&mut [0; 64], 4, IMPORT).unwrap(), 6);
    assert_met(&world.session, &world.log, &[]);
    for _ in 0..2 {
        assert!(matches!(file.read_at(1, 10, IMPORT), Err(FsError::Limit(READS))));
        assert!(matches!(file.read_into(&mut [0; 1], 10, IMPORT), Err(FsError::Limit(READS))));
    }
    assert_met(&world.session, &world.log, &[READS]);
    assert_eq!(file.read_at(1, 11, IMPORT).unwrap(), b"", "the end is no byte");
    let world = World::within(ten());
    world.file("whole", "0123456789");
    let node = world.open("whole", READ).unwrap();
    assert_eq!(node.file().unwrap().read_at(64, 0, IMPORT).unwrap(), b"0123456789");
    assert_eq!(node.file().unwrap().read_at(64, 10, IMPORT).unwrap(), b"");
    assert_met(&world.session, &world.log, &[]);
}

#[test]
fn a_file_is_written_to_the_last_byte_that_is_left_and_no_further() {
    let world = World::within(ten());
    let node = world.open("new", CREATE).unwrap();
    let file = node.file().unwrap();
    assert_eq!(file.write_at(b"0123", 0, IMPORT).unwrap(), 4);
    assert_eq!(file.append(b"456789+", IMPORT).unwrap(), 6);
    assert_met(&world.session, &world.log, &[]);
    assert!(matches!(file.write_at(b"+", 10, IMPORT), Err(FsError::Limit(WRITES))));
    assert!(matches!(file.append(b"+", IMPORT), Err(FsError::Limit(WRITES))));
    assert_eq!(file.write_at(b"", 0, IMPORT).unwrap(), 0);
    assert_eq!(world.on_disk("new"), "0123456789");
    assert_met(&world.session, &world.log, &[WRITES]);
}

#[test]
fn what_was_asked_for_and_not_read_costs_nothing() {
    let world = World::within(ten());
    world.file("short", "01234");
    let node = world.open("short", READ).unwrap();
    let file = node.file().unwrap();
    assert_eq!(file.read_at(64, 0, IMPORT).unwrap(), b"01234");
    assert_eq!(file.read_into(&mut [0; 64], 0, IMPORT).unwrap(), 5);
    assert_met(&world.session, &world.log, &[]);
}

fn stdio(allowance: Allowance) -> (Arc<Session>, Arc<Log>) {
    let log = Arc::new(Log::default());
    (common::session_within(&Script::new(|_, _| true), &log, allowance), log)
}

fn output(session: &Arc<Session>, which: Stdio) -> (Output, Memory) {
    let memory = Memory::bounded(1 << 20);
    let permit = session.authorize::<StdioWrite>(which, IMPORT).unwrap();
    (Output::new(permit, Sink::Memory(memory.clone())).unwrap(), memory)
}

#[test]
fn output_ends_with_the_last_byte_that_is_left() {
    let (session, log) = stdio(ten());
    let (stdout, written) = output(&session, Stdio::Stdout);
    assert_eq!(stdout.budget(IMPORT).unwrap(), 10);
    assert!(matches!(stdout.write(b"0123456789+", IMPORT), Err(StdioError::Limit(WRITES))));
    stdout.write(b"0123456789", IMPORT).unwrap();
    assert_eq!(stdout.budget(IMPORT).unwrap(), 1, "only the byte that is one too many exceeds anything");
    assert!(matches!(stdout.write(b"+", IMPORT), Err(StdioError::Limit(WRITES))));
    stdout.write(b"", IMPORT).unwrap();
    assert_eq!(written.contents(), b"0123456789");
    assert_met(&session, &log, &[WRITES]);
}

#[test]
fn output_and_errors_share_what_a_second_brings() {
    let allowance = Allowance { output_bytes_per_second: 60_000, ..Allowance::default() };
    let (session, log) = stdio(allowance);
    let (stdout, _) = output(&session, Stdio::Stdout);
    let (stderr, _) = output(&session, Stdio::Stderr);
    let piece = vec![b'x'; 60_000];
    assert!(stdout.write(&vec![b'x'; 60_001], IMPORT).is_err(), "more than there ever is at once");
    stdout.write(&piece, IMPORT).unwrap();
    let rate = LimitExceeded::new("output_bytes_per_second", 60_000);
    assert!(matches!(stderr.write(&piece, IMPORT), Err(StdioError::Limit(exceeded)) if exceeded == rate));
    std::thread::sleep(Duration::from_millis(1100));
    stderr.write(&piece, IMPORT).unwrap();
    assert_met(&session, &log, &[rate]);
}

#[test]
fn input_ends_with_the_last_byte_that_is_left() {
    let (session, log) = stdio(ten());
    let input = |text: &'static [u8]| {
        let permit = session.authorize::<StdioRead>(Stdio::Stdin, IMPORT).unwrap();
        Input::new(permit, Source::Bytes(text.into()))
    };
    let whole = input(b"0123");
    assert_eq!(&whole.read(64, IMPORT).unwrap()[..], b"0123");
    let long = input(b"456789+");
    assert_eq!(&long.read(64, IMPORT).unwrap()[..], b"456789");
    assert!(matches!(whole.read(64, IMPORT), Err(StdioError::Closed)), "the end is no byte");
    assert_met(&session, &log, &[]);
    assert!(matches!(long.read(1, IMPORT), Err(StdioError::Limit(READS))));
    assert!(matches!(long.read(1, IMPORT), Err(StdioError::Limit(READS))));
    assert_eq!(&long.read(0, IMPORT).unwrap()[..], b"");
    assert_met(&session, &log, &[READS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_carries_what_is_left_in_each_direction() {
    let guest = Guest::within(ten());
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_socket, reader, writer) = guest.connect(listening.local_addr().unwrap()).await.unwrap();
    let (mut peer, _) = listening.accept().unwrap();
    assert_eq!(writer.budget(IMPORT).unwrap(), 10);
    assert!(matches!(writer.write("0123456789+".into(), IMPORT), Err(NetError::Limit(WRITES))));
    writer.write("0123456789".into(), IMPORT).unwrap();
    assert_eq!(writer.budget(IMPORT).unwrap(), 1);
    assert!(matches!(writer.write("+".into(), IMPORT), Err(NetError::Limit(WRITES))));
    peer.read_exact(&mut [0; 10]).unwrap();
    peer.write_all(b"0123456789+").unwrap();
    let mut read = Vec::new();
    let error = loop {
        match reader.read(64, IMPORT) {
            Ok(piece) if piece.is_empty() => soon(reader.ready()).await,
            Ok(piece) => read.extend_from_slice(&piece),
            Err(error) => break error,
        }
    };
    assert_eq!(read, b"0123456789");
    assert!(matches!(error, NetError::Limit(READS)), "{error:?}");
    assert_met(&guest.session, &guest.log, &[WRITES, READS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_with_the_last_byte_that_is_left_ends() {
    let guest = Guest::within(ten());
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_socket, reader, _writer) = guest.connect(listening.local_addr().unwrap()).await.unwrap();
    listening.accept().unwrap().0.write_all(b"0123456789").unwrap();
    assert_eq!(net_common::read_all(&reader).await.unwrap(), b"0123456789");
    assert_met(&guest.session, &guest.log, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_are_sent_and_received_while_their_bytes_are_left() {
    let guest = Guest::within(ten());
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (there, socket) = (peer.local_addr().unwrap(), guest.udp("127.0.0.1:0"));
    let (receiver, sender) = socket.stream(None, IMPORT).unwrap();
    let send = |data: &[u8]| {
        while sender.check_send(IMPORT).unwrap() == 0 {}
        sender.send(&[Outgoing { data: data.to_vec(), remote: Some(there) }], IMPORT)
    };
    assert!(matches!(send(b"0123456789+"), Err(NetError::Limit(WRITES))));
    assert_eq!(send(b"0123456789").unwrap(), 1);
    assert!(matches!(send(b"+"), Err(NetError::Limit(WRITES))));
    assert_eq!(peer.recv(&mut [0; 64]).unwrap(), 10);
    let here = socket.local_address(IMPORT).unwrap();
    for data in ["0123456789", "+"] {
        peer.send_to(data.as_bytes(), here).unwrap();
    }
    let mut got = Vec::new();
    let error = loop {
        match receiver.receive(16, IMPORT) {
            Ok(datagrams) => got.extend(datagrams.into_iter().map(|Datagram { data, .. }| data)),
            Err(error) => break error,
        }
        soon(receiver.ready()).await;
    };
    assert_eq!(got, [b"0123456789"]);
    assert!(matches!(error, NetError::Limit(READS)), "{error:?}");
    assert_met(&guest.session, &guest.log, &[WRITES, READS]);
}
