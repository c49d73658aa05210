//! A runtime with actors in it.

use crate::{guests, support};
use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{ComponentRuntime, Error, Named, Spec};
use airssys_wasm::identity::sign;
use airssys_wasm::policy::Source;
use std::time::Duration;

/// Long enough for whatever is going to happen at all.
pub(crate) const AT_LAST: Duration = Duration::from_secs(60);

/// A runtime under one policy, with its log.
pub(crate) fn runtime(policy: &str) -> (ComponentRuntime, Memory) {
    support::runtime(policy)
}

/// An actor in Rust, signed as `acme/<name>`.
pub(crate) fn actor(name: &str) -> Spec {
    Spec::new(support::signed(name, &guests::component("probe-actor")))
}

/// Another version of it, by its release.
pub(crate) fn version(name: &str, guest: &str, release: u64) -> Vec<u8> {
    let manifest = format!(
        "[component]\nname = \"{name}\"\npublisher = \"acme\"\nversion = \"2.0.0\"\nrelease = {release}\n"
    );
    sign(&guests::component(guest), &manifest, &support::KEY).unwrap()
}

/// What an actor does with a verb, for the host.
pub(crate) async fn ask(named: &Named, verb: &str) -> Result<String, Error> {
    tokio::time::timeout(AT_LAST, named.call("ask", &verb.to_owned())).await.expect("it answers")
}

/// The same where it must succeed.
pub(crate) async fn told(named: &Named, verb: &str) -> String {
    ask(named, verb).await.unwrap_or_else(|error| panic!("{verb}: {error}"))
}

/// Waits until it is so.
pub(crate) async fn until(mut so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(AT_LAST, waiting).await.expect("it comes to be so");
}

pub(crate) fn swap(runtime: &ComponentRuntime, policy: &str) {
    runtime.swap_policy(&[Source::new("test.cedar", policy)], &[]).unwrap();
}
