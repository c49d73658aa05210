//! The control socket against those who stall, overdo it, or are somebody else.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests prepare and look at real files and sockets"
)]

mod serve_support;

use airssys_wasm::audit::Follower;
use airssys_wasm::serve::control::{MAX_BODY_BYTES, Operators};
use bytes::Bytes;
use serde_json::json;
use serve_support::{Answer, LONG, Stage, hasty, head, patient, request};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

/// More than there are places.
const MANY: usize = 40;

#[test]
fn who_is_no_operator_is_told_so_and_nothing_is_asked() {
    let stage = Stage::of(patient(), Operators::only([12345]));
    for path in ["/v1/status", "/v1/components", "/nowhere"] {
        let answer = stage.ask("GET", path, "");
        assert_eq!((answer.status, answer.code().as_str()), (403, "not-an-operator"));
    }
    assert!(stage.fake.asked().is_empty());
}

#[test]
fn strangers_who_stall_take_no_operators_place() {
    let stage = Stage::of(patient(), Operators::only([12345]));
    let stalled: Vec<UnixStream> = (0..MANY).map(|_| stage.connect()).collect();
    // All but the few who are told are hung up on, without waiting for them to say anything.
    let hung_up = stalled.iter().filter(|stream| {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
        matches!((&**stream).read(&mut [0]), Ok(0))
    });
    assert_eq!(hung_up.count(), MANY - 2);
}

#[test]
fn another_version_is_refused_before_anything_is_asked() {
    let stage = Stage::new(patient());
    for line in ["", "airssys-protocol: 2\r\n", "airssys-protocol: 1, 1\r\n"] {
        let answer = stage.raw(format!("GET /v1/status HTTP/1.1\r\nhost: a\r\n{line}\r\n").as_bytes());
        assert_eq!((answer.status, answer.code().as_str()), (426, "protocol"), "{answer:?}");
        assert!(answer.head.contains("airssys-protocol: 1"), "{answer:?}");
    }
    assert!(stage.fake.asked().is_empty());
}

#[test]
fn whoever_says_nothing_or_half_of_it_is_hung_up_on() {
    let stage = Stage::new(hasty());
    for begin in ["", "GET /v1/st", &head("GET", "/v1/status", "")[..30]] {
        let mut stream = stage.connect();
        stream.write_all(begin.as_bytes()).unwrap();
        let answer = Answer::read(&mut stream);
        assert!(matches!(answer.status, 0 | 408), "{answer:?}");
    }
    let answer =
        stage.raw(head("POST", "/v1/components/acme/thumb/call", "content-length: 9\r\n").as_bytes());
    assert_eq!((answer.status, answer.code().as_str()), (504, "timed-out"));
    assert!(stage.fake.asked().is_empty());
}

#[test]
fn operators_who_stall_keep_the_next_one_waiting_for_a_bounded_time() {
    let stage = Stage::new(hasty());
    let stalled: Vec<UnixStream> = (0..MANY).map(|_| stage.connect()).collect();
    assert_eq!(stage.ask("GET", "/v1/status", "").status, 200);
    drop(stalled);
}

/// Says when it is gone.
struct Probe(mpsc::Sender<()>, Vec<u8>);

impl AsRef<[u8]> for Probe {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn whoever_does_not_take_the_answer_is_hung_up_on() {
    let stage = Stage::new(hasty());
    let (sender, gone) = mpsc::channel();
    let last = Bytes::from_owner(Probe(sender, b"last".to_vec()));
    // More than the system and the server hold for one connection, so that the last stays where it is.
    let long = std::iter::repeat_n(Bytes::from(vec![b'x'; 64 << 10]), 256);
    *stage.fake.past.lock().unwrap() = long.chain([last]).collect();
    let mut stream = stage.connect();
    stream.write_all(request("GET", "/v1/logs", "").as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    stage.fake.past.lock().unwrap().clear();
    gone.recv_timeout(LONG).expect("what was for them is let go");
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_is_held() {
    let stage = Stage::new(patient());
    let path = "/v1/components/acme/thumb/call";
    let answer =
        stage.raw(head("POST", path, &format!("content-length: {}\r\n", MAX_BODY_BYTES + 1)).as_bytes());
    assert_eq!((answer.status, answer.code().as_str()), (413, "too-large"));
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let answer =
        stage.raw((head("POST", path, "transfer-encoding: chunked\r\n") + &chunk.repeat(6)).as_bytes());
    assert_eq!((answer.status, answer.code().as_str()), (413, "too-large"));
    let long = format!("x-long: {}\r\n", "x".repeat(1 << 20));
    let answer = stage.raw(head("GET", "/v1/status", &long).as_bytes());
    assert!(matches!(answer.status, 0 | 431), "{answer:?}");
    assert!(stage.fake.asked().is_empty());
}

#[test]
fn what_is_not_understood_is_refused_and_nothing_is_asked() {
    let stage = Stage::new(patient());
    let (thumb, guarded) = ("/v1/components/acme/thumb", "{\"call\":\"f()\",\"as\":\"root\"}");
    for (method, path, body, status) in [
        ("POST", format!("{thumb}/call"), guarded, 400),
        ("POST", format!("{thumb}/call"), "{\"call\":1}", 400),
        ("POST", format!("{thumb}/call"), "{}", 400),
        ("POST", format!("{thumb}/call"), "", 400),
        ("POST", format!("{thumb}/call"), "{\"call\":\"f()\"} {}", 400),
        ("POST", format!("{thumb}/send"), "{\"body\":\"not base64!\"}", 400),
        ("POST", format!("{thumb}/send"), "{\"body\":\"\",\"sender\":\"acme/other\"}", 400),
        ("POST", format!("{thumb}/stop"), "{\"grace_ms\":-1}", 400),
        ("POST", "/v1/policy".into(), "{\"policies\":[{\"name\":\"a\",\"text\":\"b\",\"c\":1}]}", 400),
        ("POST", "/v1/policy".into(), "{\"entities\":[]}", 400),
        ("POST", "/v1/trust/reload".into(), "{}", 400),
        ("POST", "/v1/keys/0a/revoke".into(), "{}", 400),
        ("POST", "/v1/keys/..%2f/revoke".into(), "", 400),
        ("POST", format!("/v1/keys/{}/revoke", "a".repeat(129)), "", 400),
        ("GET", "/v1/components/Acme/thumb".into(), "", 400),
        ("GET", "/v1/components/acme/%ff".into(), "", 400),
        ("GET", "/v1/logs?last=x".into(), "", 400),
        ("GET", "/v1/logs?last=10001".into(), "", 400),
        ("GET", "/v1/logs?last=1&last=2".into(), "", 400),
        ("GET", "/v1/logs?follow=yes".into(), "", 400),
        ("GET", "/v1/logs?since=1".into(), "", 400),
        ("GET", format!("{thumb}/call"), "", 405),
        ("POST", thumb.into(), "", 405),
        ("DELETE", thumb.into(), "", 405),
        ("POST", "/v1/status".into(), "", 405),
        ("GET", "/v2/status".into(), "", 404),
        ("GET", "/".into(), "", 404),
    ] {
        let answer = stage.ask(method, &path, body);
        assert_eq!((answer.status, answer.code().as_str()), (status, "invalid"), "{method} {path} {body}");
    }
    assert!(stage.fake.asked().is_empty());
}

#[test]
fn a_component_that_may_not_be_seen_and_one_that_is_not_there_answer_alike() {
    let stage = Stage::new(patient());
    for (method, rest, body) in [
        ("GET", "", ""),
        ("POST", "/call", "{\"call\":\"f()\"}"),
        ("POST", "/stop", "{}"),
        ("POST", "/reload", "x"),
    ] {
        let of = |name| stage.ask(method, &format!("/v1/components/acme/{name}{rest}"), body);
        let (hidden, missing) = (of("hidden"), of("nobody"));
        assert_eq!((hidden.status, hidden.code().as_str()), (404, "unreachable"));
        assert_eq!(hidden.status, missing.status);
        assert_eq!(hidden.body.replace("hidden", "nobody"), missing.body);
    }
    let guarded = stage.ask("POST", "/v1/components/acme/guarded/stop", "{}");
    assert_eq!((guarded.status, guarded.code().as_str()), (403, "denied"));
}

#[test]
fn an_operation_goes_on_when_its_operator_has_hung_up_and_the_end_waits_for_it() {
    let mut stage = Stage::new(patient());
    let steps = stage.fake.watch();
    let mut stream = stage.connect();
    let call = request("POST", "/v1/components/acme/thumb/call", "{\"call\":\"wait()\"}");
    stream.write_all(call.as_bytes()).unwrap();
    assert_eq!(steps.recv_timeout(LONG), Ok("begun"));
    drop(stream);
    stage.stop.send_replace(true);
    assert!(!stage.running.as_ref().unwrap().is_finished());
    stage.fake.go.add_permits(1);
    assert_eq!(steps.recv_timeout(LONG), Ok("ended"));
    stage.end();
    assert!(!stage.path.exists(), "the socket's name is taken away");
}

#[test]
fn operations_under_way_are_bounded_also_when_nobody_waits_for_them() {
    let mut stage = Stage::new(patient());
    let steps = stage.fake.watch();
    let call = request("POST", "/v1/components/acme/thumb/call", "{\"call\":\"wait()\"}");
    let waiting: Vec<UnixStream> = (0..MANY).map(|_| stage.connect()).collect();
    waiting.iter().for_each(|mut stream| stream.write_all(call.as_bytes()).unwrap());
    for _ in 0..16 {
        assert_eq!(steps.recv_timeout(LONG), Ok("begun"));
    }
    drop(waiting);
    let busy = stage.ask("POST", "/v1/components/acme/thumb/call", "{\"call\":\"wait()\"}");
    assert_eq!((busy.status, busy.code().as_str()), (503, "busy"), "there is no place for one more");
    assert_eq!(
        stage.ask("GET", "/v1/components", "").status,
        200,
        "and there is for who looks, or stops them"
    );
    stage.fake.go.add_permits(2 * MANY);
    stage.end();
}

#[test]
fn an_operation_that_panics_is_an_error_and_the_next_is_answered() {
    let stage = Stage::new(patient());
    let answer = stage.ask("POST", "/v1/components/acme/thumb/call", "{\"call\":\"panic()\"}");
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
    assert_eq!(stage.ask("GET", "/v1/components", "").status, 200);
}

#[test]
fn those_who_hand_in_large_bodies_and_those_who_follow_are_few_at_once() {
    let mut stage = Stage::new(patient());
    let large =
        head("POST", "/v1/components/acme/thumb/reload", "content-length: 9\r\nexpect: 100-continue\r\n");
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = stage.connect();
        stream.write_all(large.as_bytes()).unwrap();
        // The server asks for the body when there is room for it.
        stream.read_exact(&mut [0; 12]).unwrap();
        held.push(stream);
    }
    let answer = stage.ask("POST", "/v1/policy", "{\"policies\":[]}");
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
    drop(held);
    let steps = stage.fake.watch();
    let mut following: Vec<UnixStream> = (0..8).map(|_| stage.connect()).collect();
    for stream in &mut following {
        stream.write_all(request("GET", "/v1/logs?follow=true", "").as_bytes()).unwrap();
        assert_eq!(steps.recv_timeout(LONG), Ok("followed"));
    }
    let answer = stage.ask("GET", "/v1/logs?follow=true", "");
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
    stage.end();
    for mut stream in following {
        assert_eq!(Answer::read(&mut stream).status, 200, "they are let go at the end");
    }
}

#[test]
fn who_follows_is_sent_each_record_as_it_comes() {
    let stage = Stage::new(patient());
    let steps = stage.fake.watch();
    stage.fake.past.lock().unwrap().push("old\n".into());
    let mut stream = stage.connect();
    stream.write_all(request("GET", "/v1/logs?last=1&follow=true", "").as_bytes()).unwrap();
    steps.recv_timeout(LONG).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "old"));
    stage.fake.follow.clone().told(b"new\n");
    assert!(lines.any(|line| line == "new"));
}

#[test]
fn every_path_leads_to_its_operation_with_whoever_asked() {
    let stage = Stage::new(patient());
    let uid = airssys_osl::host_sockets::own_uid_ambient();
    let thumb = "/v1/components/acme/thumb";
    for (method, path, body, asked) in [
        ("GET", "/v1/status".to_owned(), "", "status".to_owned()),
        ("GET", "/v1/components".into(), "", "ps".into()),
        ("GET", thumb.into(), "", "component acme/thumb".into()),
        (
            "POST",
            format!("{thumb}/call"),
            "{\"call\":\"f(1)\",\"timeout_ms\":5}",
            "call acme/thumb f(1) Some(5)".into(),
        ),
        ("POST", format!("{thumb}/send"), "{\"body\":\"aGk=\"}", "send acme/thumb [104, 105] None".into()),
        ("POST", format!("{thumb}/reload"), "\u{0}asm", "reload acme/thumb 4 bytes".into()),
        ("POST", format!("{thumb}/stop"), "{\"grace_ms\":0}", "stop acme/thumb Some(0)".into()),
        ("POST", "/v1/policy".into(), "{\"policies\":[{\"name\":\"p\",\"text\":\"\"}]}", "policy p ".into()),
        ("POST", "/v1/trust/reload".into(), "", "trust".into()),
        ("POST", "/v1/keys/0a1b/revoke".into(), "", "revoke 0a1b".into()),
        ("GET", "/v1/logs?last=3".into(), "", "logs 3 false".into()),
    ] {
        let answer = stage.ask(method, &path, body);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(stage.fake.asked().last(), Some(&format!("{uid} {asked}")));
    }
    assert_eq!(stage.ask("GET", "/v1/status", "").json()["pid"], json!(4711));
}
