//! From a record back to the question: who asked, on what, on whose behalf, and on whose authority.

use crate::audit::query::Situation;
use crate::audit::record::{Kind, Link, Record};
use airssys_osl::{Caller, Chain, Operator, Party, Peer, Principal, Resource};
use std::sync::Arc;

impl Situation {
    /// Who asked.
    ///
    /// # Errors
    /// A sentence when the log does not say how it was loaded.
    pub fn party(&self) -> Result<Party, String> {
        let record = &self.record;
        if let Some(uid) = record.subject.as_deref().and_then(|name| name.strip_prefix("operator:")) {
            let groups = record.groups.iter().flatten().map(|group| group.to_string()).collect();
            let operator = uid.parse().ok().and_then(|uid| Operator::new(uid, groups));
            return operator.map(Party::from).ok_or_else(|| format!("`{uid}` is no operator"));
        }
        let load = self.load.as_ref().ok_or("the log does not say how its subject was loaded")?;
        Ok(principal(load)?.into())
    }

    /// On what it asked, as that was then.
    ///
    /// # Errors
    /// A sentence when the record's resource is unknown here, or the log does not say how its component was loaded.
    pub fn resource(&self) -> Result<Resource, String> {
        let resource = self.record.resource_value()?;
        let Some(instance) = self.record.resource.as_ref().and_then(|target| target.instance) else {
            return Ok(resource);
        };
        let live = |peer: &Peer| {
            let principal = self.loaded(peer.name(), instance)?;
            Ok::<_, String>(Peer::live(&Arc::new(principal), instance))
        };
        match resource {
            Resource::Component(peer) => Ok(live(&peer)?.into()),
            Resource::Function(function) => {
                let peer = live(function.peer())?;
                Ok(function.of(peer).into())
            }
            other => Err(format!("{other} has no instances")),
        }
    }

    /// On whose behalf it asked.
    ///
    /// # Errors
    /// A sentence when the log does not say how one of them was loaded.
    pub fn chain(&self) -> Result<Chain, String> {
        let callers = self.record.chain.iter().flatten().map(|link| self.caller(link));
        Ok(Chain::of(callers.collect::<Result<Vec<_>, _>>()?))
    }

    /// On whose authority it was allowed, the nearest lender first; none when that was the subject's own.
    ///
    /// # Errors
    /// A sentence when the log does not say how one of them was loaded.
    pub fn lenders(&self) -> Result<Vec<Caller>, String> {
        let lenders = self.record.delegation.iter().flat_map(|lent| &lent.lenders);
        lenders.map(|link| self.caller(link)).collect()
    }

    fn caller(&self, link: &Link<'_>) -> Result<Caller, String> {
        let principal = Arc::new(self.loaded(&link.component, link.instance)?);
        // Who waits for whom is no part of a question.
        Ok(Caller { principal, instance: link.instance, waits: true })
    }

    fn loaded(&self, name: &str, instance: u64) -> Result<Principal, String> {
        let is_it =
            |load: &&Record<'_>| load.subject.as_deref() == Some(name) && load.instance == Some(instance);
        let load = self.others.iter().find(is_it);
        principal(load.ok_or_else(|| format!("the log does not say how `{name}` was loaded"))?)
    }
}

/// The identity that a `load` record speaks of.
fn principal(load: &Record<'_>) -> Result<Principal, String> {
    let component = load.component.as_ref().filter(|_| load.kind == Kind::Load);
    let component = component.ok_or("the log does not say who its subject is")?;
    if load.is_cut() {
        return Err("a part of it was cut, being too long for the log".to_owned());
    }
    let version = component.version;
    let groups = component.parents.iter().filter(|parent| parent.kind == "Group");
    Ok(Principal {
        name: load.subject.as_deref().unwrap_or_default().to_owned(),
        publisher: component.publisher.to_string(),
        digest: load.digest.as_deref().unwrap_or_default().to_owned(),
        version: (version.major, version.minor, version.patch),
        release: component.release,
        dev: component.dev,
        groups: groups.map(|group| group.id.to_string()).collect(),
    })
}
