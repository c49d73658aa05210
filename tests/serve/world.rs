//! A desk with a configuration on it, and a server that was started from it.

use crate::cli_support::{Desk, Said};
use crate::{guests, support};
use airssys_wasm::identity::sign;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough for whatever is going to happen at all.
pub(crate) const AT_LAST: Duration = Duration::from_secs(60);

/// Everything is permitted to everybody.
pub(crate) const ALL: &str = support::ALLOW_ALL;

/// The beginning of each configuration here.
pub(crate) const HEAD: &str = "policy = ['policy.cedar']\ntrust = 'trust.toml'\naudit = 'audit.jsonl'\n\
    [serve]\nstate = 'state'\ncontrol = 'control.sock'\nmetrics = '0'\nshutdown_ms = 20000\n";

/// Two actors.
pub(crate) fn two() -> String {
    format!("{HEAD}{}{}", component("a", ""), component("b", ""))
}

/// An actor of that name, with more keys.
pub(crate) fn component(name: &str, more: &str) -> String {
    format!("[[component]]\nname = 'acme/{name}'\nfile = '{name}.wasm'\n{more}\n")
}

/// A version of an actor, by its release.
pub(crate) fn actor(name: &str, guest: &str, release: u64) -> Vec<u8> {
    signed(name, &guests::component(guest), release)
}

/// A version of whatever component.
pub(crate) fn signed(name: &str, bytes: &[u8], release: u64) -> Vec<u8> {
    let manifest = format!(
        "[component]\nname = \"{name}\"\npublisher = \"acme\"\nversion = \"{release}.0.0\"\nrelease = {release}\n"
    );
    sign(bytes, &manifest, &support::KEY).unwrap()
}

/// The trust file, with more keys for its publisher.
pub(crate) fn trust(more: &str) -> String {
    let key = support::KEY.public_key().to_text();
    format!("[[publisher]]\nname = 'acme'\nnames = ['*']\n{more}\n[[publisher.key]]\nkey = '{key}'\n")
}

/// A desk with that policy and configuration, and the actors `a` and `b`.
pub(crate) fn desk(policy: &str, config: &str) -> Desk {
    let desk = Desk::new();
    desk.write("policy.cedar", policy);
    desk.write("airssys.toml", config);
    desk.write("trust.toml", trust(""));
    for name in ["a", "b"] {
        desk.write(&format!("{name}.wasm"), actor(name, "probe-actor", 7));
    }
    desk
}

/// A server, ended with this.
pub(crate) struct Server {
    pub(crate) desk: Desk,
    child: Child,
    events: BufReader<ChildStderr>,
    pub(crate) metrics: String,
}

impl Server {
    pub(crate) fn new(policy: &str, config: &str) -> Server {
        Server::on(desk(policy, config))
    }

    /// A server on that desk, ready.
    pub(crate) fn on(desk: Desk) -> Server {
        Server::with(desk, &[])
    }

    /// The same, with more arguments.
    pub(crate) fn with(desk: Desk, more: &[&str]) -> Server {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("airssys"));
        command.args(["serve", "--config", "airssys.toml", "--json"]).args(more).current_dir(desk.path(""));
        command.env_clear().stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let events = BufReader::new(child.stderr.take().unwrap());
        let mut server = Server { desk, child, events, metrics: String::new() };
        let ready = server.event();
        assert_eq!(ready["event"], "ready", "{ready}");
        server.metrics = ready["metrics"].as_str().unwrap_or_default().to_owned();
        server
    }

    /// What it tells next.
    pub(crate) fn event(&mut self) -> Value {
        let mut line = String::new();
        self.events.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next of that kind that it tells.
    pub(crate) fn event_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event();
            if event["event"] == kind {
                return event;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Runs a command that speaks to it.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Said {
        self.desk.run(&[arguments, &["--socket", "control.sock"]].concat())
    }

    /// The answer to a command that must succeed, as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.ask(&[arguments, &["--json"]].concat()).is_done().json()
    }

    /// What an actor does with a verb, for an operator.
    pub(crate) fn verb(&self, name: &str, verb: &str) -> Said {
        self.ask(&["call", name, &format!("ask(\"{verb}\")"), "--json"])
    }

    /// What it answers, where that is no error.
    pub(crate) fn told(&self, name: &str, verb: &str) -> String {
        let said = self.verb(name, verb);
        let answer = said.is_done().json();
        let answer = answer["result"].as_str().unwrap_or_else(|| panic!("{said:?}"));
        answer.strip_prefix("ok(\"").and_then(|it| it.strip_suffix("\")")).unwrap_or(answer).to_owned()
    }

    /// One component's status.
    pub(crate) fn status(&self, name: &str) -> Value {
        let all = self.json(&["ps"]);
        let found = all["components"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
        found.unwrap_or(Value::Null)
    }

    /// What health and metrics say at that path.
    pub(crate) fn health(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// The records of the log, as they stand in its file.
    pub(crate) fn records(&self) -> Vec<Value> {
        records(&self.desk)
    }

    /// Waits until it is so.
    pub(crate) fn until(&self, so: impl Fn(&Server) -> bool) {
        let begun = Instant::now();
        while !so(self) {
            assert!(begun.elapsed() < AT_LAST, "it comes to be so: {:#}", self.json(&["ps"]));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end, and gives its status and the desk.
    pub(crate) fn ended(mut self) -> (i32, Desk) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            assert!(begun.elapsed() < AT_LAST, "it ends");
            std::thread::sleep(Duration::from_millis(10));
        };
        (status, std::mem::replace(&mut self.desk, Desk::new()))
    }

    /// Kills it, and gives the desk.
    pub(crate) fn killed(&mut self) -> Desk {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.desk, Desk::new())
    }

    /// Ends it in order.
    pub(crate) fn end(self) -> Desk {
        self.signal(Signal::TERM);
        let (status, desk) = self.ended();
        assert_eq!(status, 0);
        desk
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn records(desk: &Desk) -> Vec<Value> {
    let text = String::from_utf8(desk.read("audit.jsonl")).unwrap();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The user who runs this.
pub(crate) fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}
