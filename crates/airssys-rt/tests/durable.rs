//! The durable mailbox, from outside: what it refuses, what it keeps, and how it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test says what is wrong by panicking, and prepares real files"
)]

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airssys_rt::Backoff;
use airssys_rt::durable::{
    EnqueueError, Envelope, FileBackend, InMemoryBackend, Mailbox, Reason, Store, StoreError, Terms,
};

fn terms(capacity: usize, deliveries: u32) -> Terms {
    Terms {
        capacity: NonZeroUsize::new(capacity).unwrap(),
        max_body_bytes: 100,
        max_total_bytes: 250,
        max_deliveries: NonZeroU32::new(deliveries).unwrap(),
        redelivery: Backoff::NONE,
    }
}

fn message(bytes: impl AsRef<[u8]>) -> Envelope {
    Envelope { bytes: bytes.as_ref().to_vec(), expires: None }
}

fn file(path: &std::path::Path) -> FileBackend {
    let mut options = std::fs::File::options();
    FileBackend::new(options.read(true).write(true).create(true).truncate(false).open(path).unwrap()).unwrap()
}

async fn in_memory(terms: Terms) -> Mailbox {
    Store::open(InMemoryBackend::new()).await.unwrap().mailbox("acme/billing", terms).await.unwrap()
}

#[tokio::test]
async fn a_full_mailbox_refuses_and_says_how_full_it_is() {
    let mailbox = in_memory(terms(2, 3)).await;
    mailbox.enqueue(message("a")).await.unwrap();
    mailbox.enqueue(message("bc")).await.unwrap();
    let refused = mailbox.enqueue(message("d")).await;
    assert_eq!(refused, Err(EnqueueError::Full { waiting: 2, dead: 0, bytes: 3 }));
    let first = mailbox.next().await.unwrap();
    assert!(mailbox.enqueue(message("d")).await.is_err(), "what is handed out still takes its place");
    assert!(mailbox.acknowledge(first.sequence).await.unwrap());
    assert_eq!(mailbox.enqueue(message("d")).await, Ok(3));
    assert_eq!((mailbox.depth(), mailbox.bytes()), (2, 3));
}

#[tokio::test]
async fn bytes_are_bounded_in_one_message_and_in_all() {
    let mailbox = in_memory(terms(100, 3)).await;
    let refused = mailbox.enqueue(message([0; 101])).await;
    assert_eq!(refused, Err(EnqueueError::TooLarge { bytes: 101, most: 100 }));
    mailbox.enqueue(message([0; 100])).await.unwrap();
    mailbox.enqueue(message([0; 100])).await.unwrap();
    let refused = mailbox.enqueue(message([0; 51])).await;
    assert_eq!(refused, Err(EnqueueError::Full { waiting: 2, dead: 0, bytes: 200 }));
    mailbox.enqueue(message([0; 50])).await.unwrap();
}

#[tokio::test]
async fn dead_letters_take_their_place_until_somebody_takes_them_away() {
    let mailbox = in_memory(terms(1, 1)).await;
    mailbox.enqueue(message("poison")).await.unwrap();
    let delivery = mailbox.next().await.unwrap();
    assert!(mailbox.release(delivery.sequence).await.unwrap());
    assert_eq!(
        mailbox.enqueue(message("next")).await,
        Err(EnqueueError::Full { waiting: 0, dead: 1, bytes: 6 })
    );
    let dead = mailbox.dead_letters(0, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].reason, dead[0].deliveries), (Reason::Undeliverable, 1));
    assert_eq!(dead[0].bytes, b"poison");
    let again = mailbox.requeue(dead[0].sequence).await.unwrap().unwrap();
    assert_eq!(mailbox.requeue(dead[0].sequence).await.unwrap(), None, "it is a dead letter no longer");
    let delivery = mailbox.next().await.unwrap();
    assert_eq!(
        (delivery.sequence, delivery.deliveries, delivery.bytes.as_slice()),
        (again, 1, &b"poison"[..])
    );
    assert!(mailbox.release(again).await.unwrap());
    assert!(mailbox.discard(again).await.unwrap());
    assert!(!mailbox.discard(again).await.unwrap());
    assert_eq!((mailbox.depth(), mailbox.dead_depth(), mailbox.bytes()), (0, 0, 0));
}

#[tokio::test]
async fn only_what_is_handed_out_can_be_acknowledged_and_only_once() {
    let mailbox = in_memory(terms(5, 3)).await;
    let sequence = mailbox.enqueue(message("a")).await.unwrap();
    assert!(!mailbox.acknowledge(sequence).await.unwrap(), "nobody has seen it");
    mailbox.next().await.unwrap();
    assert!(mailbox.acknowledge(sequence).await.unwrap());
    assert!(!mailbox.acknowledge(sequence).await.unwrap());
    assert!(!mailbox.release(sequence).await.unwrap());
}

#[tokio::test]
async fn a_released_message_comes_before_those_behind_it_with_its_count() {
    let mailbox = in_memory(terms(5, 3)).await;
    mailbox.enqueue(message("a")).await.unwrap();
    mailbox.enqueue(message("b")).await.unwrap();
    mailbox.next().await.unwrap();
    mailbox.release(1).await.unwrap();
    let again = mailbox.next().await.unwrap();
    assert_eq!((again.sequence, again.deliveries), (1, 2));
    assert_eq!(mailbox.next().await.unwrap().sequence, 2, "the next one, as the first is still handed out");
    assert_eq!(mailbox.release_all().await.unwrap(), 2);
    let first = mailbox.next().await.unwrap();
    assert_eq!((first.sequence, first.deliveries), (1, 3));
}

#[tokio::test]
async fn what_has_expired_is_a_dead_letter_and_not_delivered() {
    let now = Arc::new(AtomicU64::new(1_000));
    let clock = Arc::clone(&now);
    let clock = Arc::new(move || clock.load(Ordering::SeqCst));
    let store = Store::open_with_clock(InMemoryBackend::new(), clock).await.unwrap();
    let mailbox = store.mailbox("acme/billing", terms(5, 3)).await.unwrap();
    mailbox.enqueue(Envelope { bytes: b"soon".to_vec(), expires: Some(2_000) }).await.unwrap();
    mailbox.enqueue(Envelope { bytes: b"later".to_vec(), expires: Some(9_000) }).await.unwrap();
    assert!(mailbox.dead_letters(0, 10).await.unwrap().is_empty());
    now.store(2_000, Ordering::SeqCst);
    assert_eq!(mailbox.next().await.unwrap().bytes, b"later");
    let dead = mailbox.dead_letters(0, 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].reason, dead[0].deliveries), (1, Reason::Expired, 0));
}

#[tokio::test]
async fn what_was_on_its_way_to_one_who_gave_up_goes_to_the_next_and_does_not_count() {
    let mailbox = in_memory(terms(5, 1)).await;
    let mut waiting = Box::pin(mailbox.next());
    tokio::select! {
        biased;
        delivery = &mut waiting => panic!("there is nothing, and there is {delivery:?}"),
        () = std::future::ready(()) => {}
    }
    let sent = mailbox.enqueue(message("a")).await.unwrap();
    // One more answer: by now the message was handed to who waits, who has not looked.
    assert!(!mailbox.release(0).await.unwrap());
    drop(waiting);
    let delivery = tokio::time::timeout(Duration::from_secs(20), mailbox.next()).await.expect("it is lost");
    let delivery = delivery.unwrap();
    assert_eq!((delivery.sequence, delivery.deliveries), (sent, 1));
}

#[tokio::test]
async fn what_nobody_took_is_not_counted_and_not_lost() {
    let mailbox = in_memory(terms(5, 2)).await;
    for _ in 0..20 {
        // Both are ready at about the same time: either the message is taken or it stays.
        let waiting = tokio::time::timeout(Duration::from_micros(200), mailbox.next());
        let (taken, sent) = tokio::join!(waiting, mailbox.enqueue(message("a")));
        let sent = sent.unwrap();
        let delivery = match taken {
            Ok(delivery) => delivery.unwrap(),
            Err(_) => tokio::time::timeout(Duration::from_secs(20), mailbox.next()).await.unwrap().unwrap(),
        };
        assert_eq!((delivery.sequence, delivery.deliveries), (sent, 1));
        assert!(mailbox.acknowledge(sent).await.unwrap());
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_after_a_restart_with_its_count() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    for round in 1..=3 {
        let store = Store::open(file(&path)).await.unwrap();
        let mailbox = store.mailbox("acme/billing", terms(5, 3)).await.unwrap();
        if round == 1 {
            for text in ["a", "b"] {
                mailbox.enqueue(message(text)).await.unwrap();
            }
        }
        let delivery = mailbox.next().await.unwrap();
        assert_eq!((delivery.sequence, delivery.deliveries), (1, round));
        assert_eq!((mailbox.depth(), mailbox.bytes()), (2, 2));
        store.close().await;
        assert_eq!(mailbox.acknowledge(1).await, Err(StoreError::Closed));
    }
    let store = Store::open(file(&path)).await.unwrap();
    let mailbox = store.mailbox("acme/billing", terms(5, 3)).await.unwrap();
    assert_eq!(mailbox.next().await.unwrap().sequence, 2, "the first ended the host three times");
    assert_eq!(mailbox.dead_letters(0, 9).await.unwrap()[0].deliveries, 3);
    assert_eq!(mailbox.enqueue(message("c")).await, Ok(3), "no sequence is given twice");
}

#[tokio::test]
async fn who_does_not_wait_is_told_that_there_is_none_also_where_all_have_expired() {
    let mailbox = in_memory(terms(9, 3)).await;
    assert_eq!(mailbox.try_next().await, Ok(None));
    mailbox.enqueue(Envelope { bytes: b"late".to_vec(), expires: Some(1) }).await.unwrap();
    assert_eq!(mailbox.ready(), 1);
    assert_eq!(mailbox.try_next().await, Ok(None));
    assert_eq!((mailbox.ready(), mailbox.dead_depth()), (0, 1));
    mailbox.enqueue(message("in time")).await.unwrap();
    assert_eq!(mailbox.try_next().await.unwrap().unwrap().bytes, b"in time");
    assert_eq!((mailbox.ready(), mailbox.depth()), (0, 1));
}

#[tokio::test]
async fn what_nobody_waits_for_is_done_all_the_same() {
    let mailbox = in_memory(terms(9, 3)).await;
    mailbox.enqueue(message("a")).await.unwrap();
    mailbox.enqueue(message("b")).await.unwrap();
    let (first, second) = (mailbox.next().await.unwrap(), mailbox.next().await.unwrap());
    mailbox.acknowledge_later(first.sequence);
    let (told, released) = tokio::sync::oneshot::channel();
    mailbox.release_later(second.sequence, move || assert!(told.send(()).is_ok()));
    released.await.unwrap();
    assert_eq!((mailbox.depth(), mailbox.ready()), (1, 1), "said when it is so");
    assert_eq!(mailbox.try_next().await.unwrap().unwrap().deliveries, 2);
}

#[tokio::test]
async fn mailboxes_in_one_store_do_not_see_each_other() {
    let store = Store::open(InMemoryBackend::new()).await.unwrap();
    let one = store.mailbox("acme/a", terms(1, 3)).await.unwrap();
    let other = store.mailbox("acme/ab", terms(1, 3)).await.unwrap();
    one.enqueue(message("one")).await.unwrap();
    other.enqueue(message("other")).await.unwrap();
    assert_eq!(other.next().await.unwrap().bytes, b"other");
    assert!(!one.acknowledge(1).await.unwrap(), "that was handed out by the other");
    assert_eq!(one.next().await.unwrap().bytes, b"one");
}

#[tokio::test]
async fn a_store_that_is_open_is_refused_to_others_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = Store::open(file(&path)).await.unwrap();
    assert_eq!(Store::open(file(&path)).await.err(), Some(StoreError::InUse));
    store.close().await;
    assert!(Store::open(file(&path)).await.is_ok());
}

#[tokio::test]
async fn a_foreign_file_is_refused_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes");
    for text in ["x".to_owned(), "my notes\n".repeat(10_000), "\0".repeat(1 << 20)] {
        std::fs::write(&path, &text).unwrap();
        let error = Store::open(file(&path)).await.err().expect("that is no store");
        assert!(matches!(&error, StoreError::Foreign(_)), "{error}");
        assert!(error.to_string().contains("name an empty or new file"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

/// A mailbox of which what was released rests for so long, and whose messages are of the lane of their first byte.
async fn resting(first: Duration) -> (Mailbox, Arc<tokio::sync::Notify>) {
    let redelivery = Backoff { first, most: first * 4, jitter_percent: 0 };
    let mailbox = in_memory(Terms { redelivery, ..terms(9, 9) }).await;
    let rested = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&rested);
    let lane = Arc::new(|body: &[u8]| body.first().copied().unwrap_or_default().into());
    mailbox.in_lanes(lane, Arc::new(move || told.notify_one()));
    (mailbox, rested)
}

async fn taken(mailbox: &Mailbox) -> Option<String> {
    let taken = mailbox.try_next().await.unwrap();
    taken.map(|delivery| String::from_utf8(delivery.bytes).unwrap())
}

#[tokio::test]
async fn what_was_released_rests_and_holds_back_its_own_lane_alone() {
    let (mailbox, _) = resting(Duration::from_secs(3600)).await;
    for body in ["a1", "a2", "b1", "a3", "c1"] {
        mailbox.enqueue(message(body)).await.unwrap();
    }
    let first = mailbox.next().await.unwrap();
    assert!(mailbox.release(first.sequence).await.unwrap());
    assert_eq!((mailbox.ready(), mailbox.resting(), mailbox.depth()), (2, 3, 5));
    assert!(mailbox.has_fresh(3) && !mailbox.has_fresh(2), "what is held back may not be handed out");
    let lane = |body: &str| u64::from(body.as_bytes()[0]);
    assert!(mailbox.holds_back(lane("a"), 2) && !mailbox.holds_back(lane("a"), 1));
    assert!(!mailbox.holds_back(lane("b"), 9));
    assert_eq!(
        (taken(&mailbox).await.as_deref(), taken(&mailbox).await.as_deref()),
        (Some("b1"), Some("c1"))
    );
    assert_eq!(taken(&mailbox).await, None);
    mailbox.enqueue(message("a4")).await.unwrap();
    assert_eq!(taken(&mailbox).await, None, "it is behind the others");
    // One more of another lane that comes meanwhile does not wait.
    mailbox.enqueue(message("d1")).await.unwrap();
    assert_eq!(taken(&mailbox).await.as_deref(), Some("d1"));
}

#[tokio::test]
async fn what_has_rested_comes_again_before_those_behind_it_and_who_waits_is_told() {
    let (mailbox, rested) = resting(Duration::from_millis(200)).await;
    for body in ["a1", "a2"] {
        mailbox.enqueue(message(body)).await.unwrap();
    }
    // A rest begins while the message is given back: measured from before that.
    let mut begun = std::time::Instant::now();
    for (deliveries, least) in [(1, 0), (2, 200), (3, 400), (4, 800), (5, 800)] {
        let delivery = mailbox.next().await.unwrap();
        assert_eq!((delivery.deliveries, delivery.bytes.as_slice()), (deliveries, b"a1".as_slice()));
        assert!(begun.elapsed() >= Duration::from_millis(least), "{deliveries}: {:?}", begun.elapsed());
        begun = std::time::Instant::now();
        mailbox.release(delivery.sequence).await.unwrap();
        assert_eq!(taken(&mailbox).await, None);
    }
    rested.notified().await;
    let again = mailbox.next().await.unwrap();
    assert!(mailbox.acknowledge(again.sequence).await.unwrap());
    assert_eq!(taken(&mailbox).await.as_deref(), Some("a2"));
    assert_eq!((mailbox.ready(), mailbox.resting()), (0, 0));
}

#[tokio::test]
async fn without_lanes_all_that_is_behind_waits_and_what_may_come_no_more_rests_no_longer() {
    let redelivery = Backoff { first: Duration::from_secs(3600), ..Backoff::default() };
    let mailbox = in_memory(Terms { redelivery, ..terms(9, 1) }).await;
    let patient = in_memory(Terms { redelivery, ..terms(9, 2) }).await;
    for mailbox in [&mailbox, &patient] {
        mailbox.enqueue(message("a")).await.unwrap();
        mailbox.enqueue(message("b")).await.unwrap();
        let first = mailbox.next().await.unwrap();
        mailbox.release(first.sequence).await.unwrap();
    }
    assert_eq!(
        (mailbox.dead_depth(), taken(&mailbox).await.as_deref()),
        (1, Some("b")),
        "a dead letter at once"
    );
    assert_eq!((patient.dead_depth(), taken(&patient).await), (0, None));
}
