//! A runtime over a state directory, and components in it.

use crate::{guests, support};
use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{Backoff, ComponentRuntime, Config, Error, MailboxTerms, Named, Spec};
use airssys_wasm::identity::{SecretKey, Trust, sign};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

/// Long enough for whatever is going to happen at all.
pub(crate) const AT_LAST: Duration = Duration::from_secs(60);

/// A runtime over that state, with its log. Whoever had it before in this process ends a moment after it was dropped.
pub(crate) fn runtime(state: &Path, policy: &str) -> (ComponentRuntime, Memory) {
    let (config, log) = support::config(policy);
    (over(config, state), log)
}

/// The same with this configuration.
pub(crate) fn over(config: Config, state: &Path) -> ComponentRuntime {
    let begun = Instant::now();
    loop {
        match ComponentRuntime::new(config.clone().state_dir(state)) {
            Ok(runtime) => return runtime,
            Err(error) => assert!(begun.elapsed() < AT_LAST, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An actor in Rust.
pub(crate) fn actor(name: &str) -> Spec {
    spec(name, "probe-actor")
}

/// A guest under that name.
pub(crate) fn spec(name: &str, guest: &str) -> Spec {
    Spec::new(support::signed(name, &guests::component(guest))).backoff(at_once())
}

/// The same, signed by that key.
pub(crate) fn signed_by(key: &SecretKey, name: &str, guest: &str) -> Spec {
    Spec::new(sign(&guests::component(guest), &support::manifest(name), key).unwrap()).backoff(at_once())
}

/// Trusts both keys for all names of `acme`.
pub(crate) fn trusting(keys: [&SecretKey; 2]) -> Trust {
    let keys =
        keys.map(|key| format!("[[publisher.key]]\nkey = \"{}\"\n", key.public_key().to_text())).concat();
    let text = format!("[[publisher]]\nname = \"acme\"\nnames = [\"*\"]\n{keys}");
    Trust::parse(&text, "trust.toml", &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
}

fn at_once() -> Backoff {
    Backoff { first: Duration::from_millis(1), most: Duration::from_millis(5), ..Backoff::default() }
}

/// A mailbox whose messages are delivered so often.
pub(crate) fn durable(deliveries: u32) -> MailboxTerms {
    MailboxTerms { durable: NonZeroU32::new(deliveries), ..MailboxTerms::default() }
}

/// What an actor does with a verb, for the host.
pub(crate) async fn ask(named: &Named, verb: &str) -> Result<String, Error> {
    tokio::time::timeout(AT_LAST, named.call("ask", &verb.to_owned())).await.expect("it answers")
}

/// The same where it must succeed.
pub(crate) async fn told(named: &Named, verb: &str) -> String {
    ask(named, verb).await.unwrap_or_else(|error| panic!("{verb}: {error}"))
}

/// What an actor has heard; nothing while it is started again.
pub(crate) async fn heard(named: &Named) -> String {
    ask(named, "heard:").await.unwrap_or_default()
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
