//! Components with mailboxes, a script that decides, and a log.
#![allow(dead_code, reason = "each test uses its own part")]

use crate::common::{self, IMPORT, Log, Script};
use airssys_osl::post::{Delivery, Draft, Inbox, Office, PostError, Terms, send};
use airssys_osl::{ActionId, Gate, Principal, Session, Subject};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) const TERMS: Terms = Terms { messages: 8, body_bytes: 1000, bytes: 1 << 20 };
pub(crate) const SOON: Duration = Duration::from_millis(100);
pub(crate) const AT_LAST: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) script: Arc<Script>,
    pub(crate) log: Arc<Log>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) office: Office,
    pub(crate) instances: AtomicU64,
}

/// A component with its session and its mailbox.
pub(crate) struct Actor {
    pub(crate) session: Arc<Session>,
    pub(crate) inbox: Inbox,
}

impl World {
    pub(crate) fn new(rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static) -> World {
        let (script, log) = (Script::new(rule), Arc::new(Log::default()));
        let gate = Gate::new(Arc::clone(&script) as _, Arc::clone(&log) as _);
        World { script, log, gate, office: Office::new(), instances: AtomicU64::new(1) }
    }

    pub(crate) fn actor(&self, name: &str) -> Actor {
        self.actor_within(name, TERMS)
    }

    pub(crate) fn actor_within(&self, name: &str, terms: Terms) -> Actor {
        let session = self.session(name);
        let principal = session.subject().component().unwrap();
        let inbox = self.office.open(principal, session.subject().instance(), terms).unwrap();
        Actor { session, inbox }
    }

    pub(crate) fn session(&self, name: &str) -> Arc<Session> {
        let principal = Principal { name: name.to_owned(), ..common::principal() };
        let subject = Subject::new(principal, self.instances.fetch_add(1, Ordering::SeqCst));
        self.gate.session(subject.signed_by("key-1"))
    }

    pub(crate) fn send(&self, from: &Actor, to: &str, body: &str) -> Result<(), PostError> {
        let draft = Draft { body: body.as_bytes().to_vec(), time_to_live: None };
        at_once(send(&self.office, &from.session, to, draft, IMPORT))
    }

    pub(crate) fn swap(&self, rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static) {
        let old = self.gate_epoch();
        self.script.swap(rule);
        self.gate.policies_changed(old);
    }

    pub(crate) fn gate_epoch(&self) -> u64 {
        use airssys_osl::Authorizer;
        self.script.epoch().load(Ordering::SeqCst)
    }
}

impl Actor {
    pub(crate) async fn next(&self) -> Delivery {
        tokio::time::timeout(AT_LAST, self.inbox.next(&self.session, IMPORT)).await.unwrap().unwrap()
    }

    /// What comes within a moment.
    pub(crate) async fn soon(&self) -> Option<Delivery> {
        tokio::time::timeout(SOON, self.inbox.next(&self.session, IMPORT)).await.ok()?.ok()
    }
}

/// An error by what a guest hears.
pub(crate) fn told(error: &PostError) -> &'static str {
    match error {
        PostError::Denied(_) | PostError::Unreachable => "unreachable",
        PostError::Full => "full",
        PostError::TooLarge(_) => "too-large",
        PostError::TimedOut => "timed-out",
        PostError::Ended => "ended",
        PostError::Failed(_) => "failed",
        PostError::Circular => "circular",
        PostError::NoSuchMessage => "no-such-message",
        _ => "invalid",
    }
}

pub(crate) fn text(delivery: &Delivery) -> &str {
    std::str::from_utf8(&delivery.body).unwrap()
}

/// What has nothing to wait for.
pub(crate) fn at_once<T>(work: impl Future<Output = T>) -> T {
    let Poll::Ready(done) = pin!(work).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for something")
    };
    done
}
