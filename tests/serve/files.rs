//! Files that change beneath a server.

use crate::support;
use crate::world::{ALL, HEAD, Server, actor, component, desk, trust, two};
use airssys_wasm::identity::SecretKey;

/// Everything but sending.
fn no_sending() -> String {
    format!("{ALL} forbid (principal is Component, action == Action::\"msg:send\", resource);")
}

#[test]
fn policies_and_trust_that_change_are_read_anew_and_mistakes_change_nothing() {
    let mut server = Server::new(ALL, &two());
    server.desk.write("policy.cedar", "permit (principal, action");
    let told = server.event();
    assert_eq!(told["event"], "not-reloaded", "{told}");
    assert!(told["text"].as_str().unwrap().contains("policy.cedar"), "{told}");
    assert_eq!(server.told("acme/a", "send:acme/b=x"), "ok");
    // As an editor saves it: beside it, then in its place.
    server.desk.write("policy.new", no_sending());
    std::fs::rename(server.desk.path("policy.new"), server.desk.path("policy.cedar")).unwrap();
    assert_eq!(server.event()["event"], "reloaded");
    assert_eq!(server.verb("acme/a", "send:acme/b=x").status, 1);
    server.desk.write("trust.toml", trust("").replace("['*']", "['b']"));
    assert_eq!(server.event()["event"], "reloaded");
    assert_eq!(server.status("acme/a")["state"], "stopped");
}

#[test]
fn a_mistake_in_the_one_file_changes_nothing_of_the_other() {
    let mut server = Server::new(ALL, &two());
    server.signal(rustix::process::Signal::STOP);
    server.desk.write("trust.toml", trust("").replace("['*']", "['b']"));
    server.desk.write("policy.cedar", "permit (");
    server.signal(rustix::process::Signal::CONT);
    let told = server.event_of("not-reloaded");
    assert!(told["text"].as_str().unwrap().contains("policy.cedar"), "{told}");
    assert_eq!(server.status("acme/a")["state"], "running");
    assert!(!server.records().iter().any(|one| one["kind"] == "revoke"));
    // Mended, both count, and whoever was stopped for it is named.
    server.desk.write("policy.cedar", ALL);
    let told = server.event_of("reloaded");
    assert!(told["text"].as_str().unwrap().contains("stopped: acme/a"), "{told}");
    assert_eq!(server.status("acme/a")["state"], "stopped");
}

#[test]
fn a_key_file_that_a_changed_trust_file_names_is_watched_from_then_on() {
    let mut server = Server::new(ALL, &two());
    let other = SecretKey::generate().unwrap().public_key().to_text();
    server.desk.write("first.pub", support::KEY.public_key().to_text());
    let text = "[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nfile = 'first.pub'\n";
    server.desk.write("trust.toml", text);
    assert_eq!(server.event()["event"], "reloaded");
    assert_eq!(server.status("acme/a")["state"], "running");
    server.desk.write("first.pub", &other);
    assert_eq!(server.event()["event"], "reloaded");
    assert_eq!(server.status("acme/a")["state"], "stopped");
}

#[test]
fn a_trust_file_that_names_a_key_which_a_component_could_change_is_not_taken() {
    let mount = "[[mount]]\nhost = 'data'\nguest = '/d'\n";
    let desk = desk(ALL, &(two() + mount));
    std::fs::create_dir(desk.path("data")).unwrap();
    let key = support::KEY.public_key().to_text();
    desk.write("data/theirs.pub", &key);
    desk.write("ours.pub", &key);
    let naming = |file: &str| {
        format!("[[publisher]]\nname = 'acme'\nnames = ['b']\n[[publisher.key]]\nfile = '{file}'\n")
    };
    let mut server = Server::on(desk);
    server.desk.write("trust.toml", naming("data/theirs.pub"));
    let told = server.event();
    assert_eq!(told["event"], "not-reloaded", "{told}");
    assert!(told["text"].as_str().unwrap().contains("theirs.pub` lies beneath the mount `/d`"), "{told}");
    assert_eq!(server.status("acme/a")["state"], "running", "the trust is as it was");
    server.desk.write("trust.toml", naming("ours.pub"));
    assert_eq!(server.event()["event"], "reloaded");
    assert_eq!(server.status("acme/a")["state"], "stopped");
}

/// A desk with a directory for new versions.
fn watching(policy: &str) -> crate::cli_support::Desk {
    let config = HEAD.to_owned() + "watch = 'incoming'\n" + &component("a", "") + &component("b", "");
    let desk = desk(policy, &config);
    std::fs::create_dir(desk.path("incoming")).unwrap();
    desk
}

#[test]
fn a_version_that_is_put_into_the_directory_takes_its_place_if_it_may() {
    let mut server = Server::on(watching(ALL));
    for (name, bytes, why) in [
        ("junk.wasm", b"nothing".to_vec(), "incoming/junk.wasm"),
        ("other.wasm", actor("z", "probe-actor", 8), "no component is called `acme/z`"),
        ("older.wasm", actor("a", "probe-actor-2", 6), "older than release 7"),
    ] {
        server.desk.write(&format!("incoming/{name}"), bytes);
        let told = server.event();
        assert_eq!(told["event"], "not-reloaded", "{told}");
        assert!(told["text"].as_str().unwrap().contains(why), "{why}: {told}");
    }
    assert_eq!(server.told("acme/a", "count:"), "1");
    server.desk.write("incoming/a8.wasm", actor("a", "probe-actor-2", 8));
    let told = server.event();
    assert_eq!(told["text"], "`acme/a`: release 8 runs in place of 7", "{told}");
    assert_eq!(
        (server.told("acme/a", "version:"), server.told("acme/a", "count:")),
        ("2".into(), "2".into())
    );
    // It is what runs after a restart too, and not the older one that the configuration names.
    let server = Server::on(server.end());
    assert_eq!(server.status("acme/a")["release"], 8);
    assert_eq!(server.status("acme/b")["release"], 7);
}

#[test]
fn a_version_from_the_directory_asks_by_itself() {
    let policy = format!(
        "{ALL} @id(\"no\") forbid (principal is Component, action == Action::\"component:reload\", resource);"
    );
    let mut server = Server::on(watching(&policy));
    server.desk.write("incoming/a8.wasm", actor("a", "probe-actor-2", 8));
    let told = server.event();
    assert!(
        told["event"] == "not-reloaded" && told["text"].as_str().unwrap().contains("incoming/a8.wasm"),
        "{told}"
    );
    assert_eq!(server.told("acme/a", "version:"), "1");
    let asked = server.records().into_iter().find(|one| one["action"] == "component:reload").unwrap();
    assert_eq!((&asked["subject"], &asked["verdict"]), (&"acme/a".into(), &"deny".into()));
    // Nor does it come with a restart.
    let server = Server::on(server.end());
    assert_eq!(server.status("acme/a")["release"], 7);
    // An operator may.
    server.json(&["reload", "acme/a", "incoming/a8.wasm"]);
    assert_eq!(server.told("acme/a", "version:"), "2");
}
