//! Operations of operators that meet each other at the very moment.

#![allow(clippy::disallowed_methods, reason = "a test builds its world by hand")]

use crate::identity::SecretKey;
use crate::policy::Source;
use crate::serve::LiveSystem;
use crate::serve::config::SystemConfig;
use crate::serve::control::{Code, ControlError, Controls, Operator, PolicyRequest, SourceText};
use crate::serve::metrics::Metrics;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};

const ALL: &str = "@id(\"all\") permit (principal, action, resource);";
const NO_CHANGES: &str = "permit (principal, action, resource);
    @id(\"no\") forbid (principal, action in [Action::\"runtime:policy\", Action::\"runtime:revoke\"], resource);";

/// A system without components, in which everything is permitted, and the id of the key that it trusts.
async fn system(directory: &Path) -> (LiveSystem, String) {
    let key = SecretKey::generate().unwrap().public_key();
    let trust = format!(
        "[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nkey = '{}'\n",
        key.to_text()
    );
    std::fs::write(directory.join("policy.cedar"), ALL).unwrap();
    std::fs::write(directory.join("trust.toml"), trust).unwrap();
    let text = "policy = ['policy.cedar']\ntrust = 'trust.toml'\n[serve]\nstate = 'state'\ncontrol = 'control.sock'\n";
    let path = directory.join("airssys.toml");
    std::fs::write(&path, text).unwrap();
    let config = SystemConfig::parse(text, &path, directory).unwrap();
    let read = LiveSystem::read(&config, &path).unwrap();
    (LiveSystem::start(config, read, &Metrics::default()).await.unwrap(), key.key_id())
}

/// What becomes of an operation that waits for its turn, when the one before it takes its permission away.
async fn overtaken<T>(
    system: &LiveSystem,
    operation: impl Future<Output = Result<T, ControlError>>,
) -> Result<T, ControlError> {
    let mut operation = pin!(operation);
    let turn = system.changing.lock().await;
    let begun = operation.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(begun.is_pending(), "it waits for its turn");
    system.runtime.swap_policy(&[Source::new("no.cedar", NO_CHANGES)], &[]).unwrap();
    drop(turn);
    let done = operation.await;
    system.runtime.swap_policy(&[Source::new("all.cedar", ALL)], &[]).unwrap();
    done
}

#[tokio::test]
async fn a_change_is_decided_on_when_its_turn_has_come() {
    let directory = tempfile::tempdir().unwrap();
    let (system, key_id) = system(directory.path()).await;
    let who = Operator::assume(1000, 1000, None);
    let text = SourceText { name: "other.cedar".to_owned(), text: ALL.to_owned() };
    let policies = PolicyRequest { policies: vec![text], entities: Vec::new() };
    let swapped = overtaken(&system, system.swap_policy(who, policies.clone())).await;
    assert_eq!(swapped.unwrap_err().code, Code::Denied);
    assert_eq!(overtaken(&system, system.reload_trust(who)).await.unwrap_err().code, Code::Denied);
    assert_eq!(
        overtaken(&system, system.revoke_key(who, key_id.clone())).await.unwrap_err().code,
        Code::Denied
    );
    // Where nobody takes it away, each is done.
    system.swap_policy(who, policies).await.unwrap();
    system.reload_trust(who).await.unwrap();
    system.revoke_key(who, key_id).await.unwrap();
}
