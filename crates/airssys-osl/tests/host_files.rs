//! The host's own files: whole or not at all, never over another.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

use airssys_osl::host_files::{
    HostFileError, Privacy, create_dir_all_ambient, is_same_ambient, list_ambient, read_ambient,
    read_to_string_ambient, reader_ambient, replace_ambient, write_new_ambient,
};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_that_exists_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("author.key");
    write_new_ambient(&key, b"first", Privacy::Private).unwrap();
    let error = write_new_ambient(&key, b"second", Privacy::Private).unwrap_err();
    assert!(matches!(error, HostFileError::Exists { .. }), "{error}");
    std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
    let error = write_new_ambient(&dir.path().join("dangling"), b"x", Privacy::Public).unwrap_err();
    assert!(matches!(error, HostFileError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&key).unwrap(), b"first");
    assert_eq!(mode(&key), 0o600);
    assert_eq!(list_ambient(dir.path()).unwrap().len(), 2, "no draft is left behind");
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let error = write_new_ambient(&dir.path().join("none/key"), b"x", Privacy::Private).unwrap_err();
    assert!(error.to_string().contains("none/key"), "{error}");
    assert!(replace_ambient(dir.path(), b"x", Privacy::Private).is_err());
    assert!(list_ambient(dir.path()).unwrap().is_empty());
}

#[test]
fn a_replaced_file_is_the_new_one_whole() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    write_new_ambient(&file, b"old", Privacy::Public).unwrap();
    replace_ambient(&file, b"new", Privacy::Private).unwrap();
    assert_eq!(read_ambient(&file, 10).unwrap(), b"new");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(list_ambient(dir.path()).unwrap(), [file]);
}

#[test]
fn what_is_too_large_or_no_text_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    std::fs::write(&file, b"\xff2345").unwrap();
    assert!(matches!(read_ambient(&file, 4), Err(HostFileError::TooLarge { .. })));
    assert_eq!(read_ambient(&file, 5).unwrap().len(), 5);
    assert!(matches!(read_to_string_ambient(&file, 5), Err(HostFileError::NotText { .. })));
    let endless = read_ambient(Path::new("/dev/zero"), 1000);
    assert!(matches!(endless, Err(HostFileError::NotRegular { .. })));
    std::fs::File::options().write(true).open(&file).unwrap().set_len(1 << 40).unwrap();
    assert!(
        matches!(read_ambient(&file, 5), Err(HostFileError::TooLarge { .. })),
        "told by its size, not read"
    );
}

#[test]
fn a_pipe_is_not_waited_for_and_not_replaced() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert!(matches!(read_ambient(&pipe, 10), Err(HostFileError::NotRegular { .. })));
    assert!(matches!(reader_ambient(&pipe).map(drop), Err(HostFileError::NotRegular { .. })));
    for taken in [pipe.as_path(), dir.path()] {
        let error = replace_ambient(taken, b"x", Privacy::Public).unwrap_err();
        assert!(matches!(error, HostFileError::NotRegular { .. }), "{error}");
    }
    assert_eq!(list_ambient(dir.path()).unwrap(), [pipe]);
}

#[test]
fn two_names_are_one_file_only_when_it_exists() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("a"), dir.path().join(".").join("a"));
    assert!(!is_same_ambient(&one, &other));
    std::fs::write(&one, "").unwrap();
    assert!(is_same_ambient(&one, &other));
    assert!(!is_same_ambient(&one, dir.path()));
}

#[test]
fn directories_of_secrets_are_their_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("a/b");
    create_dir_all_ambient(&inner).unwrap();
    create_dir_all_ambient(&inner).unwrap();
    assert_eq!(mode(&inner), 0o700);
}
