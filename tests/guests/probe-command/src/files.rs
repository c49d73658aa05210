//! The verbs on files and directories.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use crate::{number, say};

/// Does `words` if they are a verb of this module.
pub(crate) fn run(words: &[&str]) -> Option<io::Result<()>> {
    Some(match *words {
        ["read", path] => fs::read(path).and_then(|bytes| io::stdout().write_all(&bytes)),
        ["reads", ref paths @ ..] => paths.iter().try_for_each(|path| read_or_say_why(path)),
        ["write", path, text] => fs::write(path, text),
        ["append", path, text] => OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes())),
        ["create", path] => File::create_new(path).map(drop),
        ["truncate", path, size] => {
            number(size).and_then(|size| OpenOptions::new().write(true).open(path)?.set_len(size))
        }
        ["touch", path, seconds] => number(seconds).and_then(|seconds| {
            OpenOptions::new().write(true).open(path)?.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
        }),
        ["ls", path] => list(path),
        ["stat", path] => fs::metadata(path).and_then(|found| say(describe(&found))),
        ["lstat", path] => fs::symlink_metadata(path).and_then(|found| say(describe(&found))),
        ["readlink", path] => fs::read_link(path).and_then(|target| say(target.display())),
        ["rm", path] => fs::remove_file(path),
        ["mkdir", path] => fs::create_dir(path),
        ["rmdir", path] => fs::remove_dir(path),
        ["rename", from, to] => fs::rename(from, to),
        ["link", from, to] => fs::hard_link(from, to),
        _ => return None,
    })
}

/// One line for a file that was read, one for a file that was not; never a failure.
fn read_or_say_why(path: &str) -> io::Result<()> {
    match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            say(format_args!("{path}: {} bytes: {}", bytes.len(), text.lines().next().unwrap_or("")))
        }
        Err(error) => say(format_args!("{path}: {:?}: refused", error.kind())),
    }
}

fn list(path: &str) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    names.iter().try_for_each(say)
}

/// `file 12`, `directory 4096`, `link 7` or `other 0`.
fn describe(found: &Metadata) -> String {
    let kind = match found.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "directory",
        kind if kind.is_symlink() => "link",
        _ => "other",
    };
    format!("{kind} {}", found.len())
}
