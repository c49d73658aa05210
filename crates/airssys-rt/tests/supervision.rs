//! Supervisors: who is started anew, when, in which order, and what is told meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorRef, ActorSystem, Backoff, ChildError, ChildSpec, ChildState, Context, ExitReason, Failure,
    Intensity, LookupError, Options, Overflow, Restart, SendError, Shutdown, Strategy, Supervisor,
    SupervisorRef,
};
use support::{LONG, Log, Say, Worker};
use tokio::time::{Instant, sleep};

/// A child that writes down its starts and its ends, by name.
struct Child(&'static str, Log);
impl Actor for Child {
    type Message = Say;
    async fn started(&mut self, _: &mut Context<Self>) -> Result<(), Failure> {
        self.1.add(format!("+{}", self.0));
        Ok(())
    }
    async fn handle(&mut self, message: Say, context: &mut Context<Self>) -> Result<(), Failure> {
        match message {
            Say::Stop => context.stop(),
            Say::Fail => return Err(Failure::new("on demand")),
            Say::Panic => panic!("on demand"),
            Say::Ask(reply) => drop(reply.send(7)),
            _ => std::future::pending().await,
        }
        Ok(())
    }
}
impl Drop for Child {
    fn drop(&mut self) {
        self.1.add(format!("-{}", self.0));
    }
}

const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(10), most: Duration::from_secs(1000), jitter_percent: 0 };
const PATIENT: Intensity = Intensity { faults: 1000, window: Duration::from_secs(1) };

fn child(name: &'static str, log: &Log) -> ChildSpec {
    let log = log.clone();
    ChildSpec::new(name, move || {
        let child = Child(name, log.clone());
        async move { Ok(child) }
    })
    .backoff(Backoff::NONE)
}

/// Three children, started.
async fn three(strategy: Strategy, intensity: Intensity) -> (ActorSystem, SupervisorRef, Log) {
    let (system, log) = (ActorSystem::new(), Log::default());
    let supervisor = Supervisor::with_intensity(strategy, intensity);
    let supervisor = supervisor.child(child("a", &log)).child(child("b", &log)).child(child("c", &log));
    let supervisor = supervisor.spawn(&system, "root").unwrap();
    sleep(LONG).await;
    assert_eq!(log.take(), ["+a", "+b", "+c"]);
    (system, supervisor, log)
}

async fn state(supervisor: &SupervisorRef, name: &str) -> ChildState {
    let children = supervisor.which_children().await.unwrap();
    children.into_iter().find(|child| &*child.name == name).unwrap().state
}

#[tokio::test(start_paused = true)]
async fn the_decision_is_carried_out_for_each_strategy() {
    for (strategy, expected) in [
        (Strategy::OneForOne, vec!["-b", "+b"]),
        (Strategy::OneForAll, vec!["-b", "-c", "-a", "+a", "+b", "+c"]),
        (Strategy::RestForOne, vec!["-b", "-c", "+b", "+c"]),
    ] {
        for fall in ["kill", "panic", "fail"] {
            let (system, _supervisor, log) = three(strategy, PATIENT).await;
            match fall {
                "kill" => system.actor("b").unwrap().kill(),
                "panic" => system.send("b", Say::Panic).await.map(|_| ()).unwrap(),
                _ => system.send("b", Say::Fail).await.map(|_| ()).unwrap(),
            }
            sleep(LONG).await;
            assert_eq!(log.take(), expected, "{strategy:?} {fall}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_those_that_are_to_be_restarted_are() {
    for (restart, after_normal, after_fault) in [
        (Restart::Permanent, Some(ChildState::Running), Some(ChildState::Running)),
        (Restart::Transient, Some(ChildState::Resting), Some(ChildState::Running)),
        (Restart::Temporary, None, None),
    ] {
        for (say, expected) in [(Say::Stop, after_normal), (Say::Panic, after_fault)] {
            let (system, log) = (ActorSystem::new(), Log::default());
            let supervisor = Supervisor::default().child(child("a", &log).restart(restart));
            let supervisor = supervisor.spawn(&system, "root").unwrap();
            sleep(LONG).await;
            system.send("a", say).await.unwrap();
            sleep(LONG).await;
            let children = supervisor.which_children().await.unwrap();
            assert_eq!(children.first().map(|child| child.state), expected, "{restart:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_makes_a_fresh_instance_and_nothing_of_the_broken_one_comes_back() {
    struct Counts(u32);
    impl Actor for Counts {
        type Message = Option<airssys_rt::Reply<u32>>;
        async fn handle(&mut self, message: Self::Message, _: &mut Context<Self>) -> Result<(), Failure> {
            let reply = message.ok_or_else(|| Failure::new("broken"))?;
            self.0 += 1;
            reply.send(self.0).ok();
            Ok(())
        }
    }
    let system = ActorSystem::new();
    let spec = ChildSpec::new("counts", || async { Ok(Counts(0)) }).backoff(Backoff::NONE);
    Supervisor::default().child(spec).spawn(&system, "root").unwrap();
    sleep(LONG).await;
    let old = system.address::<Option<airssys_rt::Reply<u32>>>("counts").unwrap();
    for expected in 1..4 {
        assert_eq!(old.ask(Some).await.unwrap(), expected);
    }
    old.send(None).await.unwrap();
    sleep(LONG).await;
    assert!(matches!(old.send(None).await, Err(SendError::Gone(None))), "the old address leads nowhere");
    let new = system.address::<Option<airssys_rt::Reply<u32>>>("counts").unwrap();
    assert_ne!(new.id(), old.id());
    assert_eq!(new.ask(Some).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn senders_are_told_while_a_child_waits_for_its_backoff_and_nobody_else_gets_its_name() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let supervisor = Supervisor::default().child(child("a", &log).backoff(BACKOFF));
    let supervisor = supervisor.spawn(&system, "root").unwrap();
    sleep(LONG).await;
    system.actor("a").unwrap().kill();
    sleep(Duration::from_secs(9)).await;
    assert!(matches!(system.send("a", Say::Note(1)).await, Err(SendError::Restarting(Say::Note(1)))));
    assert_eq!(system.actor("a").unwrap_err(), LookupError::Restarting { name: "a".to_owned() });
    assert!(system.spawn_with(Options::new().name("a"), Worker::default()).is_err());
    assert_eq!(state(&supervisor, "a").await, ChildState::Restarting);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(system.address::<Say>("a").unwrap().ask(Say::Ask).await.unwrap(), 7);
    // Given up while it waits, the name is free.
    system.actor("a").unwrap().kill();
    sleep(Duration::from_secs(1)).await;
    supervisor.terminate_child("a").await.unwrap();
    assert!(matches!(system.send("a", Say::Note(1)).await, Err(SendError::Unknown(_))));
    supervisor.restart_child("a").await.unwrap();
    system.actor("a").unwrap().kill();
    sleep(Duration::from_secs(1)).await;
    supervisor.actor().kill();
    sleep(Duration::from_secs(1)).await;
    assert!(system.spawn_with(Options::new().name("a"), Worker::default()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_name_is_kept_also_while_siblings_take_their_time_to_stop() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let slow = child("slow", &log).shutdown(Shutdown::Graceful(Duration::from_secs(7)));
    Supervisor::new(Strategy::OneForAll).child(child("a", &log)).child(slow).spawn(&system, "root").unwrap();
    sleep(LONG).await;
    system.send("slow", Say::Forever).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    system.actor("a").unwrap().kill();
    sleep(Duration::from_secs(1)).await;
    assert!(matches!(system.send("a", Say::Note(1)).await, Err(SendError::Restarting(_))));
    assert!(system.spawn_with(Options::new().name("a"), Worker::default()).is_err());
    sleep(Duration::from_secs(7)).await;
    assert_eq!(system.address::<Say>("a").unwrap().ask(Say::Ask).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_sibling_is_told_to_stop_only_when_the_one_after_it_has_ended() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let slow = child("c", &log).shutdown(Shutdown::Graceful(Duration::from_secs(7)));
    let supervisor = Supervisor::new(Strategy::OneForAll).child(child("a", &log)).child(child("b", &log));
    let supervisor = supervisor.child(slow).spawn(&system, "root").unwrap();
    sleep(LONG).await;
    log.take();
    system.send("c", Say::Forever).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    system.actor("b").unwrap().kill();
    sleep(Duration::from_secs(1)).await;
    // Other business meanwhile makes nothing faster.
    assert_eq!(state(&supervisor, "c").await, ChildState::Stopping);
    assert_eq!(state(&supervisor, "a").await, ChildState::Running);
    sleep(LONG).await;
    assert_eq!(log.take(), ["-b", "-c", "-a", "+a", "+b", "+c"]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_doubles_with_each_fault_in_a_row_and_begins_anew_after_a_long_life() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let supervisor = Supervisor::with_intensity(Strategy::OneForOne, PATIENT);
    supervisor.child(child("a", &log).backoff(BACKOFF)).spawn(&system, "root").unwrap();
    sleep(LONG).await;
    for expected in [10, 20, 40, 80] {
        log.take();
        system.actor("a").unwrap().kill();
        let before = Instant::now();
        log.wait_for("+a").await;
        assert_eq!(before.elapsed().as_secs(), expected);
    }
    sleep(LONG).await;
    log.take();
    system.actor("a").unwrap().kill();
    let before = Instant::now();
    log.wait_for("+a").await;
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_backoff_or_a_slow_factory_blocks_nobody_else() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let supervisor = Supervisor::with_intensity(Strategy::OneForOne, PATIENT)
        .child(child("waits", &log).backoff(BACKOFF))
        .child(child("other", &log));
    let supervisor = supervisor.spawn(&system, "root").unwrap();
    sleep(LONG).await;
    let starting = tokio::spawn({
        let supervisor = supervisor.clone();
        let never = ChildSpec::new("slow", || async {
            std::future::pending::<()>().await;
            Ok(Worker::default())
        });
        async move { supervisor.start_child(never).await }
    });
    system.actor("waits").unwrap().kill();
    sleep(Duration::from_secs(1)).await;
    log.take();
    let before = Instant::now();
    system.actor("other").unwrap().kill();
    log.wait_for("+other").await;
    assert_eq!(supervisor.which_children().await.unwrap().len(), 3);
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(state(&supervisor, "waits").await, ChildState::Restarting);
    supervisor.terminate_child("slow").await.unwrap();
    assert_eq!(starting.await.unwrap(), Err(ChildError::Terminated { name: "slow".to_owned() }));
}

#[tokio::test(start_paused = true)]
async fn too_many_faults_in_the_window_stop_all_in_reverse_and_fail_the_supervisor() {
    let intensity = Intensity { faults: 2, window: Duration::from_secs(60) };
    let (system, supervisor, log) = three(Strategy::OneForOne, intensity).await;
    for _ in 0..2 {
        system.actor("b").unwrap().kill();
        sleep(Duration::from_secs(1)).await;
    }
    log.take();
    system.actor("b").unwrap().kill();
    assert!(matches!(supervisor.actor().ended().await, ExitReason::Failed(_)));
    assert_eq!(log.take(), ["-b", "-c", "-a"]);
    assert!(matches!(supervisor.which_children().await, Err(ChildError::Ended)));
}

#[tokio::test(start_paused = true)]
async fn faults_outside_of_the_window_do_not_count() {
    let intensity = Intensity { faults: 1, window: Duration::from_secs(60) };
    let (system, supervisor, _log) = three(Strategy::OneForOne, intensity).await;
    for _ in 0..20 {
        system.actor("b").unwrap().kill();
        sleep(Duration::from_secs(61)).await;
    }
    assert_eq!(supervisor.actor().exit(), None);
    let children = supervisor.which_children().await.unwrap();
    assert_eq!(children.iter().map(|child| child.restarts).collect::<Vec<_>>(), [0, 20, 0]);
    assert_eq!(children[1].last_exit, Some(ExitReason::Killed));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_fails_is_a_fault_of_its_own_supervisor_which_makes_a_fresh_one() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let inner = log.clone();
    let strict = Intensity { faults: 0, window: LONG };
    let spec = ChildSpec::supervisor("inner", move || {
        Supervisor::with_intensity(Strategy::OneForOne, strict)
            .child(child("x", &inner))
            .child(child("y", &inner))
    });
    let outer = Supervisor::with_intensity(Strategy::OneForOne, Intensity { faults: 1, window: LONG });
    let outer = outer.child(spec.backoff(Backoff::NONE)).spawn(&system, "root").unwrap();
    sleep(Duration::from_secs(1)).await;
    log.take();
    system.actor("x").unwrap().kill();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(log.take(), ["-x", "-y", "+x", "+y"]);
    system.actor("x").unwrap().kill();
    assert!(matches!(outer.actor().ended().await, ExitReason::Failed(_)));
    assert_eq!(log.take(), ["-x", "-y"]);
    assert!(system.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_fails_or_panics_is_a_fault_that_is_backed_off_and_counted() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let tries = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&tries);
    let inner = log.clone();
    let spec = ChildSpec::new("a", move || {
        let (n, log) = (count.fetch_add(1, Ordering::SeqCst), inner.clone());
        assert!(n != 1, "in the factory");
        async move {
            assert!(n != 2, "in its future");
            if n == 0 { Err(Failure::new("not yet")) } else { Ok(Child("a", log)) }
        }
    });
    let supervisor = Supervisor::with_intensity(Strategy::OneForOne, Intensity { faults: 3, window: LONG });
    let supervisor = supervisor.child(spec.backoff(BACKOFF)).spawn(&system, "root").unwrap();
    let before = Instant::now();
    sleep(Duration::from_secs(1)).await;
    let children = supervisor.which_children().await.unwrap();
    assert_eq!(children[0].last_failure.as_deref(), Some("not yet"));
    assert_eq!((children[0].state, children[0].faults), (ChildState::Restarting, 1));
    log.wait_for("+a").await;
    assert_eq!(before.elapsed().as_secs(), 10 + 20 + 40);
    assert_eq!(tries.load(Ordering::SeqCst), 4);
    system.actor("a").unwrap().kill();
    assert!(matches!(supervisor.actor().ended().await, ExitReason::Failed(_)), "failed starts count");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_stops_in_reverse_each_in_its_own_way() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let second = Duration::from_secs(1);
    let supervisor = Supervisor::default()
        .child(child("infinity", &log).shutdown(Shutdown::Infinity))
        .child(child("late", &log).shutdown(Shutdown::Graceful(7 * second)))
        .child(child("immediate", &log).shutdown(Shutdown::Immediate));
    let supervisor = supervisor.spawn(&system, "root").unwrap();
    sleep(LONG).await;
    log.take();
    let refs: Vec<ActorRef> =
        ["infinity", "late", "immediate"].map(|name| system.actor(name).unwrap()).into();
    for busy in ["late", "immediate"] {
        system.send(busy, Say::Forever).await.unwrap();
    }
    sleep(second).await;
    let before = Instant::now();
    supervisor.actor().stop(Shutdown::Infinity);
    assert_eq!(supervisor.actor().ended().await, ExitReason::Shutdown);
    assert_eq!(before.elapsed().as_secs(), 7);
    assert_eq!(log.take(), ["-immediate", "-late", "-infinity"]);
    let ends: Vec<_> = refs.iter().map(|actor| actor.exit().unwrap()).collect();
    assert_eq!(ends, [ExitReason::Shutdown, ExitReason::Killed, ExitReason::Killed]);
}

#[tokio::test(start_paused = true)]
async fn a_system_shutdown_stops_the_tree_in_reverse_and_restarts_nobody() {
    let (system, supervisor, log) = three(Strategy::OneForAll, PATIENT).await;
    assert!(system.shutdown(LONG).await.is_clean());
    assert_eq!(log.take(), ["-c", "-b", "-a"]);
    assert_eq!(supervisor.actor().exit(), Some(ExitReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn the_children_of_a_killed_supervisor_do_not_outlive_it() {
    let (system, supervisor, log) = three(Strategy::OneForOne, PATIENT).await;
    system.send("a", Say::Forever).await.unwrap();
    let a = system.actor("a").unwrap();
    supervisor.actor().kill();
    assert!(matches!(a.ended().await, ExitReason::Linked { id, .. } if id == supervisor.actor().id()));
    sleep(LONG).await;
    assert!(system.is_empty());
    assert_eq!(log.take().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn children_come_and_go_while_it_runs() {
    let (system, supervisor, log) = three(Strategy::OneForOne, PATIENT).await;
    let error = supervisor.start_child(child("a", &log)).await.unwrap_err();
    assert_eq!(error, ChildError::Exists { name: "a".to_owned() });
    let d = supervisor.start_child(child("d", &log)).await.unwrap();
    assert_eq!(system.actor("d").unwrap(), d);
    assert!(matches!(supervisor.restart_child("d").await, Err(ChildError::Alive { .. })));
    assert!(matches!(supervisor.delete_child("d").await, Err(ChildError::Alive { .. })));
    supervisor.terminate_child("d").await.unwrap();
    assert_eq!(d.exit(), Some(ExitReason::Shutdown), "it has ended when the answer comes");
    sleep(LONG).await;
    assert_eq!(state(&supervisor, "d").await, ChildState::Resting);
    assert_ne!(supervisor.restart_child("d").await.unwrap(), d);
    supervisor.terminate_child("d").await.unwrap();
    supervisor.delete_child("d").await.unwrap();
    for gone in ["d", "e"] {
        assert!(matches!(supervisor.terminate_child(gone).await, Err(ChildError::Unknown { .. })));
        assert!(matches!(supervisor.restart_child(gone).await, Err(ChildError::Unknown { .. })));
        assert!(matches!(supervisor.delete_child(gone).await, Err(ChildError::Unknown { .. })));
    }
    let failing =
        ChildSpec::new("f", || async { Err::<Worker, _>(Failure::new("no")) }).restart(Restart::Temporary);
    let error = supervisor.start_child(failing).await.unwrap_err();
    assert_eq!(error, ChildError::Failed { name: "f".to_owned(), why: "no".to_owned() });
    assert_eq!(supervisor.which_children().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn children_of_different_types_stand_under_one_supervisor_with_their_own_mailboxes() {
    struct Numbers;
    impl Actor for Numbers {
        type Message = u8;
        async fn handle(&mut self, _: u8, _: &mut Context<Self>) -> Result<(), Failure> {
            std::future::pending().await
        }
    }
    let (system, log) = (ActorSystem::new(), Log::default());
    let numbers = ChildSpec::new("numbers", || async { Ok(Numbers) }).mailbox(1, Overflow::Refuse);
    Supervisor::default().child(child("a", &log)).child(numbers).spawn(&system, "root").unwrap();
    sleep(LONG).await;
    system.send("numbers", 1_u8).await.unwrap();
    sleep(LONG).await;
    system.send("numbers", 2_u8).await.unwrap();
    assert!(matches!(system.send("numbers", 3_u8).await, Err(SendError::Full(3))));
    assert_eq!(system.address::<Say>("a").unwrap().ask(Say::Ask).await.unwrap(), 7);
}

#[tokio::test]
async fn two_children_of_one_name_fail_the_supervisor() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let supervisor = Supervisor::default().child(child("a", &log)).child(child("a", &log));
    let supervisor = supervisor.spawn(&system, "root").unwrap();
    assert!(matches!(supervisor.actor().ended().await, ExitReason::Failed(_)));
    assert!(log.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_somebody_elses_fails_the_start_and_stays_with_its_owner() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let owner = system.spawn_with(Options::new().name("a"), Worker::default()).unwrap();
    let supervisor = Supervisor::default().spawn(&system, "root").unwrap();
    let error = supervisor.start_child(child("a", &log).restart(Restart::Temporary)).await.unwrap_err();
    assert!(matches!(error, ChildError::Failed { .. }));
    assert_eq!(system.actor("a").unwrap().id(), owner.id());
}

#[test]
fn jitter_shortens_a_wait_by_no_more_than_its_share_and_is_not_always_the_same() {
    let backoff = Backoff { jitter_percent: 25, ..BACKOFF };
    let waits: Vec<_> = (0..200).map(|_| backoff.delay(1)).collect();
    let least = Duration::from_millis(7500);
    assert!(waits.iter().all(|wait| (least..=BACKOFF.first).contains(wait)));
    assert!(waits.iter().any(|wait| *wait != waits[0]));
}

/// Waits until that has happened so often.
async fn times(log: &Log, event: &str, count: usize) {
    while log.all().iter().filter(|known| *known == event).count() < count {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_stands_alone_is_abandoned_when_its_faults_are_too_many_and_costs_nobody_anything() {
    let (system, log) = (ActorSystem::new(), Log::default());
    let told = log.clone();
    let intensity = Intensity { faults: 2, window: Duration::from_secs(60) };
    let alone = child("a", &log).alone(intensity, move || told.add("abandoned"));
    let strict = Supervisor::with_intensity(Strategy::OneForAll, Intensity { faults: 0, window: LONG });
    let supervisor = strict.child(alone).child(child("b", &log)).spawn(&system, "root").unwrap();
    for n in 0..3 {
        times(&log, "+a", n + 1).await;
        sleep(Duration::from_millis(1)).await;
        system.address::<Say>("a").unwrap().send(Say::Fail).await.unwrap();
        times(&log, "-a", n + 1).await;
    }
    log.wait_for("abandoned").await;
    assert!(!log.all().contains(&"-b".to_owned()), "its faults are none of its siblings'");
    assert_eq!(supervisor.which_children().await.unwrap()[0].state, ChildState::Resting);
    assert!(matches!(system.actor("a"), Err(LookupError::Unknown { .. })));
    // What was abandoned is started again when somebody says so, and its faults are counted anew.
    for n in 3..5 {
        supervisor.restart_child("a").await.unwrap();
        system.address::<Say>("a").unwrap().send(Say::Fail).await.unwrap();
        times(&log, "-a", n + 1).await;
        supervisor.terminate_child("a").await.unwrap();
    }
    // With one of those who do not, it is another matter.
    system.address::<Say>("b").unwrap().send(Say::Fail).await.unwrap();
    assert!(matches!(supervisor.actor().ended().await, ExitReason::Failed(_)));
}
