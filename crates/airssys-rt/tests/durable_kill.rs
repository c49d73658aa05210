//! A process that is killed at a random moment loses nothing that it was told is kept.
//!
//! The test executes itself as a child, which sends, handles and acknowledges, and writes each `Ok` to a pipe.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests open their own files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use airssys_rt::durable::{Envelope, Store, Terms};

const CHILD: &str = "AIRSSYS_DURABLE_CHILD";
const TERMS: Terms =
    Terms { capacity: 64, max_body_bytes: 100, max_total_bytes: 1 << 20, max_deliveries: u32::MAX };

fn open(path: &Path) -> Store {
    let path: PathBuf = path.to_owned();
    let opener = move || {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
        redb::Database::builder().create_with_backend(redb::backends::FileBackend::new(file)?)
    };
    Store::open(opener, Arc::new(|| 0)).unwrap()
}

fn tell(line: &str) {
    // One write for a line: a kill leaves it whole or cut at the end, where it is not read.
    std::io::stderr().write_all(format!("\n!{line};\n").as_bytes()).unwrap();
}

/// The child: four senders, one handler that releases every third delivery, and a mark that rises.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = open(Path::new(&path));
    let mailbox = store.mailbox("m", TERMS).await.unwrap();
    let start = store.marks().highest("k", "a").await.unwrap().unwrap_or(0);
    for sender in 0..4 {
        let mailbox = mailbox.clone();
        tokio::spawn(async move {
            for n in 0u64.. {
                let letter = Envelope {
                    sender: format!("{sender}"),
                    body: n.to_le_bytes().into(),
                    ..Envelope::default()
                };
                match mailbox.enqueue(letter).await {
                    Ok(sequence) => tell(&format!("e {sequence}")),
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
    }
    let marks = store.marks();
    tokio::spawn(async move {
        for n in start + 1.. {
            tell(&format!("m {}", marks.raise("k", "a", n).await.unwrap()));
        }
    });
    for turn in 0u64.. {
        let delivery = mailbox.next().await.unwrap();
        let sequence = delivery.sequence();
        tell(&format!("d {sequence} {}", delivery.deliveries()));
        if turn % 3 == 0 {
            delivery.release();
        } else {
            tell(&format!("t {sequence}"));
            delivery.acknowledge().await.unwrap();
            tell(&format!("a {sequence}"));
        }
    }
}

#[derive(Default)]
struct Known {
    kept: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
    /// Acknowledging was begun; its end was not heard of.
    tried: BTreeSet<u64>,
    counts: BTreeMap<u64, u64>,
    mark: u64,
}

impl Known {
    /// What one life of the child told, in the order in which it told it.
    fn hear(&mut self, told: &str) {
        let mut last = 0;
        for line in told.lines().filter_map(|line| line.strip_prefix('!')?.strip_suffix(';')) {
            let words: Vec<_> = line.split(' ').collect();
            let number: u64 = words[1].parse().unwrap();
            match words[0] {
                "e" => assert!(self.kept.insert(number), "sequence {number} was given twice"),
                "m" => {
                    assert!(number > self.mark, "the mark went down");
                    self.mark = number;
                }
                "d" => {
                    assert!(
                        !self.acknowledged.contains(&number),
                        "{number} came again after its acknowledgement"
                    );
                    assert!(number >= last, "{number} came after {last}");
                    last = number;
                    let count = words[2].parse().unwrap();
                    let before = self.counts.insert(number, count).unwrap_or(0);
                    assert!(count > before, "count of {number} went from {before} to {count}");
                }
                "t" => drop(self.tried.insert(number)),
                "a" => drop(self.acknowledged.insert(number)),
                other => panic!("{other}"),
            }
        }
    }

    /// What the store holds after the kill is what was kept and not acknowledged.
    async fn check(&mut self, path: &Path) {
        let store = open(path);
        assert!(store.marks().highest("k", "a").await.unwrap().unwrap_or(0) >= self.mark);
        let mailbox = store.mailbox("m", TERMS).await.unwrap();
        let mut found = BTreeSet::new();
        while mailbox.depth().waiting > 0 {
            let delivery = mailbox.next().await.unwrap();
            let sequence = delivery.sequence();
            assert!(found.last().is_none_or(|last| *last < sequence), "order");
            let before = self.counts.get(&sequence).copied().unwrap_or(0);
            assert!(u64::from(delivery.deliveries()) > before, "the count of {sequence} was forgotten");
            found.insert(sequence);
            delivery.acknowledge().await.unwrap();
        }
        store.close().await;
        assert!(found.is_disjoint(&self.acknowledged), "acknowledged, and there again");
        let lost: Vec<_> = self.kept.difference(&found).filter(|n| !self.tried.contains(n)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        self.acknowledged.extend(found.iter().copied());
        self.tried.extend(found);
    }
}

fn live_and_die(path: &Path, micros: u64) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut told = Vec::new();
        pipe.read_to_end(&mut told).unwrap();
        String::from_utf8(told).unwrap()
    });
    // Not awaited for anything: the moment is meant to be random.
    std::thread::sleep(Duration::from_micros(micros));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing_and_repeats_nothing_acknowledged() {
    let kills: u32 = std::env::var("AIRSSYS_KILLS").map_or(20, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut known = Known::default();
    let mut random = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() | 1;
    for kill in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        known.hear(&live_and_die(&path, 5_000 + random % 95_000));
        // Most lives begin with what the one before left, so that counts are seen to go on across kills.
        if kill % 4 == 3 || kill + 1 == kills {
            known.check(&path).await;
        }
    }
    let (kept, acknowledged) = (known.kept.len(), known.acknowledged.len());
    println!("{kills} kills, {kept} kept, {acknowledged} acknowledged, mark {}", known.mark);
    assert!(kept > 0 && acknowledged > 0 && known.mark > 0, "the child did nothing");
}

#[test]
fn a_second_process_on_the_same_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let _store = open(&path);
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, &path)
        .output()
        .unwrap();
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && told.contains("InUse") && !told.contains("!e"), "{told}");
}
