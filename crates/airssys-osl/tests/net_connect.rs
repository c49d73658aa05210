//! Connections: decided before anything is sent, on the address that is then connected to.
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

use airssys_osl::net::{Family, NetError, NetLimits, SocketOption};
use airssys_osl::{ActionId, Resource};
use net_common::{Guest, IMPORT, addr, end_writing, id, in_host, read_all, refused, soon, word, write_all};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Somebody who listens, and can tell whether anybody came.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[track_caller]
fn nobody_came(listener: &TcpListener) {
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// The one who came, read and written by plain blocking calls.
fn who_came(listener: &TcpListener) -> TcpStream {
    for _ in 0..2000 {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                return stream;
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("nobody came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_connection_reaches_nobody_and_does_not_tell_whether_somebody_listens() {
    let guest = Guest::new(|action, _| action != ActionId::NetConnect);
    let (listening, there) = listener();
    let (gone, nowhere) = listener();
    drop(gone);
    for remote in [there, nowhere] {
        let socket = guest.tcp();
        refused(socket.start_connect(remote, IMPORT), "access-denied");
        refused(socket.finish_connect(IMPORT), "not-in-progress");
    }
    refused(guest.network.connect(there, IMPORT).await, "access-denied");
    tokio::time::sleep(Duration::from_millis(100)).await;
    nobody_came(&listening);
    let asked = guest.log.take();
    assert_eq!(asked[0], format!("deny net:connect {there}/tcp"));
    assert!(asked.iter().all(|line| line.starts_with("deny net:connect ")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_implicit_local_address_is_denied_reaches_nobody() {
    let guest = Guest::new(|action, _| action != ActionId::NetBind);
    let (listening, there) = listener();
    refused(guest.connect(there).await, "access-denied");
    refused(guest.network.connect(there, IMPORT).await, "access-denied");
    nobody_came(&listening);
    assert!(guest.log.take().contains(&"deny net:bind *:0/tcp".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_judged_as_the_host_it_was_looked_up_as_by_the_same_session_alone() {
    let rule = |action, resource: &Resource| match action {
        ActionId::NetConnect => in_host(resource, "example.com"),
        _ => true,
    };
    let (guest, other) = (Guest::new(rule), Guest::new(rule));
    let (listening, there) = listener();
    refused(guest.connect(there).await, "access-denied");
    guest.names.answer("api.example.com", &["127.0.0.1"]);
    other.names.answer("api.other.org", &["127.0.0.1"]);
    other.resolve("api.other.org").await.unwrap();
    refused(guest.connect(there).await, "access-denied");
    assert_eq!(guest.resolve("api.example.com").await.unwrap(), [there.ip()]);
    guest.connect(there).await.unwrap();
    who_came(&listening);
    refused(other.connect(there).await, "access-denied");
    nobody_came(&listening);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_looked_up_address_is_no_longer_judged_as_that_host_when_the_look_up_expires() {
    let limits = NetLimits { look_up_lifetime: Duration::from_millis(1500), ..NetLimits::default() };
    let guest = Guest::with(limits, |action, resource| match action {
        ActionId::NetConnect => in_host(resource, "example.com"),
        _ => true,
    });
    let (listening, there) = listener();
    guest.names.answer("example.com", &["127.0.0.1"]);
    guest.resolve("example.com").await.unwrap();
    let (_socket, _reader, writer) = guest.connect(there).await.unwrap();
    let mut peer = who_came(&listening);
    tokio::time::sleep(Duration::from_millis(1600)).await;
    refused(guest.connect(there).await, "access-denied");
    nobody_came(&listening);
    // What is open was judged when it was opened.
    writer.write("x".into(), IMPORT).unwrap();
    peer.read_exact(&mut [0]).unwrap();
    guest.resolve("example.com").await.unwrap();
    guest.connect(there).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_handed_out_is_judged_as_the_host_whatever_the_name_leads_to_later() {
    let guest = Guest::new(|action, resource| match action {
        ActionId::NetConnect => in_host(resource, "example.com"),
        _ => true,
    });
    let (listening, there) = listener();
    guest.names.answer("example.com", &["192.0.2.1", "127.0.0.1"]);
    guest.names.answer("example.com", &["127.0.0.1"]);
    let addresses = guest.network.resolve("example.com", IMPORT).unwrap();
    soon(addresses.ready()).await;
    assert_eq!(addresses.next(IMPORT).unwrap(), Some("192.0.2.1".parse().unwrap()));
    refused(guest.connect(there).await, "access-denied");
    nobody_came(&listening);
    assert_eq!(addresses.next(IMPORT).unwrap(), Some(there.ip()));
    guest.connect(there).await.unwrap();
    assert_eq!(guest.names.asked.load(std::sync::atomic::Ordering::SeqCst), 1, "nothing is looked up again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_carries_another_is_denied_when_either_form_is() {
    for (remote, v6, v4) in [
        ("[::ffff:127.0.0.1]:9", "[::ffff:127.0.0.1]:9/tcp", "127.0.0.1:9/tcp"),
        ("[::127.0.0.1]:9", "[::7f00:1]:9/tcp", "127.0.0.1:9/tcp"),
        ("[64:ff9b::7f00:1]:9", "[64:ff9b::7f00:1]:9/tcp", "127.0.0.1:9/tcp"),
        ("[2002:7f00:1::]:9", "[2002:7f00:1::]:9/tcp", "127.0.0.1:9/tcp"),
    ] {
        for only in [v6, v4] {
            let guest =
                Guest::new(move |action, resource| action == ActionId::NetBind || id(resource) == only);
            refused(guest.connect(addr(remote)).await, "access-denied");
            let mut asked = guest.log.take();
            asked.sort();
            let mut expected: Vec<_> = [v6, v4]
                .map(|form| format!("{} net:connect {form}", if form == only { "allow" } else { "deny" }))
                .into();
            expected.sort();
            assert_eq!(asked, expected, "each form leaves its record");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv4_in_disguise_is_no_argument_for_a_socket_even_where_both_forms_are_allowed() {
    let guest = Guest::free();
    refused(guest.connect(addr("[::ffff:127.0.0.1]:9")).await, "invalid-argument");
    let socket = guest.network.tcp_socket(Family::V6).unwrap();
    refused(socket.start_bind(addr("[::ffff:127.0.0.1]:0"), IMPORT), "invalid-argument");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_carried_form_is_judged_as_the_host_that_the_address_was_looked_up_as() {
    let guest = Guest::new(|action, resource| match action {
        ActionId::NetConnect => in_host(resource, "example.com") && id(resource).starts_with('['),
        _ => true,
    });
    guest.names.answer("example.com", &["64:ff9b::a00:1"]);
    guest.resolve("example.com").await.unwrap();
    refused(guest.connect(addr("[64:ff9b::a00:1]:9")).await, "access-denied");
    guest.swap(|action, resource| action != ActionId::NetConnect || in_host(resource, "example.com"));
    let socket = guest.network.tcp_socket(Family::V6).unwrap();
    let answer = socket.start_connect(addr("[64:ff9b::a00:1]:9"), IMPORT);
    assert!(!matches!(answer, Err(NetError::Denied(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_cannot_be_a_remote_are_refused_without_a_question() {
    let guest = Guest::free();
    let zoned = SocketAddr::V6(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 0, 1));
    for remote in [
        addr("0.0.0.0:80"),
        addr("127.0.0.1:0"),
        addr("224.0.0.1:80"),
        addr("255.255.255.255:80"),
        addr("[::]:80"),
        addr("[ff02::1]:80"),
        addr("[64:ff9b::]:80"),
        addr("[::ffff:0.0.0.0]:80"),
        zoned,
    ] {
        refused(guest.connect(remote).await, "invalid-argument");
    }
    refused(guest.tcp().start_connect(addr("[::1]:80"), IMPORT), "invalid-argument");
    assert_eq!(guest.log.take(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_wakes_who_waits_and_the_other_side_sees_a_reset() {
    let guest = Guest::free();
    let (listening, there) = listener();
    let (_socket, reader, writer) = guest.connect(there).await.unwrap();
    let mut peer = who_came(&listening);
    // More than the system takes: the rest waits here, and must go nowhere.
    let mut written = 0;
    while writer.budget(IMPORT).unwrap() > 0 {
        writer.write(vec![7; 65_536].into(), IMPORT).unwrap();
        written += 65_536;
    }
    let waits = tokio::spawn(async move {
        reader.ready().await;
        reader.read(1, IMPORT)
    });
    let room = tokio::spawn(async move {
        writer.ready().await;
        writer.write("x".into(), IMPORT)
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waits.is_finished() && !room.is_finished());
    guest.session.revoke();
    refused(soon(waits).await.unwrap(), "access-denied");
    assert!(soon(room).await.unwrap().is_err());
    let mut got = Vec::new();
    assert_eq!(peer.read_to_end(&mut got).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(got.len() < written, "{} of {written}", got.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_policies_resets_what_it_denies_without_any_use_and_leaves_the_rest() {
    let guest = Guest::free();
    let ((here, first), (also, second)) = (listener(), listener());
    let (_a, _b) = (guest.connect(first).await.unwrap(), guest.connect(second).await.unwrap());
    let (mut lost, mut kept) = (who_came(&here), who_came(&also));
    let denied = format!("{first}/tcp");
    guest.swap(move |_, resource| id(resource) != denied);
    assert_eq!(lost.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    _b.2.write("still here".into(), IMPORT).unwrap();
    kept.read_exact(&mut [0; 10]).unwrap();
    refused(_a.2.write("x".into(), IMPORT), "access-denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_local_address_is_taken_back_ends_too() {
    let guest = Guest::free();
    let (listening, there) = listener();
    let (_socket, reader, _writer) = guest.connect(there).await.unwrap();
    let mut peer = who_came(&listening);
    guest.swap(|action, _| action != ActionId::NetBind);
    refused(reader.read(1, IMPORT), "access-denied");
    assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_arrive_in_both_directions_and_the_end_comes_after_them() {
    let guest = Guest::free();
    let (listening, there) = listener();
    let (socket, reader, writer) = guest.connect(there).await.unwrap();
    let mut peer = who_came(&listening);
    let echo = std::thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        peer.write_all(&got).unwrap();
    });
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    write_all(&writer, &sent).await.unwrap();
    end_writing(&socket);
    refused(writer.write("x".into(), IMPORT), "closed");
    assert_eq!(read_all(&reader).await.unwrap(), sent);
    echo.join().unwrap();
    assert_eq!(socket.remote_address(IMPORT).unwrap(), there);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_arrives_also_when_the_guest_lets_go_of_everything() {
    let guest = Guest::free();
    let (listening, there) = listener();
    let (socket, reader, writer) = guest.connect(there).await.unwrap();
    let mut peer = who_came(&listening);
    let mut written = 0;
    while writer.budget(IMPORT).unwrap() > 0 {
        writer.write(vec![7; 65_536].into(), IMPORT).unwrap();
        written += 65_536;
    }
    drop((socket, reader, writer));
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), written);
    assert_eq!(guest.network.open_sockets(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_room_is_refused_and_a_read_is_bounded() {
    let guest = Guest::free();
    let (listening, there) = listener();
    let (_socket, reader, writer) = guest.connect(there).await.unwrap();
    let mut peer = who_came(&listening);
    refused(writer.write(vec![0; 65_537].into(), IMPORT), "too-much");
    while writer.budget(IMPORT).unwrap() > 0 {
        writer.write(vec![7; 65_536].into(), IMPORT).unwrap();
    }
    assert_eq!(writer.budget(IMPORT).unwrap(), 0);
    let flood = std::thread::spawn(move || {
        let _ = peer.write_all(&vec![1; 300_000]);
        peer
    });
    soon(reader.ready()).await;
    assert!(reader.read(usize::MAX, IMPORT).unwrap().len() <= 65_536);
    assert_eq!(reader.read(0, IMPORT).unwrap().len(), 0);
    read_some(&reader, 200_000).await;
    drop((reader, writer, _socket));
    drop(flood.join().unwrap());
}

async fn read_some(reader: &airssys_osl::net::Reader, most: usize) {
    let mut got = 0;
    while got < most {
        soon(reader.ready()).await;
        got += reader.read(usize::MAX, IMPORT).unwrap().len();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_closes_the_socket() {
    let guest = Guest::free();
    let (listening, nowhere) = listener();
    drop(listening);
    let socket = guest.tcp();
    socket.start_connect(nowhere, IMPORT).unwrap();
    let answer = loop {
        soon(socket.ready()).await;
        match socket.finish_connect(IMPORT) {
            Err(NetError::WouldBlock) => {}
            other => break other,
        }
    };
    refused(answer, "connection-refused");
    refused(socket.start_connect(nowhere, IMPORT), "invalid-state");
    refused(socket.option(SocketOption::HopLimit, IMPORT), "invalid-state");
    assert_eq!(guest.network.open_sockets(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_not_made_in_time_times_out() {
    let limits = NetLimits { connect_time: Duration::from_millis(300), ..NetLimits::default() };
    let guest = Guest::with(limits, |_, _| true);
    let (listening, there) = guest.listen("127.0.0.1:0");
    listening.set_backlog(1, IMPORT).unwrap();
    // Nobody takes them up: once the queue is full, the system leaves the others waiting.
    let mut made = Vec::new();
    let late = loop {
        match guest.connect(there).await {
            Ok(connection) => made.push(connection),
            Err(error) => break error,
        }
        assert!(made.len() < 50);
    };
    assert_eq!(word(&late), "timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_only_so_many_sockets_and_gets_them_back() {
    let guest = Guest::with(NetLimits { sockets: 3, ..NetLimits::default() }, |_, _| true);
    let (_listening, there) = listener();
    let kept = (guest.tcp(), guest.udp("127.0.0.1:0"), guest.connect(there).await.unwrap());
    refused(guest.network.tcp_socket(Family::V6), "new-socket-limit");
    refused(guest.network.udp_socket(Family::V4), "new-socket-limit");
    refused(guest.network.connect(there, IMPORT).await, "new-socket-limit");
    drop(kept);
    guest.connect(there).await.unwrap();
    assert_eq!(guest.network.open_sockets(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_for_other_protocols_is_the_same_one() {
    let guest = Guest::free();
    let (listening, there) = listener();
    let connection = guest.network.connect(there, IMPORT).await.unwrap();
    let mut peer = who_came(&listening);
    assert_eq!((connection.remote, connection.local), (there, peer.peer_addr().unwrap()));
    connection.writer.write("hello".into(), IMPORT).unwrap();
    peer.read_exact(&mut [0; 5]).unwrap();
    let asked = guest.log.take();
    assert_eq!(asked, [format!("allow net:connect {there}/tcp"), "allow net:bind *:0/tcp".to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_are_kept_within_bounds_and_nothing_makes_no_sense() {
    let guest = Guest::free();
    for family in [Family::V4, Family::V6] {
        let socket = guest.network.tcp_socket(family).unwrap();
        for option in [
            SocketOption::KeepAliveIdle,
            SocketOption::KeepAliveInterval,
            SocketOption::KeepAliveCount,
            SocketOption::HopLimit,
            SocketOption::ReceiveBuffer,
            SocketOption::SendBuffer,
        ] {
            refused(socket.set_option(option, 0, IMPORT), "invalid-argument");
            for value in [1, 100, u64::MAX] {
                socket.set_option(option, value, IMPORT).unwrap();
                let is = socket.option(option, IMPORT).unwrap();
                assert!(is > 0 && is <= 32_767_000_000_000, "{option:?} {value} {is}");
            }
        }
        socket.set_option(SocketOption::KeepAlive, 1, IMPORT).unwrap();
        assert_eq!(socket.option(SocketOption::KeepAlive, IMPORT).unwrap(), 1);
        socket.set_option(SocketOption::HopLimit, 7, IMPORT).unwrap();
        assert_eq!(socket.option(SocketOption::HopLimit, IMPORT).unwrap(), 7);
        refused(socket.set_backlog(0, IMPORT), "invalid-argument");
        socket.set_backlog(u64::MAX, IMPORT).unwrap();
    }
    assert_eq!(guest.log.take(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_does_nothing_with_any_socket() {
    let guest = Guest::free();
    let socket = guest.tcp();
    guest.session.revoke();
    refused(socket.start_bind(addr("127.0.0.1:0"), IMPORT), "access-denied");
    refused(socket.start_connect(addr("127.0.0.1:9"), IMPORT), "access-denied");
    refused(socket.option(SocketOption::HopLimit, IMPORT), "access-denied");
    refused(guest.network.resolve("example.com", IMPORT), "access-denied");
}
