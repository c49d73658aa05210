//! A server that the system holds to what its policies could ever grant.

use crate::world::{ALL, Server, actor, desk, two};
use rustix::process::Signal;

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
