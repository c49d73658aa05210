//! Random exits over random trees, against a reference that does the same the simple way: nothing runs there, each
//! step is done before the next begins.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use airssys_rt::{
    Actor, ActorSystem, Backoff, ChildSpec, Context, Failure, Intensity, Options, Restart, Strategy as Which,
    Supervisor,
};
use proptest::prelude::*;
use support::Log;
use tokio::time::sleep;

const WINDOW: Duration = Duration::from_secs(60);
/// Between two exits: some fall out of the window, and each is over before the next.
const PAUSE: Duration = Duration::from_secs(13);

#[derive(Debug, Clone)]
enum Node {
    Leaf { name: String, restart: Restart },
    Tree { name: String, restart: Restart, strategy: Which, faults: u32, children: Vec<Node> },
}

#[derive(Debug, Clone, Copy)]
enum Exit {
    Normal,
    Fault,
}

impl Node {
    fn name(&self) -> &str {
        match self {
            Self::Leaf { name, .. } | Self::Tree { name, .. } => name,
        }
    }

    fn restart(&self) -> Restart {
        match self {
            Self::Leaf { restart, .. } | Self::Tree { restart, .. } => *restart,
        }
    }

    fn rename(&mut self, prefix: &str) {
        match self {
            Self::Leaf { name, .. } => *name = prefix.to_owned(),
            Self::Tree { name, children, .. } => {
                *name = prefix.to_owned();
                children.iter_mut().enumerate().for_each(|(n, child)| child.rename(&format!("{prefix}.{n}")));
            }
        }
    }

    fn leaves(&self) -> Vec<String> {
        match self {
            Self::Leaf { name, .. } => vec![name.clone()],
            Self::Tree { children, .. } => children.iter().flat_map(Self::leaves).collect(),
        }
    }
}

/// The reference.
struct Live {
    node: Node,
    alive: bool,
    children: Vec<Live>,
    times: Vec<Duration>,
}

/// What became of a child's exit, to its parent.
enum Outcome {
    NotHere,
    Done,
    GaveUp,
}

impl Live {
    fn start(node: &Node, log: &mut Vec<String>) -> Self {
        let children = match node {
            Node::Leaf { name, .. } => {
                log.push(format!("+{name}"));
                Vec::new()
            }
            Node::Tree { children, .. } => children.iter().map(|child| Self::start(child, log)).collect(),
        };
        Self { node: node.clone(), alive: true, children, times: Vec::new() }
    }

    fn stop(&mut self, log: &mut Vec<String>) {
        if !std::mem::take(&mut self.alive) {
            return;
        }
        if let Node::Leaf { name, .. } = &self.node {
            log.push(format!("-{name}"));
        }
        self.children.iter_mut().rev().for_each(|child| child.stop(log));
    }

    /// The leaf `name` ends.
    fn exit(&mut self, name: &str, exit: Exit, now: Duration, log: &mut Vec<String>) -> Outcome {
        for at in 0..self.children.len() {
            let child = &mut self.children[at];
            if !child.alive {
                continue;
            }
            let abnormal = if child.node.name() == name {
                child.alive = false;
                log.push(format!("-{name}"));
                matches!(exit, Exit::Fault)
            } else {
                match child.exit(name, exit, now, log) {
                    Outcome::NotHere => continue,
                    Outcome::Done => return Outcome::Done,
                    Outcome::GaveUp => true,
                }
            };
            return self.fallen(at, abnormal, now, log);
        }
        Outcome::NotHere
    }

    fn fallen(&mut self, at: usize, abnormal: bool, now: Duration, log: &mut Vec<String>) -> Outcome {
        self.children[at].alive = false;
        match self.children[at].node.restart() {
            Restart::Permanent => {}
            Restart::Transient if abnormal => {}
            Restart::Transient => return Outcome::Done,
            Restart::Temporary => {
                self.children.remove(at);
                return Outcome::Done;
            }
        }
        let Node::Tree { strategy, faults, .. } = self.node.clone() else { unreachable!() };
        self.times.retain(|then| now - *then <= WINDOW);
        if self.times.len() >= faults as usize {
            self.stop(log);
            return Outcome::GaveUp;
        }
        self.times.push(now);
        self.restart(strategy, at, log);
        Outcome::Done
    }

    fn restart(&mut self, strategy: Which, at: usize, log: &mut Vec<String>) {
        let concerned = |n: usize| match strategy {
            Which::OneForOne => n == at,
            Which::OneForAll => true,
            Which::RestForOne => n >= at,
        };
        let mut again: Vec<bool> = (0..self.children.len()).map(|n| n == at).collect();
        for n in (0..self.children.len()).rev() {
            if concerned(n) && self.children[n].alive {
                self.children[n].stop(log);
                again[n] = true;
            }
        }
        let mut n = 0;
        for again in again {
            if again && self.children[n].node.restart() == Restart::Temporary {
                self.children.remove(n);
                continue;
            }
            if again {
                let node = self.children[n].node.clone();
                self.children[n] = Self::start(&node, log);
            }
            n += 1;
        }
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

fn spec(node: &Node, log: &Log) -> ChildSpec {
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
            ChildSpec::supervisor(name, move || supervisor(&node, &log))
        }
    };
    spec.restart(node.restart()).backoff(Backoff::NONE)
}

fn supervisor(node: &Node, log: &Log) -> Supervisor {
    let Node::Tree { strategy, faults, children, .. } = node else { panic!("a leaf") };
    let intensity = Intensity { faults: *faults, window: WINDOW };
    let supervisor = Supervisor::with_intensity(*strategy, intensity);
    children.iter().fold(supervisor, |supervisor, child| supervisor.child(spec(child, log)))
}

async fn compare(tree: Node, exits: Vec<(prop::sample::Index, Exit)>) {
    let (system, log, mut expected) = (ActorSystem::new(), Log::default(), Vec::new());
    let mut reference = Live::start(&tree, &mut expected);
    system.spawn_with(Options::new().name(tree.name()), supervisor(&tree, &log)).unwrap();
    sleep(PAUSE).await;
    assert_eq!(log.take(), expected, "the first start");
    let mut now = PAUSE;
    for (leaf, exit) in exits {
        let leaves = tree.leaves();
        if leaves.is_empty() {
            break;
        }
        let name = leaf.get(&leaves);
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

fn restart() -> impl Strategy<Value = Restart> {
    prop_oneof![3 => Just(Restart::Permanent), 1 => Just(Restart::Transient), 1 => Just(Restart::Temporary)]
}

fn tree(inner: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    let strategy = prop_oneof![Just(Which::OneForOne), Just(Which::OneForAll), Just(Which::RestForOne)];
    (restart(), strategy, 0..4_u32, prop::collection::vec(inner, 0..5)).prop_map(
        |(restart, strategy, faults, children)| Node::Tree {
            name: String::new(),
            restart,
            strategy,
            faults,
            children,
        },
    )
}

fn leaf() -> impl Strategy<Value = Node> {
    restart().prop_map(|restart| Node::Leaf { name: String::new(), restart })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn the_same_children_are_started_and_stopped_in_the_same_order_as_in_the_reference(
        mut tree in tree(prop_oneof![2 => leaf(), 1 => tree(leaf())]),
        exits in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![1 => Just(Exit::Normal), 2 => Just(Exit::Fault)]),
            0..12,
        ),
    ) {
        tree.rename("root");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(compare(tree, exits));
    }
}
