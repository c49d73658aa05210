//! What a verification found, in words and as data.

use crate::audit::value::{Hash, Head};
use serde::Serialize;
use std::fmt;

/// What [`verify`](crate::audit::verify) found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Records that follow one on the other from the first.
    pub records: u64,
    /// The last of them.
    pub head: Option<Head>,
    /// The first thing that is not as it was written.
    pub finding: Option<Finding>,
    /// Whether the end of the log is proven.
    pub tail: Tail,
    /// Bytes of an unfinished last line, as a crash leaves it. Such a record had no effect.
    pub torn_bytes: u64,
    /// The last record is `close`: the writer ended in order.
    pub closed: bool,
}

impl Report {
    /// True when there are records and nothing was found; the tail may be unproven all the same.
    pub fn is_sound(&self) -> bool {
        self.finding.is_none() && !self.is_empty()
    }

    /// True when there was nothing to verify. Each log begins with a record, so it was emptied or never written to.
    pub fn is_empty(&self) -> bool {
        self.finding.is_none() && self.records == 0
    }
}

/// What is known of the end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tail {
    /// Nothing: no head was given, so whole records may have been cut off.
    Unproven,
    /// The head that was given is the last record.
    Proven,
    /// The head that was given is in the log, and this many records follow it.
    ProvenBut(u64),
}

/// The first thing in a log that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// A line does not match its own hash, or is no record at all.
    Changed {
        /// The record that should stand there.
        seq: u64,
        /// Where.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A record has its number, and its own hash, but does not follow the record before it.
    Unlinked {
        /// The record.
        seq: u64,
        /// Where.
        line: u64,
    },
    /// Records are missing.
    Dropped {
        /// The first missing one.
        first: u64,
        /// The last missing one.
        last: u64,
        /// Where the log goes on.
        line: u64,
    },
    /// A record stands in another place than it was written to.
    Reordered {
        /// The record.
        seq: u64,
        /// Where it stands.
        line: u64,
    },
    /// A record stands in the log twice.
    Duplicate {
        /// The record.
        seq: u64,
        /// Where the second one stands.
        line: u64,
    },
    /// A line that was not written by this log.
    Inserted {
        /// Where.
        line: u64,
    },
    /// The first record does not begin a log.
    WrongFirst,
    /// The log ends before the head that was given.
    Truncated {
        /// The head.
        head: Head,
    },
    /// The record of the head's number has another hash: the log was written anew, or the head is another log's.
    Rewritten {
        /// The head.
        head: Head,
        /// The hash in the log.
        found: Hash,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Changed { seq, line, why } => write!(f, "record {seq}, line {line}, was changed: {why}"),
            Finding::Unlinked { seq, line } => write!(
                f,
                "record {seq}, line {line}, does not follow the record before it: one of the two was changed"
            ),
            Finding::Dropped { first, last, line } if first == last => {
                write!(f, "record {first} is missing before line {line}")
            }
            Finding::Dropped { first, last, line } => {
                write!(f, "records {first} to {last} are missing before line {line}")
            }
            Finding::Reordered { seq, line } => {
                write!(f, "record {seq} was moved: it stands on line {line}, out of its place")
            }
            Finding::Duplicate { seq, line } => write!(f, "record {seq} stands a second time on line {line}"),
            Finding::Inserted { line } => write!(f, "line {line} was inserted: it is no part of the chain"),
            Finding::WrongFirst => {
                f.write_str("the first record does not begin a log: it is no `open` with 64 zeros as `prev`")
            }
            Finding::Truncated { head } => {
                write!(f, "the log was cut off: it ends before record {} of the head given", head.seq)
            }
            Finding::Rewritten { head, found } => write!(
                f,
                "record {} has hash {found} and not that of the head given: the log was written anew, or the \
                 head is another log's",
                head.seq
            ),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.finding {
            Some(finding) => write!(f, "tampered: {finding}; {} records before it are sound", self.records)?,
            None if self.is_empty() => f.write_str("nothing to verify: 0 records")?,
            None => write!(f, "sound: {} records", self.records)?,
        }
        match self.head {
            Some(head) => write!(f, "\nhead {head}")?,
            None => f.write_str("\nno head: the log holds no record")?,
        }
        match self.tail {
            _ if self.finding.is_some() => {}
            Tail::Unproven => f.write_str(
                "\ntail unproven: records may have been cut off the end; compare with a head that was noted \
                 elsewhere, `--head SEQ:HASH`",
            )?,
            Tail::Proven => f.write_str("\ntail proven: the log ends with the head given")?,
            Tail::ProvenBut(1) => {
                f.write_str("\nproven up to the head given; 1 record follows it, unproven")?
            }
            Tail::ProvenBut(more) => {
                write!(f, "\nproven up to the head given; {more} records follow it, unproven")?;
            }
        }
        if self.torn_bytes > 0 {
            write!(
                f,
                "\ntorn: {} bytes of an unfinished record at the end, as a crash leaves",
                self.torn_bytes
            )?;
        } else if self.is_sound() && !self.closed {
            f.write_str("\nnot closed: the writer still runs, or ended without a word")?;
        }
        Ok(())
    }
}
