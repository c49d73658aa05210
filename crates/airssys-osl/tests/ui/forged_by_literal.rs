//! The fields of a permit are its own file's.
use airssys_osl::action::ClockRead;
use airssys_osl::{Clock, Permit, Session};
use std::sync::Arc;

fn forge(session: Arc<Session>) -> Permit<ClockRead> {
    Permit { resource: Clock::Wall, allowed: session }
}

fn main() {}
