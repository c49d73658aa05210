//! Only this crate's effects spend a permit.
use airssys_osl::action::EnvRead;
use airssys_osl::{EnvName, Permit};

fn spend(permit: Permit<EnvRead>) -> EnvName {
    permit.redeem()
}

fn main() {}
