//! The log as operators read it: its last records, and those that come.

use crate::serve::control::{Code, ControlError, Controls, LogsRequest};
use crate::serve::follow::Logs;
use crate::serve::system::LiveSystem;
use crate::serve::system::asking::{Asking, CONTROL, refused};
use crate::serve::system::written::blocking;
use airssys_osl::action::RuntimeLogs;
use airssys_osl::operate::Reading;
use airssys_osl::{RuntimeSelf, host_files};
use bytes::Bytes;
use std::io::{self, BufRead, Seek, SeekFrom};
use std::path::Path;

/// The last records are looked for in so many bytes at the end of the log at first, and in twice as many each time after.
const FIRST_LOOK: u64 = 64 * 1024;

impl LiveSystem {
    /// The records that were asked for. Those that come are handed out as long as that is permitted.
    pub(super) async fn read_log(&self, asking: Asking, wanted: LogsRequest) -> Result<Logs, ControlError> {
        let what = "read the log";
        let permit = asking.authorize::<RuntimeLogs>(RuntimeSelf::Itself, what)?;
        let reading = Reading::begin(permit, CONTROL).map_err(|denied| refused(&denied, what))?;
        if self.config.granted.audit.is_none() && !wanted.follow {
            let help = "add `audit = \"FILE\"` to it, or follow what comes with `-f`";
            return Err(ControlError::invalid("the server's configuration names no file for the log", help));
        }
        // Followed before the file is read, so that none falls in between; the reader knows a record by its number.
        let followed = wanted.follow.then(|| self.follow.followed());
        let past = match &self.config.granted.audit {
            Some(path) if wanted.last > 0 => {
                self.settle();
                let path = path.clone();
                blocking(move || last(&path, wanted.last)).await?.map_err(|error| unread(&error))?
            }
            Some(_) | None => Vec::new(),
        };
        let first = past.last().and_then(|line| number(line)).map_or(0, |last| last + 1);
        let live = followed.map(|followed| {
            let wanted = move |line: &[u8]| number(line).is_none_or(|number| number >= first);
            followed.only(wanted).while_it(move || {
                // The session lives as long as this does.
                let _asking = &asking;
                reading.goes_on()
            })
        });
        Ok(Logs { past, live })
    }
}

fn unread(error: &io::Error) -> ControlError {
    tracing::warn!(target: "airssys::serve", %error, "the log cannot be read");
    ControlError::new(Code::Internal, "the log cannot be read", "the server's own output says why")
}

/// A record's own number.
fn number(line: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        seq: u64,
    }
    serde_json::from_slice::<Numbered>(line).ok().map(|record| record.seq)
}

/// The last `count` lines of a file that may be written meanwhile; a line without its end is none yet.
fn last(path: &Path, count: usize) -> io::Result<Vec<Bytes>> {
    let mut file = host_files::reader_ambient(path).map_err(io::Error::other)?;
    let end = file.seek(SeekFrom::End(0))?;
    let mut look = FIRST_LOOK;
    loop {
        let from = end.saturating_sub(look);
        file.seek(SeekFrom::Start(from))?;
        let mut lines = lines(&mut file, from > 0)?;
        if lines.len() >= count || from == 0 {
            return Ok(lines.split_off(lines.len().saturating_sub(count)));
        }
        look = look.saturating_mul(2);
    }
}

/// The whole lines from here on; the first is left out where it may have begun before.
fn lines(file: &mut impl BufRead, cut: bool) -> io::Result<Vec<Bytes>> {
    let mut all = Vec::new();
    loop {
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(if cut { all.split_off(all.len().min(1)) } else { all });
        }
        all.push(Bytes::from(line));
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test prepares a real file")]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole_and_no_more_than_were_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let line = |number: usize| format!("{{\"seq\":{number},\"x\":\"{}\"}}\n", "y".repeat(1000));
        let text: String = (0..500).map(line).collect();
        std::fs::write(&path, text.clone() + "{\"seq\":500").unwrap();
        for count in [1, 3, 64, 65, 66, 300, 500, 501] {
            let found = last(&path, count).unwrap();
            assert_eq!(found.len(), count.min(500));
            assert_eq!(number(&found[0]), Some(500 - count.min(500) as u64), "{count}");
            assert_eq!(found.last().unwrap(), line(499).as_bytes());
        }
        std::fs::write(&path, "").unwrap();
        assert!(last(&path, 3).unwrap().is_empty());
    }
}
