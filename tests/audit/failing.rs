//! A record that cannot be written: nothing happens, and nothing is left of it.

use crate::support::{self, read_path, records, report, subject};
use airssys_osl::action::FsRead;
use airssys_osl::{Gate, GuestPath, Why};
use airssys_wasm::audit::{Kind, Log, Memory, Sink};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Takes half of each line and fails while the switch is on.
struct Half {
    memory: Memory,
    fails: Arc<AtomicBool>,
    stuck: bool,
}

impl Sink for Half {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            self.memory.append(&line[..line.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.memory.append(line)
    }

    fn take_back(&mut self) -> io::Result<()> {
        if self.stuck { Err(io::Error::other("append only")) } else { self.memory.take_back() }
    }
}

fn half(stuck: bool) -> (Half, Memory, Arc<AtomicBool>) {
    let (memory, fails) = (Memory::new(), Arc::new(AtomicBool::new(false)));
    (Half { memory: memory.clone(), fails: Arc::clone(&fails), stuck }, memory, fails)
}

#[test]
fn an_effect_whose_record_cannot_be_written_is_denied() {
    let (sink, memory, fails) = half(false);
    let log = Arc::new(Log::builder().sink(sink).build().unwrap());
    let session = Gate::new(support::Always::allow(), log).session(subject(1));
    fails.store(true, Ordering::SeqCst);
    let path = || GuestPath::parse("/x").unwrap();
    let denied = session.authorize::<FsRead>(path(), support::IMPORT).unwrap_err();
    assert_eq!((denied.why, records(&memory.bytes()).len()), (Why::Audit, 1));
    fails.store(false, Ordering::SeqCst);
    assert!(session.authorize::<FsRead>(path(), support::IMPORT).is_ok());
}

#[test]
fn a_record_taken_by_one_sink_and_not_by_the_next_is_taken_back_and_told_later() {
    let (sink, memory, fails) = half(false);
    let dir = tempfile::tempdir().unwrap();
    let (path, first) = (dir.path().join("log"), Memory::new());
    let log = Log::builder().file(&path).sink(first.clone()).sink(sink).build().unwrap();
    read_path(&log, "/before").unwrap();
    fails.store(true, Ordering::SeqCst);
    assert!(read_path(&log, "/lost").is_err() && read_path(&log, "/lost").is_err());
    let while_full = first.bytes();
    assert_eq!(records(&while_full).len(), 2);
    assert_eq!((memory.bytes(), std::fs::read(&path).unwrap()), (while_full.clone(), while_full));
    fails.store(false, Ordering::SeqCst);
    read_path(&log, "/after").unwrap();
    read_path(&log, "/later").unwrap();
    drop(log);
    let (bytes, records) = (memory.bytes(), records(&memory.bytes()));
    assert_eq!((std::fs::read(&path).unwrap(), first.bytes()), (bytes.clone(), bytes.clone()));
    assert!(report(&bytes).is_sound() && !String::from_utf8(bytes).unwrap().contains("/lost"));
    assert_eq!(records[2].kind, Kind::Note);
    assert_eq!(records[2].text.as_deref(), Some("2 records could not be written before this one"));
    assert_eq!(records[3].resource.as_ref().unwrap().id, "/after");
    assert_eq!(records[4].resource.as_ref().unwrap().id, "/later");
}

#[test]
fn a_line_that_cannot_be_taken_back_ends_the_log() {
    let (sink, memory, fails) = half(true);
    let log = Log::builder().sink(sink).build().unwrap();
    fails.store(true, Ordering::SeqCst);
    assert!(read_path(&log, "/x").is_err());
    fails.store(false, Ordering::SeqCst);
    let error = read_path(&log, "/y").unwrap_err();
    assert!(error.to_string().contains("append only"), "{error}");
    assert!(log.close().is_err());
    let left = report(&memory.bytes());
    assert!(left.is_sound() && left.records == 1 && left.torn_bytes > 0, "{left}");
}

#[test]
fn a_log_whose_first_record_cannot_be_written_is_not_opened() {
    let (sink, memory, fails) = half(false);
    fails.store(true, Ordering::SeqCst);
    assert!(Log::builder().sink(sink).build().is_err());
    assert!(memory.bytes().is_empty());
}

#[test]
fn a_sink_that_panics_ends_the_log() {
    struct Panics(u32);
    impl Sink for Panics {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            self.0 += 1;
            assert_ne!(self.0, 2, "the second line panics");
            Ok(())
        }
        fn take_back(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::builder().sink(Panics(0)).build().unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read_path(&log, "/x")));
    assert!(panicked.is_err() && read_path(&log, "/x").is_err() && log.close().is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_denies() {
    struct Full(std::fs::File);
    impl Sink for Full {
        fn append(&mut self, line: &[u8]) -> io::Result<()> {
            io::Write::write_all(&mut self.0, line)
        }
        fn take_back(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let refused = Log::builder().sink(Full(full)).build().unwrap_err();
    assert!(refused.to_string().contains("could not be written"), "{refused}");
}
