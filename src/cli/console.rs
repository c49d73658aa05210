//! Console: what is printed, where, and how.
//!
//! Standard output carries the answer and nothing else, as text or, with `--json`, as one JSON document. Standard error
//! carries notes and failures, with `--json` each as one JSON object on a line. Text that comes from elsewhere is
//! made printable first: no component and no log writes control characters to this terminal.

use super::drawn::{as_json, drawn};
use super::exit::Exit;
use super::failure::Failure;
use super::files::setting_ambient;
pub(super) use crate::serve::text::{hides, printable};
use airssys_osl::Stdio;
use airssys_osl::stdio::{self, LeftOpen};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use miette::GraphicalTheme;
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// The person's side of one command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Console {
    json: bool,
}

impl Console {
    /// A console that speaks JSON or text.
    pub(super) fn new(json: bool) -> Console {
        Console { json }
    }

    /// Whether answers are JSON.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Whether a person watches standard error.
    pub(super) fn is_watched(self) -> bool {
        io::stderr().is_terminal() && !self.json
    }

    /// Prints the answer.
    pub(super) fn answer(self, text: &str, value: &Value) -> Result<(), Failure> {
        match self.json {
            true => self.lines(&ascii(&format!("{value:#}"))),
            false => self.lines(text),
        }
    }

    /// Prints text as it is, with a line break at its end.
    pub(super) fn lines(self, text: &str) -> Result<(), Failure> {
        self.is_read(text).map(drop)
    }

    /// As [`Console::lines`]; whether anybody still reads.
    pub(super) fn is_read(self, text: &str) -> Result<bool, Failure> {
        let mut out = io::stdout().lock();
        let text = text.trim_end_matches('\n');
        let written = writeln!(out, "{text}").and_then(|()| out.flush());
        written.map(|()| true).or_else(|error| match error.kind() {
            // Whoever read it has seen enough.
            io::ErrorKind::BrokenPipe => Ok(false),
            _ => Err(Failure::wrong(
                format!("the answer cannot be written: {error}"),
                "make room or write elsewhere",
            )),
        })
    }

    /// Says something besides the answer.
    pub(super) fn note(self, text: &str) {
        match self.json {
            true => complain(&ascii(&json!({ "note": text }).to_string())),
            false => complain(&format!("airssys: {}", printable(text))),
        }
    }

    /// Says something besides the answer that has facts of its own in JSON.
    pub(super) fn event(self, text: &str, value: &Value) {
        match self.json {
            true => complain(&ascii(&value.to_string())),
            false => complain(&format!("airssys: {}", printable(text))),
        }
    }

    /// Tells of a failure.
    pub(super) fn fail(self, failure: &Failure) {
        match (self.json, failure.exit) {
            (true, _) => complain(&ascii(&as_json(failure).to_string())),
            (false, Exit::Own) => complain(&drawn(failure, &theme)),
            (false, _) => complain(&format!("airssys: {}", printable(&failure.sentence()))),
        }
    }
}

/// How drawings look on standard error.
fn theme() -> GraphicalTheme {
    match (io::stderr().is_terminal(), setting_ambient("NO_COLOR")) {
        (true, None) => GraphicalTheme::unicode(),
        (true, Some(_)) => GraphicalTheme::unicode_nocolor(),
        (false, _) => GraphicalTheme::none(),
    }
}

/// Tells of wrong usage in the words of the parser, which repeat what was typed as it was typed.
pub(super) fn usage(error: &clap::Error) {
    let plain = error.render().to_string();
    match plain.lines().any(hides) {
        true => complain(printable_lines(&plain).trim_end()),
        // Nobody is left to tell when that fails.
        false => drop(error.print()),
    }
}

/// A line on standard error; nobody is left to tell when that fails.
fn complain(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{}{text}", lead(stderr.is_terminal() && io::stdout().is_terminal()));
}

/// Ends what a guest left open on standard error, so that a line of ours is a line, and is seen; `shared`: on a terminal,
/// where what it left open on standard output shows too.
fn lead(shared: bool) -> String {
    let (mut open, terminal) = (stdio::take_left_open(Stdio::Stderr), io::stderr().is_terminal());
    if shared {
        let out = stdio::take_left_open(Stdio::Stdout);
        open = LeftOpen { line: open.line || out.line, sequence: open.sequence || out.sequence };
    }
    // String terminator, and attributes as they are by default.
    let end = if open.sequence && terminal { "\u{1b}\\\u{1b}[0m" } else { "" };
    let line = if open.line { "\n" } else { "" };
    format!("{end}{line}")
}

/// A table with a heading, plain where nobody watches.
pub(super) fn table(heading: &[&str]) -> Table {
    let mut table = bare_table();
    table.set_header(heading.iter().map(|name| (*name).to_owned()));
    table
}

/// A table of names and what they stand for; a name is said once for all that follow under it.
pub(super) fn facts(rows: &[(&str, String)]) -> String {
    let mut table = bare_table();
    let mut before = "";
    for (name, value) in rows {
        let said = if *name == before { "" } else { *name };
        table.add_row([said.to_owned(), printable(value)]);
        before = name;
    }
    shown(&table)
}

/// The table as text without blanks at the ends of lines.
pub(super) fn shown(table: &Table) -> String {
    table.trim_fmt().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.force_no_tty();
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// JSON with everything outside printable ASCII written as `\uXXXX`: outside of its strings there is none of it, and
/// inside them a component's or a log's text must not act on a terminal.
pub(super) fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' | ' '..='~' => out.push(c),
            _ => out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
    }
    out
}

/// A host path for a message: what does not show, a line break too, is escaped.
pub(super) fn shown_path(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// The longest name of a component's own that is shown, in characters.
const LONGEST_NAME: usize = 120;

/// A name that a component gave, printable, by its beginning and its length where it would fill the screen.
pub(super) fn short(name: &str) -> String {
    shortened(name, LONGEST_NAME)
}

/// The text, printable, or its first `most` characters and how many it has.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => printable(text),
        Some((end, _)) => {
            let (kept, count) = (text.get(..end).unwrap_or_default(), text.chars().count());
            format!("{}…({count} characters)", printable(kept))
        }
    }
}

/// As [`printable`], but that the lines stay.
pub(super) fn printable_lines(text: &str) -> String {
    text.lines().map(|line| printable(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fills_the_screen_is_shown_by_its_beginning_and_its_length() {
        assert_eq!(short(&"x".repeat(120)), "x".repeat(120));
        assert_eq!(short(&"\u{e9}".repeat(121)), format!("{}\u{2026}(121 characters)", "\u{e9}".repeat(120)));
        assert_eq!(
            short(&"\u{1b}".repeat(500)).len(),
            120 * "\\u{1b}".len() + "\u{2026}(500 characters)".len()
        );
    }

    #[test]
    fn control_and_reordering_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2J\r\u{202e}b"), "a\\u{1b}[2J\\u{d}\\u{202e}b");
        let others = "\u{9b}\u{7f}\u{ad}\u{180e}\u{200e}\u{2066}\u{fff9}\u{e0041}";
        assert!(printable(others).chars().all(|c| matches!(c, ' '..='~')), "{}", printable(others));
        assert_eq!(printable_lines("a\n\u{1b}b"), "a\n\\u{1b}b\n");
        let text = facts(&[("name", "x\u{7}y".to_owned())]);
        assert!(text.contains("x\\u{7}y") && !text.contains('\u{7}'), "{text}");
    }
}
