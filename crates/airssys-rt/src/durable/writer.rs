//! The one thread that touches the disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Database, DatabaseError, Durability, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::disk;
use super::error::{OpenError, StoreError};
use super::queue::{Queue, Slot};

/// Jobs that one commit covers, at most.
const BATCH: usize = 256;

/// How the database is opened: at first, and again after the disk failed.
pub(super) type Opener = Box<dyn FnMut() -> Result<Database, DatabaseError> + Send>;

/// What remains to be done when the transaction is on disk.
pub(super) type Finish = Box<dyn FnOnce(&mut Queues) + Send>;

/// Work in a transaction. Dropped undone when the transaction fails.
type Job = Box<dyn FnOnce(&WriteTransaction, &Queues) -> Result<Finish, redb::Error> + Send>;

/// The mailboxes that are open.
pub(super) type Queues = BTreeMap<String, Arc<Queue>>;

enum Order {
    Job(Job),
    Close(oneshot::Sender<()>),
}

/// Where work is handed to the thread.
#[derive(Clone)]
pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
    failure: Arc<Mutex<String>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Opens the database and starts the thread.
    pub(super) fn start(mut opener: Opener) -> Result<Self, OpenError> {
        let database = opener()?;
        disk::claim(&database)?;
        let (orders, inbox) = mpsc::channel(BATCH);
        let failure = Arc::new(Mutex::new(String::new()));
        let thread =
            Thread { opener, database: Some(database), queues: Queues::new(), failure: Arc::clone(&failure) };
        let spawned =
            std::thread::Builder::new().name("airssys-store".to_owned()).spawn(|| thread.run(inbox));
        spawned.map_err(|error| OpenError::Io(error.to_string()))?;
        Ok(Self { orders, failure })
    }

    /// Does `work` in a transaction, and `after` with its result once that is on disk.
    ///
    /// Dropping the future withdraws nothing once the order is taken.
    pub(super) async fn run<T: Send + 'static, U: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction, &Queues) -> Result<T, redb::Error> + Send + 'static,
        after: impl FnOnce(T, &mut Queues) -> U + Send + 'static,
    ) -> Result<U, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |tx, queues| {
            let done = work(tx, queues)?;
            let finish: Finish = Box::new(move |queues| drop(reply.send(after(done, queues))));
            Ok(finish)
        });
        self.orders.send(Order::Job(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| self.failure())
    }

    /// Ends the thread after what was ordered before, and waits for the file to be closed.
    pub(super) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.orders.send(Order::Close(reply)).await.is_ok() {
            // An error says that the thread has ended already, which is what was asked for.
            drop(answer.await);
        }
    }

    fn failure(&self) -> StoreError {
        if self.orders.is_closed() {
            return StoreError::Closed;
        }
        StoreError::Disk(self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

struct Thread {
    opener: Opener,
    /// Nothing after a failure, until it could be opened again.
    database: Option<Database>,
    queues: Queues,
    failure: Arc<Mutex<String>>,
}

impl Thread {
    fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        while let Some(first) = inbox.blocking_recv() {
            let mut jobs = Vec::new();
            let mut closing = None;
            let mut next = Some(first);
            while let Some(order) = next.take() {
                match order {
                    Order::Job(job) => jobs.push(job),
                    Order::Close(reply) => closing = Some(reply),
                }
                if jobs.len() < BATCH && closing.is_none() {
                    next = inbox.try_recv().ok();
                }
            }
            self.batch(jobs);
            if let Some(reply) = closing {
                inbox.close();
                drop(self);
                // Whoever closed the store may have gone since.
                reply.send(()).ok();
                return;
            }
        }
    }

    /// One transaction for all of `jobs`; only when it is on disk is anybody told.
    fn batch(&mut self, jobs: Vec<Job>) {
        let done = self.reopen().and_then(|()| self.commit(jobs));
        match done {
            Ok(finishes) => finishes.into_iter().for_each(|finish| finish(&mut self.queues)),
            Err((reason, abandoned)) => {
                // What was written is not known now: the database is opened anew before the next transaction.
                self.database = None;
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = reason;
                drop(abandoned);
            }
        }
    }

    fn commit(&mut self, jobs: Vec<Job>) -> Result<Vec<Finish>, (String, Vec<Finish>)> {
        let mut finishes = Vec::new();
        match self.transact(jobs, &mut finishes) {
            Ok(()) => Ok(finishes),
            Err(error) => Err((error.to_string(), finishes)),
        }
    }

    fn transact(&mut self, jobs: Vec<Job>, finishes: &mut Vec<Finish>) -> Result<(), redb::Error> {
        let Some(database) = &self.database else { return Err(redb::Error::DatabaseClosed) };
        let mut tx = database.begin_write()?;
        tx.set_durability(Durability::Immediate)?;
        for job in jobs {
            finishes.push(job(&tx, &self.queues)?);
        }
        tx.commit()?;
        Ok(())
    }

    /// Opens the database after a failure, and makes the mailboxes in memory what they are on disk.
    fn reopen(&mut self) -> Result<(), (String, Vec<Finish>)> {
        if self.database.is_some() {
            return Ok(());
        }
        let database = (self.opener)().map_err(|error| (error.to_string(), Vec::new()))?;
        reload(&database, &self.queues).map_err(|error| (error.to_string(), Vec::new()))?;
        self.database = Some(database);
        Ok(())
    }
}

fn reload(database: &Database, queues: &Queues) -> Result<(), redb::Error> {
    let tx = database.begin_write()?;
    for queue in queues.values() {
        let (live, count, bytes) = scan(&tx, &queue.name)?;
        queue.load(live, count, bytes);
    }
    tx.abort()?;
    Ok(())
}

/// What the disk knows of a mailbox: what waits, and the number and bytes of dead letters.
pub(super) type Scan = (Vec<(u64, Slot)>, usize, u64);

/// Reads all of a mailbox but its messages' bytes.
pub(super) fn scan(tx: &WriteTransaction, name: &str) -> Result<Scan, redb::Error> {
    let dead = disk::dead(tx, name, 0, usize::MAX)?;
    let bytes = dead.iter().map(|(_, slot, _)| slot.bytes).sum();
    Ok((disk::live(tx, name)?, dead.len(), bytes))
}
