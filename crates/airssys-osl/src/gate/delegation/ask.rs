//! Asking in the lenders' name.

use super::node::{Holding, Node};
use crate::gate::{Ask, Caller, Decision, Delegated, Session, Verdict};
use crate::{ActionId, GuestPath, Resource};
use std::sync::Arc;

/// On whose authority a verdict allows that is not the session's own.
#[derive(Debug, Clone)]
pub(in crate::gate) struct Borrowed {
    pub(in crate::gate) holding: Arc<Holding>,
    pub(in crate::gate) told: Arc<Delegated>,
}

impl Session {
    /// What the policies say by what was lent to this session, to a question that they deny it by default; none when
    /// nothing that it holds covers it, or a lender may not do it either, or somebody on the way is forbidden.
    #[cold]
    pub(in crate::gate) fn ask_lenders(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        own: &Decision,
    ) -> Option<(Decision, Borrowed)> {
        let held = self.loans.accepted();
        let mut fit = held.iter().filter(|held| held.stands() && held.node.terms.cover(action, resource));
        fit.find_map(|holding| self.ask_chain(holding, action, resource, import, own.epoch))
    }

    /// True when this session holds something lent that is, contains or lies beneath a mount which the first lender sees.
    /// As with its own policies no decision is taken: the mount's root carries no right.
    pub(in crate::gate) fn lent_mount(&self, mount: &GuestPath) -> bool {
        let reaches = |holding: &Arc<Holding>| {
            let Resource::Path(path) = holding.node.terms.resource() else { return false };
            holding.stands()
                && (path.is_within(mount) || mount.is_within(path))
                && holding.node.first_lender().is_some_and(|lender| lender.sees_mount_by_itself(mount))
        };
        self.loans.accepted().iter().any(reaches)
    }

    /// Asks each lender, from the nearest to the first: as the principal he is, on behalf of those behind him.
    fn ask_chain(
        &self,
        holding: &Arc<Holding>,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        asked: u64,
    ) -> Option<(Decision, Borrowed)> {
        let (mut epoch, mut lenders) = (asked, Vec::new());
        let (mut chain, mut node): (_, &Arc<Node>) = (self.subject().chain_of_callee(), &holding.node);
        loop {
            let lender = node.lender.upgrade().filter(|lender| !lender.is_revoked())?;
            let subject = lender.subject().serving(chain);
            let ask = Ask { subject: &subject, action, resource, import };
            let decision = self.gate.decide(&ask);
            epoch = epoch.min(decision.epoch);
            let principal = Arc::clone(subject.component()?);
            lenders.push(Caller { principal, instance: subject.instance(), waits: false });
            match (&node.from, decision.verdict) {
                (None, verdict @ Verdict::Allow(_)) => {
                    let told = Arc::new(Delegated { id: holding.node.number, lenders });
                    let borrowed = Borrowed { holding: Arc::clone(holding), told };
                    return Some((Decision { verdict, epoch, reusable: false }, borrowed));
                }
                (Some(from), Verdict::Allow(_)) => node = from,
                (Some(from), verdict @ Verdict::Deny(_)) if verdict.is_by_default() => node = from,
                (_, Verdict::Deny(_) | Verdict::Fault(_)) => return None,
            }
            chain = subject.chain_of_callee();
        }
    }
}
