//! Other policies while components run.

use super::{outside_effects, policy_set};
use crate::embed::{ComponentRuntime, Error};
use crate::policy::{Policies, Source};
use std::sync::PoisonError;

impl ComponentRuntime {
    /// Puts other policies and entities in force, all at once. Each decision is taken under the old set or the new.
    ///
    /// A barrier: when it has returned, no effect is under way that was decided under the old set, and none starts any
    /// more. Open files and streams and waits are decided anew at their next use, and whoever waits is woken to be. It
    /// waits for the system calls under way, so it is not to be called from `on_denied`.
    ///
    /// # Errors
    /// [`Error::Policy`], or [`Error::Record`] when the change could not be recorded: the old set stays in force.
    pub fn swap_policy(&self, policies: &[Source], entities: &[Source]) -> Result<u64, Error> {
        let policies = self.read_policies(policies, entities)?;
        self.put_in_force(policies)
    }

    /// Reads policies and entities over those of the kernel, and changes nothing.
    ///
    /// # Errors
    /// [`Error::Policy`]; [`Error::Config`] when they could grant more than the process can do.
    pub(crate) fn read_policies(&self, policies: &[Source], entities: &[Source]) -> Result<Policies, Error> {
        let policies = Policies::load_over(&self.shared.words, policies, entities)?;
        self.shared.held.as_ref().map_or(Ok(()), |held| held.allows(&policies))?;
        Ok(policies)
    }

    /// The second half of [`ComponentRuntime::swap_policy`].
    ///
    /// # Errors
    /// [`Error::Record`].
    pub(crate) fn put_in_force(&self, policies: Policies) -> Result<u64, Error> {
        outside_effects()?;
        // One at a time, so that the epoch recorded is the epoch that comes.
        let _turn = self.shared.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.shared.authorizer.snapshot().epoch() + 1;
        // What was counted so far rests on the old set, so it is told before the new one is.
        self.shared.gate.flush_summaries()?;
        self.shared.log.swap(next, &policy_set(&policies))?;
        let epoch = self.shared.authorizer.swap(policies);
        self.shared.gate.policies_changed(epoch - 1);
        Ok(epoch)
    }
}
