//! The fields of a permit are its own file's.
use airssys_osl::action::ClockRead;
use airssys_osl::{Clock, Permit};

fn forge() -> Permit<ClockRead> {
    Permit { resource: Clock::Wall, allowed: todo!() }
}

fn main() {}
