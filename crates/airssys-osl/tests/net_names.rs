//! Looking up names: decided on the name, once, and handed out one address at a time.
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
mod net_common;

use airssys_osl::ActionId;
use airssys_osl::net::{Family, NameError, NetError, NetLimits, Network};
use net_common::{Guest, IMPORT, id, refused, soon};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_name_is_not_looked_up() {
    let guest = Guest::new(|_, resource| id(resource) != "secret.example.com");
    guest.names.answer("secret.example.com", &["192.0.2.1"]);
    for spelling in ["secret.example.com", "SECRET.example.com.", "ｓecret.example。com"] {
        refused(guest.network.resolve(spelling, IMPORT), "access-denied");
    }
    assert_eq!(guest.names.asked.load(Ordering::SeqCst), 0);
    assert_eq!(guest.log.take(), ["deny net:resolve secret.example.com"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_name_is_neither_asked_nor_looked_up() {
    let guest = Guest::free();
    for bad in ["", "a b", "a\0b", "*.example.com", "127.1", "0x7f000001", "fe80::1%lo", "[::1]", "a:80"] {
        refused(guest.network.resolve(bad, IMPORT), "invalid-argument");
    }
    assert_eq!(guest.names.asked.load(Ordering::SeqCst), 0);
    assert_eq!(guest.log.take(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_given_back_without_a_question_and_is_judged_as_no_host() {
    let guest = Guest::new(|action, _| action == ActionId::NetBind);
    for (given, back) in [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.1"),
    ] {
        assert_eq!(guest.resolve(given).await.unwrap(), [back.parse::<IpAddr>().unwrap()]);
    }
    assert_eq!(guest.log.take(), [""; 0]);
    assert_eq!(guest.names.asked.load(Ordering::SeqCst), 0);
    guest.session.revoke();
    let denied = guest.network.resolve("192.0.2.1", IMPORT).unwrap().next(IMPORT);
    refused(denied, "access-denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_handed_out_once_each_never_in_disguise_and_not_without_bound() {
    let guest = Guest::free();
    guest.names.answer("a.example", &["::ffff:10.0.0.1", "10.0.0.1", "2001:db8::1", "10.0.0.1"]);
    let expected: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    assert_eq!(guest.resolve("a.example").await.unwrap(), expected);
    let many: Vec<_> = (0..200).map(|n| format!("192.0.2.{n}")).collect();
    guest.names.answer("many.example", &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(guest.resolve("many.example").await.unwrap().len(), 64);
    assert_eq!(guest.log.take(), ["allow net:resolve a.example", "allow net:resolve many.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_apart_and_a_panic_is_one() {
    let guest = Guest::free();
    guest.names.fail("temporary.example", NameError::Temporary);
    guest.names.fail("permanent.example", NameError::Permanent);
    guest.names.answer("empty.example", &[]);
    refused(guest.resolve("missing.example").await, "name-unresolvable");
    refused(guest.resolve("empty.example").await, "name-unresolvable");
    refused(guest.resolve("temporary.example").await, "temporary-resolver-failure");
    refused(guest.resolve("permanent.example").await, "permanent-resolver-failure");
    guest.names.panics.store(true, Ordering::SeqCst);
    refused(guest.resolve("panics.example").await, "permanent-resolver-failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_look_up_wakes_who_waits_and_gives_nothing() {
    let guest = Guest::free();
    guest.names.answer("slow.example", &["192.0.2.1"]);
    guest.names.held.store(true, Ordering::SeqCst);
    let addresses = guest.network.resolve("slow.example", IMPORT).unwrap();
    refused(addresses.next(IMPORT), "would-block");
    let waiting = tokio::spawn(async move {
        addresses.ready().await;
        addresses.next(IMPORT)
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    guest.session.revoke();
    let woken = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    guest.names.held.store(false, Ordering::SeqCst);
    refused(woken.expect("it does not wait for the answer").unwrap(), "access-denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_handed_out_only_while_the_name_is_permitted() {
    let guest = Guest::free();
    guest.names.answer("two.example", &["192.0.2.1", "192.0.2.2"]);
    let addresses = guest.network.resolve("two.example", IMPORT).unwrap();
    soon(addresses.ready()).await;
    assert!(addresses.next(IMPORT).unwrap().is_some());
    guest.swap(|action, _| action != ActionId::NetResolve);
    refused(addresses.next(IMPORT), "access-denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_names_are_looked_up_at_once() {
    let guest = Guest::free();
    *guest.names.slow.lock().unwrap() = Duration::from_millis(300);
    let mut held = Vec::new();
    let full = loop {
        match guest.network.resolve("slow.example", IMPORT) {
            Ok(addresses) => held.push(addresses),
            Err(error) => break error,
        }
        assert!(held.len() < 1000);
    };
    assert!(matches!(full, NetError::TemporaryResolverFailure));
    assert!(guest.names.asked.load(Ordering::SeqCst) <= 4, "four threads a session");
    drop(held);
    soon(async {
        while guest.network.resolve("slow.example", IMPORT).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_get_no_answer_do_not_take_every_thread_there_is() {
    let guests: Vec<_> = (0..40).map(|_| Guest::free()).collect();
    let asked = || guests.iter().map(|guest| guest.names.asked.load(Ordering::SeqCst)).sum::<usize>();
    let mut held = Vec::new();
    for guest in &guests {
        guest.names.held.store(true, Ordering::SeqCst);
        held.extend((0..4).map(|_| guest.network.resolve("slow.example", IMPORT).unwrap()));
    }
    let mut before = usize::MAX;
    while asked() != before {
        before = asked();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    guests.iter().for_each(|guest| guest.names.held.store(false, Ordering::SeqCst));
    // Of 160; the tests beside this one have a few.
    assert!((100..=128).contains(&before), "{before}");
    for addresses in held {
        soon(addresses.ready()).await;
        refused(addresses.next(IMPORT), "name-unresolvable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_systems_own_names_are_asked_by_default() {
    let guest = Guest::free();
    let network = Network::new(&guest.session, NetLimits::default());
    let addresses = network.resolve("localhost", IMPORT).unwrap();
    soon(addresses.ready()).await;
    assert!(addresses.next(IMPORT).unwrap().unwrap().is_loopback());
}

#[test]
fn outside_a_runtime_there_is_an_error_and_no_panic() {
    let guest = Guest::free();
    refused(guest.network.resolve("example.com", IMPORT), "not-supported");
    refused(guest.network.tcp_socket(Family::V4), "not-supported");
    refused(guest.network.udp_socket(Family::V4), "not-supported");
    assert_eq!(guest.network.open_sockets(), 0);
}
