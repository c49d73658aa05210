//! Supervision: whatever ends, and in whatever order, the same children are started and stopped, in the same order, as in a
//! reference that does it the simple way.
//!
//! An input chooses a tree of supervisors and which of its leaves end, how. Time is stepped on by hand: each end is over before
//! the next, and some fall out of the window of the intensity. What threads do to each other is the business of the models
//! in airssys-rt.

mod reference;

use crate::choices::Choices;
use airssys_rt::{
    Actor, ActorSystem, Backoff, ChildSpec, Context, Failure, Intensity, Options, Restart, Strategy,
    Supervisor,
};
use reference::{Exit, Live, Node, WINDOW};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;

/// Between two ends: some fall out of the window, and each is over before the next.
const PAUSE: Duration = Duration::from_secs(13);
/// Ends in one run, children of a supervisor, and faults it bears, at most.
const ENDS: usize = 16;
const CHILDREN: usize = 5;
const FAULTS: usize = 4;

/// What is judged: a supervisor with that strategy and intensity, still without children.
pub type Made = fn(Strategy, Intensity) -> Supervisor;

/// The oracle.
///
/// # Panics
/// When others are started or stopped than in the reference, or in another order.
pub fn supervision(data: &[u8]) {
    check(data, Supervisor::with_intensity);
}

/// The same of any supervisor.
///
/// # Panics
/// As [`supervision`].
pub fn check(data: &[u8], made: Made) {
    let mut choices = Choices::new(data);
    let mut root = tree(&mut choices, 2);
    root.rename("root");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(compare(&root, choices, made));
}

/// A supervisor with children, of which some are supervisors, so many levels down.
fn tree(choices: &mut Choices<'_>, levels: usize) -> Node {
    let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
    let (restart, strategy) = (restart(choices), choices.one(&strategies));
    let faults = choices.below(FAULTS) as u32;
    let child = |choices: &mut Choices<'_>| match levels > 1 && choices.rarely(3) {
        true => tree(choices, levels - 1),
        false => Node::Leaf { name: String::new(), restart: self::restart(choices) },
    };
    let children = (0..choices.below(CHILDREN)).map(|_| child(choices)).collect();
    Node::Tree { name: String::new(), restart, strategy, faults, children }
}

fn restart(choices: &mut Choices<'_>) -> Restart {
    choices.one(&[Restart::Permanent, Restart::Permanent, Restart::Transient, Restart::Temporary])
}

/// What was started and stopped, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, event: String) {
        self.0.lock().unwrap().push(event);
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The real thing.
struct Leaf(String, Log);
impl Actor for Leaf {
    type Message = bool;
    async fn started(&mut self, _: &mut Context<Self>) -> Result<(), Failure> {
        self.1.add(format!("+{}", self.0));
        Ok(())
    }
    async fn handle(&mut self, fault: bool, context: &mut Context<Self>) -> Result<(), Failure> {
        context.stop();
        if fault { Err(Failure::new("fault")) } else { Ok(()) }
    }
}
impl Drop for Leaf {
    fn drop(&mut self) {
        self.1.add(format!("-{}", self.0));
    }
}

fn spec(node: &Node, log: &Log, made: Made) -> ChildSpec {
    let spec = match node.clone() {
        Node::Leaf { name, .. } => {
            let log = log.clone();
            ChildSpec::new(name.clone(), move || {
                let leaf = Leaf(name.clone(), log.clone());
                async move { Ok(leaf) }
            })
        }
        Node::Tree { name, .. } => {
            let (node, log) = (node.clone(), log.clone());
            ChildSpec::supervisor(name, move || supervisor(&node, &log, made))
        }
    };
    spec.restart(node.restart()).backoff(Backoff::NONE)
}

fn supervisor(node: &Node, log: &Log, made: Made) -> Supervisor {
    let Node::Tree { strategy, faults, children, .. } = node else { panic!("a leaf") };
    let intensity = Intensity { faults: *faults, window: WINDOW };
    let supervisor = made(*strategy, intensity);
    children.iter().fold(supervisor, |supervisor, child| supervisor.child(spec(child, log, made)))
}

async fn compare(tree: &Node, mut choices: Choices<'_>, made: Made) {
    let (system, log, mut expected) = (ActorSystem::new(), Log::default(), Vec::new());
    let mut reference = Live::start(tree, &mut expected);
    system.spawn_with(Options::new().name(tree.name()), supervisor(tree, &log, made)).unwrap();
    sleep(PAUSE).await;
    assert_eq!(log.take(), expected, "the first start");
    let (mut now, leaves) = (PAUSE, tree.leaves());
    for _ in 0..ENDS {
        if leaves.is_empty() || choices.is_empty() {
            break;
        }
        let name = &leaves[choices.below(leaves.len())];
        let exit = choices.one(&[Exit::Fault, Exit::Fault, Exit::Normal]);
        expected.clear();
        if reference.alive {
            // A leaf that does not live cannot end, here and there.
            let _ = reference.exit(name, exit, now, &mut expected);
        }
        drop(system.send(name, matches!(exit, Exit::Fault)).await);
        sleep(PAUSE).await;
        now += PAUSE;
        assert_eq!(log.take(), expected, "after {exit:?} of {name}");
    }
    expected.clear();
    reference.stop(&mut expected);
    assert!(system.shutdown(PAUSE).await.is_clean());
    assert_eq!(log.take(), expected, "the last stop");
}
