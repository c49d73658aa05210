//! The journal: what was put down there is in the log in the end, whatever became of the process and of the disk.
//!
//! These tests run themselves again as the process that is killed, or that meets a full disk. `AIRSSYS_KILLS` sets how often
//! one is killed; 15 otherwise.
#![cfg(target_os = "linux")]

use crate::support::{read_path, records, report};
use airssys_wasm::audit::{self, AuditError, Kind, Log, Record};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PLACE: &str = "AIRSSYS_JOURNAL_PLACE";
const ERRAND: &str = "AIRSSYS_JOURNAL_ERRAND";

/// Writers of a killed process.
const THREADS: u64 = 2;

/// What the log of a process may take whose disk is full.
const DISK: u64 = 9 << 20;

fn say(what: &str) {
    std::io::stdout().write_all(format!("\n@ {what}\n").as_bytes()).unwrap();
}

/// What the other process does. Without the parent's settings it has nothing to do.
#[test]
fn errand() {
    let (Some(path), Ok(errand)) = (std::env::var_os(PLACE), std::env::var(ERRAND)) else { return };
    let log = Log::builder().file(&path).build().unwrap();
    match &*errand {
        "full, and dies" => {
            say(&format!("denied {}", fill(&log)));
            std::process::abort();
        }
        "full, and finds room" => {
            let taken = fill(&log);
            limit(None);
            let refused = (0..).take_while(|_| pause_until(read_path(&log, "/with/room").is_ok())).count();
            log.close().unwrap();
            say(&format!("taken {taken} refused {}", refused + 1));
        }
        round => std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let log = &log;
                scope.spawn(move || {
                    for number in 0.. {
                        read_path(log, &format!("/{round}/{thread}/{number}")).unwrap();
                        say(&format!("{thread} {number}"));
                    }
                });
            }
        }),
    }
}

/// Whether to go on, after a moment.
fn pause_until(there: bool) -> bool {
    std::thread::sleep(Duration::from_millis(if there { 0 } else { 5 }));
    !there
}

fn limit(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

/// Writes until it is refused. How many records were taken.
fn fill(log: &Log) -> usize {
    limit(Some(DISK));
    let taken = (0..).take_while(|number| read_path(log, &format!("/full/{number}")).is_ok()).count();
    let error = read_path(log, "/after").unwrap_err().to_string();
    assert!(error.contains("File too large"), "{error}");
    taken
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    (directory, path)
}

/// This program again, to whom a disk that is full is an error and not its end.
fn other(path: &Path, errand: &str) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "journal::errand", "--nocapture", "--test-threads=1"]);
    command.env(PLACE, path).env(ERRAND, errand).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What it said.
fn heard(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // A last line that the kill has cut off says less than was done.
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("@ ").map(str::to_owned))
}

fn paths<'a>(records: &'a [Record<'static>]) -> Vec<&'a str> {
    records.iter().filter_map(|record| Some(&*record.resource.as_ref()?.id)).collect()
}

fn recovered(records: &[Record<'static>]) -> u64 {
    records.iter().filter_map(|record| record.open.as_ref()?.recovered).sum()
}

/// Who wrote, by round and thread.
type Writer = (u64, u64);

/// Runs the writers for so long, and kills them. The last record that each knew to be written.
fn run_and_kill(path: &Path, round: u64, lasting: Duration) -> BTreeMap<Writer, u64> {
    let mut child = other(path, &round.to_string());
    let mut said = heard(&mut child);
    let first = said.next().expect("it begins");
    assert!(matches!(Log::open_file(path), Err(AuditError::Locked { .. })), "two write one log");
    let listening = std::thread::spawn(move || said.collect::<Vec<_>>());
    std::thread::sleep(lasting);
    child.kill().unwrap();
    child.wait().unwrap();
    let lines = std::iter::once(first).chain(listening.join().unwrap());
    let numbers = lines.map(|line| {
        let (thread, number) = line.split_once(' ').unwrap();
        ((round, thread.parse().unwrap()), number.parse().unwrap())
    });
    numbers.collect()
}

/// How many records of each writer stand in the log, each once and in its order.
fn written(records: &[Record<'static>]) -> BTreeMap<Writer, u64> {
    let mut next = BTreeMap::<Writer, u64>::new();
    for place in paths(records) {
        let parts: Vec<u64> = place[1..].split('/').map(|part| part.parse().unwrap()).collect();
        let [round, thread, number] = parts[..] else { panic!("{place}") };
        let next = next.entry((round, thread)).or_default();
        assert_eq!(*next, number, "{place}: each once, in its order");
        *next += 1;
    }
    next
}

#[test]
fn kill_9_at_any_moment_loses_no_record_whose_effect_might_have_begun() {
    let kills: u64 = std::env::var("AIRSSYS_KILLS").map_or(15, |kills| kills.parse().unwrap());
    let (_directory, path) = place();
    let (begun, mut moment, mut acknowledged) = (Instant::now(), 0x9E37_79B9_u64, BTreeMap::new());
    for round in 1..=kills {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        acknowledged.extend(run_and_kill(&path, round, Duration::from_micros((moment >> 33) % 30_000)));
    }
    drop(Log::open_file(&path).unwrap());
    let bytes = fs::read(&path).unwrap();
    let (whole, records) = (report(&bytes), records(&bytes));
    assert!(whole.is_sound() && whole.torn_bytes == 0, "{whole}");
    let written = written(&records);
    for (writer, last) in &acknowledged {
        assert!(
            written[writer] > *last,
            "{writer:?}: {last} was written, and {} stand in the log",
            written[writer]
        );
    }
    let from_journal = recovered(&records);
    println!(
        "{kills} kills in {:?}: {} records, {from_journal} from the journal",
        begun.elapsed(),
        whole.records
    );
    assert!(from_journal > 0, "no kill fell between a record and its line");
}

#[test]
fn a_full_disk_denies_and_what_was_told_before_is_written_when_there_is_room() {
    let (_directory, path) = place();
    let mut child = other(&path, "full, and finds room");
    let said: Vec<_> = heard(&mut child).collect();
    assert!(child.wait().unwrap().success(), "{said:?}");
    let numbers: Vec<usize> = said[0].split(' ').filter_map(|word| word.parse().ok()).collect();
    let [taken, refused] = numbers[..] else { panic!("{said:?}") };
    let bytes = fs::read(&path).unwrap();
    let records = records(&bytes);
    assert!(report(&bytes).is_sound() && bytes.len() as u64 > DISK);
    let full = paths(&records).into_iter().filter(|path| path.starts_with("/full/")).count();
    assert_eq!(full, taken, "what was taken is there");
    let note = records.iter().find(|record| record.kind == Kind::Note).unwrap().text.as_deref().unwrap();
    let told: usize = note.split(' ').next().unwrap().parse().unwrap();
    assert!(note.ends_with("records could not be written before this one") && told >= refused, "{note}");
    assert!(!paths(&records).contains(&"/after"));
    assert_eq!(recovered(&records), 0);
}

/// A log whose process died while its disk was full. How many records were taken.
fn died(path: &Path) -> usize {
    let mut child = other(path, "full, and dies");
    let said: Vec<_> = heard(&mut child).collect();
    assert!(!child.wait().unwrap().success());
    said[0].strip_prefix("denied ").unwrap().parse().unwrap()
}

#[test]
fn what_a_process_left_in_its_journal_is_told_and_put_into_the_log_by_the_next() {
    let (_directory, path) = place();
    let taken = died(&path);
    let before = report(&fs::read(&path).unwrap());
    let waiting = audit::waiting(&path).unwrap();
    assert!(before.is_sound() && waiting > 0, "{before}");
    assert_eq!(before.records + waiting, taken as u64 + 1);
    drop(Log::open_file(&path).unwrap());
    let bytes = fs::read(&path).unwrap();
    assert!(report(&bytes).is_sound());
    let records = records(&bytes);
    assert_eq!((recovered(&records), paths(&records).len()), (waiting, taken));
    assert_eq!(audit::waiting(&path).unwrap(), 0);
    drop(Log::open_file(&path).unwrap());
    assert_eq!(paths(&crate::support::records(&fs::read(&path).unwrap())).len(), taken, "and not once more");
}

#[test]
fn what_is_left_of_a_log_that_was_moved_away_says_that_more_was_written() {
    let (_directory, path) = place();
    died(&path);
    let (waiting, before) = (audit::waiting(&path).unwrap(), report(&fs::read(&path).unwrap()).records);
    fs::remove_file(&path).unwrap();
    drop(Log::open_file(&path).unwrap());
    let bytes = fs::read(&path).unwrap();
    let records = records(&bytes);
    assert!(report(&bytes).is_sound());
    let told = format!("{before} records before this one were written and are not in this file");
    assert_eq!(records[1].text.as_deref(), Some(&*told));
    assert_eq!((recovered(&records), paths(&records).len() as u64), (waiting, waiting));
}

#[test]
fn whatever_lies_there_and_is_no_journal_is_refused_and_left_alone() {
    let (directory, path) = place();
    drop(Log::open_file(&path).unwrap());
    let (log, journal) = (fs::read(&path).unwrap(), directory.path().join("audit.log.journal"));
    for text in ["my only copy", "airsjrn1"] {
        fs::write(&journal, text).unwrap();
        let refused = Log::open_file(&path).unwrap_err();
        assert!(matches!(refused, AuditError::Journal { .. }), "{refused}");
        assert_eq!(
            (fs::read_to_string(&journal).unwrap(), fs::read(&path).unwrap()),
            (text.into(), log.clone())
        );
    }
    fs::remove_file(&journal).unwrap();
    std::os::unix::fs::symlink(&path, &journal).unwrap();
    assert!(matches!(Log::open_file(&path), Err(AuditError::NotRegular { .. })));
    fs::remove_file(&journal).unwrap();
    // One that was given room and not begun.
    fs::write(&journal, [0; 4096]).unwrap();
    drop(Log::open_file(&path).unwrap());
    assert!(!journal.exists());
}
