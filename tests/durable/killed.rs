//! `kill -9` at random moments: no message is lost whose sender was told that it is sent, and none comes again that was
//! dealt with, but the one that the kill fell upon.
//!
//! This test runs itself again as the process that is killed. In it an actor sends to another, which writes down what it
//! is handed. `AIRSSYS_KILLS` sets how often; 15 otherwise.

use crate::support::{self, ALLOW_ALL};
use crate::world::{AT_LAST, ask, durable, over, signed_by, trusting, until};
use airssys_osl::GuestPath;
use airssys_osl::fs::MountSpec;
use airssys_wasm::embed::{ComponentRuntime, Config, MailboxTerms};
use airssys_wasm::identity::SecretKey;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PLACE: &str = "AIRSSYS_KILLED_PLACE";
const ROUND: &str = "AIRSSYS_KILLED_ROUND";

/// One kill never makes a dead letter here: none is to be missing.
fn terms() -> MailboxTerms {
    durable(1_000_000)
}

/// The key that all runs trust.
fn key(place: &Path) -> SecretKey {
    SecretKey::from_pem_or_openssh(&std::fs::read_to_string(place.join("key")).unwrap()).unwrap()
}

fn run(place: &Path) -> ComponentRuntime {
    let key = key(place);
    let mount = MountSpec::new(place.join("data"), GuestPath::parse("/d").unwrap());
    let config: Config = support::config(ALLOW_ALL).0.trust(trusting([&key, &support::KEY])).mount(mount);
    over(config, &place.join("state"))
}

/// One line of the journal, in one write.
fn journal(word: &str, number: u64) {
    std::io::stdout().write_all(format!("\n@ {word} {number}\n").as_bytes()).unwrap();
}

/// What the killed process does. Without the parent's settings it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let (Some(place), Ok(round)) = (std::env::var_os(PLACE), std::env::var(ROUND)) else { return };
    let (place, first) = (Path::new(&place), round.parse::<u64>().unwrap() * 1_000_000);
    let runtime = run(place);
    let _b = runtime.spawn(signed_by(&key(place), "b", "probe-actor").mailbox(terms())).await.unwrap();
    let a = runtime.spawn(signed_by(&key(place), "a", "probe-actor")).await.unwrap();
    journal("ready", 0);
    for number in first.. {
        journal("trying", number);
        while let Err(error) = ask(&a, &format!("send:acme/b=append:/d/handled={number}\n")).await {
            assert!(error.to_string().contains("full"), "{error}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        journal("sent", number);
    }
}

/// Runs the process, kills it that long after it began to work, and returns what it had sent.
fn run_and_kill(place: &Path, round: u64, after: Duration) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::the_process_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(PLACE, place)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (ready, is_ready) = mpsc::channel();
    let output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut sent = Vec::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match line.strip_prefix("@ ").and_then(|said| said.split_once(' ')) {
                Some(("ready", _)) => ready.send(()).unwrap(),
                Some(("sent", number)) => sent.push(number.parse().unwrap()),
                _ => {}
            }
        }
        sent
    });
    let started = is_ready.recv_timeout(AT_LAST);
    std::thread::sleep(after);
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(started.is_ok() && ended.is_none(), "it ended by itself: {errors}");
    reader.join().unwrap()
}

/// What was handed out, in its order. A last line that the kill has cut off was not dealt with.
fn handled(place: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(place.join("data/handled")).unwrap_or_default();
    text.lines().map(|line| line.parse().expect("a whole line")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_any_moment_loses_no_message_and_has_none_come_again_that_was_acknowledged() {
    let kills: u64 = std::env::var("AIRSSYS_KILLS").map_or(15, |kills| kills.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    std::fs::create_dir(place.join("data")).unwrap();
    std::fs::write(place.join("key"), SecretKey::generate().unwrap().to_pem().as_bytes()).unwrap();
    let (begun, mut moment, mut sent) = (Instant::now(), 0x9E37_79B9_u64, Vec::new());
    let mut seams = BTreeSet::new();
    for round in 1..=kills {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sent.extend(run_and_kill(place, round, Duration::from_micros((moment >> 33) % 300_000)));
        seams.insert(handled(place).len());
    }
    let runtime = run(place);
    let b = runtime.spawn(signed_by(&key(place), "b", "probe-actor").mailbox(terms())).await.unwrap();
    until(async || b.status().waiting == 0).await;
    runtime.shutdown(AT_LAST).await;
    let handled = handled(place);
    let known: BTreeSet<u64> = handled.iter().copied().collect();
    let lost: Vec<_> = sent.iter().filter(|number| !known.contains(number)).collect();
    assert!(lost.is_empty(), "{lost:?} were sent and never handed out");
    assert_eq!(b.status().dead_letters, 0);
    let mut before = BTreeSet::new();
    for (place, number) in handled.iter().enumerate() {
        // Only the last of a run may come again, as the first of the next.
        let fell_upon = seams.contains(&place) && place > 0 && handled[place - 1] == *number;
        assert!(before.insert(number) || fell_upon, "{number} was dealt with, and came again");
    }
    let again = handled.len() - known.len();
    println!("{kills} kills in {:?}: {} sent, {again} came again", begun.elapsed(), sent.len());
    assert!(sent.len() as u64 > kills, "the killed processes did next to nothing");
}
