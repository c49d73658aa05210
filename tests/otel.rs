//! Traces as a collector gets them: real components, the real exporter, and a receiver that reads the bytes by itself.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "a test"
)]

mod guests;
#[path = "support/otlp.rs"]
mod otlp;
mod support;
#[path = "support/talk.rs"]
mod talk;

use airssys_wasm::serve::telemetry::{TelemetryError, traces};
use otlp::{Collector, Got, Span};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// The one span of that name with that attribute.
fn only<'a>(spans: &'a [Span], name: &str, key: &str, value: &str) -> &'a Span {
    let is_it =
        |span: &&Span| span.name == name && span.attributes.get(key).is_some_and(|found| found == value);
    let found: Vec<_> = spans.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{name} with {key} {value}: {spans:#?}");
    found[0]
}

fn lies_in(span: &Span, outer: &Span) {
    assert_eq!((&span.trace, &span.parent), (&outer.trace, &outer.id), "{span:?} in {outer:?}");
}

#[test]
fn what_is_no_plain_address_of_a_collector_is_refused() {
    for (endpoint, why) in [
        ("https://127.0.0.1:4318", "does not begin"),
        ("127.0.0.1:4318", "does not begin"),
        ("http://user:secret@127.0.0.1:4318", "more than"),
        ("http://127.0.0.1:4318/?a=b", "more than"),
        ("http:// nowhere", "no address"),
    ] {
        let refused = traces::<Registry>(endpoint).map(drop).unwrap_err();
        assert!(matches!(refused, TelemetryError::Endpoint { .. }), "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[test]
fn a_collector_that_takes_nothing_keeps_nobody_waiting() {
    // Whoever connects is never answered.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (layer, traces) = traces(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let begun = Instant::now();
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        for _ in 0..100_000 {
            drop(tracing::debug_span!(target: airssys_wasm::embed::SPANS, "airssys.call"));
        }
    });
    assert!(!traces.finish(Duration::from_millis(200)), "it was not taken");
    drop(traces);
    assert!(begun.elapsed() < Duration::from_secs(60));
}

/// Each request is one that a collector takes, and nothing in it is what was said.
fn well_formed(got: &[Got]) {
    assert!(!got.is_empty());
    for request in got {
        let head = (&*request.method, &*request.path, &*request.content_type);
        assert_eq!(head, ("POST", "/v1/traces", "application/x-protobuf"));
        assert!(!String::from_utf8_lossy(&request.body).to_lowercase().contains("secret-value"));
    }
}

/// The actor asked the caller by a message, and that called over its link.
fn one_trace(spans: &[Span]) {
    let first = only(spans, "airssys.call", "component", "acme/actor");
    assert_eq!((&*first.parent, &*first.attributes["function"]), ("", "ask"));
    let second = only(spans, "airssys.call", "component", "acme/caller");
    lies_in(second, first);
    let third = only(spans, "airssys.call", "component", "acme/callee");
    lies_in(third, second);
    assert_eq!(third.attributes["function"], "acme:text/shout@1.2.0#shout");
    assert_eq!(third.attributes["outcome"], "returned");
    assert!(third.attributes["instance"].parse::<u64>().unwrap() > 0);
    let sent = only(spans, "airssys.decision", "action", "msg:request");
    lies_in(sent, first);
    let told = ["action", "resource.kind", "resource.id", "verdict", "epoch"];
    assert_eq!(
        told.map(|key| &*sent.attributes[key]),
        ["msg:request", "Component", "acme/caller", "allow", "1"]
    );
    assert_eq!(sent.attributes["import"], "airssys:runtime/messaging#request");
    let linked = only(spans, "airssys.decision", "action", "component:call");
    lies_in(linked, second);
    assert_eq!(linked.attributes["resource.kind"], "Function");
    let keys: Vec<_> = spans.iter().flat_map(|span| span.attributes.keys()).collect();
    assert!(!keys.iter().any(|key| key.starts_with("code.") || key.starts_with("thread.")), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_who_called_whom_what_was_decided_and_nothing_that_was_said() {
    let collector = Collector::listen().await;
    let (layer, traces) = traces(&format!("http://{}", collector.address)).unwrap();
    tracing::subscriber::set_global_default(Registry::default().with(layer)).unwrap();
    let (runtime, _) = support::runtime(support::ALLOW_ALL);
    let (caller, _callee) = talk::linked(&runtime, "caller", "callee").await;
    let actor = runtime.spawn(talk::actor("actor")).await.unwrap();
    let heard = talk::ask(&actor, "request:acme/caller,20000=shout:the-secret-value").await.unwrap();
    assert_eq!(heard, "THE-SECRET-VALUE");
    assert!(talk::ask(&caller, "trap:").await.is_err());
    runtime.shutdown(Duration::from_secs(20)).await;
    assert!(tokio::task::spawn_blocking(move || traces.finish(Duration::from_secs(30))).await.unwrap());

    let got = collector.got();
    well_formed(&got);
    let (resource, spans) = otlp::read(&got);
    assert_eq!(resource["service.name"], "airssys");
    let trapped = spans.iter().find(|span| span.attributes.get("outcome").is_some_and(|it| it == "trap"));
    let trapped = &trapped.unwrap().trace;
    one_trace(&spans.iter().filter(|span| span.trace != *trapped).cloned().collect::<Vec<_>>());
}
