//! The log's own file: one writer, one chain, no surprise.

use crate::support::{head_of, lines, read_path, records, report};
use airssys_wasm::audit::{self, AuditError, BadLine, Kind, Log};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    (dir, path)
}

fn write(path: &Path, names: &[&str]) {
    let log = Log::open_file(path).unwrap();
    names.iter().for_each(|name| read_path(&log, name).unwrap());
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let (_dir, path) = place();
    let first = Log::open_file(&path).unwrap();
    assert!(matches!(Log::open_file(&path), Err(AuditError::Locked { .. })));
    read_path(&first, "/x").unwrap();
    drop(first);
    write(&path, &["/y"]);
    assert!(report(&fs::read(&path).unwrap()).is_sound());
}

#[test]
fn a_file_that_is_no_log_is_refused_and_stays_as_it_is() {
    let (_dir, path) = place();
    for text in ["my only copy", "my only copy\n", "one\ntwo\n", "\n", "{\"seq\":0}\n", "{\"seq\":1,\"ti"] {
        fs::write(&path, text).unwrap();
        let refused = Log::open_file(&path);
        assert!(matches!(refused, Err(AuditError::Tampered { .. })), "{text:?} {refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let long = vec![b'x'; 5 << 20];
    fs::write(&path, &long).unwrap();
    assert!(matches!(Log::open_file(&path), Err(AuditError::Tampered { bad: BadLine::TooLong, .. })));
    assert!(fs::read(&path).unwrap() == long);
}

#[test]
fn a_log_whose_last_record_was_changed_is_not_continued() {
    let (_dir, path) = place();
    write(&path, &["/x", "/y"]);
    let good = fs::read_to_string(&path).unwrap();
    let changed = good.replace("\"kind\":\"close\"", "\"kind\":\"swap\"");
    fs::write(&path, &changed).unwrap();
    let refused = Log::open_file(&path).unwrap_err();
    assert!(matches!(refused, AuditError::Tampered { bad: BadLine::WrongHash, .. }), "{refused}");
    assert!(refused.to_string().contains("airssys audit verify"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), changed);
}

#[test]
fn what_follows_the_last_record_and_is_no_beginning_of_one_is_not_cut_off() {
    let (_dir, path) = place();
    write(&path, &["/x"]);
    let spoiled = [fs::read(&path).unwrap(), b"echo was here".to_vec()].concat();
    fs::write(&path, &spoiled).unwrap();
    assert!(matches!(Log::open_file(&path), Err(AuditError::Tampered { .. })));
    assert!(fs::read(&path).unwrap() == spoiled);
}

#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let (dir, path) = place();
    write(&path, &["/x"]);
    let (link, pipe) = (dir.path().join("link"), dir.path().join("pipe"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for path in [dir.path(), &link, &pipe, Path::new("/dev/null"), Path::new("/dev/full")] {
        let refused = Log::open_file(path);
        assert!(matches!(refused, Err(AuditError::NotRegular { .. })), "{path:?} {refused:?}");
    }
    let nowhere = dir.path().join("no/where");
    assert!(matches!(Log::open_file(&nowhere), Err(AuditError::File { .. })));
}

#[cfg(unix)]
#[test]
fn a_new_log_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, path) = place();
    write(&path, &[]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_log_opened_again_keeps_one_chain() {
    let (_dir, path) = place();
    write(&path, &["/x"]);
    write(&path, &[]);
    write(&path, &["/y", "/z"]);
    let bytes = fs::read(&path).unwrap();
    let (whole, records) = (report(&bytes), records(&bytes));
    assert!(whole.is_sound() && whole.closed && whole.records == 9, "{whole}");
    assert_eq!(records.iter().filter(|record| record.kind == Kind::Open).count(), 3);
    assert_eq!(whole.head, Some(head_of(&bytes)));
}

#[test]
fn after_a_crash_at_any_byte_the_log_goes_on_and_tells_what_was_cut_off() {
    let (_dir, path) = place();
    write(&path, &["/x"]);
    let bytes = fs::read(&path).unwrap();
    for cut in (0..bytes.len()).step_by(7) {
        fs::write(&path, &bytes[..cut]).unwrap();
        let torn = cut - bytes[..cut].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        write(&path, &["/y"]);
        let after = fs::read(&path).unwrap();
        assert!(report(&after).is_sound(), "{cut}");
        let opened = records(&after).into_iter().rfind(|record| record.kind == Kind::Open).unwrap();
        assert_eq!(opened.open.unwrap().torn_bytes, (torn > 0).then_some(torn as u64), "{cut}");
        assert!(after.starts_with(&bytes[..cut - torn]), "{cut}");
    }
}

#[test]
fn room_that_a_file_system_gave_without_bytes_counts_as_torn() {
    let (_dir, path) = place();
    write(&path, &["/x"]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, [&bytes[..], &[0; 4096]].concat()).unwrap();
    assert_eq!(report(&fs::read(&path).unwrap()).torn_bytes, 4096);
    write(&path, &[]);
    assert!(report(&fs::read(&path).unwrap()).is_sound());
}

#[test]
fn each_record_is_in_the_file_when_the_log_has_settled_and_the_journal_goes_with_the_end() {
    let (_dir, path) = place();
    let log = Log::open_file(&path).unwrap();
    for n in 0..5 {
        read_path(&log, "/x").unwrap();
        log.settle().unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!((lines(&bytes).len(), Some(head_of(&bytes))), (n + 2, log.head()));
    }
    let journal = path.with_extension("log.journal");
    assert!(journal.exists() && audit::waiting(&path).unwrap() == 0);
    log.close().unwrap();
    assert!(!journal.exists());
}

#[test]
fn eight_threads_write_one_file() {
    let (_dir, path) = place();
    let log = Log::builder().file(&path).build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..1000).for_each(|_| read_path(&log, "/x").unwrap()));
        }
    });
    drop(log);
    let whole = report(&fs::read(&path).unwrap());
    assert!(whole.is_sound() && whole.records == 8002, "{whole}");
}
