//! What operators send: it rests on their own permission, and the receiver is told that it is from one.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod common;
mod post_common;

use airssys_osl::post::{Draft, send};
use airssys_osl::{ActionId, Operator, Session, Subject};
use common::IMPORT;
use post_common::{World, text, told};
use std::sync::Arc;

fn operator(world: &World) -> Arc<Session> {
    world.gate.session(Subject::new(Operator::new(1000, Vec::new()).unwrap(), 77))
}

fn draft(body: &str) -> Draft {
    Draft { body: body.as_bytes().to_vec(), time_to_live: None }
}

#[tokio::test]
async fn an_operator_who_may_not_send_is_refused_and_what_waits_ends_with_the_permission() {
    let world = World::new(|action, _| action != ActionId::MsgSend);
    let (b, session) = (world.actor("acme/b"), operator(&world));
    let denied = send(&world.office, &session, "acme/b", draft("x"), IMPORT).await.unwrap_err();
    assert_eq!(told(&denied), "unreachable");
    world.swap(|_, _| true);
    for revoked in [false, true] {
        let session = operator(&world);
        send(&world.office, &session, "acme/b", draft("x"), IMPORT).await.unwrap();
        if revoked {
            session.close().unwrap();
        } else {
            world.swap(|action, _| action != ActionId::MsgSend);
        }
        assert!(b.soon().await.is_none());
        world.swap(|_, _| true);
    }
    assert_eq!(b.inbox.dropped(), 2);
}

#[tokio::test]
async fn an_operators_message_says_so_and_needs_no_permission_of_the_receivers() {
    let world = World::new(|action, _| action != ActionId::MsgReceive);
    let (a, b, session) = (world.actor("acme/a"), world.actor("acme/b"), operator(&world));
    world.send(&a, "acme/b", "from a component").unwrap();
    send(&world.office, &session, "acme/b", draft("from an operator"), IMPORT).await.unwrap();
    drop(session);
    let delivery = b.next().await;
    assert_eq!((delivery.sender.name().as_str(), text(&delivery)), ("operator:1000", "from an operator"));
    assert!(delivery.sender.component().is_none() && delivery.chain.callers().is_empty());
}
