//! What a mailbox must refuse, and what it must not lose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::num::NonZeroUsize;
use std::time::Duration;

use airssys_rt::mailbox::{SendError, TrySendError, bounded};
use tokio::time::timeout;

/// Deliberately neither `Clone` nor `Debug`: nothing may ask that of a message.
#[derive(PartialEq)]
struct Secret(&'static str);

fn slots(capacity: usize) -> NonZeroUsize {
    NonZeroUsize::new(capacity).unwrap()
}

#[test]
fn a_message_beyond_the_capacity_is_refused_and_handed_back() {
    for capacity in [1, 2, 3, 64] {
        let (address, mailbox) = bounded(slots(capacity));
        let accepted = (0..1000).take_while(|n| address.try_send(*n).is_ok()).count();
        assert_eq!(accepted, capacity, "the capacity is the bound, not a hint");
        assert_eq!(mailbox.waiting(), capacity);
        assert_eq!(mailbox.capacity(), capacity);
        assert!(matches!(address.try_send(4711), Err(TrySendError::Full(4711))));
    }
}

#[test]
fn clones_of_an_address_share_the_one_capacity() {
    let (first, _mailbox) = bounded(slots(2));
    let second = first.clone();
    assert!(first.try_send(1).is_ok());
    assert!(second.try_send(2).is_ok());
    assert!(matches!(first.try_send(3), Err(TrySendError::Full(3))));
    assert!(matches!(second.try_send(4), Err(TrySendError::Full(4))));
}

#[test]
fn a_message_to_a_closed_mailbox_is_refused_and_handed_back() {
    let (address, mailbox) = bounded(slots(4));
    assert!(!address.is_gone());
    drop(mailbox);
    assert!(address.is_gone());
    let error = address.try_send(Secret("a")).unwrap_err();
    assert!(matches!(error, TrySendError::Gone(_)));
    assert!(error.into_message() == Secret("a"));
}

#[test]
fn a_full_mailbox_that_is_closed_answers_gone_and_not_full() {
    let (address, mailbox) = bounded(slots(1));
    assert!(address.try_send(1).is_ok());
    drop(mailbox);
    assert!(matches!(address.try_send(2), Err(TrySendError::Gone(2))));
}

#[test]
fn errors_do_not_print_the_message() {
    let (address, mailbox) = bounded(slots(1));
    assert!(address.try_send(Secret("hush")).is_ok());
    let full = address.try_send(Secret("hush")).unwrap_err();
    drop(mailbox);
    let gone = address.try_send(Secret("hush")).unwrap_err();
    for text in [format!("{full} {full:?}"), format!("{gone} {gone:?}"), format!("{address:?}")] {
        assert!(!text.contains("hush"), "`{text}` shows the message");
    }
    assert_eq!(format!("{full:?} {gone:?}"), "Full(..) Gone(..)");
}

#[tokio::test]
async fn a_sender_waits_while_the_mailbox_is_full_and_goes_on_when_there_is_room() {
    let (address, mut mailbox) = bounded(slots(1));
    address.send(1).await.unwrap();
    let mut second = Box::pin(address.send(2));
    assert!(timeout(Duration::from_millis(20), &mut second).await.is_err(), "it must wait");
    assert_eq!(mailbox.waiting(), 1);
    assert_eq!(mailbox.receive().await, Some(1));
    second.await.unwrap();
    assert_eq!(mailbox.receive().await, Some(2));
}

#[tokio::test]
async fn a_sender_that_waits_is_woken_with_its_message_when_the_mailbox_closes() {
    let (address, mailbox) = bounded(slots(1));
    address.send(Secret("first")).await.unwrap();
    let waiting = tokio::spawn(async move { address.send(Secret("second")).await });
    tokio::task::yield_now().await;
    drop(mailbox);
    let error = timeout(Duration::from_secs(5), waiting).await.expect("woken").unwrap().unwrap_err();
    assert_eq!(format!("{error:?}"), "Gone(..)");
    let SendError::Gone(message) = error else { panic!("another error") };
    assert!(message == Secret("second"));
}

#[tokio::test]
async fn a_withdrawn_send_delivers_nothing() {
    let (address, mut mailbox) = bounded(slots(1));
    address.send(1).await.unwrap();
    assert!(timeout(Duration::from_millis(5), address.send(2)).await.is_err());
    drop(address);
    assert_eq!(mailbox.receive().await, Some(1));
    assert_eq!(mailbox.receive().await, None);
}

#[tokio::test]
async fn closing_hands_back_what_was_accepted_and_not_read() {
    let (address, mut mailbox) = bounded(slots(8));
    for n in 0..5 {
        address.send(n).await.unwrap();
    }
    assert_eq!(mailbox.receive().await, Some(0));
    assert_eq!(mailbox.close().await, [1, 2, 3, 4]);
    assert!(matches!(address.send(5).await, Err(SendError::Gone(5))));
}

#[tokio::test]
async fn an_address_tells_when_its_mailbox_is_gone() {
    let (address, mailbox) = bounded::<u8>(slots(1));
    assert!(timeout(Duration::from_millis(5), address.gone()).await.is_err());
    drop(mailbox);
    timeout(Duration::from_secs(5), address.gone()).await.expect("told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_is_read_or_handed_back_whatever_the_moment_of_closing() {
    for round in 0..200_u32 {
        let (address, mut mailbox) = bounded(slots(3));
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let address = address.clone();
                tokio::spawn(async move {
                    let mut accepted = 0_u32;
                    while address.send(()).await.is_ok() {
                        accepted += 1;
                    }
                    accepted
                })
            })
            .collect();
        let mut read = 0;
        while read < round % 50 {
            mailbox.receive().await.expect("senders are there");
            read += 1;
        }
        let unread = u32::try_from(mailbox.close().await.len()).unwrap();
        let mut accepted = 0;
        for sender in senders {
            accepted += sender.await.unwrap();
        }
        assert_eq!(accepted, read + unread, "round {round}: an accepted message is lost");
    }
}

#[test]
fn a_capacity_beyond_what_tokio_counts_is_no_panic() {
    let (address, _mailbox) = bounded(NonZeroUsize::MAX);
    assert!(address.try_send(1).is_ok());
}
