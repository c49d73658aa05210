//! What a durable mailbox refuses, keeps and gives back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests open their own files")]

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use airssys_rt::durable::{EnqueueError, Envelope, Mailbox, OpenError, Reason, Store, StoreError, Terms};

const TERMS: Terms = Terms { capacity: 4, max_body_bytes: 100, max_total_bytes: 10_000, max_deliveries: 2 };

fn open(path: &Path) -> Result<Store, OpenError> {
    open_at(path, Arc::new(AtomicU64::new(0)))
}

fn open_at(path: &Path, now: Arc<AtomicU64>) -> Result<Store, OpenError> {
    let path: PathBuf = path.to_owned();
    let opener = move || {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
        redb::Database::builder().create_with_backend(redb::backends::FileBackend::new(file)?)
    };
    Store::open(opener, Arc::new(move || now.load(Ordering::SeqCst)))
}

fn letter(body: &[u8]) -> Envelope {
    Envelope {
        sender: "acme/from".into(),
        topic: "t".into(),
        correlation: "c".into(),
        expires: None,
        body: body.into(),
    }
}

async fn mailbox(store: &Store) -> Mailbox {
    store.mailbox("acme/to", TERMS).await.unwrap()
}

#[tokio::test]
async fn more_than_the_capacity_is_refused_also_when_many_send_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("s")).unwrap();
    let mailbox = mailbox(&store).await;
    let sends: Vec<_> = (0..20u8)
        .map(|n| {
            let mailbox = mailbox.clone();
            tokio::spawn(async move { mailbox.enqueue(letter(&[n])).await })
        })
        .collect();
    let mut kept = 0;
    for send in sends {
        match send.await.unwrap() {
            Ok(_) => kept += 1,
            Err(error) => assert_eq!(error, EnqueueError::Full),
        }
    }
    assert_eq!((kept, mailbox.depth().waiting), (4, 4));
}

#[tokio::test]
async fn a_large_body_and_too_many_bytes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("s")).unwrap();
    let terms = Terms { max_total_bytes: 150, ..TERMS };
    let mailbox = store.mailbox("acme/to", terms).await.unwrap();
    assert_eq!(mailbox.enqueue(letter(&[0; 101])).await, Err(EnqueueError::TooLarge));
    mailbox.enqueue(letter(&[0; 100])).await.unwrap();
    assert_eq!(mailbox.enqueue(letter(&[0; 100])).await, Err(EnqueueError::Full));
}

#[tokio::test]
async fn what_was_delivered_too_often_is_dead_with_its_reason_and_takes_up_room_until_discarded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("s")).unwrap();
    let mailbox = mailbox(&store).await;
    for body in [b"a", b"b", b"c", b"d"] {
        mailbox.enqueue(letter(body)).await.unwrap();
    }
    for expected in [(1, 1, b"a"), (1, 2, b"a"), (2, 1, b"b")] {
        let delivery = mailbox.next().await.unwrap();
        assert_eq!((delivery.sequence(), delivery.deliveries()), (expected.0, expected.1));
        assert_eq!(delivery.envelope(), &letter(expected.2));
        delivery.release();
    }
    let dead = mailbox.dead_letters(0, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].sequence, dead[0].deliveries, dead[0].reason), (1, 2, Reason::Deliveries));
    assert_eq!(mailbox.enqueue(letter(b"e")).await, Err(EnqueueError::Full));
    assert!(mailbox.discard(1).await.unwrap());
    assert!(!mailbox.discard(1).await.unwrap());
    assert_eq!(mailbox.enqueue(letter(b"e")).await, Ok(5));
}

#[tokio::test]
async fn what_expired_is_dead_and_comes_back_only_when_requeued() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(5));
    let store = open_at(&dir.path().join("s"), Arc::clone(&now)).unwrap();
    let mailbox = mailbox(&store).await;
    mailbox.enqueue(Envelope { expires: Some(6), ..letter(b"old") }).await.unwrap();
    mailbox.enqueue(letter(b"new")).await.unwrap();
    now.store(6, Ordering::SeqCst);
    let delivery = mailbox.next().await.unwrap();
    assert_eq!(delivery.envelope().body, b"new");
    delivery.acknowledge().await.unwrap();
    assert_eq!(mailbox.dead_letters(0, 10).await.unwrap()[0].reason, Reason::Expired);
    assert_eq!(mailbox.requeue(1).await.unwrap(), Some(3));
    assert_eq!(mailbox.next().await.unwrap().envelope().body, b"old");
}

#[tokio::test]
async fn nothing_is_lost_and_no_count_forgotten_when_the_store_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let store = open(&path).unwrap();
    let first = mailbox(&store).await;
    for body in [b"a", b"b"] {
        first.enqueue(letter(body)).await.unwrap();
    }
    first.next().await.unwrap().acknowledge().await.unwrap();
    let out = first.next().await.unwrap();
    store.close().await;
    assert_eq!(out.acknowledge().await, Err(StoreError::Closed));
    assert_eq!(first.enqueue(letter(b"x")).await, Err(EnqueueError::Store(StoreError::Closed)));
    let store = open(&path).unwrap();
    let again = mailbox(&store).await;
    let delivery = again.next().await.unwrap();
    assert_eq!((delivery.sequence(), delivery.deliveries()), (2, 2));
    assert_eq!(again.enqueue(letter(b"c")).await, Ok(3), "no sequence is used twice");
}

#[tokio::test]
async fn a_cancelled_next_and_a_dropped_delivery_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("s")).unwrap();
    let mailbox = store.mailbox("acme/to", Terms { max_deliveries: 100, ..TERMS }).await.unwrap();
    mailbox.enqueue(letter(b"a")).await.unwrap();
    for _ in 0..10 {
        tokio::select! { biased; _ = mailbox.next() => panic!("ready at once"), () = tokio::task::yield_now() => () }
    }
    assert_eq!(mailbox.next().await.unwrap().envelope().body, b"a");
}

#[tokio::test]
async fn a_second_store_on_the_same_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let _first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::InUse)));
}

#[test]
fn a_foreign_or_damaged_file_is_refused_and_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    for content in [b"not a store".to_vec(), vec![7; 100_000]] {
        std::fs::write(&path, &content).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, OpenError::NotAStore(_)), "{error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let other = redb::Database::create(&path).unwrap();
    let tx = other.begin_write().unwrap();
    tx.open_table(redb::TableDefinition::<u8, u8>::new("theirs")).unwrap();
    tx.commit().unwrap();
    drop(other);
    assert!(matches!(open(&path), Err(OpenError::NotAStore(_))));
}

#[tokio::test]
async fn a_mark_never_goes_down_and_a_set_never_shrinks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let store = open(&path).unwrap();
    let marks = store.marks();
    assert_eq!(marks.highest("k", "a").await, Ok(None));
    assert_eq!(marks.raise("k", "a", 5).await, Ok(5));
    assert_eq!(marks.raise("k", "a", 3).await, Ok(5));
    marks.add("k", "z").await.unwrap();
    marks.add("k", "y").await.unwrap();
    marks.add("l", "x").await.unwrap();
    store.close().await;
    let marks = open(&path).unwrap().marks();
    assert_eq!(marks.highest("k", "a").await, Ok(Some(5)));
    assert_eq!(marks.all("k").await, Ok(vec!["y".to_owned(), "z".to_owned()]));
    assert!(!marks.contains("k", "x").await.unwrap());
    assert!(marks.contains("l", "x").await.unwrap());
}

/// Prints a figure; run it with `--ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn how_many_messages_are_kept_in_a_second() {
    for senders in [1u64, 64] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("s")).unwrap();
        let terms = Terms { capacity: 100_000, max_total_bytes: 1 << 30, ..TERMS };
        let mailbox = store.mailbox("acme/to", terms).await.unwrap();
        let start = std::time::Instant::now();
        let tasks: Vec<_> = (0..senders)
            .map(|_| {
                let mailbox = mailbox.clone();
                tokio::spawn(async move {
                    for _ in 0..1024 / senders {
                        mailbox.enqueue(letter(&[0; 100])).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        println!("{senders} senders: {:.0} messages a second", 1024.0 / start.elapsed().as_secs_f64());
    }
}
