//! What was lent, in the hands of who accepted it.

use super::node::Holding;
use super::{LendError, Terms, enter};
use crate::action::ComponentDelegate;
use crate::gate::{Lease, Permit, Session};
use std::sync::Arc;

/// A delegation that is held. While it is, what its session may not do by itself is asked in the lenders' name.
#[must_use = "it is used only while it is held"]
pub struct Accepted {
    session: Arc<Session>,
    holding: Arc<Holding>,
}

impl Accepted {
    pub(super) fn of(session: Arc<Session>, holding: Arc<Holding>) -> Accepted {
        Accepted { session, holding }
    }

    /// What was lent.
    pub fn terms(&self) -> &Terms {
        &self.holding.node.terms
    }

    /// Stands behind the handle: it carries no right, and is revoked when the delegation ends.
    pub fn lease(&self) -> &Lease {
        &self.holding.lease
    }

    /// Lends it on, within its terms. What is lent on outlasts this handle, and no link before it.
    ///
    /// # Errors
    /// [`LendError`]; [`LendError::NoSuch`] once it has ended.
    pub fn lend_on(
        &self,
        permit: Permit<ComponentDelegate>,
        terms: Terms,
        import: &'static str,
    ) -> Result<u64, LendError> {
        if !self.holding.stands() || !Arc::ptr_eq(permit.session(), &self.session) {
            return Err(LendError::NoSuch);
        }
        self.terms().hold(&terms)?;
        enter(permit, terms, Some(Arc::clone(&self.holding.node)), import)
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        self.session.loans.let_go(&self.holding);
        self.holding.let_go();
    }
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.holding, f)
    }
}
