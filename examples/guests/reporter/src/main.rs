//! Counts the lines and words of the files it is given.
//!
//! This is an ordinary Rust program: it knows nothing of policies, and needs no crate. Built with
//!
//! ```text
//! rustup target add wasm32-wasip2
//! cargo build --release --target wasm32-wasip2
//! ```
//!
//! it becomes a component, and may then read what its host's policy permits and nothing else.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() {
        eprintln!("usage: reporter INPUT...");
        return ExitCode::FAILURE;
    }
    let mut total = Count::default();
    let mut reported = 0;
    for path in &paths {
        match count(path) {
            Ok(found) => {
                println!("{path}: {found}");
                total.add(&found);
                reported += 1;
            }
            // A refused file looks like any file without permission: say so, and go on with the others.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => println!("{path}: not permitted"),
            Err(error) => println!("{path}: {error}"),
        }
    }
    println!("{reported} of {} files read: {total}", paths.len());
    ExitCode::SUCCESS
}

/// What was counted in one file, or in all of them.
#[derive(Default)]
struct Count {
    lines: usize,
    words: usize,
}

impl Count {
    fn add(&mut self, other: &Count) {
        self.lines += other.lines;
        self.words += other.words;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lines, {} words", self.lines, self.words)
    }
}

/// Reads one file line by line, so that its size does not matter.
fn count(path: &str) -> io::Result<Count> {
    let mut found = Count::default();
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        found.lines += 1;
        found.words += String::from_utf8_lossy(&line).split_whitespace().count();
    }
    Ok(found)
}
