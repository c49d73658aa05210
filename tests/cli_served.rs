//! The commands that speak to a running server: what they ask, what they print, and what they say when there is no server
//! to speak to.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests prepare and look at real files and sockets"
)]

mod cli_support;
mod serve_support;

use airssys_osl::host_sockets::own_uid_ambient;
use airssys_wasm::serve::control::Operators;
use cli_support::{Desk, Said};
use serde_json::{Value, json};
use serve_support::{LONG, Stage, patient};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Runs a command on that socket.
fn on(stage: &Stage, arguments: &[&str]) -> Said {
    at(&Desk::new(), stage.path.to_str().unwrap(), arguments)
}

fn at(desk: &Desk, socket: &str, arguments: &[&str]) -> Said {
    desk.run(&[arguments, &["--socket", socket]].concat())
}

/// A server of another kind, which does that with the first connection.
fn other(desk: &Desk, answer: impl FnOnce(std::os::unix::net::UnixStream) + Send + 'static) -> String {
    let path = desk.path("other.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || answer(listener.accept().unwrap().0));
    path.to_str().unwrap().to_owned()
}

#[test]
fn where_no_server_is_one_sentence_says_what_to_do() {
    let desk = Desk::new();
    desk.write("file", "");
    drop(UnixListener::bind(desk.path("dead")).unwrap());
    for socket in ["gone", "file", "dead"] {
        let said = at(&desk, socket, &["ps"]);
        let text = said.is_one_sentence(125);
        assert!(
            text.contains(&format!("no server listens at `{socket}`")) && text.contains("airssys serve"),
            "{text}"
        );
    }
    let said = desk.run(&["ps"]);
    assert!(said.is_one_sentence(125).contains("/run/airssys/control.sock"), "{said:?}");
    let error = at(&desk, "gone", &["ps", "--json"]).err_json();
    assert_eq!((&error["error"]["status"], &error["error"]["kind"]), (&json!(125), &json!("error")));
}

#[test]
fn what_is_no_server_of_this_version_is_told_as_such() {
    let told = |answer: &'static str| {
        let desk = Desk::new();
        let socket = other(&desk, move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let said = at(&desk, &socket, &["ps"]);
        said.is_one_sentence(125).to_owned()
    };
    let other = told("HTTP/1.1 200 OK\r\nairssys-protocol: 2\r\ncontent-length: 2\r\n\r\n[]");
    assert!(other.contains("a server of version 2") && other.contains("speaks version 1"), "{other}");
    let none = told("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
    assert!(none.contains("no server of `airssys`"), "{none}");
    let garbage = told("220 mail ready\r\n");
    assert!(garbage.contains("no server of `airssys`"), "{garbage}");
    let unknown = told("HTTP/1.1 200 OK\r\nairssys-protocol: 1\r\ncontent-length: 12\r\n\r\n[{\"name\":1}]");
    assert!(unknown.contains("whose answer is none"), "{unknown}");
    let nothing = told("");
    assert!(nothing.contains("hung up before it had answered"), "{nothing}");
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_without_end() {
    let desk = Desk::new();
    let socket = other(&desk, |mut stream| {
        // Until the command gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let said = at(&desk, &socket, &["status"]);
    assert!(said.is_one_sentence(125).contains("has not answered for 10 s"), "{said:?}");
}

#[test]
fn another_user_is_kept_out_by_the_mode_and_without_it_by_the_server() {
    if own_uid_ambient() != 0 {
        eprintln!("not the superuser: this cannot be tried here");
        return;
    }
    let stage = Stage::new(patient());
    std::fs::set_permissions(stage.directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = stage.directory.path().join("airssys");
    std::fs::copy(assert_cmd::cargo::cargo_bin("airssys"), &program).unwrap();
    let ask = |uid| {
        let mut command = Command::new(&program);
        command.args(["ps", "--socket"]).arg(&stage.path).uid(uid).gid(uid).env_clear().current_dir("/");
        let output = loop {
            match command.output() {
                // A process that another test starts at this moment has the copy open for writing until its `exec`.
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                output => break output.unwrap(),
            }
        };
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, said) = ask(12345);
    assert_eq!(status, Some(126), "{said}");
    assert!(said.contains("you may not connect to"), "{said}");
    std::fs::set_permissions(&stage.path, PermissionsExt::from_mode(0o666)).unwrap();
    for uid in [12345, 65534] {
        let (status, said) = ask(uid);
        assert_eq!(status, Some(126), "{said}");
        assert!(said.contains("you are no operator of this server"), "{said}");
    }
    assert!(stage.fake.asked().is_empty());
}

#[test]
fn who_is_no_operator_is_refused_also_by_connection() {
    let stage = Stage::of(patient(), Operators::only([12345]));
    let said = on(&stage, &["status"]);
    assert!(said.is_one_sentence(126).contains("you are no operator of this server"), "{said:?}");
}

#[test]
fn what_is_denied_unknown_or_fails_ends_with_its_status() {
    let stage = Stage::new(patient());
    for (arguments, status, text) in [
        (&["stop", "acme/guarded"][..], 126, "you are not permitted to stop acme/guarded"),
        (&["start", "acme/guarded"], 126, "you are not permitted to start acme/guarded"),
        (&["status", "acme/hidden"], 127, "no component `acme/hidden` can be reached"),
        (&["status", "acme/nobody"], 127, "no component `acme/nobody` can be reached"),
        (&["send", "acme/hidden", "x"], 127, "no component `acme/hidden` can be reached"),
        (&["status", "thumb"], 125, "`thumb` names no component"),
        (&["revoke", "../x"], 125, "`../x` is no key's id"),
        (&["call", "acme/thumb", "trap()"], 134, "it ended otherwise; do otherwise"),
        (&["call", "acme/thumb", "loop()"], 124, "it ended otherwise; do otherwise"),
        (&["call", "acme/thumb", "panic()"], 125, "the operation failed within the server"),
        (&["reload", "acme/thumb", "gone.wasm"], 127, "there is no component `gone.wasm`"),
    ] {
        let said = on(&stage, arguments);
        assert!(said.is_one_sentence(status).contains(text), "{said:?}");
    }
    let desk = Desk::new();
    desk.write("broken.cedar", "broken");
    let said = at(&desk, stage.path.to_str().unwrap(), &["policy", "swap", "broken.cedar"]);
    assert!(said.is_one_sentence(126).contains("policy.cedar:1:1: broken; mend it"), "{said:?}");
}

#[test]
fn a_call_of_a_served_component_takes_no_grants_and_a_call_of_a_file_waits_for_no_server() {
    let stage = Stage::new(patient());
    for grant in [
        &["--dev"][..],
        &["--trust", "t"],
        &["--policy", "p"],
        &["--dir", "."],
        &["--audit", "a"],
        &["--config", "c"],
    ] {
        let said = on(&stage, &[&["call", "acme/thumb", "f()"], grant].concat());
        assert_eq!(said.status, 125, "{said:?}");
        assert!(said.err.contains("cannot be used with"), "{said:?}");
    }
    let said = Desk::new().run(&["call", "acme/thumb", "f()", "--timeout-ms", "5"]);
    assert_eq!(said.status, 125, "{said:?}");
    let said = Desk::new().run(&["call", "acme/thumb", "f()"]);
    assert!(said.is_one_sentence(127).contains("there is no component `acme/thumb`"), "{said:?}");
    assert!(stage.fake.asked().is_empty());
}

#[test]
fn calls_print_what_they_return_and_end_with_its_status() {
    let stage = Stage::new(patient());
    let call = |call| {
        let said = on(&stage, &["call", "acme/thumb", call]);
        (said.status, said.out)
    };
    assert_eq!(call("f()"), (0, "[1, 2]\n".into()));
    assert_eq!(call("nothing()"), (0, String::new()));
    assert_eq!(call("exit()"), (7, String::new()));
    assert_eq!(call("fail()"), (1, "err(\"no\\u{1b}\")\n".into()));
    let json = on(&stage, &["call", "acme/thumb", "f()", "--json", "--timeout-ms", "50"]).json();
    assert_eq!(json, json!({ "result": "[1, 2]" }));
    let asked = format!("{} call acme/thumb f() Some(50)", own_uid_ambient());
    assert_eq!(stage.fake.asked().last(), Some(&asked));
}

#[test]
fn each_command_asks_its_question_and_shows_the_answer() {
    let (stage, desk) = (Stage::new(patient()), Desk::new());
    desk.write("p.cedar", "permit (principal, action, resource);");
    desk.write("e.json", "[]");
    desk.write("new.wasm", "\0asm");
    let mut shown = String::new();
    for arguments in [
        &["ps"][..],
        &["status"],
        &["status", "acme/thumb"],
        &["send", "acme/thumb", "hello"],
        &["send", "acme/thumb", "--file", "e.json", "--ttl-ms", "9"],
        &["reload", "acme/thumb", "new.wasm"],
        &["stop", "acme/thumb", "--grace-ms", "0"],
        &["start", "acme/thumb"],
        &["policy", "swap", "p.cedar", "--entities", "e.json"],
        &["revoke", "0a1b"],
    ] {
        let said = at(&desk, stage.path.to_str().unwrap(), arguments);
        shown += &format!("$ airssys {}\n{}\n", arguments.join(" "), said.is_done().out);
        let json = at(&desk, stage.path.to_str().unwrap(), &[arguments, &["--json"]].concat());
        assert!(json.is_done().json().is_object(), "{json:?}");
    }
    assert!(!shown.contains('\u{1b}'), "{shown}");
    insta::assert_snapshot!(shown);
    let asked: Vec<String> =
        stage.fake.asked().iter().step_by(2).map(|one| one.split_once(' ').unwrap().1.into()).collect();
    insta::assert_snapshot!("what_each_command_asked", asked.join("\n"));
}

#[test]
fn the_log_is_shown_and_followed_until_the_server_ends() {
    let mut stage = Stage::new(patient());
    let steps = stage.fake.watch();
    let mut follower = stage.fake.follow.followed();
    let log = stage.fake.log();
    let airssys_wasm::serve::Line::Record(opened) = follower.now().unwrap() else { panic!("a record") };
    stage.fake.past.lock().unwrap().push(opened.clone());
    let said = on(&stage, &["logs", "--last", "1"]);
    assert!(said.is_done().out.starts_with("#0 ") && said.out.contains(" open "), "{said:?}");
    let said = on(&stage, &["logs", "--json"]);
    assert_eq!(said.is_done().json(), serde_json::from_slice::<Value>(&opened).unwrap());
    while steps.try_recv().is_ok() {}
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("airssys"));
    command
        .args(["logs", "-f", "--last", "0", "--socket"])
        .arg(&stage.path)
        .env_clear()
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    steps.recv_timeout(LONG).unwrap();
    log.close().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(" close")), "the record comes as it is written");
    stage.end();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_line_that_is_no_record_is_told_and_acts_on_no_terminal() {
    let stage = Stage::new(patient());
    stage.fake.past.lock().unwrap().push("{\"kind\":\"\u{1b}[31m\"}\n".into());
    let said = on(&stage, &["logs"]);
    assert!(
        said.is_one_sentence(125).contains("the server sent what is no record")
            && !said.err.contains('\u{1b}')
    );
}
