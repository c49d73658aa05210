//! `airssys audit verify`: is the log as it was written?

use super::console::{Console, printable_lines, shown_path};
use super::exit::Exit;
use super::failure::Failure;
use super::inputs;
use super::verify::merge;
use crate::audit::{self, Head, Report};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Prove that no record was changed, dropped, reordered or inserted.
///
/// Prints the head, `SEQ:HASH`: noted elsewhere and given back with `--head`, it proves that nothing was cut off the
/// end either. Without one the tail is unproven, and it says so. An unfinished last line, as a crash leaves it, is told
/// from tampering. Ends with 126 when the log was altered, or cut off before the head given, and with 125 when there is
/// no record to verify.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys audit verify audit.jsonl
  airssys audit verify audit.jsonl --head \"$(cat /safe/place/head)\"
  airssys audit verify audit.jsonl --json")]
pub(super) struct Verify {
    /// The log.
    log: PathBuf,
    /// The head that was printed before.
    #[arg(long, value_name = "SEQ:HASH")]
    head: Option<Head>,
}

impl Verify {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let report = audit::verify(inputs::log(&self.log)?, self.head)
            .map_err(|error| inputs::bad_log(&self.log, &error))?;
        let mut value = serde_json::to_value(&report).unwrap_or_default();
        merge(&mut value, json!({ "sound": report.is_sound() }));
        let waiting = audit::waiting(&self.log).map_err(|error| inputs::bad_log(&self.log, &error))?;
        let mut text = report.to_string();
        if waiting > 0 {
            merge(&mut value, json!({ "waiting": waiting }));
            text.push_str(&format!(
                "\n{waiting} more records wait in the log's journal: whoever opens the log next for writing puts them into it"
            ));
        }
        console.answer(&printable_lines(&text), &value)?;
        self.judge(&report)
    }

    fn judge(&self, report: &Report) -> Result<u8, Failure> {
        match &report.finding {
            None if report.is_empty() => Err(Failure::wrong(
                format!("log `{}` holds no record: there is nothing to verify", shown_path(&self.log)),
                "a log begins with a record: this one was never written to or was emptied, and only a head \
                 given with `--head` tells which",
            )),
            None => Ok(0),
            Some(finding) => Err(Failure::said(
                Exit::Refused,
                format!("log `{}` was altered: {finding}", shown_path(&self.log)),
                format!("keep the file as it is, and rely on its first {} records only", report.records),
            )),
        }
    }
}
