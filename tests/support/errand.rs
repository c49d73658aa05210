//! An errand under a policy, judged as the least: what it needs, what it is refused, and that nothing can be left out.
#![allow(clippy::disallowed_types, reason = "the server of a test, on this machine")]

use super::stage::{Said, Stage};
use airssys_osl::stdio::{Memory, Sink};
use airssys_wasm::audit;
use airssys_wasm::embed::{Component, ComponentRuntime};
use airssys_wasm::policy::Source;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a program does, and all that it needs for it.
pub(crate) struct Errand {
    pub(crate) program: Vec<u8>,
    pub(crate) arguments: Vec<String>,
    /// The whole policy, but for `base.cedar`, which is always there.
    pub(crate) policy: String,
    /// The groups that the trust file puts the publisher into.
    pub(crate) groups: &'static [&'static str],
    /// What it prints.
    pub(crate) prints: String,
    /// Whom it tells.
    pub(crate) server: Option<Server>,
    /// What it asks for and is denied, in full.
    pub(crate) denied: &'static [(&'static str, &'static str)],
    /// What it may ask for besides, and is denied: that depends on how its language's library was built.
    pub(crate) perhaps: &'static [(&'static str, &'static str)],
}

impl Errand {
    /// It succeeds under its policy, and not without any one permit of it; what it is denied is as it is listed.
    pub(crate) async fn needs_all_of_it_and_no_more(&self) {
        let wanted = (Some(0), self.prints.clone());
        let place = Place::new(self, self.groups).await;
        let said = place.run(&self.policy).await;
        assert_eq!(self.heard(), self.server.iter().map(|_| "errand").collect::<Vec<_>>());
        assert_eq!((outcome(&said), said.err.as_str()), (wanted.clone(), ""), "{said:?}");
        let owned = |list: &[(&str, &str)]| -> BTreeSet<_> {
            list.iter().map(|(action, id)| ((*action).to_owned(), (*id).to_owned())).collect()
        };
        let left: BTreeSet<_> = denied(&said).difference(&owned(self.perhaps)).cloned().collect();
        assert_eq!(left, owned(self.denied), "{said:?}");
        for left_out in permits(&self.policy) {
            let before = self.heard();
            let said = place.run(&self.policy.replace(left_out, "")).await;
            assert_ne!(outcome(&said), wanted, "it can do without {left_out}");
            assert!(!left_out.contains("\"net:") || self.heard() == before, "told without {left_out}");
        }
        for left_out in self.groups {
            let less: Vec<_> = self.groups.iter().copied().filter(|group| group != left_out).collect();
            let before = self.heard();
            let said = Place::new(self, &less).await.run(&self.policy).await;
            assert_ne!(outcome(&said), wanted, "it can do without {left_out}");
            assert_eq!(self.heard(), before, "told without {left_out}");
        }
        assert_eq!(outcome(&place.run(&self.policy).await), wanted, "and with all of it again");
    }

    /// All that the server was told so far.
    fn heard(&self) -> Vec<String> {
        self.server.as_ref().map(Server::heard).unwrap_or_default()
    }
}

/// Where an errand is run again and again: a policy each time, and a fresh instance of what was compiled once.
struct Place {
    stage: Stage,
    runtime: ComponentRuntime,
    component: Component,
    out: Memory,
    err: Memory,
    log: audit::Memory,
}

impl Place {
    async fn new(errand: &Errand, groups: &[&str]) -> Place {
        let stage = Stage::new(Vec::new(), "");
        let (out, err) = (Memory::bounded(1 << 20), Memory::bounded(1 << 20));
        let (config, log) = super::config("");
        let arguments = std::iter::once("probe").chain(errand.arguments.iter().map(String::as_str));
        let config = config.trust(super::trust_in(groups)).args(arguments);
        let config = config.env("SHOWN", "yes").env("HIDDEN", "secret");
        let config = config.stdout(Sink::Memory(out.clone())).stderr(Sink::Memory(err.clone()));
        let runtime = stage.runtime(config);
        let component = runtime.load_component(super::signed("probe", &errand.program)).await.unwrap();
        Place { stage, runtime, component, out, err, log }
    }

    async fn run(&self, policy: &str) -> Said {
        self.runtime.swap_policy(&[Source::new("test.cedar", policy)], &[]).unwrap();
        let (out, err) = (self.out.contents().len(), self.err.contents().len());
        let before = super::records(&self.log).len();
        let status = match self.component.instantiate().await {
            Ok(instance) => instance.run_command().await,
            Err(error) => Err(error),
        };
        self.stage.assert_canary();
        let text = |memory: &Memory, from| String::from_utf8(memory.contents().split_off(from)).unwrap();
        let records = super::records(&self.log).split_off(before);
        Said { status, out: text(&self.out, out), err: text(&self.err, err), records }
    }
}

/// The permits of a policy, each for one principal, one action and one resource.
fn permits(policy: &str) -> Vec<&str> {
    let starts: Vec<_> = policy.match_indices("permit (").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([policy.len()]);
    let permits: Vec<_> = starts.iter().zip(ends).map(|(from, to)| &policy[*from..to]).collect();
    assert!(!permits.is_empty());
    for permit in &permits {
        for scope in ["principal == Component::", "action == Action::", "resource == "] {
            assert_eq!(permit.matches(scope).count(), 1, "wider than one: {permit}");
        }
    }
    permits
}

/// How it ended and what it printed, without what differs from run to run.
fn outcome(said: &Said) -> (Option<u8>, String) {
    let lines = said.out.lines().map(|line| match line {
        _ if line.len() == 13 && line.bytes().all(|byte| byte.is_ascii_digit()) => {
            "(milliseconds)\n".to_owned()
        }
        _ if line.len() == 16 && line.bytes().all(|byte| byte.is_ascii_hexdigit()) => "(random)\n".to_owned(),
        _ => format!("{line}\n"),
    });
    (said.status.as_ref().ok().copied(), lines.collect())
}

/// What was denied: action and resource, each once.
fn denied(said: &Said) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let denied = said.records.iter().filter(|r| r["kind"] == "decision" && r["verdict"] != "allow");
    denied.map(|record| (text(&record["action"]), text(&record["resource"]["id"]))).collect()
}

/// A server on this machine that answers `heard LINE` to each line, and keeps the lines.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let heard = server.heard.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &heard);
            }
        });
        server
    }

    /// Every line that came since it started.
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, heard: &Mutex<Vec<String>>) {
    let mut line = String::new();
    // Kept before the answer goes out: whoever has read the answer finds it.
    if BufReader::new(&stream).read_line(&mut line).is_ok() {
        heard.lock().unwrap().push(line.trim_end().to_owned());
        // In one piece: whoever reads once reads all of it.
        let _ = stream.write_all(format!("heard {line}").as_bytes());
    }
}
