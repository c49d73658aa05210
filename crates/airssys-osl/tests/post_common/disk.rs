//! A disk with a mailbox on it.
#![allow(dead_code, reason = "each test file uses its part")]

use crate::common::IMPORT;
use crate::post_common::{Actor, TERMS, World, text};
use airssys_osl::post::{Draft, PostError, Shelf, send};
use airssys_osl::{ActionId, Principal, Session};
use airssys_rt::Backoff;
use airssys_rt::durable::{self, InMemoryBackend, Store};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A disk that several runs of the host have one after the other, and its clock.
pub(crate) struct Disk {
    pub(crate) store: Store,
    pub(crate) now: Arc<AtomicU64>,
}

impl Disk {
    pub(crate) async fn new() -> Disk {
        let now = Arc::new(AtomicU64::new(1_000_000));
        let store = Store::open_with_clock(InMemoryBackend::new(), clock(&now)).await.unwrap();
        Disk { store, now }
    }

    pub(crate) async fn mailbox(&self) -> durable::Mailbox {
        self.mailbox_resting(Backoff::NONE).await
    }

    pub(crate) async fn mailbox_resting(&self, redelivery: Backoff) -> durable::Mailbox {
        let terms = durable::Terms {
            capacity: NonZeroUsize::new(TERMS.messages).unwrap(),
            max_body_bytes: 1 << 20,
            max_total_bytes: 1 << 20,
            max_deliveries: NonZeroU32::new(3).unwrap(),
            redelivery,
        };
        self.store.mailbox("acme/b", terms).await.unwrap()
    }

    /// A run of the host in which the mailbox of `acme/b` is durable; in no run before it anybody lives any more.
    pub(crate) async fn run(&self, rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static) -> World {
        self.run_trusting(rule, |key| key == "key-1").await
    }

    pub(crate) async fn run_trusting(
        &self,
        rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static,
        trusts: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> World {
        let (world, mailbox) = (World::new(rule), self.mailbox().await);
        mailbox.release_all().await.unwrap();
        let shelf = Shelf::new(
            mailbox,
            TERMS.messages,
            clock(&self.now),
            (
                Arc::new(move |_: &Principal, key: &str| trusts(key)),
                Arc::new(|uid| vec![format!("now-{uid}")]),
            ),
        )
        .unwrap();
        world.office.keep("acme/b", Some(Arc::new(shelf)));
        world
    }
}

pub(crate) fn clock(now: &Arc<AtomicU64>) -> durable::Clock {
    let now = Arc::clone(now);
    Arc::new(move || now.load(Ordering::SeqCst))
}

pub(crate) async fn put(
    world: &World,
    from: &Arc<Session>,
    body: &str,
    ttl: Option<Duration>,
) -> Result<(), PostError> {
    let draft = Draft { body: body.as_bytes().to_vec(), time_to_live: ttl };
    send(&world.office, from, "acme/b", draft, IMPORT).await
}

/// What is there now.
pub(crate) async fn now(actor: &Actor) -> Option<String> {
    let taken = actor.inbox.take(&actor.session, IMPORT).await.unwrap();
    taken.map(|delivery| text(&delivery).to_owned())
}

/// All that is there.
pub(crate) async fn all(actor: &Actor) -> Vec<String> {
    let mut all = Vec::new();
    while actor.inbox.depth() > 0 {
        all.extend(now(actor).await);
    }
    all
}

pub(crate) fn everything(_: ActionId, _: &str) -> bool {
    true
}
