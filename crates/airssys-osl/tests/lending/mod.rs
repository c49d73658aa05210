//! A world of components whose policies are a function of who asks.
#![allow(dead_code, reason = "each test uses its own part")]

use airssys_osl::action::ComponentDelegate;
use airssys_osl::{
    Accepted, ActionId, Ask, Authorizer, Decision, Entry, Gate, GuestPath, LendError, Peer, Principal,
    Reasons, RecordError, Recorder, Resource, Session, Subject, Terms, Verdict, lend,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, RwLock};
use std::time::{Duration, Instant};

pub(crate) const IMPORT: &str = "test:lending/types#call";

/// What the policies say to one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Permit,
    Nothing,
    Forbid,
    Fault,
}

type Rule = Box<dyn Fn(&str, ActionId, &str) -> Says + Send + Sync>;

pub(crate) struct Policies {
    rule: RwLock<Rule>,
    epoch: Arc<AtomicU64>,
    /// On whose behalf each was asked last.
    behalf: Mutex<HashMap<String, Vec<String>>>,
}

impl Authorizer for Policies {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        let name = ask.subject.party().name();
        let callers = ask.subject.chain().callers().iter().map(|c| c.principal.name.clone()).collect();
        self.behalf.lock().unwrap().insert(name.clone(), callers);
        let by = |id: &str| Arc::new(Reasons { policies: vec![id.into()], errors: Vec::new() });
        let verdict = match (self.rule.read().unwrap())(&name, ask.action, ask.resource.id()) {
            Says::Permit => Verdict::Allow(by("permit")),
            Says::Nothing => Verdict::Deny(Arc::default()),
            Says::Forbid => Verdict::Deny(by("forbid")),
            Says::Fault => Verdict::fault("as told"),
        };
        Decision { verdict, epoch: self.epoch.load(Ordering::SeqCst), reusable: true }
    }
    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.epoch
    }
    fn names_beneath(&self, _: &GuestPath) -> bool {
        false
    }
    fn visible(&self, subject: &Subject, mount: &GuestPath) -> bool {
        let name = subject.party().name();
        (self.rule.read().unwrap())(&name, ActionId::FsRead, mount.as_str()) == Says::Permit
    }
}

/// Each record as a line.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<String>>);

impl Log {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Recorder for Log {
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError> {
        let (ask, outcome) = (entry.ask, entry.verdict.outcome().name());
        let mut line =
            format!("{outcome} {} {} {}", ask.subject.party().name(), ask.action, ask.resource.id());
        if let Some(delegated) = entry.delegated {
            let who = delegated.lenders.iter().map(|l| format!(" {}#{}", l.principal.name, l.instance));
            line += &format!(" by {}:{}", delegated.id, who.collect::<String>());
        }
        self.0.lock().unwrap().push(line);
        Ok(())
    }
    fn note(&self, _: &Subject, _: &'static str, _: &str) -> Result<(), RecordError> {
        Ok(())
    }
    fn summary(&self, _: &Subject, _: &[(ActionId, u64)]) -> Result<(), RecordError> {
        Ok(())
    }
}

pub(crate) struct World {
    policies: Arc<Policies>,
    pub(crate) log: Arc<Log>,
    gate: Arc<Gate>,
    instances: AtomicU64,
}

impl World {
    pub(crate) fn new(rule: impl Fn(&str, ActionId, &str) -> Says + Send + Sync + 'static) -> World {
        let epoch = Arc::new(AtomicU64::new(1));
        let policies =
            Arc::new(Policies { rule: RwLock::new(Box::new(rule)), epoch, behalf: Mutex::default() });
        let log = Arc::new(Log::default());
        let gate = Gate::new(Arc::clone(&policies) as Arc<_>, Arc::clone(&log) as Arc<_>);
        World { policies, log, gate, instances: AtomicU64::new(1) }
    }

    pub(crate) fn session(&self, name: &str) -> Arc<Session> {
        let instance = self.instances.fetch_add(1, Ordering::SeqCst);
        self.gate.session(Subject::new(principal(name), instance))
    }

    pub(crate) fn swap(&self, rule: impl Fn(&str, ActionId, &str) -> Says + Send + Sync + 'static) {
        *self.policies.rule.write().unwrap() = Box::new(rule);
        self.gate.policies_changed(self.policies.epoch.fetch_add(1, Ordering::SeqCst));
    }

    pub(crate) fn behalf(&self, name: &str) -> Vec<String> {
        self.policies.behalf.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn lend(&self, lender: &Arc<Session>, to: &str, terms: Terms) -> Result<u64, LendError> {
        lend_by(lender, to, terms)
    }

    pub(crate) fn lend_on(&self, held: &Accepted, to: &str, terms: Terms) -> Result<u64, LendError> {
        let session = held.lease().session();
        let permit = session.authorize::<ComponentDelegate>(Peer::named(to).unwrap(), IMPORT)?;
        held.lend_on(permit, terms, IMPORT)
    }
}

pub(crate) fn lend_by(lender: &Arc<Session>, to: &str, terms: Terms) -> Result<u64, LendError> {
    let permit = lender.authorize::<ComponentDelegate>(Peer::named(to).unwrap(), IMPORT)?;
    lend(permit, terms, IMPORT)
}

pub(crate) fn principal(name: &str) -> Principal {
    Principal {
        name: name.to_owned(),
        publisher: "acme".to_owned(),
        digest: String::new(),
        version: (1, 0, 0),
        release: 1,
        dev: false,
        groups: Vec::new(),
    }
}

pub(crate) fn path(at: &str) -> Resource {
    GuestPath::parse(at).unwrap().into()
}

pub(crate) fn later() -> Instant {
    // One for all: what is lent on must not last longer.
    static LATER: LazyLock<Instant> = LazyLock::new(|| Instant::now() + Duration::from_secs(3600));
    *LATER
}

pub(crate) fn terms(actions: impl IntoIterator<Item = ActionId>, on: Resource, depth: u32) -> Terms {
    Terms::new(actions, on, later(), depth).unwrap()
}
