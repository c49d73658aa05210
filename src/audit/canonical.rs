//! The one spelling of a record: compact JSON in a fixed order of fields, printable ASCII only.
//!
//! Everything outside `0x20..0x7f` is written as `\uXXXX`, so a control, a bidirectional override or a line
//! separator in a guest's string stays text. It is also what `jq -ac` prints, which is why a log can be checked
//! without this program.

use crate::audit::record::{FORMAT, Record};
use crate::audit::value::{Hash, Speller};
use serde::Serialize;
use serde_json::ser::Formatter;
use std::io;

/// The longest line, its line feed included. Nothing longer is written, and nothing longer is read.
pub const MAX_LINE: usize = 1 << 20;

/// Why a line is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLine {
    /// Not JSON, or not the fields of a record.
    #[error("it is no record: {0}")]
    NotRecord(String),
    /// Its hash is not the hash of its contents.
    #[error("its hash is not the hash of its contents")]
    WrongHash,
    /// Another spelling of a record than the one there is.
    #[error("it is not in canonical form")]
    NotCanonical,
    /// Longer than [`MAX_LINE`].
    #[error("it is longer than {MAX_LINE} bytes")]
    TooLong,
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        // Nearly all text is plain. Without an early end this look takes many bytes at a time.
        if text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
            return out.write_all(text.as_bytes());
        }
        let plain = |c: char| matches!(c, ' '..='~');
        let mut rest = text;
        while let Some(at) = rest.find(|c| !plain(c)) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            out.write_all(before.as_bytes())?;
            let mut chars = after.chars();
            if let Some(c) = chars.next() {
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))?;
            }
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

/// Writes the line of `record`, hash and line feed included, over whatever `line` held; returns the hash.
///
/// # Errors
/// A sentence when the line would be longer than [`MAX_LINE`] or cannot be serialised.
pub(super) fn write_line(record: &Record<'_>, line: &mut Vec<u8>) -> Result<Hash, String> {
    line.clear();
    let mut serializer = serde_json::Serializer::with_formatter(&mut *line, Ascii);
    record.serialize(&mut serializer).map_err(|error| error.to_string())?;
    let hash = Hash::of(line);
    close_line(hash, line);
    if line.len() > MAX_LINE {
        return Err(too_long(line.len()));
    }
    Ok(hash)
}

/// How the line of a record begins that has no place yet.
const UNPLACED: &[u8] = b"{\"seq\":0,\"time\":\"1970-01-01T00:00:00.000000Z\",";

/// What follows the fields of a record that has no place yet: 64 zeros and what is around them.
const UNLINKED: usize = b",\"prev\":\"\"}".len() + 64;

/// What place and links add to a record's fields at the most.
const PLACED: usize = 320;

/// The fields of a record that has no place yet, as they will stand on its line. `scratch` is where they are written to.
///
/// # Errors
/// A sentence when its line would be longer than [`MAX_LINE`] or cannot be serialised.
pub(super) fn write_fields<'a>(record: &Record<'_>, scratch: &'a mut Vec<u8>) -> Result<&'a [u8], String> {
    scratch.clear();
    let mut serializer = serde_json::Serializer::with_formatter(&mut *scratch, Ascii);
    record.serialize(&mut serializer).map_err(|error| error.to_string())?;
    let fields =
        scratch.strip_prefix(UNPLACED).and_then(|rest| rest.get(..rest.len().checked_sub(UNLINKED)?));
    match fields {
        Some(fields) if fields.len() + PLACED <= MAX_LINE => Ok(fields),
        Some(fields) => Err(too_long(fields.len() + PLACED)),
        None => Err("a record has a place before it is written".to_owned()),
    }
}

/// Where a record stands, and when it was put down.
pub(super) struct Place<'a> {
    pub(super) seq: u64,
    /// Microseconds since the beginning of 1970.
    pub(super) micros: i64,
    pub(super) speller: &'a mut Speller,
}

/// Adds the line of the record with these fields, at its place, to `lines`; returns its hash.
pub(super) fn place_line(place: Place<'_>, fields: &[u8], prev: Hash, lines: &mut Vec<u8>) -> Hash {
    let begin = lines.len();
    // Nothing fails that is written into memory.
    let _ = io::Write::write_fmt(lines, format_args!("{{\"seq\":{},\"time\":\"", place.seq));
    place.speller.spell(place.micros, lines);
    lines.extend_from_slice(b"\",");
    lines.extend_from_slice(fields);
    lines.extend_from_slice(b",\"prev\":\"");
    lines.extend_from_slice(&prev.hex());
    lines.extend_from_slice(b"\"}");
    let hash = Hash::of(lines.get(begin..).unwrap_or_default());
    close_line(hash, lines);
    hash
}

/// The closing brace makes room for the hash: what was hashed is the line without it.
fn close_line(hash: Hash, line: &mut Vec<u8>) {
    line.pop();
    line.extend_from_slice(b",\"hash\":\"");
    line.extend_from_slice(&hash.hex());
    line.extend_from_slice(b"\"}\n");
}

fn too_long(length: usize) -> String {
    format!("a record of {length} bytes is longer than {MAX_LINE}")
}

/// Reads a line without its line feed. `scratch` only saves an allocation.
///
/// # Errors
/// [`BadLine`] unless the line is, byte for byte, what [`write_line`] would write.
pub(super) fn read_line(line: &[u8], scratch: &mut Vec<u8>) -> Result<Record<'static>, BadLine> {
    let mut record: Record<'static> =
        serde_json::from_slice(line).map_err(|error| BadLine::NotRecord(error.to_string()))?;
    let Some(hash) = record.hash.take() else {
        return Err(BadLine::NotRecord("it has no hash".to_owned()));
    };
    let right = write_line(&record, scratch).map_err(|_| BadLine::TooLong)?;
    if hash != right {
        return Err(BadLine::WrongHash);
    }
    if scratch.strip_suffix(b"\n") != Some(line) {
        return Err(BadLine::NotCanonical);
    }
    record.hash = Some(hash);
    Ok(record)
}

/// A line of another version of the format, as far as every version has it alike.
pub(super) struct Foreign {
    pub(super) seq: u64,
    pub(super) prev: Hash,
    /// The version.
    pub(super) format: u64,
}

/// Reads a line that says it begins a log, or its continuation, in another format than ours.
///
/// *Invariant:* only a line that matches its own hash is believed. Else the change of one digit would turn tampering
/// into a mere difference of versions.
pub(super) fn read_foreign(line: &[u8]) -> Option<Foreign> {
    const FIELD: &[u8] = b",\"hash\":\"";
    let (body, hash) = line.strip_suffix(b"\"}")?.split_last_chunk::<64>()?;
    let body = [body.strip_suffix(FIELD)?, b"}"].concat();
    let stated = str::from_utf8(hash).ok()?.parse::<Hash>().ok()?;
    if stated != Hash::of(&body) {
        return None;
    }
    // Such a record may have other fields than ours.
    let loose = serde_json::from_slice::<serde_json::Value>(&body).ok()?;
    let format = loose.pointer("/open/format")?.as_u64().filter(|format| *format != u64::from(FORMAT))?;
    let prev = loose.get("prev")?.as_str()?.parse().ok()?;
    Some(Foreign { seq: loose.get("seq")?.as_u64()?, prev, format })
}

/// What is told of a last line that no crash leaves.
pub(super) const NO_BEGINNING: &str = "no line feed ends it, and it is no beginning of a record";

/// True when `tail`, which no line feed ends, can be what a crash left of record `seq`: the beginning of its line,
/// perhaps with zeros where a file system had given room and no bytes.
pub(super) fn is_torn(tail: &[u8], seq: u64) -> bool {
    let end = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = tail.get(..end).unwrap_or_default();
    let start = format!("{{\"seq\":{seq},\"time\":\"");
    let begins = text.iter().zip(start.as_bytes()).all(|(a, b)| a == b);
    begins && text.len() < MAX_LINE && text.iter().all(|b| matches!(b, b' '..=b'~')) && !runs_on(text)
}

/// True when something other than the end of the line stands after the hash. Inside a string the quotes of this
/// pattern would be escaped, so it can only be the field itself.
fn runs_on(text: &[u8]) -> bool {
    const FIELD: &[u8] = b",\"hash\":\"";
    let Some(at) = text.windows(FIELD.len()).position(|window| window == FIELD) else { return false };
    let rest = text.get(at + FIELD.len()..).unwrap_or_default();
    let (digits, close) = rest.split_at_checked(64).unwrap_or((rest, b""));
    !digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) || !b"\"}".starts_with(close)
}

#[cfg(test)]
mod tests {
    use super::{BadLine, MAX_LINE, Place, is_torn, place_line, read_line, write_fields, write_line};
    use crate::audit::record::{Kind, Record};
    use crate::audit::value::{Hash, Speller, Time};

    fn line(text: &str) -> Vec<u8> {
        let mut line = Vec::new();
        write_line(&Record { text: Some(text.into()), ..Record::of(Kind::Note) }, &mut line).unwrap();
        line
    }

    #[test]
    fn whatever_a_string_holds_the_line_is_printable_and_reads_back() {
        let hostile: String = (0..0x3000).chain(0x1f5f0..0x1f700).filter_map(char::from_u32).collect();
        let line = line(&hostile);
        let (feed, body) = line.split_last().unwrap();
        assert_eq!(*feed, b'\n');
        assert!(body.iter().all(|b| matches!(b, b' '..=b'~')));
        let back = read_line(body, &mut Vec::new()).unwrap();
        assert_eq!(back.text.unwrap(), hostile);
    }

    #[test]
    fn fields_that_are_placed_later_give_the_line_that_there_is() {
        let record = |text: &'static str| Record { text: Some(text.into()), ..Record::of(Kind::Note) };
        let (mut scratch, mut lines, mut line) = (Vec::new(), b"before".to_vec(), Vec::new());
        let mut speller = Speller::default();
        let times: [i64; 7] =
            [0, 1, -1, 1_763_912_345_000_042, 1_763_912_345_999_999, 1_763_912_346_000_000, -999_999];
        for (seq, text, micros) in
            times.map(|micros| (micros.unsigned_abs(), "x\u{1b}\",\"prev\":\"", micros))
        {
            let (time, prev) = (Time::of_micros(micros), Hash::of(b"before"));
            let fields = write_fields(&record(text), &mut scratch).unwrap();
            lines.truncate(b"before".len());
            let place = Place { seq, micros, speller: &mut speller };
            let hash = place_line(place, fields, prev, &mut lines);
            assert_eq!(hash, write_line(&Record { seq, time, prev, ..record(text) }, &mut line).unwrap());
            assert_eq!(lines.strip_prefix(b"before"), Some(&*line));
        }
        let longest = Record { text: Some("x".repeat(MAX_LINE).into()), ..Record::of(Kind::Note) };
        assert!(write_fields(&longest, &mut scratch).is_err());
        assert!(write_fields(&Record { seq: 1, ..record("x") }, &mut scratch).is_err());
    }

    #[test]
    fn another_spelling_of_the_same_record_is_refused() {
        let good = String::from_utf8(line("x")).unwrap();
        let read = |text: &str| read_line(text.trim_end_matches('\n').as_bytes(), &mut Vec::new());
        assert!(read(&good).is_ok());
        assert_eq!(read(&good.replace(":\"x\"", ": \"x\"")), Err(BadLine::NotCanonical));
        assert_eq!(read(&good.replace(":\"x\"", ":\"\\u0078\"")), Err(BadLine::NotCanonical));
        assert_eq!(read(&good.replace(":\"x\"", ":\"y\"")), Err(BadLine::WrongHash));
        let doubled = good.replace("\"seq\":0", "\"seq\":0,\"seq\":0");
        assert!(matches!(read(&doubled), Err(BadLine::NotRecord(_))));
        let unknown = good.replace("\"text\"", "\"texts\"");
        assert!(matches!(read(&unknown), Err(BadLine::NotRecord(_))));
    }

    #[test]
    fn a_record_that_is_too_long_is_not_written() {
        let record = Record { text: Some("x".repeat(MAX_LINE).into()), ..Record::of(Kind::Note) };
        assert!(write_line(&record, &mut Vec::new()).is_err());
    }

    #[test]
    fn only_the_beginning_of_the_next_record_counts_as_torn() {
        let line = line("x");
        let body = line.strip_suffix(b"\n").unwrap();
        for end in 0..=body.len() {
            assert!(is_torn(&body[..end], 0), "{end}");
        }
        assert!(is_torn(&[b"{\"seq\":0,".as_slice(), &[0; 9]].concat(), 0));
        assert!(!is_torn(body, 1));
        assert!(!is_torn(b"my only copy", 0));
        assert!(!is_torn(&[body, b"!"].concat(), 0));
        assert!(!is_torn(&[b"{\"seq\":0,\"time\":\"".as_slice(), b"\x1b"].concat(), 0));
    }
}
