//! A command that does what its arguments say, so that tests can watch what it gets.
//!
//! `probe-command VERB ARGUMENT... [then VERB ARGUMENT...]...`
//!
//! Results go to stdout. A verb that fails says `VERB: ErrorKind: message` on stderr and ends the
//! program with exit code 1; what stands after `then` runs only if everything before it succeeded.

mod files;
mod network;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for step in arguments.split(|word| word == "then") {
        let words: Vec<&str> = step.iter().map(String::as_str).collect();
        if let Err(error) = run(&words) {
            let verb = words.first().copied().unwrap_or("probe-command");
            // Written without `eprintln!`, which panics where stderr is refused.
            let _ = writeln!(io::stderr(), "{verb}: {:?}: {error}", error.kind());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Does one step.
fn run(words: &[&str]) -> io::Result<()> {
    if let Some(done) = files::run(words).or_else(|| network::run(words)) {
        return done;
    }
    match *words {
        ["env", name] => say(std::env::var(name).map_err(|e| io::Error::new(io::ErrorKind::NotFound, e))?),
        ["envs"] => lines(std::env::vars().map(|(name, value)| format!("{name}={value}"))),
        ["args", ..] => std::env::args().try_for_each(say),
        ["now"] => say(SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_millis()),
        ["sleep", milliseconds] => {
            let started = Instant::now();
            std::thread::sleep(Duration::from_millis(number(milliseconds)?));
            say(started.elapsed().as_millis())
        }
        ["random"] => say(format_args!("{:016x}", wasip2::random::random::get_random_u64())),
        ["print", text] => say(text),
        ["eprint", text] => writeln!(io::stderr(), "{text}"),
        ["cat"] => io::copy(&mut io::stdin(), &mut io::stdout()).and_then(|_| io::stdout().flush()),
        ["count"] => {
            let mut input = Vec::new();
            io::stdin().read_to_end(&mut input)?;
            say(input.len())
        }
        ["alloc", bytes] => say(alloc(number(bytes)? as usize)),
        ["spin"] => loop {
            std::hint::black_box(0);
        },
        ["recurse"] => say(recurse(0)),
        ["panic"] => panic!("asked to panic"),
        ["exit", code] => std::process::exit(number(code)? as i32),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("unknown verb or wrong arguments: {words:?}"),
        )),
    }
}

/// Writes one line to stdout; `println!` would panic where stdout is refused.
fn say(text: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

fn lines(all: impl Iterator<Item = String>) -> io::Result<()> {
    let mut all: Vec<String> = all.collect();
    all.sort();
    all.iter().try_for_each(say)
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("`{text}` is not a number")))
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
