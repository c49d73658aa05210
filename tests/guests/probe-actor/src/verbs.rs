//! The verbs, as messages and callers give them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::{lending, memory, speech};

/// Fixed when this was built.
const VERSION: &str = if cfg!(feature = "second") { "2" } else { "1" };

/// Does one verb. An error of the system reads `ErrorKind: message`, one of the interfaces as it is named there.
pub(crate) fn run(text: &str) -> Result<Option<String>, String> {
    let (verb, argument) = text.split_once(':').unwrap_or((text, ""));
    match verb {
        "nothing" => Ok(None),
        "all" => all(argument).map(Some),
        "with" => {
            let (id, verb) = pair(argument, ",")?;
            lending::with(number(id)?, verb)
        }
        _ => plain(verb, argument)
            .or_else(|| speech::run(verb, argument))
            .or_else(|| lending::run(verb, argument))
            .unwrap_or_else(|| Err(format!("unknown verb `{verb}`")))
            .map(Some),
    }
}

/// Those that concern nobody else.
fn plain(verb: &str, argument: &str) -> Option<Result<String, String>> {
    Some(match verb {
        "echo" => Ok(argument.to_string()),
        "fail" => Err(argument.to_string()),
        "panic" => panic!("asked to panic"),
        "spin" => spin(),
        "sleep" => number(argument).map(sleep),
        "much" => number(argument).map(much),
        "read" => fs::read_to_string(argument).map_err(system),
        "write" => pair(argument, "=").and_then(|(path, text)| ok(fs::write(path, text))),
        "append" => pair(argument, "=").and_then(|(path, text)| ok(append(path, text))),
        "count" => Ok(memory::count().to_string()),
        "state" => {
            memory::pretend(argument.to_string());
            Ok("ok".to_string())
        }
        "much-state" => number(argument).map(|bytes| {
            memory::pretend(much(bytes));
            "ok".to_string()
        }),
        "version" => Ok(VERSION.to_string()),
        _ => return None,
    })
}

/// Never returns.
pub(crate) fn spin() -> ! {
    loop {
        std::hint::black_box(0);
    }
}

/// A number.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// What stands before the first `mark`, and what after it.
pub(crate) fn pair<'a>(text: &'a str, mark: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once(mark).ok_or_else(|| format!("there is no `{mark}` in `{text}`"))
}

/// One after the other, until one fails; one answer on each line.
fn all(verbs: &str) -> Result<String, String> {
    let answers: Result<Vec<_>, _> = verbs.split(";;").map(run).collect();
    Ok(answers?.into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

fn sleep(ms: u64) -> String {
    let started = Instant::now();
    std::thread::sleep(Duration::from_millis(ms));
    started.elapsed().as_millis().to_string()
}

fn much(bytes: u64) -> String {
    "x".repeat(bytes as usize)
}

fn append(path: &str, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())
}

fn ok(result: io::Result<()>) -> Result<String, String> {
    result.map(|()| "ok".to_string()).map_err(system)
}

fn system(error: io::Error) -> String {
    format!("{:?}: {error}", error.kind())
}
