//! A lease comes from a permit alone.
use airssys_osl::{Lease, Resource, Session};
use std::sync::Arc;

fn lease(session: Arc<Session>, resource: Resource) -> Lease {
    Lease::new(session, resource, Vec::new())
}

fn main() {}
