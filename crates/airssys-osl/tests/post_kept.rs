//! Durable mailboxes: what lies on disk is no permission, and nothing of it is lost or forgotten.
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

use airssys_osl::post::{PostError, Terms, publish, request};
use airssys_osl::{ActionId, Operator, Subject};
use airssys_rt::durable::{Envelope, Reason};
use common::IMPORT;
use disk::{Disk, all, everything, now, put};
use post_common::{AT_LAST, Actor, TERMS, text, told};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::Duration;

/// A disk on which lie two messages of senders that live no more.
async fn after_a_restart() -> Disk {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, c, _b) = (world.actor("acme/a"), world.actor("acme/c"), world.actor("acme/b"));
    put(&world, &a.session, "of a", None).await.unwrap();
    put(&world, &c.session, "of c", None).await.unwrap();
    disk
}

#[tokio::test]
async fn what_its_sender_may_no_longer_send_is_dropped_counted_and_recorded_after_a_restart() {
    let disk = after_a_restart().await;
    let world = disk.run(|action, _| action != ActionId::MsgSend).await;
    let b = world.actor("acme/b");
    assert!(all(&b).await.is_empty());
    assert_eq!((b.inbox.dropped(), b.inbox.depth()), (2, 0));
    assert_eq!(world.log.take(), ["deny msg:send acme/b", "deny msg:send acme/b"]);
    let later = disk.run(everything).await;
    assert!(all(&later.actor("acme/b")).await.is_empty(), "dropped is dropped");
}

#[tokio::test]
async fn what_an_operator_has_sent_rests_on_the_operators_permission_after_a_restart_too() {
    let disk = Disk::new().await;
    let sent = async |body: &str| {
        let world = disk.run(everything).await;
        let _b = world.actor("acme/b");
        let operator = Operator::new(1000, vec!["on-call".to_owned()]).unwrap();
        put(&world, &world.gate.session(Subject::new(operator, 9)), body, None).await.unwrap();
    };
    sent("x").await;
    let world = disk.run(|action, _| action != ActionId::MsgSend).await;
    let b = world.actor("acme/b");
    assert!(all(&b).await.is_empty());
    assert_eq!(b.inbox.dropped(), 1);
    drop((b, world));
    sent("y").await;
    let world = disk.run(|action, _| action != ActionId::MsgReceive).await;
    let b = world.actor("acme/b");
    let delivery = b.inbox.take(&b.session, IMPORT).await.unwrap().unwrap();
    assert_eq!((delivery.sender.name().as_str(), text(&delivery)), ("operator:1000", "y"));
    let groups = delivery.sender.operator().unwrap().groups();
    assert_eq!(groups, ["now-1000"], "those of the configuration, not those it was sent with");
}

#[tokio::test]
async fn what_is_sent_while_nobody_lives_there_is_decided_on_bounded_and_kept_for_who_comes() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let a = world.actor("acme/a");
    drop(world.actor("acme/b"));
    let long = "x".repeat(usize::try_from(TERMS.body_bytes).unwrap() + 1);
    assert!(matches!(put(&world, &a.session, &long, None).await, Err(PostError::TooLarge(_))));
    put(&world, &a.session, "later", None).await.unwrap();
    assert!(matches!(
        request(&world.office, &a.session, "acme/b", vec![], AT_LAST, IMPORT).await,
        Err(PostError::Unreachable)
    ));
    assert_eq!(all(&world.actor("acme/b")).await, ["later"]);

    let refusing = disk.run(|action, _| action != ActionId::MsgSend).await;
    let a = refusing.actor("acme/a");
    assert!(matches!(put(&refusing, &a.session, "x", None).await, Err(PostError::Denied(_))));
    assert!(all(&refusing.actor("acme/b")).await.is_empty());
}

#[tokio::test]
async fn what_a_key_has_signed_that_is_not_trusted_any_more_is_dropped_and_noted() {
    let disk = after_a_restart().await;
    let world = disk.run_trusting(everything, |key| key != "key-1").await;
    let b = world.actor("acme/b");
    assert!(all(&b).await.is_empty());
    assert_eq!((b.inbox.dropped(), world.log.take().len()), (2, 0), "nothing is even asked");
    let notes = world.log.notes.lock().unwrap().clone();
    assert!(notes[0].contains("`acme/a`, whose key key-1 is not trusted"), "{notes:?}");
}

#[tokio::test]
async fn what_the_receiver_may_not_hear_is_dropped_after_a_restart() {
    let disk = after_a_restart().await;
    let world = disk.run(|action, id| action != ActionId::MsgReceive || id != "acme/a").await;
    let b = world.actor("acme/b");
    assert_eq!(all(&b).await, ["of c"]);
    assert_eq!((b.inbox.dropped(), b.inbox.refused()), (1, 1));
}

#[tokio::test]
async fn a_permission_that_is_lost_at_the_last_moment_drops_what_is_kept() {
    let disk = after_a_restart().await;
    let world = disk.run(everything).await;
    let b = world.actor("acme/b");
    let script = Arc::clone(&world.script);
    let meddle = Box::new(move || script.swap(|action, _| action != ActionId::MsgReceive));
    *world.log.then.lock().unwrap() = Some((ActionId::MsgReceive, meddle));
    assert!(all(&b).await.is_empty());
    assert_eq!((b.inbox.dropped(), b.inbox.refused()), (2, 1));
}

#[tokio::test]
async fn what_was_taken_back_from_a_living_sender_reaches_what_it_has_sent() {
    for swapped in [true, false] {
        let disk = Disk::new().await;
        let world = disk.run(everything).await;
        let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
        put(&world, &a.session, "x", None).await.unwrap();
        if swapped {
            world.swap(|action, _| action != ActionId::MsgSend);
        } else {
            a.session.end();
            // Its end makes no difference.
            a.session.close().unwrap();
        }
        assert!(all(&b).await.is_empty(), "{swapped}");
        assert_eq!(b.inbox.dropped(), 1);
    }
}

#[tokio::test]
async fn whoever_has_ended_by_itself_is_decided_on_anew() {
    for permitted in [true, false] {
        let disk = Disk::new().await;
        let world = disk.run(everything).await;
        let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
        put(&world, &a.session, "x", None).await.unwrap();
        a.session.close().unwrap();
        if !permitted {
            world.swap(|action, _| action != ActionId::MsgSend);
        }
        assert_eq!(all(&b).await.len(), usize::from(permitted));
    }
}

#[tokio::test]
async fn a_sender_of_an_earlier_run_is_nobody_who_lives_and_nobody_waits() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, _b) = (world.actor("acme/a"), world.actor("acme/b"));
    a.session.subject().serve(world.session("acme/first").subject().chain_of_callee());
    put(&world, &a.session, "x", None).await.unwrap();
    let world = disk.run(everything).await;
    let b = world.actor("acme/b");
    let delivery = b.next().await;
    let sender = delivery.sender.component().map(|peer| (peer.name().to_owned(), peer.instance()));
    assert_eq!(sender, Some(("acme/a".to_owned(), Some(0))));
    let chain: Vec<_> =
        delivery.chain.callers().iter().map(|c| (c.principal.name.as_str(), c.instance, c.waits)).collect();
    assert_eq!(chain, [("acme/a", 0, false), ("acme/first", 0, false)]);
    assert_eq!(world.log.take(), ["allow msg:send acme/b", "allow msg:receive acme/a"]);
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_at_last_is_a_dead_letter() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, mut b) = (world.actor("acme/a"), world.actor("acme/b"));
    put(&world, &a.session, "heavy", None).await.unwrap();
    put(&world, &a.session, "light", None).await.unwrap();
    for deliveries in 1..=3 {
        let heavy = b.next().await;
        assert_eq!((text(&heavy), heavy.deliveries), ("heavy", deliveries));
        drop(b);
        b = world.actor("acme/b");
    }
    let light = b.next().await;
    assert_eq!((text(&light), light.deliveries), ("light", 1));
    b.inbox.acknowledge(light.id).await.unwrap();
    assert_eq!(told(&b.inbox.acknowledge(light.id).await.unwrap_err()), "no-such-message");
    let shelf = world.office.shelf("acme/b").unwrap();
    let dead = shelf.mailbox().dead_letters(0, 9).await.unwrap();
    assert_eq!((dead.len(), dead[0].deliveries, dead[0].reason), (1, 3, Reason::Undeliverable));
    assert_eq!(shelf.read_dead(&dead[0]).unwrap(), ("acme/a".to_owned(), b"heavy".to_vec()));
    drop(b);
    assert!(all(&disk.run(everything).await.actor("acme/b")).await.is_empty());
}

#[tokio::test]
async fn what_is_given_back_comes_again_before_what_is_behind_it() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    put(&world, &a.session, "first", None).await.unwrap();
    put(&world, &a.session, "second", None).await.unwrap();
    let first = b.next().await;
    b.inbox.give_up(first.id).unwrap();
    assert_eq!(told(&b.inbox.acknowledge(first.id).await.unwrap_err()), "no-such-message");
    // The store does one thing after the other.
    world.office.shelf("acme/b").unwrap().mailbox().dead_letters(0, 1).await.unwrap();
    let again = b.next().await;
    assert_eq!((text(&again), again.deliveries), ("first", 2));
    assert_eq!(text(&b.next().await), "second");
}

#[tokio::test]
async fn a_receiver_that_never_acknowledges_is_sent_no_more_and_forgets_nothing() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let mut ids = Vec::new();
    for _ in 0..TERMS.messages {
        put(&world, &a.session, "x", None).await.unwrap();
        ids.push(b.next().await.id);
    }
    assert_eq!(told(&put(&world, &a.session, "x", None).await.unwrap_err()), "full");
    let long = "x".repeat(1001);
    assert_eq!(told(&put(&world, &a.session, &long, None).await.unwrap_err()), "too-large");
    for id in ids {
        b.inbox.acknowledge(id).await.unwrap();
    }
    put(&world, &a.session, "x", None).await.unwrap();
}

#[tokio::test]
async fn a_request_is_taken_after_the_messages_before_it_and_is_not_kept() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    b.inbox.subscribe(&b.session, "/t", IMPORT).unwrap();
    put(&world, &a.session, "before", None).await.unwrap();
    publish(&world.office, &a.session, "/t", b"event".to_vec(), IMPORT).unwrap();
    let asked = request(&world.office, &a.session, "acme/b", b"request".to_vec(), AT_LAST, IMPORT);
    let taking = async {
        while b.inbox.depth() < 3 {
            tokio::task::yield_now().await;
        }
        put(&world, &a.session, "after", None).await.unwrap();
        assert_eq!(all(&b).await, ["before", "event", "request", "after"]);
    };
    tokio::select! {
        answer = asked => panic!("{answer:?}"),
        () = taking => {}
    }
    drop(b);
    assert_eq!(all(&disk.run(everything).await.actor("acme/b")).await, ["before", "after"]);
}

#[tokio::test]
async fn a_successor_takes_nothing_before_it_has_its_place_and_all_that_was_not_dealt_with_after() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    put(&world, &a.session, "taken", None).await.unwrap();
    let taken = b.next().await;
    put(&world, &a.session, "waits", None).await.unwrap();
    let successor = world.office.waiting(b.session.subject().component().unwrap(), 9, TERMS);
    assert_eq!(successor.depth(), 0);
    assert!(successor.take(&b.session, IMPORT).await.unwrap().is_none());
    world.office.succeed(&successor);
    assert_eq!(b.inbox.depth(), 0);
    assert!(b.inbox.take(&b.session, IMPORT).await.is_err(), "its predecessor takes no more");
    let successor = Actor { inbox: successor, session: Arc::clone(&b.session) };
    assert_eq!(text(&successor.next().await), "waits");
    drop(b.inbox);
    let again = successor.next().await;
    assert_eq!((text(&again), again.deliveries), ("taken", 2));
    drop(taken);
}

#[tokio::test]
async fn what_is_past_its_time_is_a_dead_letter_and_put_back_it_has_no_end() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    put(&world, &a.session, "short", Some(Duration::from_millis(500))).await.unwrap();
    put(&world, &a.session, "long", Some(Duration::from_millis(5000))).await.unwrap();
    disk.now.fetch_add(1000, Ordering::SeqCst);
    let long = b.next().await;
    assert_eq!((text(&long), long.time_to_live), ("long", Some(Duration::from_millis(4000))));
    assert!(now(&b).await.is_none());
    let shelf = world.office.shelf("acme/b").unwrap();
    let dead = shelf.mailbox().dead_letters(0, 9).await.unwrap();
    assert_eq!((dead.len(), dead[0].reason), (1, Reason::Expired));
    shelf.mailbox().requeue(dead[0].sequence).await.unwrap().unwrap();
    let short = b.next().await;
    assert_eq!((text(&short), short.time_to_live, short.deliveries), ("short", None, 1));
}

#[tokio::test]
async fn what_cannot_be_read_stands_in_nobodys_way_and_is_kept() {
    let disk = Disk::new().await;
    disk.mailbox()
        .await
        .enqueue(Envelope { bytes: b"of another version".to_vec(), expires: None })
        .await
        .unwrap();
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    put(&world, &a.session, "x", None).await.unwrap();
    assert_eq!(text(&b.next().await), "x");
    let dead = async {
        while b.inbox.depth() > 0 {
            assert!(now(&b).await.is_none());
        }
        disk.mailbox().await.dead_letters(0, 9).await.unwrap()
    };
    let dead = tokio::time::timeout(AT_LAST, dead).await.unwrap();
    assert_eq!((dead.len(), dead[0].bytes.as_slice()), (1, b"of another version".as_slice()));
}

#[tokio::test]
async fn a_disk_that_fails_is_told_to_who_sends_and_not_taken_for_an_empty_mailbox() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    put(&world, &a.session, "x", None).await.unwrap();
    disk.store.close().await;
    let failed = put(&world, &a.session, "y", None).await.unwrap_err();
    assert!(matches!(failed, PostError::Unkept(_)), "{failed}");
    assert!(now(&b).await.is_none());
    assert!(world.log.notes.lock().unwrap().iter().any(|note| note.contains("the mailbox on disk")));
}

#[tokio::test]
async fn a_receiver_that_is_ending_and_a_log_that_fails_say_nothing_of_what_is_kept() {
    let disk = after_a_restart().await;
    let world = disk.run(everything).await;
    let b = world.actor("acme/b");
    world.log.broken.store(true, Ordering::SeqCst);
    assert!(now(&b).await.is_none());
    world.log.broken.store(false, Ordering::SeqCst);
    assert!(now(&b).await.is_some());
    b.session.end();
    world.log.take();
    assert!(now(&b).await.is_none());
    assert_eq!((b.inbox.dropped(), b.inbox.refused()), (0, 0));
    assert!(world.log.take().is_empty(), "nothing is asked for who is no more");
    drop(b);
    let b = world.actor("acme/b");
    let (first, second) = (b.next().await, b.next().await);
    assert_eq!((text(&first), first.deliveries), ("of a", 2), "the other did not deal with it");
    assert_eq!((text(&second), second.deliveries), ("of c", 1), "nobody has seen it");
}

#[tokio::test]
async fn a_receiver_that_ends_while_it_is_asked_about_loses_nothing() {
    let disk = after_a_restart().await;
    let world = disk.run(everything).await;
    let b = world.actor("acme/b");
    let session = Arc::clone(&b.session);
    let meddle = Box::new(move || session.revoke());
    *world.log.then.lock().unwrap() = Some((ActionId::MsgReceive, meddle));
    assert!(now(&b).await.is_none());
    drop(b);
    let first = world.actor("acme/b").next().await;
    assert_eq!((text(&first), first.deliveries), ("of a", 1));
}

#[tokio::test]
async fn who_waits_already_hears_of_what_is_put_down() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let (delivery, ()) = tokio::join!(b.next(), async {
        // It waits by now: there is no disk to wait for where nothing lies.
        put(&world, &a.session, "x", None).await.unwrap();
    });
    assert_eq!(text(&delivery), "x");
}

#[tokio::test]
async fn however_short_one_waits_what_is_there_is_taken_and_who_gives_up_loses_nothing() {
    let disk = Disk::new().await;
    let world = disk.run(everything).await;
    let (a, b) = (world.actor("acme/a"), world.actor_within("acme/b", Terms { ..TERMS }));
    assert!(b.inbox.next_within(&b.session, IMPORT, Duration::ZERO).await.unwrap().is_none());
    put(&world, &a.session, "x", None).await.unwrap();
    let shelf = world.office.shelf("acme/b").unwrap();
    for _ in 0..20 {
        // The store does one thing after the other, and waits here.
        let (go_on, waits) = std::sync::mpsc::channel();
        shelf.mailbox().release_later(99, move || waits.recv().unwrap());
        let mut given_up = Box::pin(b.inbox.next_within(&b.session, IMPORT, AT_LAST));
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        go_on.send(()).unwrap();
        shelf.mailbox().dead_letters(0, 1).await.unwrap();
        // It was handed out by now, and nobody looks.
        drop(given_up);
        shelf.mailbox().dead_letters(0, 1).await.unwrap();
    }
    let taken = b.inbox.next_within(&b.session, IMPORT, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!((text(&taken), taken.deliveries), ("x", 1));
}
