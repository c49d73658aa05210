//! What guests leave behind on the process's own streams, for whoever writes there next.

use crate::resource::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

/// What stands open on a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOpen {
    /// The last byte was not the end of a line.
    pub line: bool,
    /// A control sequence was begun: a terminal may take what follows for a part of it, or draw it in its manner.
    pub sequence: bool,
}

struct Marks {
    line: AtomicBool,
    sequence: AtomicBool,
}

static STDOUT: Marks = Marks::new();
static STDERR: Marks = Marks::new();

impl Marks {
    const fn new() -> Marks {
        Marks { line: AtomicBool::new(false), sequence: AtomicBool::new(false) }
    }

    fn of(which: Stdio) -> Option<&'static Marks> {
        match which {
            Stdio::Stdout => Some(&STDOUT),
            Stdio::Stderr => Some(&STDERR),
            Stdio::Stdin => None,
        }
    }
}

/// What guests have left open on the process's own stream since the last call.
pub fn take_left_open(which: Stdio) -> LeftOpen {
    let Some(marks) = Marks::of(which) else { return LeftOpen::default() };
    LeftOpen {
        line: marks.line.swap(false, Ordering::Relaxed),
        sequence: marks.sequence.swap(false, Ordering::Relaxed),
    }
}

/// Notes what was written to the process's own stream.
pub(in crate::stdio) fn wrote(which: Stdio, bytes: &[u8]) {
    let (Some(marks), Some(last)) = (Marks::of(which), bytes.last()) else { return };
    marks.line.store(*last != b'\n', Ordering::Relaxed);
    // Escape, and what begins the eight-bit controls in UTF-8.
    if bytes.iter().any(|byte| matches!(byte, 0x1b | 0xc2)) {
        marks.sequence.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_a_sequence_stay_open_until_they_are_taken() {
        wrote(Stdio::Stdout, b"\x1b[8mhidden\n");
        assert_eq!(take_left_open(Stdio::Stdout), LeftOpen { line: false, sequence: true });
        wrote(Stdio::Stdout, b"half");
        wrote(Stdio::Stdout, b"");
        assert_eq!(take_left_open(Stdio::Stdout), LeftOpen { line: true, sequence: false });
        assert_eq!(take_left_open(Stdio::Stdout), LeftOpen::default());
        assert_eq!(take_left_open(Stdio::Stdin), LeftOpen::default());
    }
}
