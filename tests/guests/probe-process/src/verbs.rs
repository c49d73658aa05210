//! The verbs of `process-data`.

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Does one verb. An error of the system reads `ErrorKind: message`.
pub(crate) fn run(verb: &str, argument: &str) -> Result<String, String> {
    match verb {
        "echo" => Ok(argument.to_string()),
        "reverse" => Ok(argument.chars().rev().collect()),
        "fail" => Err(argument.to_string()),
        "read" => std::fs::read_to_string(argument).map_err(system),
        "write" => {
            let (path, text) = argument.split_once('=').ok_or("wanted write:PATH=TEXT")?;
            std::fs::write(path, text).map(|()| "ok".to_string()).map_err(system)
        }
        "ls" => list(argument).map_err(system),
        "stat" => std::fs::metadata(argument).map(|found| found.len().to_string()).map_err(system),
        "rm" => std::fs::remove_file(argument).map(|()| "ok".to_string()).map_err(system),
        "env" => std::env::var(argument).map_err(|error| error.to_string()),
        "envs" => Ok(joined(std::env::vars().map(|(name, value)| format!("{name}={value}")))),
        "args" => Ok(std::env::args().collect::<Vec<_>>().join(",")),
        "now" => Ok(SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|error| error.to_string())?
            .as_millis()
            .to_string()),
        "sleep" => {
            let started = Instant::now();
            std::thread::sleep(Duration::from_millis(number(argument)?));
            Ok(started.elapsed().as_millis().to_string())
        }
        "random" => Ok(format!("{:016x}", wasip2::random::random::get_random_u64())),
        "print" => writeln!(io::stdout(), "{argument}").map(|()| "ok".to_string()).map_err(system),
        "eprint" => writeln!(io::stderr(), "{argument}").map(|()| "ok".to_string()).map_err(system),
        "keep" => Ok(keep(argument)),
        "alloc" => Ok(alloc(number(argument)? as usize).to_string()),
        "spin" => loop {
            std::hint::black_box(0);
        },
        "recurse" => Ok(recurse(0).to_string()),
        "panic" => panic!("asked to panic"),
        "exit" => std::process::exit(number(argument)? as i32),
        _ => Err(format!("unknown verb `{verb}`")),
    }
}

fn system(error: io::Error) -> String {
    format!("{:?}: {error}", error.kind())
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

fn list(path: &str) -> io::Result<String> {
    let names = std::fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    Ok(joined(names.collect::<io::Result<Vec<_>>>()?.into_iter()))
}

fn joined(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = all.collect();
    all.sort();
    all.join(",")
}

/// Answers what the previous call kept, to show whether two calls share a memory.
fn keep(text: &str) -> String {
    static KEPT: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
    let mut kept = KEPT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::mem::replace(&mut kept, text.to_string())
}

/// Fills `bytes` bytes and adds them up, so that the memory is really used.
fn alloc(bytes: usize) -> u64 {
    std::hint::black_box(vec![1u8; bytes]).iter().map(|byte| u64::from(*byte)).sum()
}

/// Uses up the stack.
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { 1 + recurse(depth + 1) + frame[3] }
}
