//! `airssys logs`: the log of a running server.

use super::console::{Console, ascii};
use super::failure::Failure;
use super::served::{self, Server};
use crate::audit::{Filter, query, show};
use crate::serve::Line;
use crate::serve::control::{LogsRequest, MAX_LAST};
use clap::Args;
use serde_json::json;

/// Show the last records of a running server's log, and with `-f` those that come.
///
/// One line a record; with `--json` one JSON object a line, as it stands in the log. Each record is checked against its own
/// hash; that none is missing only `airssys audit verify` can say, on the file. A reader that is too slow misses records and
/// is told how many.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys logs
  airssys logs -f --last 0
  airssys logs -f --socket control.sock --json")]
pub(super) struct Logs {
    /// Go on with the records that come.
    #[arg(short, long)]
    follow: bool,
    /// How many of the last records to begin with.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    last: u16,
    #[command(flatten)]
    server: Server,
}

impl Logs {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let client = self.server.client();
        let wanted = LogsRequest { last: usize::from(self.last).min(MAX_LAST), follow: self.follow };
        served::asked(client.logs(wanted, |line| told(console, &line)))?;
        Ok(0)
    }
}

/// Prints a line; whether anybody still reads.
fn told(console: Console, line: &Line) -> Result<bool, Failure> {
    match line {
        Line::Record(record) => record_told(console, record),
        Line::Missed(count) => {
            console.event(&format!("{count} records were missed here"), &json!({ "missed": count }));
            Ok(true)
        }
    }
}

fn record_told(console: Console, bytes: &[u8]) -> Result<bool, Failure> {
    let wrong = |why: String| {
        Failure::wrong(
            format!("the server sent what is no record: {why}"),
            "use the server's own version of `airssys`",
        )
    };
    let record = query(bytes, Filter::default()).next();
    let record =
        record.ok_or_else(|| wrong("an empty line".to_owned()))?.map_err(|error| wrong(error.to_string()))?;
    match console.is_json() {
        true => console.is_read(&ascii(&String::from_utf8_lossy(bytes))),
        false => console.is_read(&show(&record)),
    }
}
