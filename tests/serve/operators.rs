//! What operators may: each operation is decided with the operator as principal, and recorded.

use crate::world::{ALL, Server, actor, two, uid};
use serde_json::Value;

/// Everything but what operators ask for.
const NO_OPERATORS: &str = "@id(\"components\") permit (principal is Component, action, resource);";

/// Everything but one action for operators.
fn without(action: &str) -> String {
    format!("{ALL} @id(\"no\") forbid (principal is Operator, action == Action::\"{action}\", resource);")
}

/// The decisions on what operators asked, by action.
fn decisions(server: &Server, action: &str) -> Vec<Value> {
    let operator = format!("operator:{}", uid());
    let mut records = server.records();
    records.retain(|one| one["kind"] == "decision" && one["subject"] == *operator && one["action"] == action);
    records
}

#[test]
fn an_operator_to_whom_nothing_is_permitted_sees_and_does_nothing() {
    let server = Server::new(NO_OPERATORS, &two());
    server.desk.write("a8.wasm", actor("a", "probe-actor-2", 8));
    server.desk.write("other.cedar", ALL);
    for command in [
        &["call", "acme/a", "ask(\"version:\")"][..],
        &["send", "acme/a", "hello"],
        &["reload", "acme/a", "a8.wasm"],
        &["stop", "acme/a"],
        &["status", "acme/a"],
    ] {
        let other: Vec<String> = command.iter().map(|word| word.replace("acme/a", "acme/z")).collect();
        let other: Vec<&str> = other.iter().map(String::as_str).collect();
        let (there, not_there) = (server.ask(command), server.ask(&other));
        let said = there.is_one_sentence(127).replace("acme/a", "acme/z");
        assert_eq!(said, not_there.is_one_sentence(127), "{command:?}");
    }
    for command in
        [&["policy", "swap", "other.cedar"][..], &["revoke", &"0".repeat(24)], &["logs"], &["status"]]
    {
        let said = server.ask(command);
        assert!(said.is_one_sentence(126).contains("not permitted"), "{said:?}");
    }
    let seen = server.json(&["ps"]);
    assert_eq!(seen["components"], Value::Array(Vec::new()), "what may not be seen is left out");
    let denied = server.records().iter().filter(|one| one["verdict"] == "deny").count();
    assert_eq!(denied, 2 * 5 + 4 + 2, "each is recorded, of those that are not there too");
    let note = server.records().into_iter().find(|one| one["kind"] == "note").unwrap();
    assert!(note["text"].as_str().unwrap().starts_with("asked by process "), "{note}");
    let desk = server.end();
    desk.write("policy.cedar", ALL);
    assert_eq!(Server::on(desk).status("acme/a")["release"], 7);
}

#[test]
fn each_operation_needs_its_own_permission() {
    let other = "other.cedar";
    for (action, command) in [
        ("component:call", &["call", "acme/a", "ask(\"count:\")"][..]),
        ("msg:send", &["send", "acme/a", "count:"]),
        ("component:reload", &["reload", "acme/a", "a8.wasm"]),
        ("component:stop", &["stop", "acme/a"]),
        ("runtime:policy", &["policy", "swap", other]),
        ("runtime:revoke", &["revoke", &"0".repeat(24)]),
        ("runtime:logs", &["logs"]),
        ("runtime:status", &["status"]),
    ] {
        let server = Server::new(&without(action), &two());
        server.desk.write("a8.wasm", actor("a", "probe-actor", 8));
        server.desk.write(other, ALL);
        let before = server.status("acme/a");
        let said = server.ask(command);
        assert!(said.is_one_sentence(126).contains("not permitted"), "{action}: {said:?}");
        let denied: Vec<_> = decisions(&server, action);
        assert_eq!(denied.len(), 1, "{action}");
        if action == "component:call" {
            let said = server.ask(&["call", "acme/a", "nothing()"]);
            assert!(
                said.is_one_sentence(126).contains("not permitted"),
                "what it exports is not told: {said:?}"
            );
        }
        assert_eq!(
            (&denied[0]["verdict"], &denied[0]["policies"][0]),
            (&"deny".into(), &"no".into()),
            "{denied:?}"
        );
        let after = server.status("acme/a");
        for key in ["state", "release", "calls"] {
            assert_eq!(before[key], after[key], "{action}");
        }
    }
}

#[test]
fn operators_are_known_by_their_number_and_by_the_groups_of_the_configuration() {
    let policy = "permit (principal is Component, action, resource);
        permit (principal in Group::\"on-call\", action == Action::\"runtime:status\", resource);";
    let config = two();
    let server = Server::new(policy, &config);
    assert_eq!(server.ask(&["status"]).status, 126);
    let desk = server.end();
    desk.write("airssys.toml", format!("{config}[[operator]]\nuid = {}\ngroups = ['on-call']\n", uid()));
    let server = Server::on(desk);
    server.ask(&["status"]).is_done();
    let desk = server.end();
    let policy = format!(
        "permit (principal is Component, action, resource); permit (principal == Operator::\"{}\", action, resource);",
        uid()
    );
    desk.write("policy.cedar", policy);
    desk.write("airssys.toml", config);
    Server::on(desk).ask(&["status"]).is_done();
}

#[test]
fn whoever_loses_the_permission_reads_the_log_no_further() {
    let server = Server::new(ALL, &two());
    server.desk.write("no-logs.cedar", without("runtime:logs"));
    let followed = {
        let mut command = server.desk.command();
        command.args(["logs", "-f", "--last", "1", "--json", "--socket", "control.sock"]);
        command.timeout(std::time::Duration::from_secs(8));
        std::thread::spawn(move || command.output().unwrap())
    };
    server.until(|server| !decisions(server, "runtime:logs").is_empty());
    server.told("acme/a", "version:");
    server.json(&["policy", "swap", "no-logs.cedar"]);
    server.told("acme/b", "count:");
    let text = String::from_utf8(followed.join().unwrap().stdout).unwrap();
    let denied = decisions(&server, "runtime:logs").iter().filter(|one| one["verdict"] == "deny").count();
    assert_eq!(denied, 1, "its end is recorded once, however much is written then");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "each once, in order: {numbers:?}");
    let called = |name: &str| {
        lines.iter().any(|line| {
            line["resource"]["id"].as_str().is_some_and(|id| id.starts_with(&format!("acme/{name}#")))
        })
    };
    assert!(called("a") && !called("b"), "{text}");
}

#[test]
fn calls_that_take_long_keep_nobody_from_stopping_them() {
    let server = Server::new(ALL, &two());
    std::thread::scope(|scope| {
        let call = || server.ask(&["call", "acme/a", "ask(\"spin:\")"]);
        let calls: Vec<_> = (0..40).map(|_| scope.spawn(call)).collect();
        server.until(|server| server.status("acme/a")["calls"].as_u64() >= Some(1));
        // More than there are places for.
        let mut refused = 0;
        while refused < 24 {
            refused = calls.iter().filter(|call| call.is_finished()).count();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        server.json(&["stop", "acme/a", "--grace-ms", "0"]);
        let said: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        let busy = said.iter().filter(|said| said.err.contains("16 calls are under way already")).count();
        assert_eq!(busy, 24, "{said:?}");
    });
}
