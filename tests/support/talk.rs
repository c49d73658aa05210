//! Components with names that speak to each other.

use crate::{guests, support};
use airssys_wasm::embed::{ComponentRuntime, Error, Named, Spec};
use std::time::Duration;

/// An actor in Rust, signed as `acme/<name>`.
pub(crate) fn actor(name: &str) -> Spec {
    guest(name, "probe-actor")
}

fn guest(name: &str, guest: &str) -> Spec {
    Spec::new(support::signed(name, &guests::component(guest)))
}

/// One whose imports the other serves, and the other.
pub(crate) async fn linked(runtime: &ComponentRuntime, caller: &str, callee: &str) -> (Named, Named) {
    let to = runtime.spawn(guest(callee, "probe-callee")).await.unwrap();
    let spec = guest(caller, "probe-caller")
        .link("acme:text/greet@1.0.0", format!("acme/{callee}"))
        .link("acme:text/shout@1.0.0", format!("acme/{callee}"));
    (runtime.spawn(spec).await.unwrap(), to)
}

/// What a component does with a verb, for the host.
pub(crate) async fn ask(named: &Named, verb: &str) -> Result<String, Error> {
    let verb = verb.to_owned();
    let asking = named.call("ask", &verb);
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("it answers")
}
