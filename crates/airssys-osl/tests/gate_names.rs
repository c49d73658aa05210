//! What the gate asks of an authorizer beside verdicts.
#![allow(clippy::unwrap_used, reason = "a test builds its world by hand")]

use airssys_osl::{
    ActionId, Ask, Authorizer, Decision, Entry, Gate, GuestPath, Principal, RecordError, Recorder, Session,
    Subject, Verdict,
};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

struct Silent;

impl Recorder for Silent {
    fn decision(&self, _: &Entry<'_>) -> Result<(), RecordError> {
        Ok(())
    }
    fn note(&self, _: &Subject, _: &'static str, _: &str) -> Result<(), RecordError> {
        Ok(())
    }
    fn summary(&self, _: &Subject, _: &[(ActionId, u64)]) -> Result<(), RecordError> {
        Ok(())
    }
}

/// Answers the same to both questions, or panics.
struct Says(Option<bool>, Arc<AtomicU64>);

impl Authorizer for Says {
    fn decide(&self, _: &Ask<'_>) -> Decision {
        Decision { verdict: Verdict::fault("not asked here"), epoch: 1, reusable: false }
    }
    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.1
    }
    fn names_beneath(&self, _: &GuestPath) -> bool {
        self.0.unwrap()
    }
    fn visible(&self, _: &Subject, _: &GuestPath) -> bool {
        self.0.unwrap()
    }
}

fn session(says: Option<bool>) -> Arc<Session> {
    let principal = Principal {
        name: "acme/x".to_owned(),
        publisher: "acme".to_owned(),
        digest: String::new(),
        version: (1, 0, 0),
        release: 1,
        dev: false,
        groups: Vec::new(),
    };
    let authorizer = Arc::new(Says(says, Arc::new(AtomicU64::new(1))));
    Gate::new(authorizer, Arc::new(Silent)).session(Subject::new(principal, 1))
}

#[test]
fn an_authorizer_that_panics_names_everything_and_shows_nothing() {
    let session = session(None);
    assert!(session.names_beneath(&GuestPath::root()));
    assert!(!session.sees_mount(&GuestPath::root()));
}

#[test]
fn a_revoked_session_sees_no_mount() {
    let session = session(Some(true));
    assert!(session.sees_mount(&GuestPath::root()));
    session.revoke();
    assert!(!session.sees_mount(&GuestPath::root()));
}

#[test]
fn what_the_authorizer_says_is_handed_on() {
    for says in [false, true] {
        let session = session(Some(says));
        assert_eq!(
            (session.names_beneath(&GuestPath::root()), session.sees_mount(&GuestPath::root())),
            (says, says)
        );
    }
}
