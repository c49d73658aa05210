//! Durable mailboxes: where they lie, and what the host does with messages that nobody could deal with.

use crate::embed::named::tree::MailboxTerms;
use crate::embed::named::{Named, Route};
use crate::embed::{ComponentRuntime, Error};
use airssys_osl::post::{Groups, Shelf, Trusts};
use airssys_rt::durable::{self, Reason, StoreError};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// A message of a durable mailbox that is not delivered any more, and kept until it is put back or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its number in this mailbox.
    pub id: u64,
    /// The component that sent it; none where what is kept of it cannot be read.
    pub sender: Option<String>,
    /// How often it was delivered.
    pub deliveries: u32,
    /// Why it is here.
    pub reason: Reason,
    /// What the sender wrote.
    pub body: Vec<u8>,
}

impl ComponentRuntime {
    /// Has the messages to a name kept on disk, or no longer. What lies there of an earlier time is left as it is.
    pub(in crate::embed) async fn keep(&self, route: &Route, terms: MailboxTerms) -> Result<(), Error> {
        let shelf = self.shelf(&route.name, terms).await?.map(Arc::new);
        self.shared.office().keep(&route.name, shelf.clone());
        // A route is made anew with each start under its name.
        shelf.map_or(Ok(()), |shelf| route.shelf.set(shelf).map_err(|_| Error::Ended))
    }

    async fn shelf(&self, name: &str, terms: MailboxTerms) -> Result<Option<Shelf>, Error> {
        let Some(max_deliveries) = terms.durable else { return Ok(None) };
        let wrong = |text: &str| Error::Config(format!("the mailbox of `{name}` is to be durable: {text}"));
        let state = self.shared.state().ok_or_else(|| wrong("that takes a state directory"))?;
        let capacity = usize::try_from(terms.messages).ok().and_then(NonZeroUsize::new);
        let capacity = capacity.ok_or_else(|| wrong("that takes room for one message at least"))?;
        let (max_body_bytes, max_total_bytes) = (terms.bytes, terms.bytes);
        let redelivery = terms.redelivery;
        let terms = durable::Terms { capacity, max_body_bytes, max_total_bytes, max_deliveries, redelivery };
        let mailbox = state.mailbox(name, terms).await?;
        let shared = Arc::downgrade(&self.shared);
        let trusts: Trusts = Arc::new(move |principal, key_id| {
            shared.upgrade().is_some_and(|shared| shared.vouches(principal, key_id))
        });
        let shared = Arc::downgrade(&self.shared);
        let groups: Groups =
            Arc::new(move |uid| shared.upgrade().map(|shared| shared.groups_of(uid)).unwrap_or_default());
        let shelf = Shelf::new(mailbox, capacity.get(), state.clock(), (trusts, groups));
        shelf.map(Some).map_err(|error| wrong(&error.to_string()))
    }
}

impl Named {
    /// Messages that are not delivered any more, since they were delivered as often as may be without having been dealt
    /// with, or since their time was over: up to so many from that number on, in order, and fewer where they are large.
    ///
    /// # Errors
    /// [`Error::Config`] where the mailbox is not durable, or cannot be read.
    pub async fn dead_letters(&self, from: u64, most: usize) -> Result<Vec<DeadLetter>, Error> {
        let shelf = self.kept()?;
        let letters = shelf.mailbox().dead_letters(from, most).await.map_err(|error| self.unkept(&error))?;
        Ok(letters.into_iter().map(|letter| shown(shelf, letter)).collect())
    }

    /// Puts such a message back at the end of the mailbox, as one that was never delivered and that has no end. Whether
    /// there was one of that number.
    ///
    /// # Errors
    /// As [`Named::dead_letters`]; it is there still, or was put back once.
    pub async fn requeue(&self, id: u64) -> Result<bool, Error> {
        let put_back = self.kept()?.mailbox().requeue(id).await.map_err(|error| self.unkept(&error))?;
        self.route.tell();
        Ok(put_back.is_some())
    }

    /// Removes such a message for good. Whether there was one of that number.
    ///
    /// # Errors
    /// As [`Named::dead_letters`]; it may be there still.
    pub async fn discard(&self, id: u64) -> Result<bool, Error> {
        self.kept()?.mailbox().discard(id).await.map_err(|error| self.unkept(&error))
    }

    fn kept(&self) -> Result<&Arc<Shelf>, Error> {
        let none = || Error::Config(format!("the mailbox of `{}` is not durable", self.name()));
        self.route.shelf.get().ok_or_else(none)
    }

    fn unkept(&self, error: &StoreError) -> Error {
        Error::Config(format!("the mailbox of `{}`: {error}", self.name()))
    }
}

impl Route {
    /// Says to who lives there that something may lie in its mailbox.
    fn tell(&self) {
        if let Some(living) = self.current.load_full()
            && let Some(inbox) = living.live.inbox()
        {
            inbox.look_again();
        }
    }
}

fn shown(shelf: &Shelf, letter: durable::DeadLetter) -> DeadLetter {
    let (id, deliveries, reason) = (letter.sequence, letter.deliveries, letter.reason);
    let read = shelf.read_dead(&letter);
    let (sender, body) = match read {
        Some((sender, body)) => (Some(sender), body),
        None => (None, letter.bytes),
    };
    DeadLetter { id, sender, deliveries, reason, body }
}
