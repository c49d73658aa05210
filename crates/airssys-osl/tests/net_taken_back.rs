//! What is on the network when a permission is taken back: over by the time that whoever took it back goes on.
//!
//! Each test runs its tasks on its own thread alone, and lets none of them run between the call that takes back and the
//! look at what the other side sees.
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

use airssys_osl::ActionId;
use airssys_osl::net::{NetError, TcpSocket};
use net_common::{Guest, IMPORT, id, refused, soon};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How a permission is taken back.
type Taking = fn(&Guest);
const WAYS: [(&str, Taking); 3] = [
    ("revoke", |guest| guest.session.revoke()),
    ("end", |guest| guest.session.end()),
    ("swap", |guest| guest.swap(|_, _| false)),
];

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// What the other side gets before the connection ends, which it does by a reset.
#[track_caller]
fn until_the_reset(way: &str, peer: &mut TcpStream) -> usize {
    let mut got = Vec::new();
    let error = peer.read_to_end(&mut got).expect_err(way);
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{way}");
    got.len()
}

#[tokio::test]
async fn a_connection_is_reset_and_its_queue_dropped_when_taking_back_returns() {
    for (way, take_back) in WAYS {
        let guest = Guest::free();
        let (listening, there) = listener();
        let (_socket, reader, writer) = guest.connect(there).await.unwrap();
        let mut peer = patient(listening.accept().unwrap().0);
        let mut written = 0;
        // More than the system takes: the rest waits in this process.
        while writer.budget(IMPORT).unwrap() > 0 {
            writer.write(vec![7; 65_536].into(), IMPORT).unwrap();
            written += 65_536;
        }
        take_back(&guest);
        let got = until_the_reset(way, &mut peer);
        assert!(got < written, "{way}: {got} of {written}");
        refused(reader.read(1, IMPORT), "access-denied");
        refused(writer.write("x".into(), IMPORT), "access-denied");
        soon(writer.ready()).await;
        guest.swap(|_, _| true);
        let again = writer.write("x".into(), IMPORT).unwrap_err();
        assert!(
            matches!(again, NetError::Closed | NetError::Denied(_)),
            "{way}: it does not come back: {again}"
        );
    }
}

#[tokio::test]
async fn a_listener_is_closed_and_who_waits_outside_is_reset_when_taking_back_returns() {
    for (way, take_back) in WAYS {
        let guest = Guest::free();
        let (socket, there) = guest.listen("127.0.0.1:0");
        let mut queued = patient(TcpStream::connect(there).unwrap());
        take_back(&guest);
        until_the_reset(way, &mut queued);
        assert_eq!(TcpStream::connect(there).unwrap_err().kind(), ErrorKind::ConnectionRefused, "{way}");
        refused(socket.accept(IMPORT), "access-denied");
    }
}

#[tokio::test]
async fn what_was_accepted_is_reset_when_taking_back_returns() {
    for (way, take_back) in WAYS {
        let guest = Guest::free();
        let (socket, there) = guest.listen("127.0.0.1:0");
        let mut peer = patient(TcpStream::connect(there).unwrap());
        soon(socket.ready()).await;
        let _accepted = socket.accept(IMPORT).unwrap();
        take_back(&guest);
        until_the_reset(way, &mut peer);
    }
}

#[tokio::test]
async fn a_change_resets_what_it_denies_and_nothing_else() {
    let guest = Guest::free();
    let ((here, first), (also, second)) = (listener(), listener());
    let (_denied, kept) = (guest.connect(first).await.unwrap(), guest.connect(second).await.unwrap());
    let (mut lost, mut stays) = (patient(here.accept().unwrap().0), patient(also.accept().unwrap().0));
    let denied = format!("{first}/tcp");
    guest.swap(move |_, resource| id(resource) != denied);
    until_the_reset("swap", &mut lost);
    kept.2.write("still here".into(), IMPORT).unwrap();
    stays.read_exact(&mut [0; 10]).unwrap();
}

#[tokio::test]
async fn a_connection_under_way_ends_when_its_permission_does() {
    for (_, take_back) in WAYS {
        let guest = Guest::free();
        let (_full, there) = listener();
        let waiting = under_way(&guest, there).await;
        take_back(&guest);
        soon(waiting.ready()).await;
        refused(waiting.finish_connect(IMPORT), "access-denied");
    }
}

/// One that waits for its answer: whoever listens there takes up nobody and has no room for more.
async fn under_way(guest: &Guest, there: SocketAddr) -> TcpSocket {
    loop {
        let socket = guest.tcp();
        socket.start_connect(there, IMPORT).unwrap();
        let standing = tokio::time::timeout(Duration::from_millis(50), socket.ready()).await;
        if standing.is_err() {
            return socket;
        }
        std::mem::forget(socket.finish_connect(IMPORT).unwrap());
    }
}

#[tokio::test]
async fn waits_on_a_socket_for_datagrams_end_and_nothing_is_sent_any_more() {
    for (way, take_back) in WAYS {
        let guest = Guest::free();
        let socket = guest.udp("127.0.0.1:0");
        let (receiver, sender) = socket.stream(None, IMPORT).unwrap();
        let waiting = tokio::spawn(async move {
            receiver.ready().await;
            receiver.receive(1, IMPORT)
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished(), "{way}");
        take_back(&guest);
        refused(soon(waiting).await.unwrap(), "access-denied");
        refused(sender.check_send(IMPORT), "access-denied");
    }
}

#[tokio::test]
async fn what_a_change_ends_is_asked_about_once() {
    let guest = Guest::free();
    let (_listening, there) = listener();
    let _connection = guest.connect(there).await.unwrap();
    guest.swap(|action, _| !matches!(action, ActionId::NetConnect | ActionId::NetBind));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(guest.log.denials(), 1);
    guest.swap(|_, _| false);
    assert_eq!(guest.log.denials(), 1, "nothing is left to be asked about");
}
