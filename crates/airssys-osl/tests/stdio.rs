//! The process's own streams: each test starts this program again, with pipes for its streams.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

mod common;

use airssys_osl::action::{StdioRead, StdioWrite};
use airssys_osl::stdio::{BUDGET_BYTES, Input, Output, Sink, Source, StdioError, settled};
use airssys_osl::{Permit, Session, Stdio};
use common::{IMPORT, Log, Script};
use std::cell::Cell;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::process::{Child, Command, Stdio as Pipe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Which part a child plays; without it the program is a test as any other.
const PART: &str = "AIRSSYS_TEST_PART";
/// What a pipe holds.
const PIPE_BYTES: usize = 65536;
const LONG: Duration = Duration::from_secs(30);
const RECORDS: usize = 250;

/// The child's side of all tests here.
#[test]
fn child() {
    let Ok(part) = std::env::var(PART) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let play = async {
        match part.as_str() {
            "two-writers" => two_writers().await,
            "both-streams" => both_streams().await,
            "reader" => tell(&format!("read {}", read_all(&input(&session())).await)),
            "two-readers" => two_readers().await,
            "slow-reader" => slow_reader().await,
            "revoked-reader" => revoked_reader().await,
            part => panic!("no such part: {part}"),
        }
    };
    runtime.block_on(async { tokio::time::timeout(LONG, play).await.expect("did not end") });
}

fn session() -> Arc<Session> {
    common::session(&Script::new(|_, _| true), &Arc::new(Log::default()))
}

fn output(session: &Arc<Session>, which: Stdio) -> Output {
    let permit: Permit<StdioWrite> = session.authorize(which, IMPORT).unwrap();
    Output::new(permit, Sink::Inherit).unwrap()
}

fn input(session: &Arc<Session>) -> Input {
    let permit: Permit<StdioRead> = session.authorize(Stdio::Stdin, IMPORT).unwrap();
    Input::new(permit, Source::Inherit)
}

/// One line to the parent, past everything that is tested.
fn tell(line: &str) {
    eprintln!("told: {line}");
}

/// Writes a record as a guest does that asks before, and lets others run in between.
async fn write(output: &Output, record: &str, slowest: &Cell<Duration>) {
    while output.budget(IMPORT).unwrap() < record.len() {
        output.ready(IMPORT).await;
    }
    tokio::task::yield_now().await;
    let before = Instant::now();
    output.write(record.as_bytes(), IMPORT).unwrap();
    slowest.set(slowest.get().max(before.elapsed()));
}

async fn chatter(session: &Arc<Session>, name: char, written: &Cell<usize>, slowest: &Cell<Duration>) {
    let output = output(session, Stdio::Stdout);
    for number in 0..RECORDS {
        let record = format!("\n{name}{number:06}{}", ".".repeat(number * 97 % 4000));
        write(&output, &record, slowest).await;
        written.set(written.get() + record.len());
    }
}

/// Says `stalled` once nothing was written for a while, however often this gets to run.
async fn watch(written: &Cell<usize>) {
    let (mut last, mut quiet) = (0, 0);
    while quiet < 50 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        quiet = if last == written.get() { quiet + 1 } else { 0 };
        last = written.get();
    }
    tell("stalled");
}

async fn two_writers() {
    let (sessions, written, slowest) = ([session(), session()], Cell::new(0), Cell::new(Duration::ZERO));
    tokio::join!(
        chatter(&sessions[0], 'a', &written, &slowest),
        chatter(&sessions[1], 'b', &written, &slowest),
        watch(&written),
    );
    for session in &sessions {
        settled(session).await;
        session.close().unwrap();
    }
    tell(&format!("slowest {}", slowest.get().as_millis()));
}

async fn both_streams() {
    let (session, written, slowest) = (session(), Cell::new(0), Cell::new(Duration::ZERO));
    let outputs = [Stdio::Stdout, Stdio::Stderr].map(|which| output(&session, which));
    let chatter = async {
        for number in 0..RECORDS {
            write(&outputs[number % 2], &format!("\n{number:04}{}", ".".repeat(1000)), &slowest).await;
            written.set(written.get() + 1);
        }
        settled(&session).await;
    };
    chatter.await;
}

async fn read_all(input: &Input) -> usize {
    let mut read = 0;
    loop {
        input.ready(IMPORT).await;
        match input.read(5000, IMPORT) {
            Ok(bytes) => read += bytes.len(),
            Err(StdioError::Closed) => return read,
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
}

async fn two_readers() {
    let (one, other) = (input(&session()), input(&session()));
    let (one, other) = tokio::join!(read_all(&one), read_all(&other));
    tell(&format!("read {}", one + other));
}

async fn slow_reader() {
    let input = input(&session());
    assert!(!input.is_ready());
    input.ready(IMPORT).await;
    tell("waiting");
    // Long enough for the parent to see how much is taken meanwhile.
    tokio::time::sleep(Duration::from_secs(3)).await;
    tell(&format!("read {}", read_all(&input).await));
}

async fn revoked_reader() {
    let (revoked, standing) = (input(&session()), input(&session()));
    let ready = async {
        tokio::join!(revoked.ready(IMPORT), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            revoked.lease().revoke();
        })
    };
    ready.await;
    assert!(matches!(revoked.read(1, IMPORT), Err(StdioError::Denied(_))));
    tell("revoked");
    tell(&format!("read {}", read_all(&standing).await));
}

fn start(part: &str, stdin: impl Into<Pipe>, stdout: impl Into<Pipe>, stderr: impl Into<Pipe>) -> Child {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "child", "--nocapture"]).env(PART, part);
    program.stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap()
}

/// The next line that the child told.
fn told(errors: &mut impl Read) -> String {
    let mut line = String::new();
    while !line.ends_with('\n') {
        let mut byte = [0];
        assert_eq!(errors.read(&mut byte).unwrap(), 1, "the child has ended: {line}");
        line.push(char::from(byte[0]));
        if line.ends_with('\n') && !line.contains("told: ") {
            line.clear();
        }
    }
    line.split_once("told: ").unwrap().1.trim_end().to_owned()
}

#[test]
fn a_reader_that_stands_still_makes_no_guest_wait_in_place_and_gets_everything_in_the_end() {
    let mut child = start("two-writers", Pipe::null(), Pipe::piped(), Pipe::piped());
    let mut errors = child.stderr.take().unwrap();
    assert_eq!(told(&mut errors), "stalled", "the neighbour goes on while nobody reads");
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let slowest: u64 = told(&mut errors).strip_prefix("slowest ").unwrap().parse().unwrap();
    assert!(slowest < 1000, "a write took {slowest} ms");
    assert!(child.wait().unwrap().success());
    for name in ["a", "b"] {
        let records = text.lines().filter(|line| line.starts_with(name));
        let numbers: Vec<usize> = records.filter_map(|line| line.get(1..7)?.parse().ok()).collect();
        assert_eq!(numbers, (0..RECORDS).collect::<Vec<_>>(), "`{name}` lost or reordered something");
    }
}

#[test]
fn what_comes_first_is_seen_first_where_both_streams_are_one() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut child = start("both-streams", Pipe::null(), writer.try_clone().unwrap(), writer);
    // Longer than it takes to fill the pipe and both queues.
    std::thread::sleep(Duration::from_secs(1));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    let numbers: Vec<usize> = text.lines().filter_map(|line| line.get(..4)?.parse().ok()).collect();
    assert_eq!(numbers, (0..RECORDS).collect::<Vec<_>>());
}

/// Gives a child `bytes` of input in pieces, and says what it read of them.
fn read_by(part: &str, bytes: usize) -> String {
    let mut child = start(part, Pipe::piped(), Pipe::null(), Pipe::piped());
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        vec![b'x'; bytes].chunks(7000).for_each(|piece| stdin.write_all(piece).unwrap());
    });
    let said = told(&mut child.stderr.take().unwrap());
    feeder.join().unwrap();
    assert!(child.wait().unwrap().success());
    said
}

#[test]
fn input_ends_where_it_ends_and_not_before() {
    assert_eq!(read_by("reader", 0), "read 0");
    assert_eq!(read_by("reader", 300_000), "read 300000");
}

#[test]
fn two_instances_share_the_input_and_nothing_of_it_is_lost() {
    assert_eq!(read_by("two-readers", 300_000), "read 300000");
}

#[test]
fn input_that_nobody_takes_is_not_read_ahead_without_bound() {
    let mut child = start("slow-reader", Pipe::piped(), Pipe::null(), Pipe::piped());
    let (mut stdin, mut errors) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let feeder = std::thread::spawn(move || {
        for _ in 0..1000 {
            stdin.write_all(&[b'x'; 1000]).unwrap();
            count.fetch_add(1000, Ordering::SeqCst);
        }
    });
    assert_eq!(told(&mut errors), "waiting");
    std::thread::sleep(Duration::from_secs(1));
    let taken = sent.load(Ordering::SeqCst);
    assert!(taken <= PIPE_BYTES + BUDGET_BYTES, "{taken} bytes were taken and nobody asked for them");
    assert_eq!(told(&mut errors), "read 1000000");
    feeder.join().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_wait_for_input_ends_when_the_permission_is_taken_back_and_takes_nothing_from_others() {
    let mut child = start("revoked-reader", Pipe::piped(), Pipe::null(), Pipe::piped());
    let (mut stdin, mut errors) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    assert_eq!(told(&mut errors), "revoked");
    stdin.write_all(b"for the other").unwrap();
    drop(stdin);
    assert_eq!(told(&mut errors), "read 13");
    assert!(child.wait().unwrap().success());
}

#[test]
fn input_that_another_process_made_non_blocking_does_not_end_when_it_is_empty() {
    let (reader, mut writer): (PipeReader, PipeWriter) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    let mut child = start("reader", reader, Pipe::null(), Pipe::piped());
    std::thread::sleep(Duration::from_millis(500));
    writer.write_all(b"late").unwrap();
    drop(writer);
    assert_eq!(told(&mut child.stderr.take().unwrap()), "read 4");
    assert!(child.wait().unwrap().success());
}
