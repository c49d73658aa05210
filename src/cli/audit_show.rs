//! `airssys audit show`: the records of a log.

use super::console::{Console, ascii};
use super::failure::Failure;
use super::inputs;
use crate::audit::{Filter, Kind, Record, Word, query, show};
use clap::Args;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Show the records of a log.
///
/// One line a record, oldest first; with `--json` one JSON object a line, as it stands in the log. Each record is
/// checked against its own hash; that none is missing only `airssys audit verify` can say.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys audit show audit.jsonl
  airssys audit show audit.jsonl --verdict deny --last 20
  airssys audit show audit.jsonl --subject 'acme/*' --action fs --json")]
pub(super) struct Show {
    /// The log.
    log: PathBuf,
    /// Only records of this component, such as `acme/thumb`; `acme/*` for all of a publisher.
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Only this action, such as `fs:read`; `fs` for all of a group.
    #[arg(long)]
    action: Option<String>,
    /// Only this verdict: allow, deny or fault.
    #[arg(long, value_parser = verdict)]
    verdict: Option<Word>,
    /// Only this kind of record, such as `decision` or `load`.
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Only this live instance.
    #[arg(long, value_name = "N")]
    instance: Option<u64>,
    /// The first number to show.
    #[arg(long, value_name = "N")]
    since: Option<u64>,
    /// The last number to show.
    #[arg(long, value_name = "N")]
    until: Option<u64>,
    /// Only the last records of those that match.
    #[arg(long, value_name = "COUNT")]
    last: Option<NonZeroUsize>,
}

fn verdict(text: &str) -> Result<Word, String> {
    Word::parse(text).ok_or_else(|| "write `allow`, `deny` or `fault`".to_owned())
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    Kind::parse(text).ok_or_else(|| format!("the kinds are {}", known()))
}

impl Show {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let filter = Filter {
            subject: self.subject.clone(),
            action: self.action.clone(),
            verdict: self.verdict,
            kind: self.kind,
            instance: self.instance,
            since: self.since,
            until: self.until,
        };
        let mut held = VecDeque::new();
        for record in query(inputs::log(&self.log)?, filter) {
            let record = record.map_err(|error| inputs::bad_log(&self.log, &error))?;
            match self.last {
                None => console.lines(&line(console, &record))?,
                Some(last) => {
                    held.push_back(line(console, &record));
                    held.drain(..held.len().saturating_sub(last.get()));
                }
            }
        }
        held.iter().try_for_each(|line| console.lines(line))?;
        Ok(0)
    }
}

fn line(console: Console, record: &Record<'_>) -> String {
    match console.is_json() {
        true => ascii(&serde_json::to_string(record).unwrap_or_default()),
        false => show(record),
    }
}
