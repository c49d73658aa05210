//! Is the log as it was written? One pass, constant memory, and the first break by name.
//!
//! While the log is sound there is one [`Link`]: which number comes next, and which hash it must name. The first
//! line that does not fit is the *odd* one; the lines after it tell whether it was changed, inserted, copied or
//! moved, or whether records before it are missing.
//!
//! *Invariant:* a log that is not byte for byte as written, but for a cut at its end, has a finding.

use crate::audit::canonical::{BadLine, NO_BEGINNING, is_torn, read_foreign, read_line};
use crate::audit::error::AuditError;
use crate::audit::lines::{Line, Lines, Text};
use crate::audit::record::{FORMAT, Kind, Record};
use crate::audit::report::{Finding, Report, Tail};
use crate::audit::value::{Hash, Head};
use std::io::BufRead;

/// Verifies a log, and that it holds `head`, if one is given.
///
/// # Errors
/// [`AuditError::Read`] when it cannot be read and [`AuditError::UnknownFormat`] when it is, or goes on, in another
/// format: only a record that matches its own hash and follows the one before it is believed to say so. Tampering is
/// no error but the report's [`Finding`].
pub fn verify(reader: impl BufRead, head: Option<Head>) -> Result<Report, AuditError> {
    let mut lines = Lines::new(reader);
    let mut walk = Walk::new(head);
    while let Some(line) = lines.next()?
        && walk.finding.is_none()
    {
        walk.line(&line)?;
    }
    Ok(walk.finish())
}

/// What the next record must have.
#[derive(Debug, Clone, Copy)]
struct Link {
    next: u64,
    prev: Hash,
}

impl Link {
    fn fits(&self, seen: &Seen) -> bool {
        seen.seq == self.next && seen.prev == self.prev
    }

    fn after(seen: &Seen) -> Link {
        Link { next: seen.seq.saturating_add(1), prev: seen.hash }
    }
}

/// A record that matches its own hash, as far as the chain looks at it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    seq: u64,
    prev: Hash,
    hash: Hash,
    kind: Kind,
}

/// The first line that does not fit, and what came after it so far.
enum Odd {
    /// No record at all; the line after it tells more.
    Bad { line: u64, why: BadLine },
    /// A record out of place; the line after it tells more.
    Stray { line: u64, stray: Seen },
    /// A record from further on, and the log went on after it as if it were not there.
    Ahead { line: u64, stray: Seen, link: Link },
    /// A record from further on, and the one in whose place it stands has not come.
    Gap { line: u64, stray: Seen },
}

struct Walk {
    link: Link,
    /// `prev` of the last record.
    before: Hash,
    records: u64,
    closed: bool,
    odd: Option<Odd>,
    finding: Option<Finding>,
    torn_bytes: u64,
    head: Option<Head>,
    head_met: bool,
    scratch: Vec<u8>,
}

impl Walk {
    fn new(head: Option<Head>) -> Walk {
        Walk {
            link: Link { next: 0, prev: Hash::ZERO },
            before: Hash::ZERO,
            records: 0,
            closed: false,
            odd: None,
            finding: None,
            torn_bytes: 0,
            head,
            head_met: false,
            scratch: Vec::new(),
        }
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), AuditError> {
        let seen = match line.text {
            // What is torn cannot be a record, so behind an odd line it says as little as the end itself.
            Text::Unfinished(_) if self.odd.is_some() => return Ok(()),
            Text::Unfinished(tail) if is_torn(tail, self.link.next) => {
                self.torn_bytes = tail.len() as u64;
                return Ok(());
            }
            Text::Unfinished(_) => Err(BadLine::NotRecord(NO_BEGINNING.to_owned())),
            Text::TooLong => Err(BadLine::TooLong),
            Text::Whole(bytes) => self.read(bytes)?,
        };
        match self.odd.take() {
            None => self.go_on(line.number, seen),
            Some(odd) => self.resolve(odd, line.number, seen.ok()),
        }
        Ok(())
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Result<Seen, BadLine>, AuditError> {
        let read = read_line(bytes, &mut self.scratch);
        let known = read.as_ref().is_ok_and(|record| record.open.as_ref().is_none_or(|o| o.format == FORMAT));
        // Behind an odd line something else is wrong already, whatever stands on this one.
        if !known
            && self.odd.is_none()
            && let Some(foreign) = read_foreign(bytes)
            && (foreign.seq, foreign.prev) == (self.link.next, self.link.prev)
        {
            return Err(AuditError::UnknownFormat { found: foreign.format });
        }
        Ok(read.and_then(|record| seen(&record)))
    }

    fn go_on(&mut self, line: u64, seen: Result<Seen, BadLine>) {
        match seen {
            Err(why) => self.odd = Some(Odd::Bad { line, why }),
            Ok(seen) if seen.seq == 0 && self.records == 0 && !begins(&seen) => {
                self.finding = Some(Finding::WrongFirst);
            }
            Ok(seen) if self.link.fits(&seen) => self.advance(&seen),
            Ok(stray) => self.odd = Some(Odd::Stray { line, stray }),
        }
    }

    fn advance(&mut self, seen: &Seen) {
        if let Some(head) = self.head.filter(|head| head.seq == seen.seq) {
            self.head_met = head.hash == seen.hash;
            if !self.head_met {
                self.finding = Some(Finding::Rewritten { head, found: seen.hash });
                return;
            }
        }
        self.before = seen.prev;
        self.link = Link::after(seen);
        self.records += 1;
        self.closed = seen.kind == Kind::Close;
    }

    /// One more line after the odd one; `next` is none when that is no record either.
    fn resolve(&mut self, odd: Odd, at: u64, next: Option<Seen>) {
        match odd {
            Odd::Bad { line, why } => {
                let fits = next.is_some_and(|next| self.link.fits(&next));
                let changed = Finding::Changed { seq: self.link.next, line, why: why.to_string() };
                self.finding = Some(if fits { Finding::Inserted { line } } else { changed });
            }
            Odd::Stray { line, stray } => self.resolve_stray(line, stray, next),
            Odd::Ahead { line, stray, link } => self.resolve_ahead(line, stray, link, next),
            Odd::Gap { line, stray } => {
                if next.is_some_and(|next| self.link.fits(&next)) {
                    self.finding = Some(Finding::Reordered { seq: self.link.next, line: at });
                } else {
                    self.odd = Some(Odd::Gap { line, stray });
                }
            }
        }
    }

    fn resolve_stray(&mut self, line: u64, stray: Seen, next: Option<Seen>) {
        let expected = self.link.next;
        let back = next.filter(|next| self.link.fits(next));
        if stray.seq > expected {
            self.odd = Some(match back {
                Some(next) => Odd::Ahead { line, stray, link: Link::after(&next) },
                None => Odd::Gap { line, stray },
            });
            return;
        }
        let twin = stray.seq.saturating_add(1) == expected && stray.hash != self.link.prev;
        self.finding = Some(match (back, next) {
            (Some(_), _) if stray.seq == expected || twin => Finding::Inserted { line },
            // The chain goes on from this one, so its twin on the line before is the forged one.
            (None, Some(next)) if twin && next.prev == stray.hash && stray.prev == self.before => {
                Finding::Inserted { line: line - 1 }
            }
            (_, _) if stray.seq == expected => Finding::Unlinked { seq: expected, line },
            (_, _) => Finding::Duplicate { seq: stray.seq, line },
        });
    }

    fn resolve_ahead(&mut self, line: u64, stray: Seen, link: Link, next: Option<Seen>) {
        let fitting = next.filter(|next| link.fits(next));
        self.finding = match fitting {
            Some(next) if next.seq < stray.seq => {
                self.odd = Some(Odd::Ahead { line, stray, link: Link::after(&next) });
                return;
            }
            Some(next) if next.hash == stray.hash => Some(Finding::Duplicate { seq: stray.seq, line }),
            Some(_) => Some(Finding::Inserted { line }),
            None if link.fits(&stray) => Some(Finding::Reordered { seq: stray.seq, line }),
            None => Some(Finding::Inserted { line }),
        };
    }

    /// The end came while a line was still odd.
    fn settle(&mut self) {
        match self.odd.take() {
            None => {}
            Some(Odd::Gap { line, stray }) => self.finding = Some(self.dropped(line, &stray)),
            Some(Odd::Stray { line, stray }) if stray.seq > self.link.next => {
                self.finding = Some(self.dropped(line, &stray));
            }
            Some(odd) => self.resolve(odd, 0, None),
        }
    }

    fn dropped(&self, line: u64, stray: &Seen) -> Finding {
        Finding::Dropped { first: self.link.next, last: stray.seq.saturating_sub(1), line }
    }

    fn finish(mut self) -> Report {
        self.settle();
        let head = self.link.next.checked_sub(1).map(|seq| Head { seq, hash: self.link.prev });
        let tail = match self.head {
            Some(wanted) if self.head_met => match head.map_or(0, |head| head.seq.saturating_sub(wanted.seq))
            {
                0 => Tail::Proven,
                more => Tail::ProvenBut(more),
            },
            Some(_) | None => Tail::Unproven,
        };
        if let Some(head) = self.head.filter(|_| !self.head_met) {
            self.finding.get_or_insert(Finding::Truncated { head });
        }
        let Walk { records, finding, torn_bytes, closed, .. } = self;
        Report { records, head, finding, tail, torn_bytes, closed }
    }
}

fn begins(seen: &Seen) -> bool {
    seen.prev == Hash::ZERO && seen.kind == Kind::Open
}

fn seen(record: &Record<'_>) -> Result<Seen, BadLine> {
    let Record { seq, prev, hash: Some(hash), kind, .. } = *record else {
        return Err(BadLine::NotRecord("it has no hash".to_owned()));
    };
    Ok(Seen { seq, prev, hash, kind })
}
