//! Who has which name, and who hears of which topics.

use crate::gate::Lease;
use crate::post::desk::{Desk, Terms};
use crate::post::shelf::{Kept, Shelf};
use crate::post::{Inbox, PostError};
use crate::{Peer, Principal, Topic};
use airssys_rt::durable;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The most topics that one receiver hears of.
const MAX_TOPICS: usize = 256;

/// The mailboxes of one runtime, by the names of their owners. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Office(Arc<RwLock<Book>>);

#[derive(Debug, Default)]
struct Book {
    desks: HashMap<Arc<str>, Arc<Desk>>,
    shelves: HashMap<Arc<str>, Arc<Shelf>>,
    subscriptions: Vec<Subscription>,
}

impl Book {
    fn hears(&self, desk: &Arc<Desk>, topic: &Topic) -> bool {
        self.subscriptions.iter().any(|one| Arc::ptr_eq(&one.desk, desk) && one.topic == *topic)
    }

    /// Adds a subscription unless it is there. False when there are too many.
    fn add(&mut self, new: Subscription) -> bool {
        if self.hears(&new.desk, &new.topic) {
            return true;
        }
        let own = self.subscriptions.iter().filter(|one| Arc::ptr_eq(&one.desk, &new.desk));
        let has_room = own.count() < MAX_TOPICS;
        if has_room {
            self.subscriptions.push(new);
        }
        has_room
    }
}

#[derive(Debug, Clone)]
struct Subscription {
    topic: Topic,
    desk: Arc<Desk>,
    lease: Lease,
}

impl Office {
    /// An office without mailboxes.
    pub fn new() -> Office {
        Office::default()
    }

    /// Opens a mailbox for a live instance, under its component's name.
    ///
    /// # Errors
    /// [`PostError::Invalid`] while another has that name.
    pub fn open(&self, principal: &Arc<Principal>, instance: u64, terms: Terms) -> Result<Inbox, PostError> {
        let desk = self.new_desk(principal, instance, terms);
        match self.write().desks.entry(principal.name.as_str().into()) {
            Entry::Occupied(entry) if !entry.get().is_closed() => {
                return Err(PostError::Invalid(format!("`{}` has a mailbox already", principal.name)));
            }
            Entry::Occupied(mut entry) => drop(entry.insert(Arc::clone(&desk))),
            Entry::Vacant(entry) => drop(entry.insert(Arc::clone(&desk))),
        }
        desk.place();
        Ok(Inbox::new(desk, self.clone()))
    }

    /// A mailbox that nobody can send to yet, for an instance that is to take another's place.
    pub fn waiting(&self, principal: &Arc<Principal>, instance: u64, terms: Terms) -> Inbox {
        Inbox::new(self.new_desk(principal, instance, terms), self.clone())
    }

    fn new_desk(&self, principal: &Arc<Principal>, instance: u64, terms: Terms) -> Arc<Desk> {
        let shelf = self.shelf(&principal.name);
        if let Some(shelf) = &shelf {
            shelf.bounds(terms.body_bytes);
        }
        Arc::new(Desk::new(Arc::clone(principal), instance, terms, shelf))
    }

    /// Keeps the messages to whoever has that name from now on, or keeps them no longer. Said before anybody has it.
    pub fn keep(&self, name: &str, shelf: Option<Arc<Shelf>>) {
        if let Some(shelf) = &shelf {
            // Not kept by what it keeps.
            let (book, name) = (Arc::downgrade(&self.0), name.to_owned());
            shelf.in_lanes(move || book.upgrade().into_iter().for_each(|book| Office(book).tell(&name)));
        }
        let before = match shelf {
            Some(shelf) => self.write().shelves.insert(name.into(), shelf),
            None => self.write().shelves.remove(name),
        };
        // Outside the lock: what lies there has locks of its own.
        drop(before);
    }

    /// Where the messages to whoever has that name are kept, if they are.
    pub fn shelf(&self, name: &str) -> Option<Arc<Shelf>> {
        self.read().shelves.get(name).cloned()
    }

    /// Says to whoever has that name that something may lie on its shelf.
    pub fn tell(&self, name: &str) {
        if let Some(desk) = self.desk(name) {
            desk.news.notify_one();
        }
    }

    /// Puts a mailbox in the place of the one that has its owner's name: what comes from now on comes here, and so does
    /// what waits there, in its order. What was taken from there can still be answered there.
    pub fn succeed(&self, inbox: &Inbox) {
        drop(self.take_over(inbox.desk(), &[]));
    }

    /// The same, and what was heard of there is heard of here by those permissions. What is not.
    pub(in crate::post) fn take_over(&self, desk: &Arc<Desk>, heard: &[(Topic, Lease)]) -> Vec<Topic> {
        let mut book = self.write();
        let before = book.desks.insert(desk.principal.name.as_str().into(), Arc::clone(desk));
        let Some(before) = before.filter(|before| !Arc::ptr_eq(before, desk)) else {
            desk.place();
            return Vec::new();
        };
        let ended: Vec<_> =
            book.subscriptions.extract_if(.., |one| Arc::ptr_eq(&one.desk, &before)).collect();
        for (topic, lease) in heard {
            book.add(Subscription { topic: topic.clone(), desk: Arc::clone(desk), lease: lease.clone() });
        }
        let (mut letters, missed) = before.retire();
        letters.iter_mut().for_each(|letter| letter.rests_on(heard));
        desk.adopt(letters, missed);
        desk.place();
        let lost = ended.iter().filter(|one| !book.hears(desk, &one.topic)).map(|one| one.topic.clone());
        let lost = lost.collect();
        drop(book);
        // Outside the lock: a lease has locks of its own.
        drop(ended);
        lost
    }

    /// What is heard of in the mailbox of that name.
    pub(in crate::post) fn topics(&self, name: &str) -> Vec<Topic> {
        let book = self.read();
        let Some(desk) = book.desks.get(name) else { return Vec::new() };
        let own = book.subscriptions.iter().filter(|one| Arc::ptr_eq(&one.desk, desk));
        own.map(|one| one.topic.clone()).collect()
    }

    /// The component of that name, as it lives now if it does. None for what is no name.
    pub fn peer(&self, name: &str) -> Option<Peer> {
        match self.desk(name) {
            Some(desk) => Some(desk.peer()),
            None => Peer::named(name),
        }
    }

    pub(in crate::post) fn desk(&self, name: &str) -> Option<Arc<Desk>> {
        self.read().desks.get(name).filter(|desk| !desk.is_closed()).cloned()
    }

    /// Whoever hears of a topic, each once, with all permissions by which it does.
    pub(in crate::post) fn audience(&self, topic: &Topic) -> Vec<(Arc<Desk>, Vec<Lease>)> {
        let mut found: Vec<(Arc<Desk>, Vec<Lease>)> = Vec::new();
        let mut places: HashMap<*const Desk, usize> = HashMap::new();
        for Subscription { desk, lease, .. } in
            self.read().subscriptions.iter().filter(|one| one.topic.holds(topic))
        {
            let place = *places.entry(Arc::as_ptr(desk)).or_insert(found.len());
            match found.get_mut(place) {
                Some((_, leases)) => leases.push(lease.clone()),
                None => found.push((Arc::clone(desk), vec![lease.clone()])),
            }
        }
        found
    }

    pub(in crate::post) fn subscribe(
        &self,
        desk: &Arc<Desk>,
        topic: Topic,
        lease: Lease,
    ) -> Result<(), PostError> {
        let mut book = self.write();
        let own = |one: &Subscription| Arc::ptr_eq(&one.desk, desk);
        if let Some(known) = book.subscriptions.iter_mut().find(|one| own(one) && one.topic == topic) {
            let before = std::mem::replace(&mut known.lease, lease);
            drop(book);
            drop(before);
            return Ok(());
        }
        match book.add(Subscription { topic, desk: Arc::clone(desk), lease }) {
            true => Ok(()),
            false => Err(PostError::Invalid(format!("no component hears of more than {MAX_TOPICS} topics"))),
        }
    }

    pub(in crate::post) fn unsubscribe(&self, desk: &Arc<Desk>, topic: Option<&Topic>) {
        let is_it = |one: &mut Subscription| {
            Arc::ptr_eq(&one.desk, desk) && topic.is_none_or(|topic| one.topic == *topic)
        };
        let ended: Vec<_> = self.write().subscriptions.extract_if(.., is_it).collect();
        // Outside the lock: a lease has locks of its own.
        drop(ended);
    }

    /// Takes a mailbox that was closed out of the book, unless another has its name by now.
    pub(in crate::post) fn close(&self, desk: &Arc<Desk>) {
        self.give_back(desk, desk.close());
        self.unsubscribe(desk, None);
        let mut book = self.write();
        if book.desks.get(desk.principal.name.as_str()).is_some_and(|known| Arc::ptr_eq(known, desk)) {
            book.desks.remove(desk.principal.name.as_str());
        }
    }

    /// What was taken from a shelf and not looked at by anybody lies there again.
    pub(in crate::post) fn put_back(&self, desk: &Desk, taken: &durable::Delivery) {
        let (office, name) = (self.clone(), desk.principal.name.clone());
        if let Some(shelf) = desk.shelf() {
            shelf.mailbox().return_later(taken, move || office.tell(&name));
        }
    }

    /// What was taken from a shelf and not acknowledged comes again, to whoever has the name then.
    pub(in crate::post) fn give_back(&self, desk: &Desk, kept: impl IntoIterator<Item = Kept>) {
        for kept in kept {
            let (office, name) = (self.clone(), desk.principal.name.clone());
            if let Some(shelf) = desk.shelf() {
                shelf.give_back(kept, move || office.tell(&name));
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Book> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Book> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
