//! Local addresses, listeners and who may come in.
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

use airssys_osl::net::{Accepted, Family, NetError, Refused, Shutdown, TcpSocket};
use airssys_osl::{ActionId, Resource};
use net_common::{Guest, IMPORT, addr, id, read_all, refused, soon, write_all};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Everything but accepting from this address.
fn nobody_from(ip: &'static str) -> impl Fn(ActionId, &Resource) -> bool + Send + Sync + 'static {
    move |action, resource| action != ActionId::NetAccept || !id(resource).starts_with(ip)
}

async fn accept(socket: &TcpSocket) -> Result<Accepted, NetError> {
    loop {
        soon(socket.ready()).await;
        match socket.accept(IMPORT) {
            Err(NetError::WouldBlock) => {}
            other => return other,
        }
    }
}

/// Somebody who connects from one of the addresses of this host.
async fn client(from: &str, to: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(addr(from)).unwrap();
    let stream = socket.connect(to).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_connection_from_outside_is_reset_and_the_next_allowed_one_comes_through() {
    let guest = Guest::new(nobody_from("127.0.0.2"));
    let (socket, there) = guest.listen("127.0.0.1:0");
    let mut denied = client("127.0.0.2:0", there).await;
    let mut also = client("127.0.0.2:0", there).await;
    let allowed = client("127.0.0.1:0", there).await;
    let accepted = accept(&socket).await.unwrap();
    assert_eq!(accepted.socket.remote_address(IMPORT).unwrap(), allowed.local_addr().unwrap());
    for denied in [&mut denied, &mut also] {
        assert_eq!(denied.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    refused(socket.accept(IMPORT), "would-block");
    assert_eq!(guest.network.refused(), Refused { connections: 2, datagrams: 0 });
    assert_eq!(guest.log.denials(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_denied_connections_stops_neither_the_session_nor_the_log() {
    let guest = Guest::new(nobody_from("127.0.0.2"));
    let (socket, there) = guest.listen("127.0.0.1:0");
    for _ in 0..150 {
        drop(client("127.0.0.2:0", there).await);
        let _ = socket.accept(IMPORT);
    }
    let _allowed = client("127.0.0.1:0", there).await;
    accept(&socket).await.unwrap();
    assert_eq!(guest.network.refused().connections, 150);
    assert_eq!(guest.log.denials(), 64);
    let notes = guest.log.notes.lock().unwrap().clone();
    assert_eq!(notes, ["refused so far: 128 connections and 0 datagrams from outside"]);
    assert!(!guest.session.is_revoked());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_local_address_is_not_taken() {
    let guest = Guest::new(|action, _| action != ActionId::NetBind);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = guest.tcp();
    refused(socket.start_bind(free, IMPORT), "access-denied");
    refused(socket.finish_bind(IMPORT), "not-in-progress");
    refused(socket.local_address(IMPORT), "invalid-state");
    drop(TcpListener::bind(free).unwrap());
    guest.swap(|_, _| true);
    socket.start_bind(free, IMPORT).unwrap();
    socket.finish_bind(IMPORT).unwrap();
    assert_eq!(socket.local_address(IMPORT).unwrap(), free);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_local_address_and_one_of_them_are_different_resources() {
    let guest = Guest::new(|_, resource| id(resource).starts_with("127.0.0.1:"));
    for every in ["0.0.0.0:0", "[::]:0"] {
        let socket = guest.network.tcp_socket(Family::of(&addr(every))).unwrap();
        refused(socket.start_bind(addr(every), IMPORT), "access-denied");
    }
    guest.listen("127.0.0.1:0");
    let guest = Guest::new(|_, resource| id(resource).starts_with("*:"));
    refused(guest.tcp().start_bind(addr("127.0.0.1:0"), IMPORT), "access-denied");
    guest.log.take();
    let (_socket, there) = guest.listen("0.0.0.0:0");
    let expected = ["allow net:bind *:0/tcp".to_owned(), format!("allow net:listen *:{}/tcp", there.port())];
    assert_eq!(guest.log.take(), expected, "listening is decided on the port that the system chose");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_listen_stays_bound_and_nobody_can_connect() {
    let guest = Guest::new(|action, _| action != ActionId::NetListen);
    let socket = guest.tcp();
    socket.start_bind(addr("127.0.0.1:0"), IMPORT).unwrap();
    socket.finish_bind(IMPORT).unwrap();
    let there = socket.local_address(IMPORT).unwrap();
    refused(socket.start_listen(IMPORT), "access-denied");
    assert_eq!(TcpStream::connect(there).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(!socket.is_listening());
    guest.swap(|_, _| true);
    socket.start_listen(IMPORT).unwrap();
    socket.finish_listen(IMPORT).unwrap();
    TcpStream::connect(there).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_listener_wakes_who_waits_resets_who_waits_outside_and_gives_the_port_back() {
    let guest = Guest::free();
    let (socket, there) = guest.listen("127.0.0.1:0");
    let waiting = {
        let socket = socket.clone();
        tokio::spawn(async move {
            socket.ready().await;
            socket.accept(IMPORT)
        })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    guest.session.revoke();
    refused(soon(waiting).await.unwrap(), "access-denied");
    soon(async {
        while TcpListener::bind(there).is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(guest.network.open_sockets(), 1, "the guest still holds it, and nothing in it");
    drop(socket);
    assert_eq!(guest.network.open_sockets(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_a_change_denies_ends_and_what_it_accepted_stands_by_itself() {
    let guest = Guest::free();
    let (socket, there) = guest.listen("127.0.0.1:0");
    let mut taken = client("127.0.0.1:0", there).await;
    let accepted = accept(&socket).await.unwrap();
    let mut queued = client("127.0.0.1:0", there).await;
    guest.swap(|action, _| action != ActionId::NetListen);
    assert_eq!(queued.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    refused(socket.accept(IMPORT), "access-denied");
    write_all(&accepted.writer, b"still here").await.unwrap();
    taken.read_exact(&mut [0; 10]).unwrap();
    guest.swap(|action, _| action != ActionId::NetAccept);
    assert_eq!(taken.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_speak_to_each_other_over_both_families() {
    let (server, guest) = (Guest::free(), Guest::free());
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let (socket, there) = server.listen(local);
        let (mine, reader, writer) = guest.connect(there).await.unwrap();
        let accepted = accept(&socket).await.unwrap();
        write_all(&writer, b"question").await.unwrap();
        mine.shutdown(Shutdown::Send, IMPORT).unwrap();
        assert_eq!(read_all(&accepted.reader).await.unwrap(), b"question");
        write_all(&accepted.writer, b"answer").await.unwrap();
        accepted.socket.shutdown(Shutdown::Both, IMPORT).unwrap();
        assert_eq!(read_all(&reader).await.unwrap(), b"answer");
        refused(accepted.reader.read(1, IMPORT), "closed");
        assert_eq!(accepted.socket.local_address(IMPORT).unwrap(), there);
        assert_eq!(accepted.socket.family(), Family::of(&there));
    }
    let asked = server.log.take();
    assert!(asked.iter().any(|line| line.starts_with("allow net:accept [::1]:")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_place_for_it_a_connection_is_left_where_it_is() {
    let limits = airssys_osl::net::NetLimits { sockets: 2, ..Default::default() };
    let guest = Guest::with(limits, |_, _| true);
    let (socket, there) = guest.listen("127.0.0.1:0");
    let spare = guest.tcp();
    let _peer = client("127.0.0.1:0", there).await;
    soon(socket.ready()).await;
    refused(socket.accept(IMPORT), "new-socket-limit");
    drop(spare);
    accept(&socket).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_out_of_order_are_refused() {
    let guest = Guest::free();
    let (any, there) = (addr("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0").unwrap());
    let there = there.local_addr().unwrap();
    let socket = guest.tcp();
    refused(socket.finish_bind(IMPORT), "not-in-progress");
    refused(socket.finish_connect(IMPORT), "not-in-progress");
    refused(socket.finish_listen(IMPORT), "not-in-progress");
    refused(socket.start_listen(IMPORT), "invalid-state");
    refused(socket.accept(IMPORT), "invalid-state");
    refused(socket.local_address(IMPORT), "invalid-state");
    refused(socket.remote_address(IMPORT), "invalid-state");
    refused(socket.shutdown(Shutdown::Both, IMPORT), "invalid-state");
    refused(socket.start_bind(addr("[::1]:0"), IMPORT), "invalid-argument");
    refused(socket.start_bind(addr("224.0.0.1:0"), IMPORT), "invalid-argument");
    refused(socket.start_bind(addr("192.0.2.77:0"), IMPORT), "address-not-bindable");
    socket.start_bind(any, IMPORT).unwrap();
    refused(socket.start_bind(any, IMPORT), "concurrency-conflict");
    refused(socket.start_connect(there, IMPORT), "concurrency-conflict");
    refused(socket.start_listen(IMPORT), "concurrency-conflict");
    socket.finish_bind(IMPORT).unwrap();
    refused(socket.finish_bind(IMPORT), "not-in-progress");
    refused(socket.start_bind(any, IMPORT), "invalid-state");
    socket.start_listen(IMPORT).unwrap();
    refused(socket.accept(IMPORT), "concurrency-conflict");
    socket.finish_listen(IMPORT).unwrap();
    refused(socket.start_listen(IMPORT), "invalid-state");
    refused(socket.start_connect(there, IMPORT), "invalid-state");
    let taken = socket.local_address(IMPORT).unwrap();
    refused(guest.tcp().start_bind(taken, IMPORT), "address-in-use");
    let (connected, ..) = guest.connect(taken).await.unwrap();
    refused(connected.start_connect(taken, IMPORT), "invalid-state");
    refused(connected.start_bind(any, IMPORT), "invalid-state");
    refused(connected.set_backlog(1, IMPORT), "invalid-state");
}
