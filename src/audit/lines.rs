//! Lines of bounded length, from a reader that is not trusted.

use crate::audit::canonical::MAX_LINE;
use std::io::{self, BufRead, Read};

/// Reads line by line into one buffer.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    bytes: Vec<u8>,
}

/// One line.
pub(super) struct Line<'a> {
    /// Which, from 1.
    pub(super) number: u64,
    /// What stands on it.
    pub(super) text: Text<'a>,
}

/// What stands on a line.
pub(super) enum Text<'a> {
    /// A line that a line feed ends, without it.
    Whole(&'a [u8]),
    /// The last bytes of the log, which no line feed ends.
    Unfinished(&'a [u8]),
    /// More bytes than a record may have. They are skipped.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Lines<R> {
        Lines { reader, number: 0, bytes: Vec::new() }
    }

    /// The next line; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.bytes.clear();
        self.number += 1;
        let number = self.number;
        let read = self.reader.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut self.bytes)?;
        if read == 0 {
            return Ok(None);
        }
        let text = match self.bytes.strip_suffix(b"\n") {
            Some(whole) => Text::Whole(whole),
            None if read < MAX_LINE => Text::Unfinished(&self.bytes),
            None => {
                self.reader.skip_until(b'\n')?;
                Text::TooLong
            }
        };
        Ok(Some(Line { number, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Text};
    use crate::audit::canonical::MAX_LINE;

    #[test]
    fn a_line_without_end_takes_bounded_memory_and_is_skipped() {
        let log = [&vec![b'x'; 3 * MAX_LINE][..], b"\nshort\nrest"].concat();
        let mut lines = Lines::new(&log[..]);
        assert!(matches!(lines.next().unwrap().unwrap().text, Text::TooLong));
        assert!(lines.bytes.capacity() <= 2 * MAX_LINE);
        assert!(matches!(lines.next().unwrap().unwrap().text, Text::Whole(b"short")));
        let last = lines.next().unwrap().unwrap();
        assert!(matches!((last.number, last.text), (3, Text::Unfinished(b"rest"))));
        assert!(lines.next().unwrap().is_none());
    }
}
