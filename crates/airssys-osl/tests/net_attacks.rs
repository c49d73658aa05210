//! What a hostile component tries on the network, one test each.
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
use airssys_osl::net::{Family, NetError, Outgoing, Sender};
use net_common::{Guest, IMPORT, addr, id, in_host, refused, soon, word};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Addresses under somebody else's control that carry 192.0.2.1 somewhere: ISATAP in any prefix at all, Teredo whose
/// server it is, one reading of a local translation prefix, a network behind a 6to4 router.
const CARRIERS: [&str; 5] = [
    "[2001:db8:666::5efe:c000:201]:9",
    "[2001:db8:666::200:5efe:c000:201]:9",
    "[2001:0:c000:201:0:fff6:f9f9:f9f9]:9",
    "[64:ff9b:1:606:6:600:c000:201]:9",
    "[2002:c000:201::666]:9",
];

/// Sends one datagram, when there is room for it.
async fn send(sender: &Sender, remote: SocketAddr) -> Result<usize, NetError> {
    while sender.check_send(IMPORT)? == 0 {
        soon(sender.ready()).await;
    }
    sender.send(&[Outgoing { data: vec![1], remote: Some(remote) }], IMPORT)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_only_carries_the_one_of_a_permitted_host_is_not_judged_as_that_host() {
    for remote in CARRIERS {
        let guest = Guest::new(|action, resource| match action {
            ActionId::NetConnect | ActionId::NetSend => in_host(resource, "good.example"),
            _ => true,
        });
        guest.names.answer("good.example", &["192.0.2.1"]);
        guest.resolve("good.example").await.unwrap();
        let socket = guest.network.tcp_socket(Family::V6).unwrap();
        refused(socket.start_connect(addr(remote), IMPORT), "access-denied");
        let socket = guest.udp("[::1]:0");
        let (_receiver, sender) = socket.stream(None, IMPORT).unwrap();
        refused(send(&sender, addr(remote)).await, "access-denied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_carries_the_one_of_a_forbidden_host_is_denied_as_that_host() {
    for remote in CARRIERS.into_iter().chain(["[64:ff9b::c000:201]:9"]) {
        let guest = Guest::new(|action, resource| {
            action != ActionId::NetConnect || !in_host(resource, "bad.example")
        });
        guest.names.answer("bad.example", &["192.0.2.1"]);
        guest.resolve("bad.example").await.unwrap();
        let socket = guest.network.tcp_socket(Family::V6).unwrap();
        refused(socket.start_connect(addr(remote), IMPORT), "access-denied");
    }
}

/// How a guest is answered that tries everything on two ports of this host.
async fn answers(guest: &Guest, tcp: SocketAddr, udp: SocketAddr) -> Vec<&'static str> {
    let told = |result: Result<(), NetError>| result.map_or_else(|error| word(&error), |()| "ok");
    let any = |address: SocketAddr| SocketAddr::from(([0; 4], address.port()));
    let mut all = vec![told(guest.tcp().start_connect(tcp, IMPORT))];
    for local in [tcp, any(tcp)] {
        let socket = guest.tcp();
        all.push(told(socket.start_bind(local, IMPORT)));
        all.push(told(socket.finish_bind(IMPORT)));
        all.push(told(socket.start_listen(IMPORT)));
        all.push(told(socket.local_address(IMPORT).map(drop)));
    }
    for local in [udp, any(udp)] {
        let socket = guest.network.udp_socket(Family::V4).unwrap();
        all.push(told(socket.start_bind(local, IMPORT)));
        all.push(told(socket.local_address(IMPORT).map(drop)));
    }
    let socket = guest.udp("127.0.0.1:0");
    for remote in [None, Some(udp)] {
        let (_receiver, sender) = socket.stream(remote, IMPORT).unwrap();
        all.push(told(send(&sender, udp).await.map(drop)));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_answered_alike_whether_or_not_somebody_is_there() {
    let taken = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (tcp, udp) = (taken.0.local_addr().unwrap(), taken.1.local_addr().unwrap());
    let denied =
        || Guest::new(|action, resource| action == ActionId::NetBind && id(resource).contains(":0/"));
    let (here, also) = (denied(), Guest::free());
    let occupied = (answers(&here, tcp, udp).await, here.log.take(), answers(&also, tcp, udp).await);
    drop(taken);
    let (there, also) = (denied(), Guest::free());
    let free = (answers(&there, tcp, udp).await, there.log.take(), answers(&also, tcp, udp).await);
    assert_eq!(occupied.0, free.0);
    assert_eq!(occupied.1, free.1, "nor is it recorded otherwise");
    assert!(!occupied.0.contains(&"ok"), "{:?}", occupied.0);
    assert_ne!(occupied.2, free.2, "who is permitted is told the difference");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_somebody_has_is_taken_from_nobody() {
    let (first, second) = (Guest::free(), Guest::free());
    let (_listening, there) = first.listen("127.0.0.1:0");
    let bound = first.udp("127.0.0.1:0");
    let here = bound.local_address(IMPORT).unwrap();
    for any in [false, true] {
        let local = |address: SocketAddr| if any { ([0; 4], address.port()).into() } else { address };
        refused(second.tcp().start_bind(local(there), IMPORT), "address-in-use");
        let socket = second.network.udp_socket(Family::V4).unwrap();
        refused(socket.start_bind(local(here), IMPORT), "address-in-use");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_local_address_of_ipv6_takes_none_of_ipv4_with_it() {
    let guest = Guest::free();
    let socket = guest.udp("[::]:0");
    let port = socket.local_address(IMPORT).unwrap().port();
    let (receiver, _sender) = socket.stream(None, IMPORT).unwrap();
    // The same port of IPv4 is still there to be had, and nothing that comes to it comes here.
    let old = UdpSocket::bind(("0.0.0.0", port)).unwrap();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"4", ("127.0.0.1", port)).unwrap();
    UdpSocket::bind("[::1]:0").unwrap().send_to(b"6", ("::1", port)).unwrap();
    soon(receiver.ready()).await;
    let came = soon(async {
        loop {
            let came = receiver.receive(10, IMPORT).unwrap();
            if !came.is_empty() {
                return came;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert_eq!(came.await.iter().map(|datagram| datagram.data.clone()).collect::<Vec<_>>(), [b"6"]);
    old.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(old.recv(&mut [0; 8]).unwrap(), 1);
    let (_listening, there) = guest.listen("[::]:0");
    TcpListener::bind(("0.0.0.0", there.port())).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_was_permitted_and_no_longer_is_cannot_use_up_the_quota_of_denials() {
    let guest = Guest::free();
    let socket = guest.udp("127.0.0.1:0");
    let there = socket.local_address(IMPORT).unwrap();
    let (receiver, _sender) = socket.stream(None, IMPORT).unwrap();
    let remotes: Vec<_> = (0..100).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let all_send = || remotes.iter().for_each(|remote| assert_eq!(remote.send_to(b"x", there).unwrap(), 1));
    all_send();
    let mut came = 0;
    while came < 100 {
        soon(receiver.ready()).await;
        came += receiver.receive(16, IMPORT).unwrap().len();
    }
    guest.swap(|action, _| action != ActionId::NetReceive);
    all_send();
    while guest.network.refused().datagrams < 100 {
        soon(receiver.ready()).await;
        assert_eq!(receiver.receive(16, IMPORT).unwrap(), []);
    }
    assert_eq!(guest.log.denials(), 64, "the rest is only counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_much_makes_no_more_records_than_are_judged_a_second() {
    let guest = Guest::free();
    guest.rules.once.store(true, Ordering::SeqCst);
    let socket = guest.udp("127.0.0.1:0");
    let there = socket.local_address(IMPORT).unwrap();
    let (receiver, _sender) = socket.stream(None, IMPORT).unwrap();
    let remote = UdpSocket::bind("127.0.0.1:0").unwrap();
    let started = Instant::now();
    for _ in 0..6_000 {
        remote.send_to(b"x", there).unwrap();
        receiver.receive(16, IMPORT).unwrap();
    }
    let seconds = started.elapsed().as_secs() + 1;
    let received = guest.log.take().into_iter().filter(|record| record.starts_with("allow net:receive"));
    let received = received.count() as u64;
    assert!((1..=2_000 * seconds).contains(&received), "{received} in {seconds} s");
}

#[test]
fn in_a_runtime_that_watches_no_sockets_there_is_an_error_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    runtime.block_on(async {
        let guest = Guest::free();
        let socket = guest.tcp();
        refused(socket.start_connect(listening.local_addr().unwrap(), IMPORT), "not-supported");
        let socket = guest.network.udp_socket(Family::V4).unwrap();
        refused(socket.start_bind(addr("127.0.0.1:0"), IMPORT), "not-supported");
        assert_eq!(guest.network.open_sockets(), 0, "nothing is left behind");
    });
}
