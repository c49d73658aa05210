//! A server that the system holds to what its policies could ever grant.

use crate::support;
use crate::world::{ALL, AT_LAST, HEAD, Server, actor, component, desk, signed, trust, two};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

/// Operators do everything, components speak to each other and look at clocks.
const SPEAKING: &str = r#"
permit (principal is Operator, action, resource);
permit (principal is Component, action, resource is Component);
permit (principal is Component, action, resource is Clock);
permit (principal is Component, action, resource is Process);
"#;

#[test]
fn a_hardened_server_is_tended_as_any_other_and_takes_no_policies_that_need_more() {
    let mut server = Server::with(desk(SPEAKING, &two()), &["--harden"]);
    assert_eq!(server.told("acme/a", "send:acme/b=x"), "ok");
    assert!(server.health("/readyz").starts_with("HTTP/1.1 200"));
    // Another version, compiled by a process that is held too, and found again after it was put in the other's place.
    server.desk.write("new.wasm", actor("a", "probe-actor", 8));
    std::fs::rename(server.desk.path("new.wasm"), server.desk.path("a.wasm")).unwrap();
    server.ask(&["reload", "acme/a", "a.wasm"]).is_done();
    assert_eq!(server.status("acme/a")["release"], 8);
    server.desk.write("policy.cedar", ALL);
    let told = server.event_of("not-reloaded");
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("the process is held") && text.contains("start it anew"), "{told}");
    assert_eq!(server.told("acme/a", "send:acme/b=x"), "ok");
    // As an editor saves it.
    server
        .desk
        .write("policy.new", SPEAKING.replace("resource is Component", "resource == Component::\"acme/a\""));
    std::fs::rename(server.desk.path("policy.new"), server.desk.path("policy.cedar")).unwrap();
    server.event_of("reloaded");
    assert_eq!(server.verb("acme/a", "send:acme/b=x").status, 1);
    server.signal(Signal::TERM);
    let (status, desk) = server.ended();
    assert_eq!(status, 0);
    desk.run(&["audit", "verify", "audit.jsonl"]).is_done();
    // What it kept is there for the next.
    desk.write("policy.cedar", SPEAKING);
    let again = Server::with(desk, &["--harden"]);
    assert_eq!(again.status("acme/b")["state"], "running");
}

/// To look up this host's own name and connect there, to send from 127.0.0.1, and no more.
const TRAFFIC: &str = r#"
permit (principal is Operator, action, resource);
permit (principal is Component, action in [Action::"net:resolve", Action::"net:connect"], resource in Host::"localhost");
permit (principal is Component, action, resource is Component);
permit (principal is Component, action == Action::"net:bind", resource == Endpoint::"*:0/tcp");
permit (principal is Component, action in [Action::"net:bind", Action::"net:send"], resource is Endpoint)
when { resource has ip && resource.ip == ip("127.0.0.1") };
"#;

#[test]
fn names_are_looked_up_and_datagrams_sent_hardened_too() {
    let config = format!("{HEAD}{}", component("a", ""));
    let desk = desk(TRAFFIC, &config);
    desk.write("trust.toml", trust("groups = ['inner-network']"));
    desk.write("a.wasm", signed("a", &support::traffic::traffic(), 7));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut heard = [0; 4];
        peer.read_exact(&mut heard).unwrap();
        peer.write_all(&heard).unwrap();
    });
    let server = Server::with(desk, &["--harden"]);
    let called = |call: String| {
        let said = server.ask(&["call", "acme/a", &call]);
        assert_eq!(said.status, 0, "{call}: {said:?}");
        said.out.trim().to_owned()
    };
    assert_eq!(called(format!("dial-name({port})")), "4");
    echo.join().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(AT_LAST)).unwrap();
    assert_eq!(called(format!("send({})", socket.local_addr().unwrap().port())), "1");
    let mut heard = [0; 16];
    let read = socket.recv(&mut heard).unwrap();
    assert_eq!(&heard[..read], b"ping");
}
