//! The queue in a mailbox, in a model of threads: capacity, order, and that closing loses nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "a test"
)]

/// The model's own locks and atomics.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}

#[path = "../src/overflow.rs"]
mod overflow;
#[path = "../src/queue.rs"]
mod queue;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use overflow::Overflow;
use queue::{Offer, Queue};
use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

type Message = (usize, usize);

fn check(model: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(model, 5_000);
    shuttle::check_pct(model, 5_000, 3);
}

async fn next(queue: &Queue<Message>, batch: &mut VecDeque<Message>) -> Option<Message> {
    poll_fn(|context| queue.poll_next(batch, context)).await
}

fn waiting_senders() {
    let queue = Arc::new(Queue::<Message>::new(2, Overflow::Wait));
    let senders: Vec<_> = (0..3)
        .map(|who| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                for n in 0..3 {
                    if let Offer::Full(message) = queue.offer((who, n)) {
                        block_on(queue.wait(message)).unwrap();
                    }
                    assert!(queue.depth() <= 2, "more than the capacity");
                }
            })
        })
        .collect();
    let (mut batch, mut expected) = (VecDeque::new(), [0; 3]);
    for _ in 0..9 {
        let (who, n) = block_on(next(&queue, &mut batch)).unwrap();
        assert_eq!(n, expected[who], "out of order");
        expected[who] += 1;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    assert_eq!(queue.depth(), 0);
}

#[test]
fn the_capacity_holds_the_order_is_kept_and_no_sender_sleeps_for_ever() {
    check(waiting_senders);
}

fn closing() {
    let queue = Arc::new(Queue::<Message>::new(2, Overflow::Wait));
    let back = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..3)
        .map(|who| {
            let (queue, back) = (Arc::clone(&queue), Arc::clone(&back));
            thread::spawn(move || {
                for n in 0..2 {
                    if block_on(queue.wait((who, n))).is_err() {
                        back.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    let mut batch = VecDeque::new();
    let mut read = 0;
    for _ in 0..2 {
        block_on(next(&queue, &mut batch)).unwrap();
        read += 1;
    }
    drop(batch);
    drop(queue.end());
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let unread = usize::try_from(queue.dropped().unread).unwrap();
    assert_eq!(read + unread + back.load(Ordering::SeqCst), 6, "a message is lost or doubled");
}

#[test]
fn each_message_is_read_or_counted_or_handed_back_whatever_the_moment_of_closing() {
    check(closing);
}

fn giving_up() {
    let queue = Arc::new(Queue::<Message>::new(1, Overflow::Wait));
    assert!(matches!(queue.offer((0, 0)), Offer::Queued));
    let sender = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            let mut wait = queue.wait((1, 0));
            let sent = block_on(poll_fn(|context| match Pin::new(&mut wait).poll(context) {
                Poll::Ready(sent) => Poll::Ready(Some(sent.is_ok())),
                Poll::Pending => Poll::Ready(None),
            }));
            thread::yield_now();
            sent.unwrap_or_else(|| wait.give_up().is_none())
        })
    };
    let other = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || block_on(queue.wait((2, 0))).unwrap())
    };
    let mut batch = VecDeque::new();
    let mut read = Vec::new();
    while !read.contains(&2) {
        read.push(block_on(next(&queue, &mut batch)).unwrap().0);
    }
    let sent = sender.join().unwrap();
    other.join().unwrap();
    queue.close();
    while let Some((who, _)) = block_on(next(&queue, &mut batch)) {
        read.push(who);
    }
    assert_eq!(read.contains(&1), sent, "sent and not read, or read and not sent");
    assert_eq!(read.len(), 2 + usize::from(sent));
}

#[test]
fn a_sender_that_gives_up_has_its_message_back_or_it_was_read_and_never_both() {
    check(giving_up);
}

fn overtaking() {
    let queue = Arc::new(Queue::<Message>::new(2, Overflow::Wait));
    let mut batch = VecDeque::new();
    (0..2).for_each(|n| assert!(matches!(queue.offer((0, n)), Offer::Queued)));
    assert_eq!(block_on(next(&queue, &mut batch)), Some((0, 0)));
    // One is in the batch, and one more fills the queue.
    assert!(matches!(queue.offer((0, 2)), Offer::Queued));
    let mut first = queue.wait((1, 0));
    // It waits, from here on.
    assert!(block_on(poll_fn(|context| Poll::Ready(Pin::new(&mut first).poll(context).is_pending()))));
    let second = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            if let Offer::Full(message) = queue.offer((2, 0)) {
                block_on(queue.wait(message)).unwrap();
            }
        })
    };
    let order: Vec<_> = (0..4).map(|_| block_on(next(&queue, &mut batch)).unwrap().0).collect();
    assert_eq!(order, [0, 0, 1, 2], "overtaken");
    second.join().unwrap();
    block_on(first).unwrap();
}

#[test]
fn nobody_overtakes_a_sender_that_waits() {
    check(overtaking);
}

fn making_room() {
    let queue = Arc::new(Queue::<Message>::new(3, Overflow::Wait));
    let mut batch = VecDeque::new();
    (0..3).for_each(|n| assert!(matches!(queue.offer((0, n)), Offer::Queued)));
    assert_eq!(block_on(next(&queue, &mut batch)), Some((0, 0)));
    let sender = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || (0..2).for_each(|n| block_on(queue.wait((1, n))).unwrap()))
    };
    // From the batch; and then the reader is busy for ever.
    assert_eq!(block_on(next(&queue, &mut batch)), Some((0, 1)));
    sender.join().unwrap();
    assert_eq!(queue.depth(), 3);
}

#[test]
fn room_that_a_message_in_the_batch_made_is_given_to_who_waits() {
    check(making_room);
}

fn displacing() {
    let queue = Arc::new(Queue::<Message>::new(2, Overflow::DropOldest));
    let senders: Vec<_> = (0..2)
        .map(|who| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                (0..3).filter(|n| matches!(queue.offer((who, *n)), Offer::Displaced(_))).count()
            })
        })
        .collect();
    let mut batch = VecDeque::new();
    let first = block_on(next(&queue, &mut batch)).unwrap();
    assert!(queue.depth() <= 2);
    let displaced: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
    queue.close();
    let mut read = vec![first];
    while let Some(message) = block_on(next(&queue, &mut batch)) {
        read.push(message);
    }
    assert_eq!(usize::try_from(queue.dropped().oldest).unwrap(), displaced);
    assert_eq!(read.len() + displaced, 6, "the count is not exact");
}

#[test]
fn what_is_displaced_is_counted_exactly() {
    check(displacing);
}
