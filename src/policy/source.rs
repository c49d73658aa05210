//! Texts with names, and places in them.

use std::sync::Arc;

/// A policy or entity file that was read already: the policy layer opens no file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's name as it is shown to people.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl Source {
    /// A source of that name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        Source { name: name.into(), text: text.into() }
    }
}

/// A position in a source; line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// The source's name.
    pub file: Arc<str>,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A source with an index of its lines, so that a place costs a binary search.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
    lines: Vec<usize>,
}

impl Text {
    pub(crate) fn new(name: &str, text: &str) -> Arc<Text> {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Arc::new(Text { name: name.into(), text: text.into(), lines })
    }

    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Place { file: Arc::clone(&self.name), line, column }
    }

    /// The offset of a line and column as `serde_json` counts them: from 1, the column in bytes.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        (start + column.saturating_sub(1)).min(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = Text::new("f", "ab\näö x\n");
        let at = |offset| (text.place(offset).line, text.place(offset).column);
        assert_eq!((at(0), at(1), at(3)), ((1, 1), (1, 2), (2, 1)));
        assert_eq!(at("ab\näö ".len()), (2, 4));
        assert_eq!(text.offset(2, 1), 3);
        assert_eq!(text.offset(99, 99), 98.min(text.text.len()));
        assert_eq!(text.place(0).to_string(), "f:1:1");
    }
}
