//! The host's own files: nothing hangs, nothing is overwritten, nothing is half written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests prepare and look at real files")]

use airssys_osl::host_files::{
    HostFileError, Privacy, is_same_ambient, read_ambient, reader_ambient, replace_ambient, write_new_ambient,
};

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for_and_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(matches!(read_ambient(&pipe, 10), Err(HostFileError::NotRegular { .. })));
    assert!(matches!(reader_ambient(&pipe).map(drop), Err(HostFileError::NotRegular { .. })));
    assert!(matches!(replace_ambient(&pipe, b"x", Privacy::Public), Err(HostFileError::NotRegular { .. })));
    let kind = std::fs::symlink_metadata(&pipe).unwrap().file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kind));
}

#[test]
fn directories_are_neither_read_nor_replaced() {
    let directory = tempfile::tempdir().unwrap();
    assert!(read_ambient(directory.path(), 10).is_err());
    assert!(matches!(replace_ambient(directory.path(), b"x", Privacy::Public), Err(HostFileError::NotRegular { .. })));
}

#[test]
fn a_file_larger_than_its_bound_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "0123456789").unwrap();
    assert!(matches!(read_ambient(&path, 9), Err(HostFileError::TooLarge { max_bytes: 9, .. })));
    assert_eq!(read_ambient(&path, 10).unwrap(), b"0123456789");
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(read_ambient(&path, 10), Err(HostFileError::TooLarge { .. })));
}

#[test]
fn a_new_file_takes_nobodys_place_and_a_replaced_one_leaves_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    write_new_ambient(&path, b"one", Privacy::Private).unwrap();
    assert!(matches!(write_new_ambient(&path, b"two", Privacy::Private), Err(HostFileError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    replace_ambient(&path, b"three", Privacy::Public).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"three");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn two_names_are_one_file_only_when_it_exists() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (directory.path().join("a"), directory.path().join(".").join("a"));
    assert!(!is_same_ambient(&one, &other));
    std::fs::write(&one, "").unwrap();
    assert!(is_same_ambient(&one, &other));
    assert!(!is_same_ambient(&one, directory.path()));
}
