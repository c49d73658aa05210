//! `--harden`: the process does all that its policies permit, and the system lets it do no more.
#![cfg(target_os = "linux")]
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

mod cli_support;
mod guests;
mod support;

use airssys_osl::host_harden::Ports;
use airssys_osl::{ActionId, Ask, Authorizer, Endpoint, GuestPath, Principal, Resource, Subject};
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source};
use cli_support::{Desk, Said};
use proptest::prelude::*;
use std::io::{BufRead as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

const AIRSSYS: &str = env!("CARGO_BIN_EXE_airssys");

/// A desk with that policy, a signed component, and files within and outside of what is mounted.
fn desk(policy: &str) -> Desk {
    let desk = Desk::with_signed(&guests::component("probe-command"));
    let trust = String::from_utf8(desk.read("trust.toml")).unwrap();
    desk.write("trust.toml", trust.replace("names =", "groups = ['inner-network']\nnames ="));
    desk.write("policy.cedar", policy);
    for directory in ["data/in", "outside", "log"] {
        std::fs::create_dir_all(desk.path(directory)).unwrap();
    }
    desk.write("data/in/a", "text");
    desk.write("outside/b", "text");
    desk
}

/// A run with the mount and the log.
fn run(desk: &Desk, more: &[&str], arguments: &[&str]) -> Said {
    let run = ["run", "signed.wasm", "--trust", "trust.toml", "--policy", "policy.cedar"];
    let given = ["--dir", "data::/data", "--audit", "log/audit.jsonl"];
    desk.run(&[&run[..], &given, more, &["--"], arguments].concat())
}

const READS: &str = r#"
permit (principal, action in [Action::"fs:read", Action::"fs:stat", Action::"fs:list"], resource in Path::"/data");
permit (principal, action in [Action::"process:args", Action::"stdio:write"], resource);
"#;

#[test]
fn what_is_permitted_is_done_hardened_as_it_is_without() {
    let desk = desk(READS);
    for more in [
        &[][..],
        &["--harden"],
        &["--harden", "--code-cache", "cache"],
        &["--harden", "--code-cache", "cache"],
    ] {
        let said = run(&desk, more, &["read", "/data/in/a"]);
        assert!(said.status == 0 && said.out.contains("text"), "{more:?}: {said:?}");
    }
}

#[test]
fn a_connection_that_a_policy_could_grant_is_made_hardened_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let text = format!(
        r#"{READS}
        permit (principal, action == Action::"net:bind", resource == Endpoint::"*:0/tcp");
        permit (principal, action == Action::"net:connect", resource == Endpoint::"{address}/tcp");"#
    );
    let heard = std::thread::spawn(move || {
        let mut heard = String::new();
        let (mut peer, _) = listener.accept().unwrap();
        std::io::BufReader::new(&peer).read_line(&mut heard).unwrap();
        peer.write_all(b"heard it\n").unwrap();
        heard
    });
    let said = run(&desk(&text), &["--harden"], &["tcp", &address, "errand"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(heard.join().unwrap().contains("errand"));
}

/// Runs a process that is held to what `policy` could grant in the mount `data`, and tries things itself.
fn tried(policy: &str, name: &str) -> String {
    let desk = desk(policy);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["held_process", "--exact", "--nocapture", "--test-threads", "1"]);
    let child = child.env(HELD, desk.path("")).env("TRIES", name).stdin(Stdio::null());
    let said = child.output().unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

const HELD: &str = "AIRSSYS_TEST_HELD";

/// In a process that another test starts: tries it. Anywhere else there is nothing to do.
#[test]
fn held_process() {
    let Some(directory) = std::env::var_os(HELD) else { return };
    let directory = Path::new(&directory);
    let policy = std::fs::read_to_string(directory.join("policy.cedar")).unwrap();
    let mount = airssys_osl::fs::MountSpec::new(directory.join("data"), GuestPath::parse("/data").unwrap());
    let config = airssys_wasm::embed::Config::new().policy("policy.cedar", policy).mount(mount);
    let (_, needs) = config.hardened().unwrap();
    // The harness's own thread is at large, which is told; this one is held.
    let told = airssys_osl::host_harden::harden_ambient(&needs);
    println!("threads: {}", told.unwrap_err());
    let say = |what: &str, done: bool| println!("{what}: {}", if done { "done" } else { "refused" });
    say("read within", std::fs::read(directory.join("data/in/a")).is_ok());
    say("read outside", std::fs::read(directory.join("outside/b")).is_ok());
    say("write within", std::fs::write(directory.join("data/in/new"), "x").is_ok());
    say("write outside", std::fs::write(directory.join("outside/new"), "x").is_ok());
    say("start a program", Command::new("/bin/true").spawn().is_ok());
    say("bind", TcpListener::bind("127.0.0.1:0").is_ok());
    let port: u16 = std::env::var("TRIES").unwrap().parse().unwrap_or(1);
    let connected = std::net::TcpStream::connect(("127.0.0.1", port));
    say("connect", !connected.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied));
    say("datagrams", std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
    let elsewhere = directory.join("outside/b");
    say(
        "read outside in another thread",
        std::thread::spawn(|| std::fs::read(elsewhere).is_ok()).join().unwrap(),
    );
    // Of a system that has them, and of one that has not.
    say("mounts", Command::new("/bin/mount").spawn().is_ok());
}

#[track_caller]
fn assert_said(said: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(said.lines().any(|line| line.contains(wanted)), "`{wanted}` was not said: {said}");
    }
}

#[test]
fn a_held_process_does_nothing_that_no_policy_could_grant() {
    assert_said(
        &tried(READS, "1"),
        &[
            "read within: done",
            "read outside: refused",
            "write within: refused",
            "write outside: refused",
            "start a program: refused",
            "bind: refused",
            "connect: refused",
            "datagrams: refused",
            "read outside in another thread: refused",
            "mounts: refused",
            "threads are older",
        ],
    );
}

#[test]
fn a_held_process_does_what_a_policy_could_grant_and_only_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!(
        r#"permit (principal, action == Action::"fs:write", resource in Path::"/data/in") when {{ principal.release > 1000 }};
        permit (principal, action == Action::"net:connect", resource == Endpoint::"192.0.2.1:{port}/tcp");
        permit (principal, action == Action::"net:send", resource);"#
    );
    let said = tried(&text, &port.to_string());
    assert_said(
        &said,
        &[
            "write within: done",
            "write outside: refused",
            "connect: done",
            "bind: refused",
            "datagrams: done",
        ],
    );
    let said = tried(&text, "1");
    assert_said(&said, &["connect: refused"]);
}

#[test]
fn a_system_that_cannot_is_an_error_with_the_remedy() {
    // A filter under which Landlock is not there, as on an older system.
    let desk = desk(READS);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["without_landlock", "--exact", "--nocapture"]);
    let said = child.env(HELD, desk.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_said(&said, &["status 125", "Linux 6.7", "without `--harden`", "log: false"]);
}

/// As `held_process`, on a system without Landlock.
#[test]
fn without_landlock() {
    let Some(directory) = std::env::var_os(HELD) else { return };
    let stage = Path::new(&directory);
    let mut run = Command::new(AIRSSYS);
    run.current_dir(stage).args([
        "run",
        "signed.wasm",
        "--trust",
        "trust.toml",
        "--policy",
        "policy.cedar",
        "--harden",
    ]);
    run.args(["--audit", "audit.jsonl", "--", "read", "/data/in/a"]);
    refuse_landlock();
    let done = run.output().unwrap();
    println!("status {}", done.status.code().unwrap());
    println!("{}", String::from_utf8_lossy(&done.stderr).replace('\n', " "));
    println!("log: {}", stage.join("audit.jsonl").exists());
}

/// From here on this thread, and what it starts, is on a system that knows nothing of Landlock.
fn refuse_landlock() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let rules = std::iter::once((libc::SYS_landlock_create_ruleset, Vec::new())).collect();
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, architecture).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

fn policies(texts: &[String]) -> Policies {
    Policies::load(&[Source::new("p.cedar", texts.join("\n"))], &[]).unwrap()
}

const PATHS: [&str; 6] = ["/", "/data", "/data/in", "/data/in/a", "/dat", "/other/x"];
const ENDPOINTS: [&str; 4] = ["192.0.2.1:80/tcp", "192.0.2.1:443/tcp", "*:0/tcp", "192.0.2.1:53/udp"];

fn permit() -> impl Strategy<Value = String> {
    let fs = prop::sample::select(vec!["fs:read", "fs:write", "fs:create", "fs:delete", "fs:stat", "fs"]);
    let net = prop::sample::select(vec!["net:connect", "net:bind", "net:listen", "net:send", "net"]);
    let path = (fs, prop::sample::select(PATHS.to_vec()), 0..4_u8).prop_map(|(action, path, how)| {
        let resource = match how {
            0 => "resource".to_owned(),
            1 => format!("resource == Path::\"{path}\""),
            2 => "resource is Path".to_owned(),
            _ => format!("resource in Path::\"{path}\""),
        };
        format!("permit (principal, action in Action::\"{action}\", {resource});")
    });
    let endpoint =
        (net, prop::sample::select(ENDPOINTS.to_vec()), any::<bool>()).prop_map(|(action, at, named)| {
            let resource = if named {
                format!("resource == Endpoint::\"{at}\"")
            } else {
                "resource is Endpoint".to_owned()
            };
            format!("permit (principal, action in Action::\"{action}\", {resource});")
        });
    prop_oneof![path, endpoint]
}

fn allowed(authorizer: &CedarAuthorizer, action: ActionId, resource: &Resource) -> bool {
    let principal = Principal {
        name: "acme/a".to_owned(),
        publisher: "acme".to_owned(),
        digest: "00".repeat(32),
        version: (1, 0, 0),
        release: 1,
        dev: false,
        groups: vec!["inner-network".to_owned()],
    };
    let subject = Subject::new(principal, 1);
    let ask = Ask { subject: &subject, action, resource, import: "test:t/t#t" };
    authorizer.decide(&ask).verdict.outcome().name() == "allow"
}

fn is_within(path: &str, directory: &str) -> bool {
    path == directory || path.starts_with(&format!("{}/", directory.trim_end_matches('/')))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_allowed_is_within_reach(texts in prop::collection::vec(permit(), 0..5)) {
        let policies = policies(&texts);
        let (reach, authorizer) = (policies.reach(), CedarAuthorizer::new(policies));
        let covers = |ports: &Ports, port: u16| ports.cover(&Ports::These([port].into()));
        for path in PATHS {
            let resource = Resource::parse("Path", path).unwrap();
            // Every mount in which that path can lie.
            for mount in PATHS.iter().filter(|mount| is_within(path, mount)) {
                let mount = GuestPath::parse(mount).unwrap();
                for action in [ActionId::FsWrite, ActionId::FsCreate, ActionId::FsDelete, ActionId::FsTimes, ActionId::FsSymlink] {
                    prop_assert!(!allowed(&authorizer, action, &resource) || reach.writes(&mount), "{path} in {mount}");
                }
                for action in [ActionId::FsRead, ActionId::FsStat, ActionId::FsList] {
                    prop_assert!(!allowed(&authorizer, action, &resource) || reach.reads(&mount), "{path} in {mount}");
                }
            }
        }
        for at in ENDPOINTS {
            let (resource, port) = (Resource::parse("Endpoint", at).unwrap(), Endpoint::parse(at).unwrap().port());
            prop_assert!(!allowed(&authorizer, ActionId::NetConnect, &resource) || covers(&reach.connect, port));
            for action in [ActionId::NetBind, ActionId::NetListen] {
                prop_assert!(!allowed(&authorizer, action, &resource) || covers(&reach.bind, port));
            }
            prop_assert!(!allowed(&authorizer, ActionId::NetSend, &resource) || reach.datagrams);
        }
    }
}

#[test]
fn what_no_policy_could_grant_is_out_of_reach() {
    let mount = GuestPath::parse("/data").unwrap();
    let other = GuestPath::parse("/database").unwrap();
    let nothing = policies(&[]).reach();
    assert!(!nothing.reads(&mount) && !nothing.writes(&mount) && !nothing.datagrams && !nothing.names);
    assert_eq!((nothing.connect, nothing.bind), (Ports::default(), Ports::default()));
    let some = policies(&[READS.to_owned()]).reach();
    assert!(some.reads(&mount) && !some.writes(&mount) && !some.reads(&other));
}

#[test]
fn policies_that_need_more_than_the_process_can_do_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mount = airssys_osl::fs::MountSpec::new(directory.path(), GuestPath::parse("/data").unwrap());
    let (config, _) = support::config(READS);
    let (config, _) = config.mount(mount).hardened().unwrap();
    let runtime = airssys_wasm::embed::ComponentRuntime::new(config).unwrap();
    let swap = |text: &str| runtime.swap_policy(&[Source::new("p.cedar", text)], &[]);
    let more = [
        (r#"permit (principal, action == Action::"fs:write", resource);"#, "changes in `/data`"),
        (r#"permit (principal, action == Action::"net:connect", resource);"#, "connections"),
        (r#"permit (principal, action == Action::"net:listen", resource);"#, "ports of its own"),
        (r#"permit (principal, action == Action::"net:send", resource);"#, "datagrams"),
        (r#"permit (principal, action == Action::"net:resolve", resource);"#, "names"),
    ];
    let epoch = runtime.epoch();
    for (text, what) in more {
        let error = swap(text).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("start it anew"), "{error}");
        assert_eq!(runtime.epoch(), epoch, "nothing changed");
    }
    swap(r#"permit (principal, action == Action::"fs:read", resource == Path::"/data/in/a");"#).unwrap();
    // What it began with is still within its power.
    swap(READS).unwrap();
}
