//! A server's life: how it begins, reads anew, and ends.

use crate::cli_support::Desk;
use crate::world::{ALL, HEAD, Server, actor, component, desk, records, trust, two};
use crate::{guests, support};
use airssys_wasm::identity::{SecretKey, sign};
use rustix::process::Signal;
use std::process::Output;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is wrong with a desk, by what is said of it, the status, and how it comes about.
type Mistake = (&'static str, i32, fn(&Desk));

const MISTAKES: &[Mistake] = &[
    ("there is no `[serve]`", 125, |desk| desk.write("airssys.toml", "policy = []")),
    ("unknown field `watches`", 125, |desk| desk.write("airssys.toml", two() + "watches = 'x'\n")),
    (
        "`watch` under `[serve]` in `airssys.toml` names `./incoming`, and there is no such directory: make it",
        125,
        |desk| {
            desk.write("airssys.toml", two().replace("[serve]", "[serve]\nwatch = 'incoming'"));
        },
    ),
    ("traces cannot be sent to `nowhere`", 125, |desk| {
        desk.write("airssys.toml", two().replace("[serve]", "[serve]\ntraces = 'nowhere'"));
    }),
    ("policy.cedar", 125, |desk| desk.write("policy.cedar", "permit (principal, action")),
    ("trust.toml", 125, |desk| desk.write("trust.toml", "[[publisher]]\nname = 'acme'")),
    ("a.wasm", 127, |desk| std::fs::remove_file(desk.path("a.wasm")).unwrap()),
    ("`acme/a` is to be started, and its file is `acme/b`", 125, |desk| {
        desk.write("a.wasm", actor("b", "probe-actor", 7));
    }),
    ("`acme/a`", 126, |desk| {
        let other = SecretKey::generate().unwrap().public_key().to_text();
        desk.write("trust.toml", trust("").replace(&support::KEY.public_key().to_text(), &other));
    }),
    ("audit.jsonl", 125, |desk| desk.write("audit.jsonl", "nothing of ours\n")),
];

#[test]
fn what_cannot_be_served_is_told_in_one_sentence_and_nothing_is_begun() {
    for (what, status, change) in MISTAKES {
        let desk = desk(ALL, &two());
        change(&desk);
        let said = desk.run(&["serve", "--config", "airssys.toml"]);
        assert!(said.err.contains(what) && said.status == *status, "{what}: {said:?}");
        assert!(!desk.path("control.sock").exists(), "{what}");
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let said = desk(ALL, &two()).run(&["serve", "--config", "nowhere.toml"]);
    assert!(said.err.contains("configuration `nowhere.toml` cannot be read"), "{said:?}");
}

#[test]
fn a_second_server_does_not_begin_and_the_first_goes_on() {
    let server = Server::new(ALL, &two());
    let second = server.desk.run(&["serve", "--config", "airssys.toml"]);
    assert_eq!(second.status, 125, "{second:?}");
    assert_eq!(server.told("acme/a", "echo:still"), "still");
}

#[test]
fn it_ends_in_order_and_what_was_begun_is_finished() {
    let mut server = Server::new(ALL, &two());
    let begun = {
        let mut command = server.desk.command();
        command.args(["call", "acme/a", "ask(\"sleep:1500\")", "--socket", "control.sock"]);
        std::thread::spawn(move || command.output().unwrap())
    };
    server.until(|server| server.status("acme/a")["calls"] == 1);
    server.signal(Signal::TERM);
    assert_eq!(server.event()["event"], "ending");
    assert_eq!(server.event()["event"], "ended");
    let (status, desk) = server.ended();
    assert_eq!(status, 0);
    assert!(!desk.path("control.sock").exists());
    let answer = begun.join().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let verified = desk.run(&["audit", "verify", "audit.jsonl"]);
    assert_eq!(verified.status, 0, "{verified:?}");
}

#[test]
fn what_does_not_end_in_time_is_stopped_and_named() {
    let mut server = Server::new(ALL, &two().replace("20000", "500"));
    let _ = server.ask(&["call", "acme/a", "ask(\"spin:\")", "--timeout-ms", "100"]);
    server.signal(Signal::TERM);
    assert_eq!(server.event()["event"], "ending");
    let told = server.event();
    assert!(told["error"]["message"].as_str().unwrap().contains("acme/a"), "{told}");
    assert_eq!(server.ended().0, 124);
}

/// A server of which an older version of `acme/a` is in the middle of a call that it began before its place was taken, and
/// that call. That version is signed by a key that signs nothing else.
fn finishing(config: &str, verb: &str) -> (Server, JoinHandle<Output>) {
    let (desk, own) = (desk(ALL, config), SecretKey::generate().unwrap());
    let process = |release: u64, key: &SecretKey| {
        let manifest = format!(
            "[component]\nname = \"a\"\npublisher = \"acme\"\nversion = \"1.0.0\"\nrelease = {release}\n"
        );
        sign(&guests::component("probe-process"), &manifest, key).unwrap()
    };
    desk.write("a.wasm", process(7, &own));
    desk.write("a8.wasm", process(8, &support::KEY));
    let own = format!("[[publisher.key]]\nkey = '{}'\n", own.public_key().to_text());
    desk.write("trust.toml", trust("") + &own);
    let server = Server::on(desk);
    let call = {
        let mut command = server.desk.command();
        command.args([
            "call",
            "acme/a",
            &format!("process-data({:?})", verb.as_bytes()),
            "--socket",
            "control.sock",
        ]);
        std::thread::spawn(move || command.output().unwrap())
    };
    server.until(|server| server.status("acme/a")["calls"] == 1);
    server.json(&["reload", "acme/a", "a8.wasm"]);
    assert_eq!(server.status("acme/a")["finishing"], 1);
    (server, call)
}

#[test]
fn an_older_version_that_is_trusted_no_longer_ends_in_the_middle_of_what_it_finishes() {
    // It waits for nothing that a permission which is taken back would end.
    let (mut server, call) = finishing(&two(), "spin:");
    let shown = server.ask(&["ps"]);
    assert!(shown.out.contains("running, 1 finishing"), "{shown:?}");
    server.desk.write("trust.toml", trust(""));
    assert_eq!(server.event()["event"], "reloaded");
    let status = server.status("acme/a");
    assert_eq!(
        (&status["finishing"], &status["state"], &status["release"]),
        (&0.into(), &"running".into(), &8.into()),
        "it has ended when that is told"
    );
    assert!(!call.join().unwrap().status.success());
}

#[test]
fn the_servers_end_waits_for_an_older_version_and_not_for_longer_than_it_may() {
    let (mut server, call) = finishing(&two(), "sleep:1500");
    server.signal(Signal::TERM);
    assert_eq!(server.event()["event"], "ending");
    assert_eq!(server.event()["event"], "ended");
    let answer = call.join().unwrap();
    assert!(answer.status.success(), "{answer:?}");

    let (mut server, call) = finishing(&two().replace("20000", "500"), "sleep:90000");
    server.signal(Signal::TERM);
    assert_eq!(server.event()["event"], "ending");
    let told = server.event();
    assert!(told["error"]["message"].as_str().unwrap().contains("acme/a had not ended in time"), "{told}");
    assert_eq!(server.ended().0, 124);
    assert!(!call.join().unwrap().status.success());
}

#[test]
fn a_system_whose_components_fail_too_often_gives_up() {
    let config = format!(
        "{HEAD}{}[[supervisor]]\nname = 'root'\nrestarts = 1\nchildren = ['acme/a']\nbackoff = {{ first_ms = 1, most_ms = 1 }}\n",
        component("a", "")
    );
    let mut server = Server::new(ALL, &config);
    server.ask(&["call", "acme/a", "ask(\"panic:\")"]);
    server.until(|server| server.status("acme/a")["state"] == "running");
    server.ask(&["call", "acme/a", "ask(\"panic:\")"]);
    assert_eq!(server.event()["event"], "failed");
    let told = server.event();
    assert!(told["error"]["message"].as_str().unwrap().contains("gave up"), "{told}");
    assert_eq!(server.ended().0, 125);
}

#[test]
fn what_cannot_be_started_ends_the_start_however_often_its_supervisor_would_try() {
    let supervisor = "[[supervisor]]\nname = 'inner'\nrestarts = 1\nwithin_ms = 1\nchildren = ['acme/a']\n\
        backoff = { first_ms = 1, most_ms = 5 }\n";
    let forbidden = format!(
        "{ALL} @id(\"no\") forbid (principal, action == Action::\"component:load\", resource == Component::\"acme/a\");"
    );
    let said =
        crate::world::desk(&forbidden, &(two() + supervisor)).run(&["serve", "--config", "airssys.toml"]);
    assert!(said.is_one_sentence(125).contains("`acme/a` was not started: "), "{said:?}");
}

#[test]
fn a_component_that_no_supervisor_names_fails_for_itself_alone() {
    let root = "[[supervisor]]\nname = 'root'\nrestarts = 2\nbackoff = { first_ms = 1, most_ms = 1 }\n";
    let server = Server::new(ALL, &(two() + root));
    for _ in 0..3 {
        server.until(|server| server.status("acme/a")["state"] == "running");
        server.ask(&["call", "acme/a", "ask(\"panic:\")"]);
    }
    server.until(|server| server.status("acme/a")["state"] == "failed");
    assert!(server.health("/readyz").starts_with("HTTP/1.1 503"));
    assert_eq!(server.told("acme/b", "echo:still"), "still");
    // It counts from nothing again.
    server.json(&["start", "acme/a"]);
    server.ask(&["call", "acme/a", "ask(\"panic:\")"]);
    server.until(|server| server.status("acme/a")["state"] == "running");
    assert!(server.health("/readyz").starts_with("HTTP/1.1 200"));
    server.signal(Signal::TERM);
    assert_eq!(server.ended().0, 0);
}

#[test]
fn on_sighup_policies_and_trust_are_read_anew_or_all_is_as_it_was() {
    let mut server = Server::new(ALL, &two());
    server.desk.write("policy.cedar", "permit (principal, action");
    server.signal(Signal::HUP);
    // That the files have changed is seen too, and told.
    server.event_of("not-reloaded");
    assert_eq!(server.told("acme/a", "send:acme/b=x"), "ok");
    server.desk.write(
        "policy.cedar",
        format!("{ALL} forbid (principal is Component, action == Action::\"msg:send\", resource);"),
    );
    server.signal(Signal::HUP);
    server.event_of("reloaded");
    assert_eq!(server.verb("acme/a", "send:acme/b=x").status, 1);

    // What the trust file no longer names is stopped, and the rest goes on.
    server.desk.write("trust.toml", trust("").replace("['*']", "['b']"));
    server.signal(Signal::HUP);
    server.until(|server| server.status("acme/a")["state"] == "stopped");
    assert_eq!(server.told("acme/b", "version:"), "1");
    let refused = server.ask(&["reload", "acme/b", "a.wasm"]);
    assert_eq!(refused.status, 126, "{refused:?}");
}

#[test]
fn a_revoked_key_stays_revoked_when_the_server_is_started_again() {
    let server = Server::new(ALL, &two());
    let unknown = server.ask(&["revoke", &"0".repeat(24)]);
    assert_eq!(unknown.status, 125, "{unknown:?}");
    let revoked = server.json(&["revoke", &support::KEY.public_key().key_id()]);
    assert_eq!(revoked["instances"], 2);
    assert_eq!(server.status("acme/a")["state"], "stopped");
    let desk = server.end();
    let said = desk.run(&["serve", "--config", "airssys.toml"]);
    assert!(said.status == 126 && said.err.contains("is revoked"), "{said:?}");
    let help = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("or take `acme/a` out of the configuration"), "{said:?}");
}

#[test]
fn whatever_runs_out_is_stopped_and_told_and_the_others_go_on() {
    let desk = desk(ALL, &two());
    let expires = jiff::Timestamp::now() + Duration::from_secs(8);
    let manifest = format!(
        "[component]\nname = \"a\"\npublisher = \"acme\"\nversion = \"7.0.0\"\nrelease = 7\nexpires = {expires}\n"
    );
    desk.write("a.wasm", sign(&guests::component("probe-actor"), &manifest, &support::KEY).unwrap());
    let mut server = Server::on(desk);
    assert_eq!(server.told("acme/a", "version:"), "1");
    let told = server.event_of("ran-out");
    assert_eq!(told["components"], serde_json::json!(["acme/a"]));
    assert_eq!(server.status("acme/a")["state"], "stopped");
    assert_eq!(server.told("acme/b", "version:"), "1");
    let refused = server.ask(&["start", "acme/a"]);
    assert!(refused.status != 0 && server.status("acme/a")["running"] != true, "{refused:?}");
}

#[test]
fn no_component_holds_a_revocation_back_by_sitting_in_a_call() {
    for verb in ["spin:", "sleep:90000", "request:acme/b,90000=sleep:90000"] {
        let server = Server::new(ALL, &two());
        let call = format!("ask(\"{verb}\")");
        let late = server.ask(&["call", "acme/a", &call, "--timeout-ms", "300"]);
        assert_eq!(late.status, 124, "{verb}: it sits there: {late:?}");
        let begun = Instant::now();
        let revoked = server.json(&["revoke", &support::KEY.public_key().key_id()]);
        assert_eq!(revoked["instances"], 2, "{verb}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{verb}: {:?}", begun.elapsed());
        for name in ["acme/a", "acme/b"] {
            assert_eq!(server.status(name)["state"], "stopped", "{verb}");
        }
    }
}

#[test]
fn an_older_release_does_not_come_back_with_a_restart() {
    let server = Server::new(ALL, &two());
    server.desk.write("a8.wasm", actor("a", "probe-actor", 8));
    server.json(&["reload", "acme/a", "a8.wasm"]);
    let desk = server.end();
    let said = desk.run(&["serve", "--config", "airssys.toml"]);
    assert!(said.status == 125 && said.err.contains("`acme/a` was not started: "), "{said:?}");
    assert!(said.err.contains("older than release 8"), "{said:?}");
    let refused = records(&desk).into_iter().find(|one| one["kind"] == "refused");
    assert!(refused.unwrap()["text"].as_str().unwrap().contains("older than release 8"));
    desk.write("a.wasm", actor("a", "probe-actor", 8));
    assert_eq!(Server::on(desk).told("acme/a", "version:"), "1");
}
