//! Changes of version that meet something else at the very moment.

#![allow(clippy::disallowed_methods, reason = "a test builds its world by hand")]

use crate::embed::named::{Route, Spec};
use crate::embed::{ComponentRuntime, Config, Error};
use crate::identity::{SecretKey, Trust, sign};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

struct Trial {
    runtime: ComponentRuntime,
    key: SecretKey,
    route: Arc<Route>,
}

impl Trial {
    async fn new(state: Option<&Path>) -> Trial {
        let key = SecretKey::generate().unwrap();
        let text = key.public_key().to_text();
        let trust =
            format!("[[publisher]]\nname = \"acme\"\nnames = [\"*\"]\n[[publisher.key]]\nkey = \"{text}\"\n");
        let trust =
            Trust::parse(&trust, "trust.toml", &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
        let policy = "@id(\"all\") permit (principal, action, resource);";
        let config = Config::new().trust(trust).policy("test.cedar", policy);
        let config = state.into_iter().fold(config, |config, state| config.state_dir(state));
        let runtime = ComponentRuntime::new(config).unwrap();
        runtime.spawn(Spec::new(release(&key, 1))).await.unwrap();
        let route = runtime.shared.routes().find("acme/a").unwrap();
        Trial { runtime, key, route }
    }

    async fn change(&self) -> super::reload::Change {
        self.runtime.change(&self.route, release(&self.key, 2).into(), None).await.unwrap()
    }

    /// The instance that lives there, once that is another than this.
    async fn other_than(&self, instance: Option<u64>) -> Option<u64> {
        let other = async {
            loop {
                let now = self.route.living().ok().and_then(|living| living.live.target.peer.instance());
                if now.is_some() && now != instance {
                    return now;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, other).await.unwrap()
    }

    /// The old release lives there and has its mailbox, and nothing is left of the new one.
    fn is_as_before(&self, left: &airssys_osl::Session) {
        let living = self.route.living().unwrap();
        assert_eq!(living.principal().release, 1);
        let addressed = self.runtime.shared.office().peer("acme/a").unwrap();
        assert_eq!(addressed.instance(), living.live.target.peer.instance());
        assert!(left.is_revoked(), "its session is closed");
    }
}

fn release(key: &SecretKey, release: u64) -> Vec<u8> {
    let manifest = format!(
        "[component]\nname = \"a\"\npublisher = \"acme\"\nversion = \"1.0.0\"\nrelease = {release}\n"
    );
    let component = wat::parse_str(include_str!("../../../tests/guests/wat/tiny.wat")).unwrap();
    sign(&component, &manifest, key).unwrap()
}

#[tokio::test]
async fn who_ends_at_the_very_moment_keeps_the_name_and_the_mailbox_for_the_next_of_its_kind() {
    let trial = Trial::new(None).await;
    let change = trial.change().await;
    let (old, left) = (change.before.live.target.peer.instance(), Arc::clone(&change.component.live.session));
    // It ends here, and on this one thread nothing runs before the change: the seat finds both at once, and the end comes first.
    let ((), ending) = airssys_rt::gather(|| change.before.live.actor().kill());
    ending.run();
    let error = change.made().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    let addressed = trial.runtime.shared.office().peer("acme/a").unwrap().instance();
    assert!(addressed == old || addressed.is_none(), "{addressed:?}");
    trial.other_than(old).await;
    trial.is_as_before(&left);
}

#[tokio::test]
async fn who_was_started_again_meanwhile_is_not_replaced_by_what_took_over_from_another() {
    let trial = Trial::new(None).await;
    let change = trial.change().await;
    let (old, left) = (change.before.live.target.peer.instance(), Arc::clone(&change.component.live.session));
    change.before.live.actor().kill();
    let again = trial.other_than(old).await;
    let error = change.made().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert_eq!(trial.other_than(old).await, again);
    trial.is_as_before(&left);
}

#[tokio::test]
async fn a_switch_that_cannot_be_put_down_does_not_happen() {
    let directory = tempfile::tempdir().unwrap();
    let trial = Trial::new(Some(directory.path())).await;
    let change = trial.change().await;
    let left = Arc::clone(&change.component.live.session);
    trial.runtime.shared.state().unwrap().stop_writing().await;
    let error = change.made().await.unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    trial.is_as_before(&left);
}

#[tokio::test]
async fn a_change_that_is_given_up_while_it_waits_is_undone() {
    let trial = Trial::new(None).await;
    let change = trial.change().await;
    let left = Arc::clone(&change.component.live.session);
    let busy = change.before.live.pause().await;
    let given_up = tokio::time::timeout(Duration::from_millis(50), change.made()).await;
    assert!(given_up.is_err(), "it waits for its turn");
    drop(busy);
    trial.is_as_before(&left);
    assert_eq!(trial.change().await.made().await.unwrap().to.1, 2);
}
