//! What operators do rests on a permission that stands when it is done.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod common;

use airssys_osl::action::{ComponentStop, RuntimeLogs};
use airssys_osl::operate::{Reading, spent};
use airssys_osl::{Operator, Peer, RuntimeSelf, Session, Subject, Why};
use common::{IMPORT, Log, Script};
use std::sync::Arc;

fn world() -> (Arc<Script>, Arc<Log>, Arc<Session>) {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let operator = Operator::new(1000, Vec::new()).unwrap();
    let session = common::session(&script, &log).gate().session(Subject::new(operator, 9));
    (script, log, session)
}

#[test]
fn what_was_permitted_and_is_so_no_more_is_not_to_be_done() {
    for revoked in [true, false] {
        let (script, _log, session) = world();
        let stop = session.authorize::<ComponentStop>(Peer::named("acme/a").unwrap(), IMPORT).unwrap();
        let logs = session.authorize::<RuntimeLogs>(RuntimeSelf::Itself, IMPORT).unwrap();
        if revoked {
            session.revoke();
        } else {
            script.swap(|_, _| false);
            session.gate().policies_changed(1);
        }
        let why = if revoked { Why::Revoked } else { Why::Policy };
        assert_eq!(spent(stop).unwrap_err().why, why);
        assert_eq!(Reading::begin(logs, IMPORT).unwrap_err().why, why);
    }
    let (_script, _log, session) = world();
    let stop = session.authorize::<ComponentStop>(Peer::named("acme/a").unwrap(), IMPORT).unwrap();
    assert!(spent(stop).is_ok());
}

#[test]
fn reading_the_log_goes_on_as_long_as_that_is_permitted() {
    let (script, log, session) = world();
    let logs = session.authorize::<RuntimeLogs>(RuntimeSelf::Itself, IMPORT).unwrap();
    let reading = Reading::begin(logs, IMPORT).unwrap();
    log.take();
    assert!(reading.goes_on() && reading.goes_on());
    assert_eq!(log.take(), Vec::<String>::new(), "the log's own reader does not fill it");
    script.swap(|_, _| false);
    session.gate().policies_changed(1);
    assert!(!reading.goes_on() && !reading.goes_on());
    assert_eq!(log.take().len(), 1, "its end is recorded once");
    script.swap(|_, _| true);
    session.gate().policies_changed(2);
    assert!(!reading.goes_on(), "what has ended does not begin again");
}
