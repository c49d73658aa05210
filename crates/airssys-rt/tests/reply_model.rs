//! One question and its answer, in a model of threads: exactly one outcome.
#![allow(clippy::unwrap_used, missing_docs, dead_code, unused_imports, unreachable_pub, reason = "a test")]

/// The model's own locks.
mod sync {
    pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}

#[path = "../src/reply.rs"]
mod reply;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use reply::slot;
use shuttle::future::block_on;
use shuttle::thread;

fn check(model: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(model, 10_000);
    shuttle::check_pct(model, 10_000, 3);
}

#[test]
fn an_answer_that_was_taken_was_sent_and_one_that_was_late_comes_back() {
    check(|| {
        let (reply, mut answer) = slot();
        let replier = thread::spawn(move || reply.send(7));
        // The time is over after one look.
        let early = block_on(poll_fn(|context| match Pin::new(&mut answer).poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => Poll::Ready(None),
        }));
        thread::yield_now();
        let got = early.or_else(|| answer.give_up());
        match replier.join().unwrap() {
            Ok(()) => assert_eq!(got, Some(7), "sent, and nobody has it"),
            Err(back) => assert_eq!((back, got), (7, None), "handed back, and taken too"),
        }
    });
}

#[test]
fn an_asker_that_waits_is_woken_by_the_answer_or_by_its_absence() {
    for answers in [true, false] {
        let model = move || {
            let (reply, answer) = slot();
            let replier = thread::spawn(move || if answers { reply.send(7).is_ok() } else { false });
            assert_eq!(block_on(answer), answers.then_some(7));
            assert_eq!(replier.join().unwrap(), answers);
        };
        check(model);
    }
}

#[test]
fn a_replier_that_waits_is_woken_when_the_asker_goes() {
    check(|| {
        let (mut reply, answer) = slot();
        let asker = thread::spawn(move || drop(answer));
        block_on(reply.cancelled());
        assert!(reply.is_cancelled());
        assert_eq!(reply.send(7), Err(7));
        asker.join().unwrap();
    });
}

#[test]
fn a_dropped_reply_and_an_asker_that_gives_up_do_not_wait_for_each_other() {
    check(|| {
        let (reply, answer) = slot::<u8>();
        let replier = thread::spawn(move || drop(reply));
        thread::yield_now();
        assert_eq!(answer.give_up(), None);
        replier.join().unwrap();
    });
}
