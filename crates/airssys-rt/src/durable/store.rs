//! The handle of a store, and how its callers reach its thread.

use std::sync::mpsc;
use std::sync::{Arc, PoisonError};

use redb::StorageBackend;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::batch::Batch;
use super::error::StoreError;
use super::mailbox::{Mailbox, Terms};
use super::marks::{Marks, Mirror};
use super::shared::Shared;
use super::worker;

/// What may wait for the store's thread at a time. Who comes after waits in turn.
const WAITING: usize = 1024;

/// Milliseconds of the wall clock, since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What is answered once the batch is on disk, or is not.
pub(super) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// One caller's work within a batch.
pub(super) type Job = Box<dyn FnOnce(Result<&mut Batch<'_, '_>, StoreError>) -> Done + Send>;

/// What the store's thread is told.
pub(super) enum Message {
    /// Work, and the caller's place in the row.
    Job(Job, Option<OwnedSemaphorePermit>),
    /// Finish what waits, and end; then say so.
    Close(Option<oneshot::Sender<()>>),
}

/// Durable mailboxes and marks, in one place on disk.
///
/// Clones are handles to the same store, and so is each of its mailboxes. With the last of them the store closes;
/// [`Store::close`] closes it earlier, and waits until others may open it.
#[derive(Clone)]
pub struct Store {
    link: Arc<Link>,
}

pub(super) struct Link {
    pub(super) sender: mpsc::Sender<Message>,
    slots: Arc<Semaphore>,
    mirror: Arc<Mirror>,
}

impl Store {
    /// Opens the store that `backend` holds, or begins one where there is nothing yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] says what is wrong with what is there. Nothing is overwritten then.
    pub async fn open(backend: impl StorageBackend) -> Result<Self, StoreError> {
        Self::open_with_clock(backend, wall_clock()).await
    }

    /// Opens it with another clock, by which messages expire.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`].
    pub async fn open_with_clock(backend: impl StorageBackend, clock: Clock) -> Result<Self, StoreError> {
        let (answer, opened) = oneshot::channel();
        let sender = worker::start(Shared::new(backend), clock, move |opened| drop(answer.send(opened)))?;
        let mirror = opened.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(Self::new(sender, mirror))
    }

    /// The same for code that may block its thread: what runs before the executor does.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`].
    pub fn open_blocking(backend: impl StorageBackend) -> Result<Self, StoreError> {
        Self::open_blocking_with_clock(backend, wall_clock())
    }

    /// The same with another clock, by which messages expire.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`].
    pub fn open_blocking_with_clock(backend: impl StorageBackend, clock: Clock) -> Result<Self, StoreError> {
        let (answer, opened) = mpsc::channel();
        let sender = worker::start(Shared::new(backend), clock, move |opened| drop(answer.send(opened)))?;
        let mirror = opened.recv().unwrap_or(Err(StoreError::Closed))?;
        Ok(Self::new(sender, mirror))
    }

    fn new(sender: mpsc::Sender<Message>, mirror: Arc<Mirror>) -> Self {
        let slots = Arc::new(Semaphore::new(WAITING));
        Self { link: Arc::new(Link { sender, slots, mirror }) }
    }

    /// The mailbox of that name, made at its first use.
    ///
    /// Several handles lead to the same mailbox; the terms that were given last hold for all. A mailbox that holds
    /// more than new terms allow keeps it, and takes nothing new.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when what it holds cannot be read.
    pub async fn mailbox(&self, name: &str, terms: Terms) -> Result<Mailbox, StoreError> {
        let name: Arc<str> = name.into();
        let owned = Arc::clone(&name);
        let gauge = self.link.ask(move |batch| batch.open_mailbox(owned, terms)).await?;
        Ok(Mailbox::new(Arc::clone(&self.link), name, gauge))
    }

    /// The marks that are kept here.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks::new(Arc::clone(&self.link), Arc::clone(&self.link.mirror))
    }

    /// Finishes what waits, and closes. Others may open the store when this returns.
    ///
    /// Handles that are left answer [`StoreError::Closed`].
    pub async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        self.link.close(Some(answer));
        // An error says that the thread has ended, which is what is waited for.
        drop(closed.await);
    }
}

impl Link {
    /// Has `work` done in the next batch, and waits until it is on disk.
    ///
    /// Dropping the future does not call back work that is under way.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let place = self.place().await?;
        self.send(job(work, move |result| drop(answer.send(result))), Some(place))?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same for a thread that may block.
    pub(super) fn ask_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = mpsc::channel();
        // No place in the row: at most one for each thread that blocks here.
        self.send(job(work, move |result| drop(answer.send(result))), None)?;
        answered.recv().unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        Arc::clone(&self.slots).acquire_owned().await.map_err(|_| StoreError::Closed)
    }

    pub(super) fn send(&self, job: Job, place: Option<OwnedSemaphorePermit>) -> Result<(), StoreError> {
        self.sender.send(Message::Job(job, place)).map_err(|_| StoreError::Closed)
    }

    fn close(&self, answer: Option<oneshot::Sender<()>>) {
        // An error says that the thread has ended already.
        drop(self.sender.send(Message::Close(answer)));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close(None);
    }
}

/// Binds work to the one who waits for it.
pub(super) fn job<T: Send + 'static>(
    work: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    answer: impl FnOnce(Result<T, StoreError>) + Send + 'static,
) -> Job {
    Box::new(move |batch| {
        let result = batch.and_then(|batch| batch.attempt(work));
        Box::new(move |committed| answer(committed.and(result)))
    })
}

fn wall_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock before 1970 is wrong by more than any expiry: then nothing expires.
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// A lock whose holder panicked still guards whole values here.
pub(super) fn whole<G>(locked: Result<G, PoisonError<G>>) -> G {
    locked.unwrap_or_else(PoisonError::into_inner)
}
