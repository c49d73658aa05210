//! Whose each handle is.
//!
//! *Invariant:* every handle in the store's table has a holder from the moment it is handed to the guest until it
//! is dropped; a handle without one is a fault, never a default.

use airssys_osl::Lease;

/// What stands behind a handle.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    /// A decision that can be revoked.
    Lease(Lease),
    /// The instance itself: closed streams and errors, which give access to nothing.
    Instance,
}

impl Holder {
    /// True when the decision was taken back.
    pub(crate) fn is_revoked(&self) -> bool {
        match self {
            Holder::Lease(lease) => lease.is_revoked(),
            Holder::Instance => false,
        }
    }
}

/// Holders by the handle's number in the store's table.
#[derive(Debug, Default)]
pub(crate) struct Attribution(Vec<Option<Holder>>);

impl Attribution {
    pub(crate) fn set(&mut self, rep: u32, holder: Holder) {
        let index = rep as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.0.get_mut(index) {
            *slot = Some(holder);
        }
    }

    pub(crate) fn of(&self, rep: u32) -> Option<&Holder> {
        self.0.get(rep as usize)?.as_ref()
    }

    pub(crate) fn take(&mut self, rep: u32) -> Option<Holder> {
        self.0.get_mut(rep as usize)?.take()
    }
}

#[cfg(test)]
mod tests {
    use super::{Attribution, Holder};

    #[test]
    fn a_handle_never_set_or_already_released_has_no_holder() {
        let mut attribution = Attribution::default();
        attribution.set(3, Holder::Instance);
        assert!(attribution.of(2).is_none() && attribution.of(4).is_none() && attribution.of(3).is_some());
        assert!(attribution.take(3).is_some());
        assert!(attribution.of(3).is_none() && attribution.take(3).is_none());
    }
}
