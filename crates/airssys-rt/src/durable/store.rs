//! The store: one database, one thread, many mailboxes.

use std::sync::Arc;

use redb::{Database, DatabaseError};

use super::error::{OpenError, StoreError};
use super::mailbox::Mailbox;
use super::marks::Marks;
use super::queue::{Queue, Terms};
use super::writer::{Writer, scan};

/// Tells the wall-clock time in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Durable mailboxes and marks in one database.
pub struct Store {
    writer: Writer,
    clock: Clock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the store in the database that `opener` opens. Blocks; mends what a crash left.
    ///
    /// `opener` is asked again after the disk has failed, and must then open the same database.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the database is in use, is damaged, or is not a store. Nothing is written to it then.
    pub fn open(
        opener: impl FnMut() -> Result<Database, DatabaseError> + Send + 'static,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        Ok(Self { writer: Writer::start(Box::new(opener))?, clock })
    }

    /// The mailbox of `name`, with what an earlier run left in it. A second call gives the same mailbox, and its
    /// terms hold from then on.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the disk cannot be read.
    pub async fn mailbox(&self, name: &str, terms: Terms) -> Result<Mailbox, StoreError> {
        let name = name.to_owned();
        let read = move |tx: &redb::WriteTransaction, _: &_| Ok((scan(tx, &name)?, name));
        let queue = self
            .writer
            .run(read, move |((live, dead, bytes), name), queues| {
                if let Some(queue) = queues.get(&name) {
                    queue.state().terms = terms;
                    return Arc::clone(queue);
                }
                let queue = Arc::new(Queue::new(&name, terms));
                queue.load(live, dead, bytes);
                queues.insert(name, Arc::clone(&queue));
                queue
            })
            .await?;
        Ok(Mailbox { queue, writer: self.writer.clone(), clock: Arc::clone(&self.clock) })
    }

    /// The marks that never go down.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks { writer: self.writer.clone() }
    }

    /// Finishes what was asked before, and closes the database. Nothing is lost; what is asked later is
    /// [`StoreError::Closed`].
    pub async fn close(self) {
        self.writer.close().await;
    }
}
