//! A question about a file is not answered for a clock.
use airssys_osl::action::FsRead;
use airssys_osl::{Clock, Denied, Permit, Session};
use std::sync::Arc;

fn other(session: &Arc<Session>) -> Result<Permit<FsRead>, Denied> {
    session.authorize::<FsRead>(Clock::Wall, "test")
}

fn main() {}
