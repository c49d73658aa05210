//! The reference: does what a tree of supervisors does in the simple way. Nothing runs here, each step is done before the next
//! begins.

use airssys_rt::{Restart, Strategy};
use std::time::Duration;

/// Faults count for so long.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// A child as it is wanted.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Leaf { name: String, restart: Restart },
    Tree { name: String, restart: Restart, strategy: Strategy, faults: u32, children: Vec<Node> },
}

/// How a leaf ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Exit {
    Normal,
    Fault,
}

impl Node {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Leaf { name, .. } | Self::Tree { name, .. } => name,
        }
    }

    pub(super) fn restart(&self) -> Restart {
        match self {
            Self::Leaf { restart, .. } | Self::Tree { restart, .. } => *restart,
        }
    }

    pub(super) fn rename(&mut self, prefix: &str) {
        match self {
            Self::Leaf { name, .. } => *name = prefix.to_owned(),
            Self::Tree { name, children, .. } => {
                *name = prefix.to_owned();
                children.iter_mut().enumerate().for_each(|(n, child)| child.rename(&format!("{prefix}.{n}")));
            }
        }
    }

    pub(super) fn leaves(&self) -> Vec<String> {
        match self {
            Self::Leaf { name, .. } => vec![name.clone()],
            Self::Tree { children, .. } => children.iter().flat_map(Self::leaves).collect(),
        }
    }
}

/// A child as it is.
pub(super) struct Live {
    node: Node,
    pub(super) alive: bool,
    children: Vec<Live>,
    times: Vec<Duration>,
}

/// What became of a child's exit, to its parent.
pub(super) enum Outcome {
    NotHere,
    Done,
    GaveUp,
}

impl Live {
    pub(super) fn start(node: &Node, log: &mut Vec<String>) -> Self {
        let children = match node {
            Node::Leaf { name, .. } => {
                log.push(format!("+{name}"));
                Vec::new()
            }
            Node::Tree { children, .. } => children.iter().map(|child| Self::start(child, log)).collect(),
        };
        Self { node: node.clone(), alive: true, children, times: Vec::new() }
    }

    pub(super) fn stop(&mut self, log: &mut Vec<String>) {
        if !std::mem::take(&mut self.alive) {
            return;
        }
        if let Node::Leaf { name, .. } = &self.node {
            log.push(format!("-{name}"));
        }
        self.children.iter_mut().rev().for_each(|child| child.stop(log));
    }

    /// The leaf `name` ends.
    pub(super) fn exit(&mut self, name: &str, exit: Exit, now: Duration, log: &mut Vec<String>) -> Outcome {
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

    fn restart(&mut self, strategy: Strategy, at: usize, log: &mut Vec<String>) {
        let concerned = |n: usize| match strategy {
            Strategy::OneForOne => n == at,
            Strategy::OneForAll => true,
            Strategy::RestForOne => n >= at,
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
