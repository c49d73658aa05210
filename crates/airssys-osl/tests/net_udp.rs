//! Datagrams: each decided on by its remote, in both directions.
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

use airssys_osl::net::{Datagram, Family, NetLimits, Outgoing, Receiver, Sender, SocketOption};
use airssys_osl::{ActionId, Resource};
use net_common::{Guest, IMPORT, addr, id, in_host, refused, soon, word};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Somebody else's socket, and where it is.
fn peer(local: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(local).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn datagram(data: &str, remote: Option<SocketAddr>) -> Outgoing {
    Outgoing { data: data.into(), remote }
}

async fn send(sender: &Sender, datagrams: &[Outgoing]) -> Result<usize, &'static str> {
    while sender.check_send(IMPORT).map_err(|error| word(&error))? == 0 {
        soon(sender.ready()).await;
    }
    sender.send(datagrams, IMPORT).map_err(|error| word(&error))
}

async fn receive(receiver: &Receiver) -> Vec<Datagram> {
    loop {
        soon(receiver.ready()).await;
        let taken = receiver.receive(100, IMPORT).unwrap();
        if !taken.is_empty() {
            return taken;
        }
    }
}

fn text(datagrams: &[Datagram]) -> Vec<String> {
    datagrams.iter().map(|datagram| String::from_utf8(datagram.data.clone()).unwrap()).collect()
}

#[track_caller]
fn nothing_came(socket: &UdpSocket) {
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 10]).is_err());
    socket.set_nonblocking(false).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_datagram_is_decided_on_by_its_remote() {
    let ((allowed, yes), (denied, no)) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let forbidden = format!("{no}/udp");
    let guest = Guest::new(move |action, resource| action != ActionId::NetSend || id(resource) != forbidden);
    let socket = guest.udp("127.0.0.1:0");
    let (_receiver, sender) = socket.stream(None, IMPORT).unwrap();
    assert_eq!(send(&sender, &[datagram("a", Some(no))]).await, Err("access-denied"));
    let mixed = [datagram("1", Some(yes)), datagram("2", Some(no)), datagram("3", Some(yes))];
    assert_eq!(send(&sender, &mixed).await, Ok(1), "an error at a later one is for the next call");
    assert_eq!(send(&sender, &mixed[1..]).await, Err("access-denied"));
    allowed.recv(&mut [0; 10]).unwrap();
    nothing_came(&allowed);
    nothing_came(&denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_speaks_to_one_remote_speaks_to_no_other_and_is_decided_on_each_time() {
    let ((one, first), (other, second)) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let guest = Guest::free();
    let socket = guest.udp("127.0.0.1:0");
    let (_receiver, sender) = socket.stream(Some(first), IMPORT).unwrap();
    assert_eq!(socket.remote_address(IMPORT).unwrap(), first);
    assert_eq!(send(&sender, &[datagram("a", Some(second))]).await, Err("invalid-argument"));
    assert_eq!(send(&sender, &[datagram("b", None), datagram("c", Some(first))]).await, Ok(2));
    one.recv(&mut [0; 10]).unwrap();
    one.recv(&mut [0; 10]).unwrap();
    guest.swap(|action, _| action != ActionId::NetSend);
    assert_eq!(send(&sender, &[datagram("d", None)]).await, Err("access-denied"));
    nothing_came(&one);
    nothing_came(&other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_datagram_from_outside_is_dropped_and_counted() {
    let ((allowed, _), (denied, no)) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let forbidden = format!("{no}/udp");
    let guest =
        Guest::new(move |action, resource| action != ActionId::NetReceive || id(resource) != forbidden);
    let socket = guest.udp("127.0.0.1:0");
    let there = socket.local_address(IMPORT).unwrap();
    let (receiver, _sender) = socket.stream(None, IMPORT).unwrap();
    for _ in 0..100 {
        denied.send_to(b"secret", there).unwrap();
    }
    allowed.send_to(b"hello", there).unwrap();
    let came = receive(&receiver).await;
    assert_eq!(text(&came), ["hello"]);
    assert_eq!(came[0].remote, allowed.local_addr().unwrap());
    assert_eq!(guest.network.refused().datagrams, 100);
    assert_eq!(guest.log.denials(), 64, "the rest is only counted");
    assert!(!guest.session.is_revoked());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_ever_new_remotes_does_not_fill_the_log() {
    let guest = Guest::new(|action, _| action != ActionId::NetReceive);
    let socket = guest.udp("127.0.0.1:0");
    let there = socket.local_address(IMPORT).unwrap();
    let (receiver, _sender) = socket.stream(None, IMPORT).unwrap();
    for _ in 0..200 {
        peer("127.0.0.1:0").0.send_to(b"x", there).unwrap();
        assert_eq!(receiver.receive(1, IMPORT).unwrap(), []);
    }
    soon(async {
        while guest.network.refused().datagrams < 200 {
            assert_eq!(receiver.receive(1, IMPORT).unwrap(), []);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(guest.log.denials() <= 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_remote_only_its_datagrams_are_shown() {
    let ((one, first), (other, _)) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let guest = Guest::free();
    let socket = guest.udp("127.0.0.1:0");
    let there = socket.local_address(IMPORT).unwrap();
    let (receiver, _sender) = socket.stream(Some(first), IMPORT).unwrap();
    other.send_to(b"no", there).unwrap();
    one.send_to(b"yes", there).unwrap();
    assert_eq!(text(&receive(&receiver).await), ["yes"]);
    assert!(!guest.log.take().iter().any(|line| line.contains(&other.local_addr().unwrap().to_string())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_policies_counts_from_the_next_datagram_on() {
    let (other, _) = peer("127.0.0.1:0");
    let guest = Guest::free();
    let socket = guest.udp("127.0.0.1:0");
    let there = socket.local_address(IMPORT).unwrap();
    let (receiver, _sender) = socket.stream(None, IMPORT).unwrap();
    other.send_to(b"before", there).unwrap();
    assert_eq!(text(&receive(&receiver).await), ["before"]);
    other.send_to(b"waits", there).unwrap();
    guest.swap(|action, _| action != ActionId::NetReceive);
    soon(async {
        while guest.network.refused().datagrams == 0 {
            assert_eq!(receiver.receive(1, IMPORT).unwrap(), []);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_remote_is_not_judged_longer_as_a_host_than_its_look_up_counts() {
    let (_other, there) = peer("127.0.0.1:0");
    let limits = NetLimits { look_up_lifetime: Duration::from_millis(1500), ..NetLimits::default() };
    let guest = Guest::with(limits, |action, resource: &Resource| {
        action != ActionId::NetSend || in_host(resource, "dns.example")
    });
    guest.names.answer("dns.example", &["127.0.0.1"]);
    guest.resolve("dns.example").await.unwrap();
    let socket = guest.udp("127.0.0.1:0");
    let (_receiver, sender) = socket.stream(Some(there), IMPORT).unwrap();
    assert_eq!(send(&sender, &[datagram("a", None)]).await, Ok(1));
    tokio::time::sleep(Duration::from_millis(1600)).await;
    assert_eq!(send(&sender, &[datagram("b", None)]).await, Err("access-denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_wakes_who_waits_for_a_datagram() {
    let guest = Guest::free();
    let socket = guest.udp("127.0.0.1:0");
    let (receiver, sender) = socket.stream(None, IMPORT).unwrap();
    let waiting = tokio::spawn(async move {
        receiver.ready().await;
        receiver.receive(1, IMPORT)
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    guest.session.revoke();
    refused(soon(waiting).await.unwrap(), "access-denied");
    refused(sender.check_send(IMPORT), "access-denied");
    refused(socket.stream(None, IMPORT), "access-denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_local_address_takes_no_port_and_every_address_is_its_own_resource() {
    let guest = Guest::new(|_, resource| id(resource) == "*:0/udp");
    let socket = guest.network.udp_socket(Family::V4).unwrap();
    refused(socket.start_bind(addr("127.0.0.1:0"), IMPORT), "access-denied");
    refused(socket.finish_bind(IMPORT), "not-in-progress");
    refused(socket.stream(None, IMPORT), "invalid-state");
    socket.start_bind(addr("0.0.0.0:0"), IMPORT).unwrap();
    refused(socket.start_bind(addr("0.0.0.0:0"), IMPORT), "concurrency-conflict");
    refused(socket.stream(None, IMPORT), "concurrency-conflict");
    socket.finish_bind(IMPORT).unwrap();
    refused(socket.start_bind(addr("0.0.0.0:0"), IMPORT), "invalid-state");
    refused(socket.remote_address(IMPORT), "invalid-state");
    let six = guest.network.udp_socket(Family::V6).unwrap();
    six.start_bind(addr("[::]:0"), IMPORT).unwrap();
    assert!(guest.log.take().contains(&"allow net:bind *:0/udp".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_make_no_sense_are_refused_and_nothing_is_sent() {
    let (other, there) = peer("127.0.0.1:0");
    let guest = Guest::free();
    let socket = guest.udp("127.0.0.1:0");
    for remote in ["0.0.0.0:9", "127.0.0.1:0", "[::1]:9"] {
        refused(socket.stream(Some(addr(remote)), IMPORT), "invalid-argument");
    }
    let (_old, old) = socket.stream(None, IMPORT).unwrap();
    let (receiver, sender) = socket.stream(None, IMPORT).unwrap();
    refused(old.check_send(IMPORT), "invalid-state");
    refused(_old.receive(1, IMPORT), "invalid-state");
    refused(sender.send(&[datagram("a", Some(there))], IMPORT), "too-much");
    let room = sender.check_send(IMPORT).unwrap();
    refused(sender.send(&vec![datagram("a", Some(there)); room + 1], IMPORT), "too-much");
    assert_eq!(send(&sender, &[datagram("a", None)]).await, Err("invalid-argument"));
    let large = "x".repeat(65_508);
    assert_eq!(send(&sender, &[datagram(&large, Some(there))]).await, Err("datagram-too-large"));
    assert_eq!(send(&sender, &[]).await, Ok(0));
    assert_eq!(receiver.receive(0, IMPORT).unwrap(), []);
    nothing_came(&other);
    assert_eq!(send(&sender, &[datagram(&large[1..], Some(there))]).await, Ok(1));
    assert_eq!(other.recv(&mut vec![0; 70_000]).unwrap(), 65_507);
    refused(socket.option(SocketOption::KeepAlive, IMPORT), "not-supported");
    socket.set_option(SocketOption::HopLimit, 3, IMPORT).unwrap();
    assert_eq!(socket.option(SocketOption::HopLimit, IMPORT).unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_exchange_datagrams_over_both_families() {
    let (a, b) = (Guest::free(), Guest::free());
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let (mine, yours) = (a.udp(local), b.udp(local));
        let there = yours.local_address(IMPORT).unwrap();
        let (_, sender) = mine.stream(Some(there), IMPORT).unwrap();
        let (receiver, _) = yours.stream(None, IMPORT).unwrap();
        assert_eq!(send(&sender, &[datagram("one", None), datagram("", None)]).await, Ok(2));
        let mut came = receive(&receiver).await;
        while came.len() < 2 {
            came.extend(receive(&receiver).await);
        }
        assert_eq!(text(&came), ["one", ""]);
        assert_eq!(came[0].remote, mine.local_address(IMPORT).unwrap());
    }
}
