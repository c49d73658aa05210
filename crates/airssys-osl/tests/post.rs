//! Messages: who may not send, what is no longer delivered, and that nothing is told to whom nothing may be.
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

use airssys_osl::post::{Draft, PostError, Terms, request, send};
use airssys_osl::{ActionId, Session};
use common::IMPORT;
use post_common::{AT_LAST, SOON, TERMS, World, at_once, text, told};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_denied_an_unknown_and_an_ended_address_answer_alike_whatever_is_sent() {
    let world = World::new(|action, id| action != ActionId::MsgSend || id != "acme/denied");
    let (a, denied) = (world.actor("acme/a"), world.actor("acme/denied"));
    drop(world.actor("acme/ended"));
    let full = world.actor_within("acme/full", Terms { messages: 0, ..TERMS });
    for body in ["", "short", &"x".repeat(5000)] {
        for to in ["acme/denied", "acme/unknown", "acme/ended"] {
            assert_eq!(told(&world.send(&a, to, body).unwrap_err()), "unreachable", "{to} {}", body.len());
        }
    }
    assert!(denied.soon().await.is_none());
    assert_eq!(
        told(&world.send(&a, "acme/full", "x").unwrap_err()),
        "full",
        "that is told to whom it is permitted"
    );
    assert_eq!(told(&world.send(&a, "acme", "x").unwrap_err()), "invalid");
    drop(full);
}

#[tokio::test]
async fn a_denied_request_waits_for_nothing() {
    let world = World::new(|action, _| action != ActionId::MsgRequest);
    let (a, _b) = (world.actor("acme/a"), world.actor("acme/b"));
    let asked = request(&world.office, &a.session, "acme/b", Vec::new(), AT_LAST, IMPORT);
    let answer = tokio::time::timeout(Duration::from_secs(5), asked).await.expect("at once");
    assert_eq!(told(&answer.unwrap_err()), "unreachable");
}

#[tokio::test]
async fn sender_chain_and_order_are_stamped_and_kept() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    a.session.subject().serve(world.session("acme/first").subject().chain_of_callee());
    for n in 0..8 {
        world.send(&a, "acme/b", &n.to_string()).unwrap();
    }
    for n in 0..8 {
        let delivery = b.next().await;
        assert_eq!(text(&delivery), n.to_string());
        assert_eq!(
            delivery.sender.component().map(|peer| (peer.name(), peer.instance())),
            Some(("acme/a", Some(1)))
        );
        let chain: Vec<_> = delivery.chain.callers().iter().map(|c| c.principal.name.as_str()).collect();
        assert_eq!(chain, ["acme/a", "acme/first"]);
    }
}

#[tokio::test]
async fn a_mailbox_is_bounded_by_number_by_bytes_and_by_body() {
    let world = World::new(|_, _| true);
    let (a, _b) = (world.actor("acme/a"), world.actor_within("acme/b", Terms { messages: 3, ..TERMS }));
    let _c = world.actor_within("acme/c", Terms { bytes: 2 * (100 + 256), ..TERMS });
    assert_eq!(told(&world.send(&a, "acme/b", &"x".repeat(1001)).unwrap_err()), "too-large");
    for n in 0..5 {
        assert_eq!(world.send(&a, "acme/b", "x").is_ok(), n < 3, "{n}");
        assert_eq!(world.send(&a, "acme/c", &"x".repeat(100)).is_ok(), n < 2, "{n}");
    }
}

#[tokio::test]
async fn what_is_taken_gives_its_room_back() {
    let world = World::new(|_, _| true);
    let (a, b) =
        (world.actor("acme/a"), world.actor_within("acme/b", Terms { messages: 1, bytes: 400, ..TERMS }));
    for n in 0..20 {
        world.send(&a, "acme/b", "some text").unwrap();
        assert!(world.send(&a, "acme/b", "x").is_err());
        assert_eq!(b.next().await.id, n + 1);
    }
}

#[tokio::test]
async fn a_message_whose_permission_was_taken_back_in_between_is_not_delivered() {
    let world = World::new(|_, _| true);
    let (a, c, b) = (world.actor("acme/a"), world.actor("acme/c"), world.actor("acme/b"));
    world.send(&a, "acme/b", "by one that is revoked").unwrap();
    world.send(&c, "acme/b", "by another").unwrap();
    a.session.end();
    assert_eq!(text(&b.next().await), "by another");
    world.send(&c, "acme/b", "before the change").unwrap();
    world.swap(|action, _| action != ActionId::MsgSend);
    assert!(b.soon().await.is_none());
    assert_eq!((b.inbox.dropped(), b.inbox.depth()), (2, 0));
}

#[tokio::test]
async fn a_receiver_hears_nothing_that_it_may_not_and_a_flood_of_it_does_not_stop_it() {
    let world = World::new(|action, id| action != ActionId::MsgReceive || id != "evil/a");
    let (evil, c) = (world.actor("evil/a"), world.actor("acme/c"));
    let b = world.actor_within("acme/b", Terms { messages: 1000, ..TERMS });
    for _ in 0..20 {
        for _ in 0..1000 {
            world.send(&evil, "acme/b", "x").unwrap();
        }
        assert!(b.soon().await.is_none());
    }
    assert_eq!(b.inbox.refused(), 20_000);
    let denials = world.log.denials();
    assert!(denials <= 64, "{denials} are recorded singly");
    assert!(world.log.notes.lock().unwrap().iter().any(|note| note.contains("16384")), "the rest is counted");
    world.send(&c, "acme/b", "still here").unwrap();
    assert_eq!(text(&b.next().await), "still here");
}

#[tokio::test]
async fn a_request_that_the_receiver_may_not_hear_is_answered_as_if_there_were_none() {
    let world = World::new(|action, _| action != ActionId::MsgReceive);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let asked = request(&world.office, &a.session, "acme/b", Vec::new(), AT_LAST, IMPORT);
    let (answer, none) = tokio::join!(asked, b.soon());
    assert!(none.is_none());
    assert_eq!(told(&answer.unwrap_err()), "unreachable");
}

#[tokio::test]
async fn a_permission_to_hear_that_is_lost_at_the_last_moment_is_as_if_there_had_been_none() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let script = Arc::clone(&world.script);
    let meddle = Box::new(move || script.swap(|action, _| action != ActionId::MsgReceive));
    *world.log.then.lock().unwrap() = Some((ActionId::MsgReceive, meddle));
    let asked = request(&world.office, &a.session, "acme/b", Vec::new(), AT_LAST, IMPORT);
    let (answer, none) = tokio::join!(asked, b.soon());
    assert!(none.is_none());
    assert_eq!(told(&answer.unwrap_err()), "unreachable");
    assert_eq!(b.inbox.dropped(), 1);
}

#[tokio::test]
async fn an_answer_that_is_owed_is_not_forgotten_for_messages_that_nobody_acknowledges() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let asked = request(&world.office, &a.session, "acme/b", Vec::new(), AT_LAST, IMPORT);
    let (answer, ()) = tokio::join!(asked, async {
        let owed = b.next().await.id;
        for _ in 0..3 * TERMS.messages {
            world.send(&a, "acme/b", "never acknowledged").unwrap();
            b.next().await;
        }
        b.inbox.reply(owed, Ok(b"at last".to_vec())).unwrap();
    });
    assert_eq!(answer.unwrap(), b"at last");
}

#[tokio::test]
async fn who_owes_as_many_answers_as_it_may_is_asked_no_more_and_forgets_none() {
    let world = Arc::new(World::new(|_, _| true));
    let (a, b) = (world.actor("acme/a"), world.actor_within("acme/b", Terms { messages: 2, ..TERMS }));
    let ask = |most| {
        let (world, session) = (Arc::clone(&world), Arc::clone(&a.session));
        tokio::spawn(
            async move { request(&world.office, &session, "acme/b", Vec::new(), most, IMPORT).await },
        )
    };
    let mut asking = Vec::new();
    for _ in 0..2 {
        asking.push((ask(AT_LAST), b.next().await.id));
    }
    let refused = ask(AT_LAST);
    assert!(b.soon().await.is_none());
    assert_eq!(told(&refused.await.unwrap().unwrap_err()), "full");
    world.send(&a, "acme/b", "a message goes past them").unwrap();
    assert_eq!(text(&b.next().await), "a message goes past them");
    for (asked, id) in asking {
        b.inbox.reply(id, Ok(b"here".to_vec())).unwrap();
        assert_eq!(asked.await.unwrap().unwrap(), b"here");
    }
    for _ in 0..5 {
        let given_up = ask(SOON);
        b.next().await;
        assert_eq!(told(&given_up.await.unwrap().unwrap_err()), "timed-out");
    }
}

#[tokio::test]
async fn a_request_whose_time_is_over_when_it_is_taken_has_timed_out() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let mut asked = std::pin::pin!(request(&world.office, &a.session, "acme/b", Vec::new(), SOON, IMPORT));
    let mut context = Context::from_waker(Waker::noop());
    assert!(asked.as_mut().poll(&mut context).is_pending());
    // Its letter is past its time, and nobody has looked at the timer yet.
    std::thread::sleep(SOON * 2);
    assert!(at_once(b.inbox.take(&b.session, IMPORT)).unwrap().is_none());
    let Poll::Ready(answer) = asked.as_mut().poll(&mut context) else { panic!("its time is over") };
    assert_eq!(told(&answer.unwrap_err()), "timed-out");
}

#[tokio::test]
async fn a_request_is_answered_once_by_who_took_it_and_by_its_own_number() {
    let world = World::new(|_, _| true);
    let (a, b, c) = (world.actor("acme/a"), world.actor("acme/b"), world.actor("acme/c"));
    let asked = request(&world.office, &a.session, "acme/b", b"?".to_vec(), AT_LAST, IMPORT);
    let answering = async {
        let delivery = b.next().await;
        assert!(delivery.wants_reply);
        for (inbox, id) in [(&c.inbox, delivery.id), (&b.inbox, delivery.id + 1), (&b.inbox, 0)] {
            assert_eq!(told(&inbox.reply(id, Ok(Vec::new())).unwrap_err()), "no-such-message");
        }
        b.inbox.reply(delivery.id, Ok(b"!".to_vec())).unwrap();
        assert_eq!(told(&b.inbox.reply(delivery.id, Ok(Vec::new())).unwrap_err()), "no-such-message");
        assert_eq!(told(&b.inbox.acknowledge(delivery.id).await.unwrap_err()), "no-such-message");
    };
    assert_eq!(tokio::join!(asked, answering).0.unwrap(), b"!");
    world.send(&a, "acme/b", "no reply wanted").unwrap();
    let delivery = b.next().await;
    assert!(!delivery.wants_reply);
    assert_eq!(told(&b.inbox.reply(delivery.id, Ok(Vec::new())).unwrap_err()), "no-such-message");
    b.inbox.acknowledge(delivery.id).await.unwrap();
}

#[tokio::test]
async fn a_request_ends_with_its_receiver_its_time_its_error_and_its_acknowledgement() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let ask = |most| request(&world.office, &a.session, "acme/b", Vec::new(), most, IMPORT);
    assert_eq!(told(&ask(SOON).await.unwrap_err()), "timed-out");
    assert!(b.soon().await.is_none(), "nobody waits for it any more");
    let (answer, ()) = tokio::join!(ask(AT_LAST), async {
        let id = b.next().await.id;
        b.inbox.reply(id, Err("no".to_owned())).unwrap();
    });
    assert!(matches!(answer, Err(PostError::Failed(why)) if why == "no"));
    let (answer, ()) = tokio::join!(ask(AT_LAST), async {
        let id = b.next().await.id;
        b.inbox.acknowledge(id).await.unwrap();
    });
    assert_eq!(told(&answer.unwrap_err()), "ended");
    let (answer, ()) = tokio::join!(ask(AT_LAST), async {
        tokio::time::sleep(SOON).await;
        drop(b);
    });
    assert_eq!(told(&answer.unwrap_err()), "ended");
    assert_eq!(told(&ask(AT_LAST).await.unwrap_err()), "unreachable");
}

#[tokio::test]
async fn a_request_that_waits_ends_when_its_permission_is_lost() {
    for by_swap in [true, false] {
        let world = World::new(|_, _| true);
        let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
        let asked = request(&world.office, &a.session, "acme/b", Vec::new(), AT_LAST * 3, IMPORT);
        let taking_back = async {
            let delivery = b.next().await;
            if by_swap {
                world.swap(|action, _| action != ActionId::MsgRequest);
            } else {
                a.session.end();
            }
            delivery
        };
        let (answer, delivery) =
            tokio::time::timeout(AT_LAST, async { tokio::join!(asked, taking_back) }).await.expect("at once");
        assert_eq!(told(&answer.unwrap_err()), "unreachable");
        // Whether anybody still waits is not told.
        b.inbox.reply(delivery.id, Ok(Vec::new())).unwrap();
    }
}

#[tokio::test]
async fn who_has_sent_and_does_not_wait_may_be_asked_back() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    world.send(&a, "acme/b", "ask me").unwrap();
    b.session.subject().serve(b.next().await.chain);
    let asked = request(&world.office, &b.session, "acme/a", b"?".to_vec(), AT_LAST, IMPORT);
    let (answer, ()) = tokio::join!(asked, async {
        let id = a.next().await.id;
        a.inbox.reply(id, Ok(b"!".to_vec())).unwrap();
    });
    assert_eq!(answer.unwrap(), b"!");
}

#[tokio::test]
async fn a_request_to_whoever_waits_for_it_is_refused_also_through_others() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let ask = |from: Arc<Session>, to: &'static str| {
        let office = world.office.clone();
        async move { request(&office, &from, to, Vec::new(), AT_LAST, IMPORT).await }
    };
    assert_eq!(told(&ask(Arc::clone(&a.session), "acme/a").await.unwrap_err()), "circular");
    let (answer, ()) = tokio::join!(ask(Arc::clone(&a.session), "acme/b"), async {
        let delivery = b.next().await;
        b.session.subject().serve(Arc::clone(&delivery.chain));
        let back = ask(Arc::clone(&b.session), "acme/a").await;
        b.inbox.reply(delivery.id, Ok(told(&back.unwrap_err()).as_bytes().to_vec())).unwrap();
    });
    assert_eq!(answer.unwrap(), b"circular");
}

#[tokio::test]
async fn what_is_past_its_time_is_not_delivered() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let draft = Draft { body: Vec::new(), time_to_live: Some(Duration::from_millis(1)) };
    send(&world.office, &a.session, "acme/b", draft, IMPORT).await.unwrap();
    tokio::time::sleep(SOON).await;
    world.send(&a, "acme/b", "in time").unwrap();
    assert_eq!(text(&b.next().await), "in time");
    assert_eq!(b.inbox.dropped(), 1);
}

#[tokio::test]
async fn a_name_has_one_mailbox_and_a_successor_takes_what_comes_from_then_on() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let principal = b.session.subject().component().unwrap();
    assert_eq!(told(&world.office.open(principal, 9, TERMS).unwrap_err()), "invalid");
    world.send(&a, "acme/b", "old").unwrap();
    let successor = world.office.waiting(principal, 9, TERMS);
    world.send(&a, "acme/b", "old too").unwrap();
    world.office.succeed(&successor);
    world.send(&a, "acme/b", "new").unwrap();
    assert!(b.soon().await.is_none(), "what waited has moved");
    for expected in ["old", "old too", "new"] {
        assert_eq!(text(&successor.next(&b.session, IMPORT).await.unwrap()), expected);
    }
    drop(b);
    world.send(&a, "acme/b", "newer").unwrap();
    assert_eq!(successor.depth(), 1);
}

#[tokio::test]
async fn what_was_taken_before_a_change_of_version_is_answered_after_it() {
    let world = World::new(|_, _| true);
    let (a, b) = (world.actor("acme/a"), world.actor("acme/b"));
    let asked = request(&world.office, &a.session, "acme/b", Vec::new(), AT_LAST, IMPORT);
    let (answer, ()) = tokio::join!(asked, async {
        let delivery = b.next().await;
        let successor = world.office.waiting(b.session.subject().component().unwrap(), 9, TERMS);
        world.office.succeed(&successor);
        b.inbox.reply(delivery.id, Ok(b"by the old".to_vec())).unwrap();
    });
    assert_eq!(answer.unwrap(), b"by the old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_at_once_each_keep_their_order_and_lose_nothing() {
    let world = Arc::new(World::new(|_, _| true));
    let b = world.actor_within("acme/b", Terms { messages: 16, ..TERMS });
    let senders: Vec<_> = (0..8).map(|n| world.actor(&format!("acme/s{n}"))).collect();
    let tasks = senders.into_iter().map(|sender| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            for n in 0..500 {
                while world.send(&sender, "acme/b", &n.to_string()).is_err() {
                    tokio::task::yield_now().await;
                }
            }
            // What it sent is delivered only while it lives.
            sender
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut last = std::collections::HashMap::new();
    for _ in 0..8 * 500 {
        let delivery = b.next().await;
        let n: i32 = text(&delivery).parse().unwrap();
        let before = last.insert(delivery.sender.name(), n).unwrap_or(-1);
        assert_eq!(n, before + 1, "{}", delivery.sender.name());
    }
    assert!(b.soon().await.is_none());
    for task in tasks {
        drop(task.await.unwrap());
    }
}
