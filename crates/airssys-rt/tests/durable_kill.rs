//! `kill -9` at random moments: what was told `Ok` is there, what was acknowledged never comes again.
//!
//! This test runs itself again as the process that is killed. That one writes into a pipe what it is about to do
//! and what it was told; the parent kills it, opens the store and compares. A killed process does not lose the page
//! cache, so this says nothing of `fsync`: for that see the power cuts in `durable_faults.rs`.
//!
//! `AIRSSYS_KILLS` sets how often; 20 otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test says what is wrong by panicking, and prepares real files"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use airssys_rt::durable::{EnqueueError, Envelope, FileBackend, Mailbox, Marks, Store, StoreError, Terms};

const STORE: &str = "AIRSSYS_KILLED_STORE";
const ROUND: &str = "AIRSSYS_KILLED_ROUND";

fn terms() -> Terms {
    Terms {
        capacity: NonZeroUsize::new(64).unwrap(),
        max_deliveries: NonZeroU32::new(6).unwrap(),
        ..Terms::default()
    }
}

fn file(path: &Path) -> FileBackend {
    let mut options = std::fs::File::options();
    FileBackend::new(options.read(true).write(true).create(true).truncate(false).open(path).unwrap()).unwrap()
}

/// One line of the journal, in one write.
fn journal(word: &str, number: u64, more: u64) {
    std::io::stdout().write_all(format!("\n@ {word} {number} {more}\n").as_bytes()).unwrap();
}

/// A body that says its number, in many sizes.
fn body(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(1 + (number % 97) as usize)
}

fn number(body: &[u8]) -> u64 {
    let number = u64::from_le_bytes(body[..8].try_into().unwrap());
    assert_eq!(body, self::body(number), "the body is not whole");
    number
}

/// What the killed process does. Without the parent's settings it has nothing to do.
#[tokio::test]
async fn the_process_that_is_killed() {
    let (Ok(path), Ok(round)) = (std::env::var(STORE), std::env::var(ROUND)) else { return };
    let round: u64 = round.parse().unwrap();
    let store = Store::open(file(Path::new(&path))).await.unwrap();
    let mailbox = store.mailbox("acme/billing", terms()).await.unwrap();
    for sender in 0..4 {
        tokio::spawn(send(mailbox.clone(), round * 1_000_000 + sender * 100_000));
    }
    tokio::spawn(mark(store.marks(), round * 1_000_000));
    journal("ready", 0, 0);
    handle(mailbox).await;
}

async fn send(mailbox: Mailbox, first: u64) {
    for number in first.. {
        journal("trying", number, 0);
        match mailbox.enqueue(Envelope { bytes: body(number), expires: None }).await {
            Ok(sequence) => journal("kept", sequence, number),
            Err(EnqueueError::Full { .. }) => {
                journal("refused", number, 0);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn mark(marks: Marks, first: u64) {
    for value in first.. {
        journal("raised", marks.raise("clock", "", value).await.unwrap(), 0);
        assert!(marks.add("revoked", &value.to_string()).await.unwrap());
        journal("added", value, 0);
    }
}

async fn handle(mailbox: Mailbox) {
    for turn in 0_u64.. {
        let delivery = mailbox.next().await.unwrap();
        journal("handed", delivery.sequence, u64::from(delivery.deliveries));
        if turn % 5 == 4 {
            assert!(mailbox.release(delivery.sequence).await.unwrap());
            continue;
        }
        journal("finishing", delivery.sequence, 0);
        assert!(mailbox.acknowledge(delivery.sequence).await.unwrap());
        journal("finished", delivery.sequence, 0);
        if turn % 16 == 15 {
            bury(&mailbox).await;
        }
    }
}

/// Takes dead letters away, so that they do not fill the mailbox.
async fn bury(mailbox: &Mailbox) {
    for letter in mailbox.dead_letters(0, 2).await.unwrap() {
        journal("finishing", letter.sequence, 0);
        assert!(mailbox.discard(letter.sequence).await.unwrap());
        journal("finished", letter.sequence, 0);
    }
}

/// What the killed processes said, all of them together.
#[derive(Default)]
struct Told {
    kept: BTreeMap<u64, u64>,
    /// Numbers that were being sent, with no answer seen.
    trying: BTreeSet<u64>,
    finishing: BTreeSet<u64>,
    finished: BTreeSet<u64>,
    counts: BTreeMap<u64, u64>,
    highest: u64,
    added: BTreeSet<String>,
    lines: u64,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let Some(said) = line.strip_prefix("@ ") else { return };
        let mut words = said.split(' ');
        let word = words.next().unwrap();
        let mut value = || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a whole line");
        let (one, two) = (value(), value());
        self.lines += 1;
        match word {
            "ready" => {}
            "trying" => drop(self.trying.insert(one)),
            "refused" => drop(self.trying.remove(&one)),
            "kept" => {
                self.trying.remove(&two);
                assert_eq!(self.kept.insert(one, two), None, "sequence {one} was given twice");
            }
            "handed" => self.count(one, two),
            "finishing" => drop(self.finishing.insert(one)),
            "finished" => {
                self.finishing.remove(&one);
                self.finished.insert(one);
            }
            "raised" => {
                assert!(one > self.highest, "a mark that was never that high: {one}");
                self.highest = one;
            }
            "added" => drop(self.added.insert(one.to_string())),
            other => panic!("{other}"),
        }
    }

    fn count(&mut self, sequence: u64, deliveries: u64) {
        let before = self.counts.insert(sequence, deliveries).unwrap_or(0);
        assert!(deliveries > before, "message {sequence} was delivered {before} times, and now {deliveries}");
    }

    fn check(&mut self, found: &BTreeMap<u64, u64>) {
        for (sequence, number) in &self.kept {
            let gone = self.finished.contains(sequence) || self.finishing.contains(sequence);
            assert!(gone || found.get(sequence) == Some(number), "message {sequence} is lost");
        }
        for (sequence, number) in found {
            assert!(!self.finished.contains(sequence), "message {sequence} was acknowledged, and came back");
            let known = self.kept.get(sequence) == Some(number) || self.trying.contains(number);
            assert!(known, "message {sequence} is none that was sent");
        }
        // What was in doubt is known now, and must stay so.
        let finishing = std::mem::take(&mut self.finishing);
        self.finished.extend(finishing.into_iter().filter(|sequence| !found.contains_key(sequence)));
        self.kept = found.clone();
        self.trying.clear();
    }
}

fn start(path: &Path, round: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(STORE, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the process, kills it that long after it began to work, and returns what it said.
fn run_and_kill(path: &Path, round: u64, after: Duration) -> Vec<String> {
    let mut child = start(path, round);
    let (ready, is_ready) = mpsc::channel();
    let output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        for line in BufReader::new(output).lines() {
            let line = line.unwrap();
            if line.starts_with("@ ready") {
                ready.send(()).unwrap();
            }
            said.push(line);
        }
        said
    });
    let started = is_ready.recv_timeout(Duration::from_secs(60));
    if round == 1 && started.is_ok() {
        let refused = Store::open_blocking(file(path)).err();
        assert_eq!(refused, Some(StoreError::InUse), "another process has it");
    }
    std::thread::sleep(after);
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(started.is_ok() && ended.is_none(), "it ended by itself: {errors}");
    reader.join().unwrap()
}

async fn look(path: &Path, told: &mut Told) {
    let store = Store::open(file(path)).await.unwrap();
    let mailbox = store.mailbox("acme/billing", terms()).await.unwrap();
    let mut found = BTreeMap::new();
    // Buries first what has been delivered too often: what is left is delivered.
    for letter in mailbox.dead_letters(0, 1_000).await.unwrap() {
        let before = told.counts.get(&letter.sequence).copied().unwrap_or(0);
        assert!(u64::from(letter.deliveries) >= before.max(6), "a count went down");
        found.insert(letter.sequence, number(&letter.bytes));
    }
    let mut last = 0;
    for _ in 0..mailbox.depth() {
        let delivery = mailbox.next().await.unwrap();
        assert!(delivery.sequence > last, "out of order");
        last = delivery.sequence;
        told.count(last, u64::from(delivery.deliveries));
        found.insert(last, number(&delivery.bytes));
    }
    told.check(&found);
    let marks = store.marks();
    let highest = marks.highest("clock", "").unwrap_or(0);
    assert!(highest >= told.highest, "a mark went down from {} to {highest}", told.highest);
    told.highest = highest;
    assert!(told.added.iter().all(|key| marks.contains("revoked", key)), "a set has shrunk");
    store.close().await;
}

#[tokio::test]
async fn kill_9_at_any_moment_loses_nothing_that_was_told_ok() {
    let kills = std::env::var("AIRSSYS_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut told = Told::default();
    let begun = Instant::now();
    let mut moment = 0x9E37_79B9_u64;
    for round in 1..=kills {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_micros((moment >> 33) % 100_000);
        for line in run_and_kill(&path, round, after) {
            told.hear(&line);
        }
        look(&path, &mut told).await;
    }
    println!("{kills} kills in {:?}, {} lines of journal", begun.elapsed(), told.lines);
    assert!(told.lines > kills * 4, "the killed processes did next to nothing");
}
