//! One version of a component: verified, compiled, its imports bound; what instances are made of.

use crate::actor::{CallError, recorded};
use crate::embed::Error;
use crate::embed::live::{Live, Mailbox};
use crate::embed::runtime::Shared;
use crate::host::linked::{Links, Target};
use crate::host::runtime::handler;
use crate::identity::{Standing, VerifiedComponent};
use crate::kernel::{Function, InstanceError, Limits, Mail, Prepared, Tenure};
use airssys_osl::action::ComponentLoad;
use airssys_osl::post::{Office, Terms};
use airssys_osl::{Peer, Permit, Principal, Session, replace};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant as Time};
use tokio::sync::watch;

/// What is asked, as the log names it.
const LOAD: &str = "component:load";

/// What instances are made of.
pub(in crate::embed) struct Version {
    prepared: Prepared,
    verified: VerifiedComponent,
    principal: Arc<Principal>,
    /// Who serves its imports.
    links: Links,
    /// When the identity runs out, fixed at loading on the monotonic clock: a wall clock set back revives nothing.
    until: Option<Time>,
}

/// An instance that was just made, and what is closed when nothing of it is left.
pub(in crate::embed) struct Started {
    pub(in crate::embed) live: Arc<Live>,
    pub(in crate::embed) over: watch::Receiver<()>,
}

/// How an instance stands among others.
#[derive(Clone, Copy)]
pub(in crate::embed) enum Place {
    /// Nobody can send to it.
    Nameless,
    /// It takes its component's name, which is free.
    Named(Terms),
    /// It is to take its component's name over from whoever has it.
    Successor(Terms),
}

impl Version {
    pub(in crate::embed) fn new(
        prepared: Prepared,
        verified: VerifiedComponent,
        links: Links,
        now: Timestamp,
    ) -> Version {
        let (until, principal) = (deadline(&verified, now), Arc::new(verified.principal().clone()));
        Version { prepared, verified, principal, links, until }
    }

    /// Makes an instance under a session of its own.
    pub(in crate::embed) async fn start(&self, shared: &Arc<Shared>, place: Place) -> Result<Started, Error> {
        let session = self.open(shared)?;
        let permit = match place {
            // Nobody can speak to it but whoever has it loaded.
            Place::Nameless => None,
            Place::Named(_) | Place::Successor(_) => Some(self.permitted(&session)?),
        };
        let started = self.start_under(shared, session, place).await?;
        match permit {
            None => self.runs(shared)?,
            Some(permit) => replace::loaded(permit, || self.runs(shared)).map_err(Error::Denied)??,
        }
        Ok(started)
    }

    /// Asks whether it may have its name: at each start, so that a permission that was taken back starts nothing again.
    pub(in crate::embed) fn permitted(&self, session: &Arc<Session>) -> Result<Permit<ComponentLoad>, Error> {
        let peer = Peer::live(&self.principal, session.subject().instance());
        session.authorize(peer, LOAD).map_err(|denied| {
            // Nothing was done under it; the denial itself is in the log.
            drop(session.close());
            Error::Denied(denied)
        })
    }

    /// Puts down that it has taken its place, or refuses that.
    pub(in crate::embed) fn runs(&self, shared: &Shared) -> Result<(), Error> {
        shared.runs(&self.verified)
    }

    /// A session for an instance that is to be made.
    pub(in crate::embed) fn open(&self, shared: &Arc<Shared>) -> Result<Arc<Session>, Error> {
        shared.open(&self.verified, &self.principal, shared.limits_for(&self.verified)?)
    }

    /// Makes an instance under that session, which is not in its place yet.
    pub(in crate::embed) async fn start_under(
        &self,
        shared: &Arc<Shared>,
        session: Arc<Session>,
        place: Place,
    ) -> Result<Started, Error> {
        // First, since with this the session ends, whatever fails and whoever gives up.
        let tenure = Tenure::new(Arc::clone(&session), Arc::clone(&self.principal), self.until);
        if let (Some(state), Some(until), Some(time_of_day)) =
            (shared.state(), self.until, self.verified.valid_until())
        {
            state.runs_out(until, time_of_day);
        }
        let limits = shared.limits_for(&self.verified)?;
        let over = tenure.over();
        let mail = self.mail(shared.office(), &session, place, limits)?;
        let mut grants = shared.grants();
        grants.mail = mail.clone();
        let started = self.prepared.instantiate(tenure, grants, limits).await;
        let instance = started.map_err(|error| match error {
            InstanceError::Start(failure) => Error::from(recorded(CallError::Failed(failure), &session)),
        })?;
        let target = self.target(Peer::live(&self.principal, session.subject().instance()), limits);
        let mailbox = mail.inbox.map(|inbox| Mailbox { inbox, handler: self.handler() });
        let live = Live::new(shared.actors(), target, session, instance, mailbox)?;
        Ok(Started { live: Arc::new(live), over })
    }

    fn mail(&self, office: &Office, session: &Session, place: Place, limits: Limits) -> Result<Mail, Error> {
        let number = session.subject().instance();
        let bounded = |terms: Terms| {
            let body_bytes = terms.body_bytes.min(limits.host_call_bytes.get());
            Terms { body_bytes, ..terms }
        };
        let inbox = match place {
            Place::Nameless => None,
            Place::Named(terms) => Some(office.open(&self.principal, number, bounded(terms))),
            Place::Successor(terms) => Some(Ok(office.waiting(&self.principal, number, bounded(terms)))),
        };
        let taken = |_| Error::Config(format!("`{}` is there already", self.principal.name));
        let inbox = inbox.transpose().map_err(taken)?.map(Arc::new);
        Ok(Mail { office: office.clone(), inbox, driven: self.handler().is_some() })
    }

    /// The function that messages are handed to, if it exports one.
    fn handler(&self) -> Option<Function> {
        self.prepared.compiled().exports().into_iter().find(handler::is_one)
    }

    /// The functions by which state is handed over to the version that comes, and taken from the one before.
    pub(in crate::embed) fn state(&self) -> Option<(Function, Function)> {
        let exports = self.prepared.compiled().exports();
        let find = |name| exports.iter().find(|function| handler::is_state(function, name)).cloned();
        find("save-state").zip(find("restore-state"))
    }

    fn target(&self, peer: Peer, limits: Limits) -> Target {
        let mut functions = self.prepared.compiled().exports();
        functions.retain(|function| !handler::is_the_kernels(function));
        Target { peer, functions, limits }
    }

    /// The verified identity.
    pub(in crate::embed) fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// Whether the trust file says of it still what it said when it was loaded, and its time is not over.
    pub(in crate::embed) fn is_trusted(&self, shared: &Shared) -> bool {
        let over = self.until.is_some_and(|until| until <= Time::now());
        !over && self.standing().holds(&shared.trust(), Timestamp::now())
    }

    /// When the identity runs out.
    pub(in crate::embed) fn until(&self) -> Option<Time> {
        self.until
    }

    /// Who serves its imports.
    pub(in crate::embed) fn links(&self) -> &Links {
        &self.links
    }

    /// What it imports, each as `interface#function`.
    pub(in crate::embed) fn imports(&self) -> BTreeSet<String> {
        let shown = |import: Function| format!("{}#{}", import.interface.unwrap_or_default(), import.name);
        self.prepared.compiled().imported_functions().into_iter().map(shown).collect()
    }

    /// What its identity rests on.
    pub(in crate::embed) fn standing(&self) -> Standing {
        Standing::of(&self.verified)
    }

    /// The limits it would have.
    pub(in crate::embed) fn limits(&self, shared: &Shared) -> Result<Limits, Error> {
        shared.limits_for(&self.verified)
    }
}

/// When the identity runs out, on the monotonic clock.
fn deadline(verified: &VerifiedComponent, now: Timestamp) -> Option<Time> {
    let left = verified.valid_until()?.duration_since(now);
    Some(Time::now() + Duration::try_from(left).unwrap_or_default())
}
