//! A permit for one action is none for another.
use airssys_osl::action::ClockRead;
use airssys_osl::{Permit, clock::Sleeper};

fn other(permit: Permit<ClockRead>) -> Sleeper {
    Sleeper::new(permit)
}

fn main() {}
