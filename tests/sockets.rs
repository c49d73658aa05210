//! A guest on the network of its host: whom it reaches, who reaches it, and what of that is recorded.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod support;

use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{Component, ComponentRuntime};
use airssys_wasm::policy::Source;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

/// Every step's error `access-denied`: the step is in the thousands.
const DENIED: u32 = 1;

/// To connect to 127.0.0.1, from whichever local address the system takes.
const CONNECT: &str =
    "@id(\"out\") permit (principal, action == Action::\"net:connect\", resource is Endpoint)
      when { resource has ip && resource.ip == ip(\"127.0.0.1\") };
    @id(\"any\") permit (principal, action == Action::\"net:bind\", resource == Endpoint::\"*:0/tcp\");";
const INNER: &[&str] = &["inner-network"];

async fn guest(policy: &str, groups: &[&str]) -> (ComponentRuntime, Component, Memory) {
    this(&support::traffic::traffic(), policy, groups).await
}

async fn this(bytes: &[u8], policy: &str, groups: &[&str]) -> (ComponentRuntime, Component, Memory) {
    let (config, log) = support::config(policy);
    let runtime = ComponentRuntime::new(config.trust(support::trust_in(groups))).unwrap();
    let component = runtime.load_component(support::signed("probe", bytes)).await.unwrap();
    (runtime, component, log)
}

/// The addresses of this host for itself. Without IPv6 there is nothing to show of it, which is said.
fn loopbacks() -> Vec<IpAddr> {
    let (old, new) = ([127, 0, 0, 1].into(), Ipv6Addr::LOCALHOST.into());
    match UdpSocket::bind((new, 0)) {
        Ok(_) => vec![old, new],
        Err(error) => {
            eprintln!("SKIPPED over IPv6: this machine has no ::1 ({error})");
            vec![old]
        }
    }
}

/// These actions at one address of this host.
fn at(ip: IpAddr, actions: &[&str]) -> String {
    let actions: Vec<_> = actions.iter().map(|action| format!("Action::\"net:{action}\"")).collect();
    format!(
        "permit (principal, action in [{}], resource is Endpoint) when {{ resource has ip && resource.ip == ip(\"{ip}\") }};",
        actions.join(", ")
    )
}

/// This action at one endpoint.
fn exactly(action: &str, endpoint: &str) -> String {
    format!("permit (principal, action == Action::\"net:{action}\", resource == Endpoint::\"{endpoint}\");")
}

/// Somebody else with datagrams.
fn peer(ip: IpAddr) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// The digits that have come by now.
fn received(socket: &UdpSocket) -> Vec<u8> {
    socket.set_nonblocking(true).unwrap();
    let (mut all, mut buffer) = (Vec::new(), [0; 8]);
    while let Ok(read) = socket.recv(&mut buffer) {
        all.extend_from_slice(&buffer[..read]);
    }
    all
}

/// Gives back what comes, on one connection after the other.
fn echo() -> u16 {
    echo_at([127, 0, 0, 1].into())
}

fn echo_at(ip: IpAddr) -> u16 {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 64];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                stream.write_all(&buffer[..read]).unwrap();
            }
        }
    });
    port
}

/// A listener, and a check that nobody came.
fn nobody() -> (u16, impl Fn()) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, move || assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock))
}

fn verdicts(log: &Memory, action: &str) -> Vec<(String, String)> {
    let asked = support::of_kind(log, "decision").into_iter().filter(|record| record["action"] == action);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    asked.map(|record| (text(&record["resource"]["id"]), text(&record["verdict"]))).collect()
}

#[tokio::test]
async fn a_denied_connection_reaches_nobody_and_is_recorded_under_its_address() {
    let by_bind = CONNECT.replace("@id(\"any\") permit", "@id(\"any\") forbid");
    for (policy, groups) in
        [("", INNER), (CONNECT, &[][..]), (support::ALLOW_ALL, &["vetted"]), (&by_bind, INNER)]
    {
        let (_runtime, component, log) = guest(policy, groups).await;
        let (port, nobody_came) = nobody();
        let answer: u32 = component.call("dial", &port).await.unwrap();
        assert_eq!(answer, 1000 + DENIED, "{policy} {groups:?}");
        nobody_came();
        let denied = verdicts(&log, "net:connect").into_iter().chain(verdicts(&log, "net:bind"));
        let denied: Vec<_> = denied.filter(|(_, verdict)| verdict == "deny").map(|(id, _)| id).collect();
        let expected = if policy == by_bind { "*:0/tcp".to_owned() } else { format!("127.0.0.1:{port}/tcp") };
        assert_eq!(denied, [expected], "{policy} {groups:?}");
    }
}

#[tokio::test]
async fn a_permitted_connection_carries_bytes_both_ways_until_the_policy_changes() {
    let (runtime, component, log) = guest(CONNECT, INNER).await;
    assert_eq!(component.call::<_, u32>("dial", &echo()).await.unwrap(), 4);
    assert_eq!(component.call::<_, u32>("again", &()).await.unwrap(), 4);
    let connected = verdicts(&log, "net:connect");
    assert_eq!(connected.len(), 1, "the handle's lease answers for each read and write: {connected:?}");
    runtime.swap_policy(&[Source::new("none.cedar", "")], &[]).unwrap();
    let answer: u32 = component.call("again", &()).await.unwrap();
    assert_eq!(answer, 4000, "the next write fails as the interface says");
    let since = verdicts(&log, "net:connect").split_off(1);
    assert!(!since.is_empty() && since.iter().all(|(_, verdict)| verdict == "deny"), "{since:?}");
}

#[tokio::test]
async fn an_address_is_judged_as_the_name_it_was_looked_up_as_and_only_then() {
    let by_name = "permit (principal, action in [Action::\"net:resolve\", Action::\"net:connect\"], resource in Host::\"localhost\");
        permit (principal, action == Action::\"net:bind\", resource == Endpoint::\"*:0/tcp\");";
    let (_runtime, component, log) = guest(by_name, INNER).await;
    let (port, nobody_came) = nobody();
    assert_eq!(component.call::<_, u32>("dial", &port).await.unwrap(), 1000 + DENIED);
    nobody_came();
    assert_eq!(component.call::<_, u32>("dial-name", &echo()).await.unwrap(), 4);
    let records = support::of_kind(&log, "decision");
    let named: Vec<_> = records.iter().filter(|record| record["action"] == "net:connect").collect();
    assert_eq!(
        (&named[0]["verdict"], &named[0]["resource"]["parents"]),
        (&"deny".into(), &serde_json::Value::Null)
    );
    let host = serde_json::json!([{"type": "Host", "id": "localhost"}]);
    assert_eq!((&named[1]["verdict"], &named[1]["resource"]["parents"]), (&"allow".into(), &host));
}

#[tokio::test]
async fn a_name_that_may_not_be_looked_up_is_not() {
    let (_runtime, component, log) = guest(CONNECT, INNER).await;
    assert_eq!(component.call::<_, u32>("dial-name", &1_u16).await.unwrap(), 6000 + DENIED);
    assert_eq!(verdicts(&log, "net:resolve"), [("localhost".to_owned(), "deny".to_owned())]);
}

const LISTEN: &str = "@id(\"here\") permit (principal, action in [Action::\"net:bind\", Action::\"net:listen\"], resource is Endpoint)
    when { resource has ip && resource.ip == ip(\"127.0.0.1\") };";
const ACCEPT: &str =
    "@id(\"in\") permit (principal, action == Action::\"net:accept\", resource is Endpoint);";

#[tokio::test]
async fn who_connects_to_a_guest_is_decided_on_before_the_guest_learns_of_it() {
    let (_runtime, component, log) = guest(LISTEN, INNER).await;
    let port: u32 = component.call("listen", &()).await.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // `would-block`: nobody who may.
    assert_eq!(component.call::<_, u32>("take", &()).await.unwrap(), 3008);
    assert!(matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_)), "the guest said something");
    let remote = stream.local_addr().unwrap();
    assert_eq!(verdicts(&log, "net:accept"), [(format!("{remote}/tcp"), "deny".to_owned())]);
}

#[tokio::test]
async fn who_may_connect_to_a_guest_is_served() {
    let (_runtime, component, _log) = guest(&format!("{LISTEN}{ACCEPT}"), INNER).await;
    let port: u32 = component.call("listen", &()).await.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    stream.write_all(b"hello").unwrap();
    assert_eq!(component.call::<_, u32>("take", &()).await.unwrap(), 5);
    let mut said = [0; 4];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"ping");
}

#[tokio::test]
async fn a_guest_that_may_not_bind_or_listen_has_no_port() {
    let bind_only = LISTEN.replace(", Action::\"net:listen\"", "");
    for (policy, answer) in [("", 100_000 + DENIED), (bind_only.as_str(), 200_000 + DENIED)] {
        let (_runtime, component, _log) = guest(policy, INNER).await;
        assert_eq!(component.call::<_, u32>("listen", &()).await.unwrap(), answer, "{policy}");
    }
}

#[tokio::test]
async fn a_datagram_goes_only_where_it_may() {
    let send = "permit (principal, action == Action::\"net:send\", resource is Endpoint);";
    for (policy, answer) in [(LISTEN.to_owned(), 2000 + DENIED), (format!("{LISTEN}{send}"), 1)] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (_runtime, component, log) = guest(&policy, INNER).await;
        let port = socket.local_addr().unwrap().port();
        assert_eq!(component.call::<_, u32>("send", &port).await.unwrap(), answer);
        let allowed = answer == 1;
        let verdict = if allowed { "allow" } else { "deny" };
        assert_eq!(verdicts(&log, "net:send"), [(format!("127.0.0.1:{port}/udp"), verdict.to_owned())]);
        if !allowed {
            socket.set_nonblocking(true).unwrap();
        }
        let mut buffer = [0; 16];
        match socket.recv(&mut buffer) {
            Ok(read) => assert!(allowed && &buffer[..read] == b"ping"),
            Err(error) => assert!(!allowed && error.kind() == ErrorKind::WouldBlock, "{error}"),
        }
    }
}

#[tokio::test]
async fn more_sockets_than_a_guest_may_have_are_refused_in_the_words_of_the_interface() {
    let (_runtime, component, log) = guest("", INNER).await;
    // 256, and then `new-socket-limit`.
    assert_eq!(component.call::<_, u32>("many", &()).await.unwrap(), 25_610);
    assert!(support::of_kind(&log, "decision").is_empty());
}

#[tokio::test]
async fn either_family_is_decided_on_and_served() {
    for ip in loopbacks() {
        let bytes = support::traffic::traffic_at(ip);
        let out = at(ip, &["connect"]) + &exactly("bind", "*:0/tcp");
        for (policy, groups) in [("", INNER), (out.as_str(), &[][..])] {
            let (_runtime, component, log) = this(&bytes, policy, groups).await;
            let port = echo_at(ip);
            assert_eq!(component.call::<_, u32>("dial", &port).await.unwrap(), 1000 + DENIED, "{ip}");
            let id = format!("{}/tcp", SocketAddr::new(ip, port));
            assert_eq!(verdicts(&log, "net:connect"), [(id, "deny".to_owned())]);
        }
        let within = at(ip, &["bind", "listen", "accept"]);
        let (_runtime, component, _log) = this(&bytes, &(out + &within), INNER).await;
        assert_eq!(component.call::<_, u32>("dial", &echo_at(ip)).await.unwrap(), 4, "{ip}");
        let port: u32 = component.call("listen", &()).await.unwrap();
        let mut stream = TcpStream::connect((ip, u16::try_from(port).unwrap())).unwrap();
        stream.write_all(b"hello").unwrap();
        assert_eq!(component.call::<_, u32>("take", &()).await.unwrap(), 5, "{ip}");
        stream.read_exact(&mut [0; 4]).unwrap();
    }
}

#[tokio::test]
async fn an_inner_address_in_the_form_of_another_is_forbidden_to_who_may_all_else() {
    for ip in ["::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::"] {
        let bytes = support::traffic::traffic_at(ip.parse().unwrap());
        let (_runtime, component, log) = this(&bytes, support::ALLOW_ALL, &["vetted"]).await;
        let (port, nobody_came) = nobody();
        assert_eq!(component.call::<_, u32>("dial", &port).await.unwrap(), 1000 + DENIED, "{ip}");
        nobody_came();
        let inner = (format!("127.0.0.1:{port}/tcp"), "deny".to_owned());
        assert!(verdicts(&log, "net:connect").contains(&inner), "{ip}");
    }
}

#[tokio::test]
async fn a_datagram_comes_in_only_from_where_it_may() {
    for ip in loopbacks() {
        let ((friend, from), (stranger, bad)) = (peer(ip), peer(ip));
        let policy = at(ip, &["bind"]) + &exactly("receive", &format!("{from}/udp"));
        let bytes = support::datagrams::datagrams_at(ip);
        let (_runtime, component, log) = this(&bytes, &policy, INNER).await;
        let port = u16::try_from(component.call::<_, u32>("bind", &0_u16).await.unwrap()).unwrap();
        stranger.send_to(b"6", (ip, port)).unwrap();
        assert_eq!(component.call::<_, u32>("receive", &()).await.unwrap(), 0, "{ip}");
        stranger.send_to(b"6", (ip, port)).unwrap();
        friend.send_to(b"3", (ip, port)).unwrap();
        let mut came = 0;
        while came == 0 {
            came = component.call::<_, u32>("receive", &()).await.unwrap();
        }
        assert_eq!(came, 103, "{ip}");
        let (yes, no) =
            ((format!("{from}/udp"), "allow".to_owned()), (format!("{bad}/udp"), "deny".to_owned()));
        assert_eq!(verdicts(&log, "net:receive"), [no.clone(), no, yes]);
    }
}

#[tokio::test]
async fn of_several_datagrams_none_goes_that_may_not_nor_any_after_it() {
    for ip in loopbacks() {
        let ((friend, yes), (stranger, no)) = (peer(ip), peer(ip));
        let policy = at(ip, &["bind"]) + &exactly("send", &format!("{yes}/udp"));
        let bytes = support::datagrams::datagrams_at(ip);
        let (_runtime, component, _log) = this(&bytes, &policy, INNER).await;
        let port: u32 = component.call("bind", &0_u16).await.unwrap();
        assert!(port < 100_000, "{port}");
        let (yes, no) = (yes.port(), no.port());
        for (ports, answer, digits) in [
            ((yes, no, yes), 1, "1"),
            ((no, yes, yes), 2000 + DENIED, ""),
            ((yes, yes, no), 2, "12"),
            ((yes, yes, yes), 3, "123"),
        ] {
            assert_eq!(component.call::<_, u32>("send", &ports).await.unwrap(), answer, "{ip} {ports:?}");
            assert_eq!(received(&friend), digits.as_bytes(), "{ip} {ports:?}");
        }
        // With one remote: an invalid argument for any other, and a decision on the one all the same.
        assert_eq!(component.call::<_, u32>("only", &yes).await.unwrap(), 0);
        assert_eq!(component.call::<_, u32>("send", &(no, no, no)).await.unwrap(), 2003);
        assert_eq!(component.call::<_, u32>("only", &no).await.unwrap(), 0);
        assert_eq!(component.call::<_, u32>("send", &(no, no, no)).await.unwrap(), 2000 + DENIED);
        assert_eq!((received(&friend), received(&stranger)), (Vec::new(), Vec::new()));
    }
}

#[tokio::test]
async fn every_local_address_is_bound_by_its_own_name_and_lets_nobody_in_by_itself() {
    for ip in loopbacks() {
        let bytes = support::datagrams::datagrams_at(ip);
        let (_runtime, component, log) = this(&bytes, &at(ip, &["bind"]), INNER).await;
        assert_eq!(component.call::<_, u32>("bind-all", &0_u16).await.unwrap(), 100_000 + DENIED, "{ip}");
        assert_eq!(verdicts(&log, "net:bind"), [("*:0/udp".to_owned(), "deny".to_owned())]);
        let all =
            exactly("bind", "*:0/udp") + "permit (principal, action == Action::\"net:receive\", resource);";
        let (_runtime, component, log) = this(&bytes, &all, &[]).await;
        assert_eq!(component.call::<_, u32>("bind", &0_u16).await.unwrap(), 100_000 + DENIED, "{ip}");
        let port = u16::try_from(component.call::<_, u32>("bind-all", &0_u16).await.unwrap()).unwrap();
        let (stranger, from) = peer(ip);
        stranger.send_to(b"6", (ip, port)).unwrap();
        assert_eq!(component.call::<_, u32>("receive", &()).await.unwrap(), 0, "{ip}");
        assert_eq!(verdicts(&log, "net:receive"), [(format!("{from}/udp"), "deny".to_owned())]);
    }
}

#[tokio::test]
async fn what_one_instance_looked_up_says_nothing_to_another() {
    let by_name = "permit (principal, action in [Action::\"net:resolve\", Action::\"net:connect\"], resource in Host::\"localhost\");"
        .to_owned()
        + &exactly("bind", "*:0/tcp");
    let (runtime, first, _log) = guest(&by_name, INNER).await;
    let bytes = support::signed("other", &support::traffic::traffic());
    let second = runtime.load_component(bytes).await.unwrap();
    assert_eq!(first.call::<_, u32>("dial-name", &echo()).await.unwrap(), 4);
    assert_eq!(second.call::<_, u32>("dial", &echo()).await.unwrap(), 1000 + DENIED);
    assert_eq!(first.call::<_, u32>("dial", &echo()).await.unwrap(), 4);
}
