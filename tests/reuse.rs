//! What is counted as the reuse of a verdict: every use but the one that it was taken for.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod support;

use support::probe::{Offered, Plan, build, offered};

/// Calls a function so often and gives the number of its decisions, and of the reuses that the summary tells.
async fn counted(resolve: &wit_parser::Resolve, offered: &Offered, times: u64) -> (usize, u64) {
    let (runtime, log) = support::runtime(support::ALLOW_ALL);
    let bytes = build(resolve, offered, &Plan { path: "", flags: (0, 0, 0), port: 0 });
    let component = runtime.load_component(support::signed("probe", &bytes)).await.unwrap();
    for _ in 0..times {
        assert_eq!(component.call::<_, u32>("prepare", &()).await.unwrap(), 0);
        let _: u32 = component.call("run", &()).await.unwrap();
    }
    drop(component);
    let reused = support::of_kind(&log, "summary");
    let reused = reused.iter().flat_map(|summary| summary["reused"].as_array().unwrap().clone());
    (support::of_kind(&log, "decision").len(), reused.map(|reuse| reuse["times"].as_u64().unwrap()).sum())
}

#[tokio::test]
async fn the_use_that_a_verdict_was_taken_for_is_no_reuse_of_it() {
    let resolve = support::wit();
    let mut ambient = offered(&resolve);
    ambient.retain(|o| o.id.starts_with("wasi:clocks/") || o.id.starts_with("wasi:random/"));
    assert_eq!(ambient.len(), 11);
    for offered in &ambient {
        assert_eq!(counted(&resolve, offered, 1).await, (1, 0), "{}", offered.id);
        assert_eq!(counted(&resolve, offered, 4).await, (1, 3), "{}", offered.id);
    }
}
