//! A reader that stands still, goes on, or goes away; on a stream that can be written without waiting, and on one that
//! cannot.
#![expect(clippy::disallowed_methods, reason = "a test builds its world by hand")]

use super::channel::PIECE_BYTES;
use super::system::Stream;
use super::writer::{QUEUE_BYTES, Writer};
use super::{BUDGET_BYTES, Output, StdioError};
use crate::action::{ActionId, StdioWrite};
use crate::gate::{Authorizer, Permit, Session};
use crate::handle::Handle;
use crate::resource::Stdio;
use crate::testing;
use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const IMPORT: &str = "test:io/streams#call";
/// What a pipe holds.
const PIPE_BYTES: usize = 65536;
const LONG: Duration = Duration::from_secs(20);

/// A stream with nobody reading it yet.
struct Stage {
    reader: Handle,
    file: Handle,
    writer: &'static Writer,
}

impl Stage {
    fn pipe() -> Stage {
        let (reader, file) = std::io::pipe().unwrap();
        Stage::of(OwnedFd::from(reader).into(), OwnedFd::from(file).into())
    }

    /// A named pipe cannot be written without waiting, so that its thread does all.
    fn named_pipe() -> Stage {
        use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let reader = Handle::options().read(true).custom_flags(flags).open(&path).unwrap();
        let file = Handle::options().write(true).open(&path).unwrap();
        rustix::fs::fcntl_setfl(&reader, OFlags::empty()).unwrap();
        Stage::of(reader, file)
    }

    fn of(reader: Handle, file: Handle) -> Stage {
        Stage { reader, file, writer: Box::leak(Box::new(Writer::new("test"))) }
    }

    fn output(&self, session: &Arc<Session>) -> Output {
        let permit: Permit<StdioWrite> = session.authorize(Stdio::Stdout, IMPORT).unwrap();
        Output::onto(permit, Stream::new(self.file.try_clone().unwrap()), self.writer)
    }

    fn charge(&self) -> usize {
        self.writer.lock().charge()
    }

    /// Reads all that ever comes: this end of the writing side is closed, the outputs' must be soon.
    fn rest(self) -> Vec<u8> {
        let (mut reader, mut bytes) = (self.reader, Vec::new());
        drop(self.file);
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }
}

fn both(test: impl Fn(Stage)) {
    test(Stage::pipe());
    test(Stage::named_pipe());
}

fn session() -> Arc<Session> {
    testing::session(|_, _| true).0
}

/// Fails when what is done takes long, as waiting for a reader does.
#[track_caller]
fn at_once<T>(call: impl FnOnce() -> T) -> T {
    let before = Instant::now();
    let done = call();
    assert!(before.elapsed() < Duration::from_secs(2), "waited in place");
    done
}

/// Writes `byte` for as long as there is room, and says how much.
#[track_caller]
fn fill(output: &Output, byte: u8) -> usize {
    let mut written = 0;
    loop {
        let budget = at_once(|| output.budget(IMPORT)).unwrap();
        if budget == 0 {
            return written;
        }
        at_once(|| output.write(&vec![byte; budget], IMPORT)).unwrap();
        written += budget;
    }
}

/// Fills the stream and its own share until nothing moves any more without a reader, and says how much was accepted.
#[track_caller]
fn stall(output: &Output, byte: u8) -> usize {
    let mut written = 0;
    loop {
        match fill(output, byte) {
            0 if written > PIPE_BYTES => return written,
            more => written += more,
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

#[test]
fn who_was_told_of_room_may_write_although_a_neighbour_took_it() {
    both(|stage| {
        let (greedy, other) = (stage.output(&session()), stage.output(&session()));
        let told = other.budget(IMPORT).unwrap();
        assert!(told > 0);
        stall(&greedy, b'g');
        assert_eq!(other.budget(IMPORT).unwrap(), told, "a promise stands");
        at_once(|| other.write(&vec![b'o'; told], IMPORT)).unwrap();
        drop((greedy, other));
        assert!(stage.rest().ends_with(&vec![b'o'; told]));
    });
}

/// Writes numbered records as a guest does that asks before each, and lets others run in between.
async fn chatter(output: Output, name: char, records: usize) {
    for number in 0..records {
        let record = format!("{name}{number:06}{}\n", ".".repeat(number * 97 % 4000));
        loop {
            output.ready(IMPORT).await;
            if output.budget(IMPORT).unwrap() >= record.len() {
                break;
            }
        }
        tokio::task::yield_now().await;
        at_once(|| output.write(record.as_bytes(), IMPORT)).unwrap();
    }
}

/// Goes on for as long as it is let, and calls for the reader after a second.
async fn neighbour(go: std::sync::mpsc::Sender<()>) {
    let mut last = Instant::now();
    for tick in 0.. {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(last.elapsed() < Duration::from_secs(2), "the neighbour stood still");
        last = Instant::now();
        if tick == 200 {
            go.send(()).unwrap();
        }
    }
}

/// Fails unless each of three guests is there with all its records, each whole and in their order.
fn assert_complete(text: &str, records: usize) {
    let mut next = BTreeMap::new();
    for line in text.lines() {
        let (name, number) = (&line[..1], line[1..7].parse::<usize>().unwrap());
        assert_eq!(line.len(), 7 + number * 97 % 4000, "no write is mixed with another");
        assert_eq!(std::mem::replace(next.entry(name).or_insert(0), number + 1), number);
    }
    assert_eq!(next, BTreeMap::from([("a", records), ("b", records), ("c", records)]));
}

#[test]
fn a_reader_that_stands_still_holds_up_no_neighbour_and_loses_nothing_when_it_goes_on() {
    const RECORDS: usize = 300;
    both(|stage| {
        let sessions = ['a', 'b', 'c'].map(|name| (name, session()));
        let outputs = sessions.clone().map(|(name, session)| (name, stage.output(&session)));
        let Stage { mut reader, file, writer } = stage;
        drop(file);
        let (go, gone) = std::sync::mpsc::channel();
        let read = std::thread::spawn(move || {
            gone.recv().unwrap();
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        let work = async {
            let [a, b, c] = outputs.map(|(name, output)| chatter(output, name, RECORDS));
            tokio::join!(a, b, c);
            for (_, session) in &sessions {
                writer.settled(session).await;
            }
        };
        runtime().block_on(async {
            tokio::select! {
                () = work => {}
                () = neighbour(go) => {}
                () = tokio::time::sleep(LONG) => panic!("did not end"),
            }
        });
        assert_complete(&read.join().unwrap().unwrap(), RECORDS);
    });
}

#[test]
fn what_is_queued_under_a_permission_that_was_taken_back_is_not_written() {
    both(|stage| {
        let (revoked, standing) = (session(), session());
        let (first, other) = (stage.output(&revoked), stage.output(&standing));
        assert!(other.budget(IMPORT).unwrap() > 0);
        stall(&first, b'r');
        other.write(b"standing", IMPORT).unwrap();
        first.lease().revoke();
        drop((first, other));
        let rest = stage.rest();
        assert!(rest.ends_with(b"standing"), "the neighbour's is written");
        assert!(rest.len() <= PIPE_BYTES + 8, "{} bytes", rest.len());
    });
}

static PERMITTED: AtomicBool = AtomicBool::new(true);

#[test]
fn what_is_queued_is_decided_anew_after_the_policies_changed() {
    let (session, told) = testing::session(|_: ActionId, _| PERMITTED.load(Ordering::SeqCst));
    let stage = Stage::pipe();
    let output = stage.output(&session);
    stall(&output, b'x');
    told.take();
    PERMITTED.store(false, Ordering::SeqCst);
    told.epoch().fetch_add(1, Ordering::SeqCst);
    drop(output);
    assert_eq!(stage.rest().len(), PIPE_BYTES);
    assert_eq!(told.take(), ["deny stdio:write stdout"], "one question, and the rest falls with it");
}

#[test]
fn a_reader_that_went_away_is_a_closed_stream() {
    both(|stage| {
        let (output, late) = (stage.output(&session()), stage.output(&session()));
        fill(&output, b'x');
        let Stage { reader, file, writer } = stage;
        drop(reader);
        runtime().block_on(output.ready(IMPORT));
        until(|| matches!(output.budget(IMPORT), Err(StdioError::Closed)));
        assert!(matches!(output.write(b"x", IMPORT), Err(StdioError::Closed)));
        until(|| writer.lock().is_idle());
        // What goes to the thread is taken first and told of afterwards.
        until(|| matches!(late.write(b"x", IMPORT), Err(StdioError::Closed)));
        assert!(matches!(late.budget(IMPORT), Err(StdioError::Closed)));
        drop(file);
    });
}

#[test]
fn after_a_flush_there_is_no_room_until_everything_is_out() {
    both(|stage| {
        let (full, output) = (stage.output(&session()), stage.output(&session()));
        assert!(output.budget(IMPORT).unwrap() > 0);
        let filled = stall(&full, b'x');
        output.write(b"last", IMPORT).unwrap();
        assert!(output.budget(IMPORT).unwrap() > 0, "its own share has room");
        output.flush(IMPORT).unwrap();
        assert_eq!(output.budget(IMPORT).unwrap(), 0);
        assert!(!output.is_ready());
        let mut bytes = vec![0; filled + 4];
        (&stage.reader).read_exact(&mut bytes).unwrap();
        runtime().block_on(output.ready(IMPORT));
        assert!(output.budget(IMPORT).unwrap() > 0 && bytes.ends_with(b"last"));
    });
}

#[test]
fn no_number_of_handles_or_sessions_fills_more_than_the_queue_is_long() {
    both(|stage| {
        let guest = session();
        let promised: Vec<_> = (0..20).map(|_| stage.output(&guest)).collect();
        assert!(promised.iter().all(|output| output.budget(IMPORT).unwrap() > 0));
        stall(&stage.output(&guest), b'x');
        let beyond = stage.output(&guest);
        assert!(matches!(beyond.write(b"x", IMPORT), Err(StdioError::TooMuch)), "who did not ask");
        for output in promised {
            output.write(&[b'x'; PIECE_BYTES], IMPORT).unwrap();
        }
        assert_eq!(fill(&stage.output(&guest), b'x'), 0, "a new handle brings no new room");
        let piece = PIECE_BYTES + 128;
        assert!(stage.charge() <= BUDGET_BYTES + 21 * piece, "{}", stage.charge());
        for _ in 0..40 {
            fill(&stage.output(&session()), b'x');
        }
        assert!(stage.charge() <= QUEUE_BYTES + 21 * piece, "{}", stage.charge());
        assert!(stage.charge() >= QUEUE_BYTES);
    });
}

#[test]
fn who_waits_for_a_full_queue_goes_on_when_there_is_room_again() {
    both(|stage| {
        let outputs: Vec<_> = (0..20).map(|_| stage.output(&session())).collect();
        for output in &outputs {
            fill(output, b'x');
        }
        let late = stage.output(&session());
        let mut reader = stage.reader.try_clone().unwrap();
        let read = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
        });
        assert_eq!(late.budget(IMPORT).unwrap(), 0, "the queue is full");
        let ready = async { tokio::time::timeout(LONG, late.ready(IMPORT)).await.is_ok() };
        assert!(runtime().block_on(ready) && late.budget(IMPORT).unwrap() > 0);
        drop((outputs, late, stage));
        read.join().unwrap();
    });
}

#[test]
fn writes_of_one_byte_fill_no_more_than_others() {
    let stage = Stage::pipe();
    let output = stage.output(&session());
    fill(&output, b'x');
    let (small, mut accepted) = (stage.output(&session()), 0);
    while small.budget(IMPORT).unwrap() > 0 {
        small.write(b"x", IMPORT).unwrap();
        accepted += 1;
    }
    assert!(accepted < 1000, "{accepted} pieces are kept");
}

/// Whether the session is settled before `patience` ends.
fn is_settled(stage: &Stage, session: &Arc<Session>, patience: Duration) -> bool {
    let settled = async { tokio::time::timeout(patience, stage.writer.settled(session)).await.is_ok() };
    runtime().block_on(settled)
}

#[test]
fn a_session_is_settled_when_nothing_of_it_is_queued() {
    both(|stage| {
        let (guest, given_up) = (session(), session());
        let filled = stall(&stage.output(&guest), b'x');
        fill(&stage.output(&given_up), b'y');
        assert!(is_settled(&stage, &session(), LONG), "it has written nothing");
        assert!(!is_settled(&stage, &guest, Duration::from_millis(300)));
        given_up.revoke();
        assert!(is_settled(&stage, &given_up, LONG), "what is dropped is waited for no longer");
        let mut bytes = vec![0; filled];
        (&stage.reader).read_exact(&mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == b'x'), "what was accepted is out");
        assert!(is_settled(&stage, &guest, LONG));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_with_room_is_written_in_place_and_takes_no_thread() {
    use rustix::io::{Errno, ReadWriteFlags, pwritev2};
    let stage = Stage::pipe();
    let probe = pwritev2(&stage.file, &[std::io::IoSlice::new(b"probe ")], u64::MAX, ReadWriteFlags::NOWAIT);
    if matches!(probe, Err(Errno::OPNOTSUPP)) {
        // An older kernel: the thread does it all, as on a named pipe.
        return;
    }
    let output = stage.output(&session());
    output.write(b"in place", IMPORT).unwrap();
    let mut bytes = [0; 14];
    (&stage.reader).read_exact(&mut bytes).unwrap();
    assert_eq!((&bytes, stage.writer.lock().is_running()), (b"probe in place", false));
}

#[test]
fn a_regular_file_is_written_in_place() {
    let (dir, writer) = (tempfile::tempdir().unwrap(), Writer::new("test"));
    let (path, writer): (_, &'static Writer) = (dir.path().join("out"), Box::leak(Box::new(writer)));
    let permit: Permit<StdioWrite> = session().authorize(Stdio::Stdout, IMPORT).unwrap();
    let output = Output::onto(permit, Stream::new(Handle::create(&path).unwrap()), writer);
    assert_eq!(output.budget(IMPORT).unwrap(), BUDGET_BYTES);
    output.write(&[b'x'; BUDGET_BYTES], IMPORT).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), BUDGET_BYTES as u64);
    assert!(!writer.lock().is_running());
}
