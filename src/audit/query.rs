//! What happened? Records by filter, by number, and with what is needed to decide one again.

use crate::audit::canonical::{BadLine, Foreign, NO_BEGINNING, is_torn, read_foreign, read_line};
use crate::audit::error::AuditError;
use crate::audit::facts::PolicySet;
use crate::audit::lines::{Lines, Text};
use crate::audit::record::{Kind, Record, Word};
use std::io::{self, BufRead, Seek};

/// Which records to show. The default shows all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The subject's name, or its beginning followed by `*`.
    pub subject: Option<String>,
    /// An action such as `fs:read`, or a group of them such as `fs`.
    pub action: Option<String>,
    /// The verdict.
    pub verdict: Option<Word>,
    /// The kind of record.
    pub kind: Option<Kind>,
    /// The live instance.
    pub instance: Option<u64>,
    /// The first number to show.
    pub since: Option<u64>,
    /// The last number to show.
    pub until: Option<u64>,
}

impl Filter {
    /// True for a record that matches everything that is set.
    pub fn admits(&self, record: &Record<'_>) -> bool {
        let subject = |wanted: &str| match wanted.strip_suffix('*') {
            Some(start) => record.subject.as_deref().is_some_and(|name| name.starts_with(start)),
            None => record.subject.as_deref() == Some(wanted),
        };
        let action = |wanted: &str| {
            record.action.as_deref().is_some_and(|action| {
                action == wanted || action.split_once(':').is_some_and(|(group, _)| group == wanted)
            })
        };
        self.subject.as_deref().is_none_or(subject)
            && self.action.as_deref().is_none_or(action)
            && self.verdict.is_none_or(|wanted| record.verdict == Some(wanted))
            && self.kind.is_none_or(|wanted| record.kind == wanted)
            && self.instance.is_none_or(|wanted| record.instance == Some(wanted))
            && self.since.is_none_or(|first| record.seq >= first)
            && self.until.is_none_or(|last| record.seq <= last)
    }
}

/// The records of a log that match `filter`, in its order.
///
/// Each line is checked against its own hash, not the chain: for that there is [`verify`](crate::audit::verify). An
/// unfinished last line, which a writer may just be writing, is left out.
pub fn query<R: BufRead>(reader: R, filter: Filter) -> Records<R> {
    Records { lines: Lines::new(reader), filter, scratch: Vec::new(), next: 0, ended: false }
}

/// An iterator over records; see [`query`]. It ends after its first error.
pub struct Records<R> {
    lines: Lines<R>,
    filter: Filter,
    scratch: Vec<u8>,
    /// The number that comes next.
    next: u64,
    ended: bool,
}

impl<R: BufRead> Records<R> {
    fn advance(&mut self) -> Result<Option<Record<'static>>, AuditError> {
        while let Some(line) = self.lines.next()? {
            let record = match line.text {
                Text::Whole(bytes) => read(bytes, line.number, &mut self.scratch)?,
                Text::TooLong => {
                    return Err(AuditError::BadLine { line: line.number, bad: BadLine::TooLong });
                }
                // What a writer may just be writing, or a crash have left.
                Text::Unfinished(tail) if is_torn(tail, self.next) => return Ok(None),
                Text::Unfinished(_) => {
                    let bad = BadLine::NotRecord(NO_BEGINNING.to_owned());
                    return Err(AuditError::BadLine { line: line.number, bad });
                }
            };
            self.next = record.seq.saturating_add(1);
            if self.filter.admits(&record) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

fn read(bytes: &[u8], line: u64, scratch: &mut Vec<u8>) -> Result<Record<'static>, AuditError> {
    let read = read_line(bytes, scratch);
    let opens = |record: &Record<'_>| record.kind == Kind::Open;
    if !read.as_ref().is_ok_and(|record| !opens(record))
        && let Some(Foreign { format: found, .. }) = read_foreign(bytes)
    {
        return Err(AuditError::UnknownFormat { found });
    }
    read.map_err(|bad| AuditError::BadLine { line, bad })
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Record<'static>, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R> std::fmt::Debug for Records<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "records by {:?}", self.filter)
    }
}

/// The record of that number.
///
/// # Errors
/// [`AuditError`] when the log cannot be read up to it.
pub fn find(reader: impl BufRead, seq: u64) -> Result<Option<Record<'static>>, AuditError> {
    query(reader, Filter { since: Some(seq), ..Filter::default() })
        .next()
        .transpose()
        .map(|found| found.filter(|record| record.seq == seq))
}

/// A record, and what stood before it that says under which circumstances.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Situation {
    /// The record.
    pub record: Record<'static>,
    /// How its subject was loaded: attributes, parents, limits.
    pub load: Option<Record<'static>>,
    /// How others were loaded whom it speaks of: its resource, on whose behalf it was asked, and on whose authority.
    pub others: Vec<Record<'static>>,
    /// Digests of the policies that were in force.
    pub policy_set: Option<PolicySet>,
}

/// The record of that number with what is needed to decide it again.
///
/// # Errors
/// [`AuditError`] when the log cannot be read up to it.
pub fn situation(mut reader: impl BufRead + Seek, seq: u64) -> Result<Option<Situation>, AuditError> {
    let start = reader.stream_position()?;
    let Some(record) = find(&mut reader, seq)? else { return Ok(None) };
    reader.seek(io::SeekFrom::Start(start))?;
    let (mut load, mut others, mut policy_set) = (None, Vec::new(), None);
    let spoken_of: Vec<u64> = {
        let target = record.resource.iter().filter_map(|target| target.instance);
        let lenders = record.delegation.iter().flat_map(|lent| &lent.lenders);
        let links = record.chain.iter().flatten().chain(lenders);
        target.chain(links.map(|link| link.instance)).collect()
    };
    for earlier in query(reader, Filter::default()) {
        let earlier = earlier?;
        let at = earlier.seq;
        match earlier.kind {
            // Instances are numbered anew by each process.
            Kind::Open => (load, others, policy_set) = (None, Vec::new(), None),
            // By epoch and not by place: a verdict may be recorded after a swap and be from before it.
            Kind::Load | Kind::Swap if record.epoch.is_none_or(|epoch| earlier.epoch == Some(epoch)) => {
                policy_set.clone_from(&earlier.policy_set);
            }
            Kind::Load | Kind::Swap => {}
            Kind::Decision | Kind::Note | Kind::Summary | Kind::Refused => {}
            Kind::Limit | Kind::Revoke | Kind::Close => {}
        }
        let same = (&earlier.subject, earlier.instance) == (&record.subject, record.instance);
        if earlier.kind == Kind::Load {
            if earlier.instance.is_some_and(|instance| spoken_of.contains(&instance)) {
                others.push(earlier.clone());
            }
            if same {
                load = Some(earlier);
            }
        }
        if at >= seq {
            break;
        }
    }
    Ok(Some(Situation { record, load, others, policy_set }))
}
