//! The one place where records get their number and are linked.

use crate::audit::canonical::write_line;
use crate::audit::follower::Follower;
use crate::audit::record::{Kind, Record};
use crate::audit::sink::Sink;
use crate::audit::value::{Hash, Head, Time};
use airssys_osl::RecordError;

/// Largest line buffer that is kept between records.
const KEEP: usize = 64 * 1024;

/// Number and hash for the next record, and where its line goes.
pub(super) struct Chain {
    next: u64,
    prev: Hash,
    sinks: Vec<Box<dyn Sink>>,
    followers: Vec<Box<dyn Follower>>,
    line: Vec<u8>,
    /// Records that could not be written since the last one that was.
    lost: u64,
    /// Why nothing more is written.
    ended: Option<String>,
    closed: bool,
}

impl Chain {
    /// Goes on after `last`, or begins.
    pub(super) fn new(
        last: Option<Head>,
        sinks: Vec<Box<dyn Sink>>,
        followers: Vec<Box<dyn Follower>>,
    ) -> Chain {
        let (next, prev) = last.map_or((0, Hash::ZERO), |head| (head.seq.saturating_add(1), head.hash));
        Chain { next, prev, sinks, followers, line: Vec::new(), lost: 0, ended: None, closed: false }
    }

    /// The last record there is.
    pub(super) fn head(&self) -> Option<Head> {
        self.next.checked_sub(1).map(|seq| Head { seq, hash: self.prev })
    }

    /// Writes one record to every sink, or to none.
    ///
    /// *Invariant:* number and hash move on only after every sink took the line.
    pub(super) fn append(&mut self, record: &mut Record<'_>) -> Result<(), RecordError> {
        if let Some(why) = &self.ended {
            return Err(RecordError(why.clone()));
        }
        let written = self.tell_lost().and_then(|()| self.write(record));
        if written.is_err() {
            self.lost = self.lost.saturating_add(1);
        }
        written
    }

    /// Writes `close` and nothing more; does nothing the second time.
    pub(super) fn close(&mut self) -> Result<Option<Record<'static>>, RecordError> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(None);
        }
        let mut record = Record::of(Kind::Close);
        let written = self.append(&mut record);
        self.ended.get_or_insert_with(|| "the log is closed".to_owned());
        written.map(|()| Some(record))
    }

    /// Writes nothing more, not even `close`.
    pub(super) fn abandon(&mut self) {
        self.closed = true;
        self.ended = Some("the log was not opened".to_owned());
    }

    /// What could not be recorded had no effect, but that it happened is told as soon as there is room again.
    fn tell_lost(&mut self) -> Result<(), RecordError> {
        if self.lost == 0 {
            return Ok(());
        }
        self.write(&mut Record::lost(self.lost))?;
        self.lost = 0;
        Ok(())
    }

    fn write(&mut self, record: &mut Record<'_>) -> Result<(), RecordError> {
        (record.seq, record.prev, record.time) = (self.next, self.prev, Time::now());
        let hash = write_line(record, &mut self.line).map_err(RecordError)?;
        self.hand_out()?;
        self.followers.iter_mut().for_each(|follower| follower.told(&self.line));
        record.hash = Some(hash);
        (self.next, self.prev) = (self.next.saturating_add(1), hash);
        if self.line.capacity() > KEEP {
            self.line = Vec::new();
        }
        Ok(())
    }

    fn hand_out(&mut self) -> Result<(), RecordError> {
        for tried in 1..=self.sinks.len() {
            let Some(sink) = self.sinks.get_mut(tried - 1) else { break };
            if let Err(error) = sink.append(&self.line) {
                self.take_back(tried);
                return Err(RecordError(error.to_string()));
            }
        }
        Ok(())
    }

    /// Takes the line back from the sinks that were given it. One that cannot give it back holds a record that
    /// never counted: after that no chain could be trusted, so it ends.
    fn take_back(&mut self, tried: usize) {
        for sink in self.sinks.iter_mut().take(tried) {
            if let Err(error) = sink.take_back() {
                self.ended = Some(format!("an earlier record could not be taken back: {error}"));
            }
        }
    }
}
