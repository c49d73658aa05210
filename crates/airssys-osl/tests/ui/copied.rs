//! One permission, one permit.
use airssys_osl::Permit;
use airssys_osl::action::ClockRead;

fn copy(permit: &Permit<ClockRead>) -> Permit<ClockRead> {
    permit.clone()
}

fn main() {}
