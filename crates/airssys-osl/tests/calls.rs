//! A call of another component's function: it rests on its permission, and keeps no change of policies waiting.
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

use airssys_osl::action::ComponentCall;
use airssys_osl::{FunctionName, Permit, Session, Why, calls};
use common::{IMPORT, Log, Script};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const ID: &str = "acme/callee#acme:text/shout.shout";
/// Long enough for whatever is going to happen at all.
const AT_LAST: Duration = Duration::from_secs(30);

fn function() -> FunctionName {
    FunctionName::parse(ID).unwrap()
}

fn world() -> (Arc<Script>, Arc<Log>, Arc<Session>) {
    let (script, log) = (Script::new(|_, id| id == ID), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    (script, log, session)
}

fn permit(session: &Arc<Session>) -> Permit<ComponentCall> {
    session.authorize::<ComponentCall>(function(), IMPORT).unwrap()
}

/// Counts its end.
struct Dropped(Arc<AtomicU64>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_call_whose_permission_was_lost_before_it_began_never_begins() {
    for revoked in [true, false] {
        let (script, log, session) = world();
        let permit = permit(&session);
        if revoked {
            session.revoke();
        } else {
            script.swap(|_, _| false);
            session.gate().policies_changed(1);
        }
        let work = |_: &FunctionName, _| -> std::future::Ready<()> { panic!("it began") };
        let denied = calls::call(permit, IMPORT, work).await.unwrap_err();
        assert_eq!(denied.why, if revoked { Why::Revoked } else { Why::Policy });
        assert_eq!(log.take()[1..], [format!("deny component:call {ID}")], "told once");
    }
}

#[tokio::test]
async fn work_that_waits_is_dropped_with_its_permission_and_told_once() {
    for revoked in [true, false] {
        let ((script, log, session), ended) = (world(), Arc::new(AtomicU64::new(0)));
        let dropped = Dropped(Arc::clone(&ended));
        let work = move |_: &FunctionName, _| async move {
            let _dropped = dropped;
            pending::<()>().await;
        };
        let mut waiting = Box::pin(calls::call(permit(&session), IMPORT, work));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let waiting = tokio::spawn(waiting);
        if revoked {
            // Returns although the call waits: nothing of it is under way.
            session.end();
        } else {
            script.swap(|_, _| false);
            session.gate().policies_changed(1);
        }
        let denied = tokio::time::timeout(AT_LAST, waiting).await.expect("woken").unwrap().unwrap_err();
        assert_eq!(denied.why, if revoked { Why::Revoked } else { Why::Policy });
        assert_eq!(ended.load(Ordering::SeqCst), 1);
        assert_eq!(log.take()[1..], [format!("deny component:call {ID}")]);
    }
}

#[tokio::test]
async fn no_step_is_taken_after_a_change_that_denies_it() {
    let ((script, _log, session), steps) = (world(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&steps);
    let work = move |_: &FunctionName, _| {
        std::future::poll_fn(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Poll::<()>::Pending
        })
    };
    let mut call = Box::pin(calls::call(permit(&session), IMPORT, work));
    let mut step = || call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(step().is_pending() && step().is_pending());
    assert_eq!(steps.load(Ordering::SeqCst), 2);
    script.swap(|_, _| false);
    session.gate().policies_changed(1);
    assert!(matches!(step(), Poll::Ready(Err(denied)) if denied.why == Why::Policy));
    assert_eq!(steps.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn no_step_is_taken_elsewhere_either_and_only_the_caller_is_told() {
    for revoked in [true, false] {
        let ((script, log, session), steps) = (world(), Arc::new(AtomicU64::new(0)));
        let (counted, handed) = (Arc::clone(&steps), Arc::new(std::sync::Mutex::new(None)));
        let hand = Arc::clone(&handed);
        let work = move |_: &FunctionName, under: calls::Under| {
            let step = std::future::poll_fn(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                Poll::<()>::Pending
            });
            *hand.lock().unwrap() = Some(Box::pin(under.steps(step)));
            pending::<()>()
        };
        let mut call = Box::pin(calls::call(permit(&session), IMPORT, work));
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        let mut elsewhere = handed.lock().unwrap().take().unwrap();
        assert!(elsewhere.as_mut().poll(&mut context).is_pending());
        assert!(elsewhere.as_mut().poll(&mut context).is_pending());
        log.take();
        if revoked {
            session.revoke();
        } else {
            script.swap(|_, _| false);
            session.gate().policies_changed(1);
        }
        assert!(matches!(elsewhere.as_mut().poll(&mut context), Poll::Ready(None)));
        assert_eq!((steps.load(Ordering::SeqCst), log.take()), (2, vec![]));
        assert!(matches!(call.as_mut().poll(&mut context), Poll::Ready(Err(_))));
        assert_eq!(log.take(), [format!("deny component:call {ID}")]);
    }
}

/// Where the steps of a call are taken.
#[derive(Clone, Copy)]
enum Steps {
    WhereItIsWaitedFor,
    Elsewhere,
}

#[test]
fn a_change_waits_for_the_step_under_way() {
    waits_for_the_step(Steps::WhereItIsWaitedFor);
    waits_for_the_step(Steps::Elsewhere);
}

fn waits_for_the_step(steps: Steps) {
    let (script, _log, session) = world();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let over = Arc::new(AtomicU64::new(0));
    let ended = Arc::clone(&over);
    let step = async move {
        begun.send(()).unwrap();
        may_go_on.recv_timeout(AT_LAST).unwrap();
        assert!(airssys_osl::own::is_under_way(), "a change asked for from within would wait for itself");
        ended.fetch_add(1, Ordering::SeqCst);
    };
    let work = move |_: &FunctionName, under: calls::Under| async move {
        match steps {
            Steps::WhereItIsWaitedFor => step.await,
            Steps::Elsewhere => drop(tokio::spawn(under.steps(step)).await),
        }
    };
    let call = calls::call(permit(&session), IMPORT, work);
    let caller = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(call)
    });
    has_begun.recv_timeout(AT_LAST).unwrap();
    script.swap(|_, _| false);
    let gate = Arc::clone(session.gate());
    let seen = Arc::clone(&over);
    let change = std::thread::spawn(move || {
        gate.policies_changed(1);
        seen.load(Ordering::SeqCst)
    });
    // That something does not happen cannot be waited for otherwise.
    std::thread::sleep(Duration::from_millis(100));
    assert!(!change.is_finished());
    go_on.send(()).unwrap();
    assert_eq!(change.join().unwrap(), 1, "it returned before the step was over");
    let called = caller.join().unwrap();
    // The step elsewhere was the last one, and whoever waits for it hears of the change before that.
    assert!(called.is_ok() || matches!(steps, Steps::Elsewhere));
}

#[tokio::test]
async fn a_call_goes_on_under_policies_that_still_permit_it() {
    for reusable in [true, false] {
        let (script, log, session) = world();
        script.reusable.store(reusable, Ordering::SeqCst);
        let (answer, answered) = tokio::sync::oneshot::channel::<u32>();
        let work = |name: &FunctionName, _| {
            assert_eq!(name.as_str(), ID);
            answered
        };
        let mut waiting = Box::pin(calls::call(permit(&session), IMPORT, work));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        script.swap(|_, _| true);
        session.gate().policies_changed(1);
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        answer.send(7).unwrap();
        assert_eq!(tokio::time::timeout(AT_LAST, waiting).await.unwrap().unwrap(), Ok(7));
        // Once for each epoch, however many steps it took.
        assert_eq!(log.take(), vec![format!("allow component:call {ID}"); 2]);
    }
}
