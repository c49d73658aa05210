//! Events: who hears of which topic, once each, and what is told of those that were missed.
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
mod post_common;

use airssys_osl::ActionId;
use airssys_osl::post::{Terms, publish};
use common::IMPORT;
use post_common::{TERMS, World, text, told};

#[tokio::test]
async fn who_may_no_longer_hear_of_a_topic_is_not_told_how_much_was_missed() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor_within("acme/b", Terms { messages: 1, ..TERMS }));
    b.inbox.subscribe(&b.session, "/t", IMPORT).unwrap();
    world.send(&a, "acme/b", "full").unwrap();
    world.swap(|action, _| action != ActionId::MsgSubscribe);
    for _ in 0..3 {
        publish(&world.office, &a.session, "/t", Vec::new(), IMPORT).unwrap();
    }
    world.swap(|_, _| true);
    world.send(&a, "acme/b", "again").unwrap_err();
    assert_eq!(b.next().await.missed, 0);
}

#[tokio::test]
async fn who_misses_events_is_told_exactly_how_many() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor_within("acme/b", Terms { messages: 4, ..TERMS }));
    b.inbox.subscribe(&b.session, "/orders", IMPORT).unwrap();
    b.inbox.subscribe(&b.session, "/orders/new", IMPORT).unwrap();
    let tell = |topic| publish(&world.office, &a.session, topic, b"e".to_vec(), IMPORT);
    tell("/order").unwrap();
    for _ in 0..11 {
        tell("/orders/new").unwrap();
    }
    let first = b.next().await;
    assert_eq!((first.missed, first.topic.unwrap().as_str()), (7, "/orders/new"), "each once");
    tell("/orders").unwrap();
    tell("/orders").unwrap();
    let missed: Vec<u64> =
        [b.next().await, b.next().await, b.next().await, b.next().await].map(|d| d.missed).into();
    assert_eq!(missed, [1, 0, 0, 0]);
    b.inbox.unsubscribe("/orders").unwrap();
    tell("/orders").unwrap();
    assert!(b.soon().await.is_none());
}

#[tokio::test]
async fn an_event_of_a_topic_that_may_no_longer_be_heard_of_or_published_is_not_delivered() {
    for denied in [ActionId::MsgSubscribe, ActionId::MsgPublish] {
        let world = World::new(|_, _| true);
        let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
        b.inbox.subscribe(&b.session, "/t", IMPORT).unwrap();
        publish(&world.office, &a.session, "/t", Vec::new(), IMPORT).unwrap();
        world.swap(move |action, _| action != denied);
        assert!(b.soon().await.is_none(), "{denied}");
        assert_eq!(b.inbox.dropped(), 1);
    }
    let world = World::new(|action, _| !matches!(action, ActionId::MsgSubscribe | ActionId::MsgPublish));
    let a = world.actor("acme/a");
    assert_eq!(told(&a.inbox.subscribe(&a.session, "/t", IMPORT).unwrap_err()), "unreachable");
    assert_eq!(
        told(&publish(&world.office, &a.session, "/t", Vec::new(), IMPORT).unwrap_err()),
        "unreachable"
    );
    assert_eq!(told(&a.inbox.subscribe(&a.session, "t", IMPORT).unwrap_err()), "invalid");
}

#[tokio::test]
async fn who_hears_of_a_topic_twice_hears_of_it_while_either_is_permitted() {
    for lost in ["/orders", "/orders/new"] {
        for before in [true, false] {
            let world = World::new(|_, _| true);
            let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
            b.inbox.subscribe(&b.session, "/orders", IMPORT).unwrap();
            b.inbox.subscribe(&b.session, "/orders/new", IMPORT).unwrap();
            let change = || world.swap(move |action, id| action != ActionId::MsgSubscribe || id != lost);
            if before {
                change();
            }
            publish(&world.office, &a.session, "/orders/new/1", b"e".to_vec(), IMPORT).unwrap();
            if !before {
                change();
            }
            assert_eq!(text(&b.next().await), "e", "{lost} {before}");
            assert!(b.soon().await.is_none(), "once");
            world.swap(|action, _| action != ActionId::MsgSubscribe);
            publish(&world.office, &a.session, "/orders/new/1", b"e".to_vec(), IMPORT).unwrap();
            assert!(b.soon().await.is_none(), "neither is permitted");
            assert_eq!(b.inbox.dropped(), 1);
        }
    }
}

#[tokio::test]
async fn who_may_hear_of_a_topic_by_either_way_is_told_what_it_missed() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor_within("acme/b", Terms { messages: 1, ..TERMS }));
    b.inbox.subscribe(&b.session, "/t", IMPORT).unwrap();
    b.inbox.subscribe(&b.session, "/t/u", IMPORT).unwrap();
    world.swap(|action, id| action != ActionId::MsgSubscribe || id != "/t");
    world.send(&a, "acme/b", "full").unwrap();
    publish(&world.office, &a.session, "/t/u", Vec::new(), IMPORT).unwrap();
    assert_eq!(b.next().await.missed, 1);
}

#[tokio::test]
async fn topics_of_one_receiver_and_what_was_taken_are_bounded() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let subscribed = (0..300).filter(|n| b.inbox.subscribe(&b.session, &format!("/t/{n}"), IMPORT).is_ok());
    assert_eq!(subscribed.count(), 256);
    for _ in 0..9 {
        world.send(&a, "acme/b", "x").unwrap();
        b.next().await;
    }
    assert_eq!(
        told(&b.inbox.acknowledge(1).await.unwrap_err()),
        "no-such-message",
        "the oldest of nine made room"
    );
    b.inbox.acknowledge(2).await.unwrap();
}
