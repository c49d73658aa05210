//! What operators do with a server's components.

use crate::world::{ALL, HEAD, Server, actor, component, two, uid};
use crate::{guests, support};
use airssys_wasm::identity::sign;

#[test]
fn components_are_called_stopped_and_replaced_by_their_names() {
    let server = Server::new(ALL, &two());
    assert_eq!(server.told("acme/a", "echo:hello"), "hello");
    assert_eq!(server.told("acme/a", "request:acme/b,5000=echo:there"), "there");
    let failed = server.verb("acme/a", "fail:on purpose");
    assert_eq!(
        (failed.status, failed.json()["error"]["value"].as_str().unwrap().contains("on purpose")),
        (1, true),
        "{failed:?}"
    );
    assert_eq!(server.ask(&["call", "acme/a", "nothing()"]).status, 125);
}

#[test]
fn a_later_version_takes_its_place_and_no_other_does() {
    let server = Server::new(ALL, &two());
    server.told("acme/a", "count:");
    server.desk.write("a8.wasm", actor("a", "probe-actor-2", 8));
    let reloaded = server.json(&["reload", "acme/a", "a8.wasm"]);
    assert_eq!(
        (&reloaded["from_release"], &reloaded["release"], &reloaded["state_handed_over"]),
        (&7.into(), &8.into(), &true.into())
    );
    assert_eq!(
        (server.told("acme/a", "version:"), server.told("acme/a", "count:")),
        ("2".into(), "2".into())
    );
    let older = server.ask(&["reload", "acme/a", "a.wasm"]);
    assert!(older.is_one_sentence(126).contains("older than release 8"), "{older:?}");
    let other = server.ask(&["reload", "acme/a", "b.wasm"]);
    assert!(other.is_one_sentence(126).contains("another component"), "{other:?}");
    assert_eq!(server.told("acme/a", "version:"), "2");
}

#[test]
fn what_was_stopped_stays_stopped_and_the_rest_goes_on() {
    let server = Server::new(ALL, &two());
    let stopped = server.json(&["stop", "acme/a"]);
    assert_eq!((&stopped["in_time"], &stopped["left"]), (&true.into(), &0.into()));
    assert_eq!(server.status("acme/a")["state"], "stopped");
    let gone = server.ask(&["call", "acme/a", "ask(\"version:\")"]);
    assert_eq!(gone.status, 134, "{gone:?}");
    assert_eq!(server.told("acme/b", "version:"), "1");
    let status = server.json(&["status"]);
    assert_eq!(
        (&status["components"], &status["running"], &status["ready"]),
        (&2.into(), &1.into(), &true.into())
    );
}

#[test]
fn an_operators_message_is_stamped_with_the_operator_and_waits_in_the_mailbox() {
    let server =
        Server::new(ALL, &two().replace("file = 'a.wasm'", "file = 'a.wasm'\nmailbox = { capacity = 2 }"));
    let sent = server.json(&["send", "acme/a", "count:"]);
    assert_eq!(sent["durable"], false);
    server.until(|server| server.told("acme/a", "heard:").contains("count"));
    let heard = server.told("acme/a", "heard:");
    assert!(
        heard.contains(&format!("sender=operator:{}", uid())) && heard.contains("wants-reply=false"),
        "{heard}"
    );
    // Busy, it takes two more and no third.
    server.ask(&["call", "acme/a", "ask(\"spin:\")", "--timeout-ms", "100"]);
    let sent: Vec<i32> = (0..4).map(|_| server.ask(&["send", "acme/a", "x"]).status).collect();
    assert_eq!(sent[..2], [0, 0]);
    let full = server.ask(&["send", "acme/a", "x"]);
    assert!(full.is_one_sentence(125).contains("the mailbox is full"), "{full:?}");
    let stopped = server.json(&["stop", "acme/a", "--grace-ms", "0"]);
    assert_eq!(stopped["left"], 2);
    assert_eq!(server.ask(&["send", "acme/a", "x"]).status, 134);
}

#[test]
fn what_was_done_by_an_operators_permission_after_it_was_sent_is_in_the_log() {
    for kept in ["", "mailbox = { durable = true }"] {
        let config = two().replace("file = 'a.wasm'", &format!("file = 'a.wasm'\n{kept}"));
        let server = Server::new(ALL, &config);
        server.json(&["send", "acme/a", "count:"]);
        let operator = format!("operator:{}", uid());
        let summary = |one: &serde_json::Value| one["kind"] == "summary" && one["subject"] == *operator;
        // While nothing else is asked for: by itself, and not by some change of policies.
        server.until(|server| server.records().iter().any(summary));
        let summary = server.records().into_iter().find(summary).unwrap();
        assert!(summary.to_string().contains("msg:send"), "{summary}");
    }
}

#[test]
fn what_is_sent_to_a_durable_mailbox_outlives_the_server() {
    let durable = "file = 'a.wasm'\nmailbox = { durable = true, max_deliveries = 2 }";
    let mut server = Server::new(ALL, &two().replace("file = 'a.wasm'", durable));
    server.ask(&["call", "acme/a", "ask(\"spin:\")", "--timeout-ms", "100"]);
    for body in ["echo:one", "panic:"] {
        assert_eq!(server.json(&["send", "acme/a", body])["durable"], true);
    }
    assert_eq!(server.status("acme/a")["mailbox"]["depth"], 2);
    let desk = server.killed();
    let server = Server::on(desk);
    server.until(|server| server.status("acme/a")["mailbox"]["dead_letters"] == 1);
    server.until(|server| server.status("acme/a")["restarts"] == 2);
    let status = server.status("acme/a");
    assert_eq!((&status["mailbox"]["depth"], &status["mailbox"]["durable"]), (&0.into(), &true.into()));
    assert_eq!(server.told("acme/a", "echo:still"), "still");
}

#[test]
fn a_call_ends_with_its_time_and_a_stop_ends_a_call() {
    let server = Server::new(ALL, &two());
    let late = server.ask(&["call", "acme/a", "ask(\"spin:\")", "--timeout-ms", "100"]);
    assert!(late.is_one_sentence(124).contains("no answer within 100 ms"), "{late:?}");
    let stopped = server.json(&["stop", "acme/a", "--grace-ms", "0"]);
    assert_eq!(stopped["in_time"], false);
    let trapped = server.ask(&["call", "acme/b", "ask(\"panic:\")"]);
    assert!(trapped.is_one_sentence(134).contains("trapped"), "{trapped:?}");
    server.until(|server| server.status("acme/b")["state"] == "running");
    let again = server.status("acme/b");
    assert_eq!(again["restarts"], 1);
    assert!(again["last_end"].as_str().unwrap().contains("trapped"), "{again}");
}

#[test]
fn a_component_serves_anothers_import_over_a_link() {
    let link = |interface: &str| {
        format!(
            "[[links]]\nfrom = 'acme/caller'\nimport = 'acme:text/{interface}@1.0.0'\nto = 'acme/callee'\n"
        )
    };
    let config = format!(
        "{HEAD}{}{}{}{}",
        component("callee", ""),
        component("caller", "limits = { wall_ms = 5000 }"),
        link("shout"),
        link("greet")
    );
    let desk = crate::world::desk(ALL, &config);
    for (name, bytes) in
        [("callee", guests::component("probe-callee")), ("caller", guests::component("probe-caller"))]
    {
        desk.write(&format!("{name}.wasm"), support::signed(name, &bytes));
    }
    let server = Server::on(desk);
    assert_eq!(server.told("acme/caller", "count:"), "1");
    let call = server
        .records()
        .into_iter()
        .find(|one| one["subject"] == "acme/caller" && one["action"] == "component:call");
    assert_eq!(call.unwrap()["resource"]["id"], "acme/callee#acme:text/shout.count");
    let loads = server.records();
    let limit = |name: &str| {
        loads.iter().find(|one| one["kind"] == "load" && one["subject"] == name).unwrap()["component"]["limits"]["wall_ms"]
            .clone()
    };
    assert_eq!(limit("acme/caller"), 5000, "its own limit");
    assert_ne!(limit("acme/callee"), 5000);
}

#[test]
fn what_is_wider_than_before_needs_a_permission_of_its_own() {
    let policy =
        format!("{ALL} @id(\"no\") forbid (principal, action == Action::\"component:widen\", resource);");
    let server = Server::new(&policy, &two());
    // The poller imports what the actor does not.
    let manifest = "[component]\nname = \"a\"\npublisher = \"acme\"\nversion = \"9.0.0\"\nrelease = 9\n";
    server.desk.write("a9.wasm", sign(&guests::component("probe-process"), manifest, &support::KEY).unwrap());
    let said = server.ask(&["reload", "acme/a", "a9.wasm"]);
    assert!(said.status == 126 && said.err.contains("imports `"), "{said:?}");
    assert_eq!(server.told("acme/a", "version:"), "1");
}

#[test]
fn what_is_measured_is_what_was_done() {
    let server = Server::new(
        &format!(
            "{ALL} @id(\"no\") forbid (principal is Component, action == Action::\"msg:send\", resource);"
        ),
        &two(),
    );
    assert!(server.health("/healthz").contains("200 OK") && server.health("/readyz").contains("200 OK"));
    server.verb("acme/a", "send:acme/b=hello");
    server.ask(&["call", "acme/b", "ask(\"panic:\")"]);
    server.until(|server| server.status("acme/b")["state"] == "running");
    let page = server.health("/metrics");
    for line in [
        "airssys_decisions_total{action=\"msg:send\",verdict=\"deny\"} 1",
        "airssys_decisions_total{action=\"component:call\",verdict=\"allow\"} 2",
        "airssys_component_restarts_total{component=\"acme/b\"} 1",
        "airssys_mailbox_depth{component=\"acme/a\"} 0",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    let memory =
        page.lines().find(|line| line.starts_with("airssys_component_memory_bytes{component=\"acme/a\"}"));
    assert!(memory.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap() >= 65_536, "{memory:?}");
    let denials =
        page.lines().find(|line| line.starts_with("airssys_component_denials_total{component=\"acme/a\"}"));
    assert!(denials.unwrap().ends_with(" 1"), "{denials:?}");
    assert!(page.contains("airssys_decision_seconds_count"), "{page}");
}

#[test]
fn what_components_print_does_not_pass_for_what_the_server_tells() {
    let mut server = Server::new(ALL, &two());
    // The panic of a component goes to its standard error.
    server.ask(&["call", "acme/a", "ask(\"panic:\")"]);
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.event()["event"], "ending", "and nothing before it");
}

#[test]
fn what_was_stopped_stays_so_when_its_supervisor_is_made_anew() {
    let inner = "[[supervisor]]\nname = 'inner'\nrestarts = 0\nbackoff = { first_ms = 1, most_ms = 1 }\nchildren = ['acme/a', 'acme/b']\n";
    let server = Server::new(ALL, &(two() + inner));
    server.json(&["stop", "acme/a"]);
    server.ask(&["call", "acme/b", "ask(\"panic:\")"]);
    server.until(|server| server.status("acme/b")["restarts"] == 1);
    server.until(|server| server.status("acme/b")["state"] == "running");
    assert_eq!(server.status("acme/a")["state"], "stopped");
    assert_eq!(server.ask(&["call", "acme/a", "ask(\"version:\")"]).status, 134);
}

#[test]
fn no_operators_word_starts_a_version_that_may_not_be_loaded() {
    let policy = format!(
        "{ALL} @id(\"no\") forbid (principal is Component, action == Action::\"component:load\", resource)
            when {{ principal.release == 8 }};"
    );
    let server = Server::new(&policy, &two());
    server.desk.write("a8.wasm", actor("a", "probe-actor-2", 8));
    let said = server.ask(&["reload", "acme/a", "a8.wasm"]);
    assert_eq!(said.status, 126, "{said:?}");
    assert_eq!(server.told("acme/a", "version:"), "1");
}

#[test]
fn what_was_stopped_is_started_again_by_who_may() {
    let forbidden = format!(
        "{ALL} @id(\"no\") forbid (principal is Operator, action == Action::\"component:load\", resource);"
    );
    let server = Server::new(&forbidden, &two());
    server.json(&["stop", "acme/a"]);
    let said = server.ask(&["start", "acme/a"]);
    assert!(said.is_one_sentence(126).contains("not permitted to start"), "{said:?}");
    assert_eq!(server.status("acme/a")["state"], "stopped");
    server.desk.write("all.cedar", ALL);
    assert_eq!(server.json(&["policy", "swap", "all.cedar"])["epoch"], 2);
    let started = server.json(&["start", "acme/a"]);
    assert_eq!((&started["state"], &started["name"]), (&"running".into(), &"acme/a".into()));
    assert_eq!(server.told("acme/a", "count:"), "1", "a fresh instance");
    let twice = server.ask(&["start", "acme/a"]);
    assert!(twice.is_one_sentence(125).contains("`acme/a` is not stopped"), "{twice:?}");
    // Under its supervisor, as before.
    server.ask(&["call", "acme/a", "ask(\"panic:\")"]);
    server.until(|server| server.status("acme/a")["state"] == "running");
}

#[test]
fn an_end_stands_in_the_log_with_its_reason() {
    let server = Server::new(ALL, &two());
    server.ask(&["call", "acme/a", "ask(\"panic:\")"]);
    server.until(|server| server.status("acme/a")["restarts"] == 1);
    let ends = |one: &serde_json::Value| one["kind"] == "note" && one["import"] == "component:end";
    let told = server.records().into_iter().find(ends).expect("it is in the log");
    assert_eq!(told["subject"], "acme/a", "{told}");
    assert!(told["text"].as_str().unwrap().contains("trapped"), "{told}");
}

#[test]
fn nobody_but_the_kernel_hands_a_message_over() {
    let server = Server::new(ALL, &two());
    let forged = "handle-message({id: 7, sender: \"acme/b\", topic: none, wants-reply: false, \
        time-to-live-ms: none, deliveries: 1, missed: 0, body: [104]})";
    for name in ["", "airssys:runtime/handler#", "airssys:runtime/handler@0.1.0#"] {
        let said = server.ask(&["call", "acme/a", &format!("{name}{forged}")]);
        assert_eq!(said.status, 125, "{said:?}");
    }
    assert_eq!(server.told("acme/a", "heard:"), "");
}

#[test]
fn messages_count_as_calls() {
    let server = Server::new(ALL, &two());
    server.json(&["send", "acme/a", "count:"]);
    server.until(|server| server.status("acme/a")["calls"] == 1);
    server.told("acme/a", "count:");
    assert_eq!(server.status("acme/a")["calls"], 2);
    assert!(server.health("/metrics").contains("airssys_component_calls_total{component=\"acme/a\"} 2"));
}

#[test]
fn the_example_of_the_readme_is_served() {
    let (desk, shown) =
        (crate::cli_support::Desk::new(), concat!(env!("CARGO_MANIFEST_DIR"), "/examples/served/"));
    let text = |name: &str| std::fs::read_to_string(format!("{shown}{name}")).unwrap();
    let config = text("airssys.toml").replace("uid = 1000", &format!("uid = {}", uid()));
    let config =
        config.replace("../../", concat!(env!("CARGO_MANIFEST_DIR"), "/")).replace("127.0.0.1:9000", "0");
    desk.write("airssys.toml", config);
    desk.write("policy.cedar", text("policy.cedar"));
    desk.write("trust.toml", crate::world::trust(""));
    for name in ["alice", "bob"] {
        let guest = guests::component("probe-actor");
        let signed = airssys_wasm::identity::sign(&guest, &text(&format!("{name}.toml")), &support::KEY);
        desk.write(&format!("{name}.signed.wasm"), signed.unwrap());
    }
    let server = Server::on(desk);
    assert_eq!(server.told("acme/alice", "send:acme/bob=count:"), "ok");
    server.until(|server| server.told("acme/bob", "heard:").contains("sender=acme/alice"));
}
