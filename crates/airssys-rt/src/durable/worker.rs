//! The thread of a store: it alone touches the disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

use redb::{Database, WriteTransaction};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::batch::{After, Batch, Queues};
use super::disk::{self, Tables};
use super::error::StoreError;
use super::mailbox::Parcel;
use super::marks::Mirror;
use super::shared::Shared;
use super::store::{Clock, Done, Job, Message, job};

/// Work in one transaction, at most.
const BATCH: usize = 1024;

struct Worker {
    backend: Shared,
    clock: Clock,
    /// `None` after a failure, until it could be opened again.
    database: Option<Database>,
    queues: Queues,
    mirror: Arc<Mirror>,
    back: Sender<Message>,
}

/// What one turn takes from the channel.
#[derive(Default)]
struct Turn {
    jobs: Vec<Job>,
    places: Vec<OwnedSemaphorePermit>,
    closing: Option<Option<oneshot::Sender<()>>>,
}

/// Starts the thread, which opens the store and says through `opened` how that went.
pub(super) fn start(
    backend: Shared,
    clock: Clock,
    opened: impl FnOnce(Result<Arc<Mirror>, StoreError>) + Send + 'static,
) -> Result<Sender<Message>, StoreError> {
    let (sender, receiver) = channel();
    let back = sender.clone();
    let mirror = Arc::new(Mirror::default());
    let run = move || {
        let mut worker = Worker {
            backend,
            clock,
            database: None,
            queues: Queues::new(),
            mirror: Arc::clone(&mirror),
            back,
        };
        match worker.reopen() {
            Ok(()) => {
                opened(Ok(mirror));
                worker.run(&receiver);
            }
            Err(error) => {
                // First the backend is let go of, so that who is told can try again.
                drop(worker);
                opened(Err(error));
            }
        }
    };
    let thread = std::thread::Builder::new().name("durable-store".to_owned()).spawn(run);
    thread.map(|_| sender).map_err(|error| StoreError::Disk(format!("no thread for it: {error}")))
}

impl Worker {
    fn run(mut self, receiver: &Receiver<Message>) {
        while let Some(first) = self.next(receiver) {
            let turn = first.map_or_else(Turn::default, |first| Turn::take(first, receiver));
            self.serve(turn.jobs);
            drop(turn.places);
            if let Some(answer) = turn.closing {
                drop(self);
                if let Some(answer) = answer {
                    // Who asked may have gone; the store is closed all the same.
                    let _ = answer.send(());
                }
                return;
            }
        }
    }

    /// What is to be done next; nothing of anybody's where a rest is over. None when nobody can say anything any more.
    fn next(&self, receiver: &Receiver<Message>) -> Option<Option<Message>> {
        let Some(rest_ends) = self.queues.values().filter_map(|queue| queue.resting.ends()).min() else {
            return receiver.recv().ok().map(Some);
        };
        match receiver.recv_timeout(rest_ends.saturating_duration_since(Instant::now())) {
            Ok(message) => Some(Some(message)),
            Err(RecvTimeoutError::Timeout) => Some(None),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn serve(&mut self, jobs: Vec<Job>) {
        let now = Instant::now();
        let rested: Vec<_> = self.queues.values_mut().filter_map(|queue| queue.resting.wake(now)).collect();
        let (done, after) = self.attempt(jobs);
        match &after.failed {
            None => {
                self.mirror.apply(after.marks);
                self.queues.values_mut().for_each(|queue| queue.confirm());
            }
            Some(_) => self.recover(),
        }
        let result = after.failed.map_or(Ok(()), Err);
        done.into_iter().for_each(|done| done(result.clone()));
        for (waiter, name, delivery) in after.handed {
            waiter.send(result.clone().map(|()| Some(Parcel::new(delivery, name, self.back.clone()))));
        }
        self.queues.values_mut().for_each(|queue| queue.answer_hurried(&result));
        // Last: whoever is told looks at once.
        rested.into_iter().for_each(|rested| rested());
    }

    /// Does all the work in one transaction, and commits it.
    fn attempt(&mut self, jobs: Vec<Job>) -> (Vec<Done>, After) {
        let transaction = match self.begin() {
            Ok(transaction) => transaction,
            Err(error) => return refuse(jobs, error),
        };
        let (done, after) = work(&transaction, &mut self.queues, (self.clock)(), jobs);
        (done, commit(transaction, after))
    }

    fn begin(&mut self) -> Result<WriteTransaction, StoreError> {
        if self.database.is_none() {
            self.reopen()?;
        }
        self.database.as_ref().map_or(Err(StoreError::Closed), disk::begin)
    }

    /// After a failure: what was changed in memory is taken from the disk again, now or when that works.
    fn recover(&mut self) {
        self.database = None;
        self.queues.values_mut().for_each(|queue| queue.revert());
        if self.reopen().is_ok() {
            // Who waits may find something there. The channel is open as long as its receiver runs this.
            drop(self.back.send(Message::Job(job(|_| Ok(()), |_| ()), None)));
        }
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        let database = disk::open(&self.backend)?;
        let transaction = disk::begin(&database)?;
        let tables = Tables::of(&transaction)?;
        self.mirror.reload(&tables)?;
        for queue in self.queues.values_mut() {
            queue.reload(&tables)?;
            queue.measure();
        }
        drop(tables);
        transaction.abort()?;
        self.database = Some(database);
        Ok(())
    }
}

fn refuse(jobs: Vec<Job>, error: StoreError) -> (Vec<Done>, After) {
    let done = jobs.into_iter().map(|job| job(Err(error.clone()))).collect();
    (done, After { failed: Some(error), ..After::default() })
}

fn work(transaction: &WriteTransaction, queues: &mut Queues, now: u64, jobs: Vec<Job>) -> (Vec<Done>, After) {
    let tables = match Tables::of(transaction) {
        Ok(tables) => tables,
        Err(error) => return refuse(jobs, error),
    };
    let mut batch = Batch::new(tables, queues, now);
    let done = jobs.into_iter().map(|job| job(Ok(&mut batch))).collect();
    // A failure is noted in the batch.
    drop(batch.attempt(|batch| batch.hand_out()));
    (done, batch.after)
}

fn commit(transaction: WriteTransaction, mut after: After) -> After {
    let ended = match (&after.failed, after.dirty) {
        (None, true) => transaction.commit().map_err(StoreError::from),
        // Nothing to keep. Dropping it would do the same and swallow the error.
        (Some(_), _) | (None, false) => transaction.abort().map_err(StoreError::from),
    };
    if let Err(error) = ended {
        after.failed.get_or_insert(error);
    }
    after
}

impl Turn {
    /// All that waits, up to a batch.
    fn take(first: Message, receiver: &Receiver<Message>) -> Self {
        let mut turn = Self::default();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Job(job, place) => {
                    turn.jobs.push(job);
                    turn.places.extend(place);
                }
                Message::Close(answer) => {
                    turn.closing = Some(answer);
                    break;
                }
            }
            next = if turn.jobs.len() < BATCH { receiver.try_recv().ok() } else { None };
        }
        turn
    }
}
