//! Durable mailboxes: what was given back comes again, and not at once.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

mod common;
#[path = "post_common/disk.rs"]
mod disk;
mod post_common;

use airssys_osl::post::publish;
use airssys_rt::Backoff;
use common::IMPORT;
use disk::{Disk, everything, now, put};
use post_common::{AT_LAST, text};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

/// What rests is met again before what its sender has sent after it, in whatever way, and others do not wait for that.
#[tokio::test]
async fn what_was_given_back_rests_and_holds_back_its_own_sender_alone() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let rest = Duration::from_millis(1500);
    disk.mailbox_resting(Backoff { first: rest, most: rest, jitter_percent: 0 }).await;
    let (a, b, c) = (world.actor("acme/a"), world.actor("acme/b"), world.actor("acme/c"));
    b.inbox.subscribe(&b.session, "/news", IMPORT).unwrap();
    for body in ["a1", "a2"] {
        put(&world, &a.session, body, None).await.unwrap();
    }
    let first = b.next().await;
    let begun = std::time::Instant::now();
    b.inbox.give_up(first.id).unwrap();
    // In memory, behind `a2`; and of another, behind nothing of its own.
    publish(&world.office, &a.session, "/news", b"a3".to_vec(), IMPORT).unwrap();
    publish(&world.office, &c.session, "/news", b"c1".to_vec(), IMPORT).unwrap();
    put(&world, &c.session, "c2", None).await.unwrap();
    let mut heard = Vec::new();
    for _ in 0..2 {
        let delivery = b.next().await;
        heard.push(text(&delivery).to_owned());
        b.inbox.acknowledge(delivery.id).await.unwrap();
    }
    heard.sort();
    assert_eq!(heard, ["c1", "c2"], "neither waits for what rests");
    assert_eq!((now(&b).await, b.inbox.depth()), (None, 3));
    if begun.elapsed() < rest {
        let busy = pin!(b.inbox.news()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(!busy, "and nobody is kept busy");
    }
    tokio::time::timeout(AT_LAST, b.inbox.news()).await.unwrap();
    assert!(begun.elapsed() >= rest);
    for (body, deliveries) in [("a1", 2), ("a2", 1), ("a3", 1)] {
        let delivery = b.next().await;
        assert_eq!((text(&delivery), delivery.deliveries), (body, deliveries));
        b.inbox.acknowledge(delivery.id).await.unwrap();
    }
}
