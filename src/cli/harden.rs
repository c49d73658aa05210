//! `--harden`: this very process is held by the system to what it needs.

use super::failure::Failure;
use airssys_osl::host_harden::{HostNeeds, harden_ambient};

/// Holds this process to its needs. To be called before any thread is made.
pub(super) fn hold(needs: &HostNeeds) -> Result<(), Failure> {
    let help = "run it on a system that can, or without `--harden`";
    harden_ambient(needs).map_err(|error| Failure::wrong(error.to_string(), help))
}
