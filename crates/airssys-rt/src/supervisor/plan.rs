//! What a supervisor does about each event: a state machine that runs nothing and waits for nothing.
//!
//! *Invariant:* a child is started only from `Waiting`, and comes there only when its last instance has ended or was
//! never spawned. So there are never two of it.

use std::time::Duration;

use crate::supervisor::intensity::{Intensity, Meter};
use crate::supervisor::strategy::{Restart, Strategy};

/// A child, as its supervisor counts them; never given twice.
pub(crate) type Key = u64;

/// Where a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is to be started, when its turn comes.
    Waiting,
    /// Its factory is at work, or waits until it may be. Results of another run are out of date.
    Starting { run: u64 },
    /// It lives.
    Running,
    /// It has been told to stop, and may be started `again`.
    Stopping { again: bool },
    /// It has ended and stays so.
    Resting,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Have it built, after the wait that belongs to so many faults in a row.
    Start { key: Key, run: u64, faults: u32 },
    /// Nobody waits for what is being built.
    Cancel { key: Key },
    /// Tell it to stop.
    Stop { key: Key },
    /// It has ended and stays so.
    Rest { key: Key },
    /// It has ended and is forgotten.
    Forget { key: Key },
    /// Too many faults of its own: it has ended and stays so, and nobody else is concerned.
    Abandon { key: Key },
    /// Too many faults: the supervisor fails.
    GiveUp,
}

#[derive(Debug)]
struct Child {
    key: Key,
    restart: Restart,
    phase: Phase,
    /// It belongs to the first round: it has neither become ready nor failed yet.
    first: bool,
    /// Its first hook is over, and so are the first rounds beneath it.
    ready: bool,
    /// It lives, and is to be stopped and started again for another's sake.
    due: bool,
    /// Faults in a row.
    faults: u32,
    starts: u64,
    /// Counts its faults, where it stands for itself alone.
    own: Option<Meter>,
}

/// The children in their order, and what is to be done about them.
#[derive(Debug)]
pub(crate) struct Plan {
    strategy: Strategy,
    meter: Meter,
    children: Vec<Child>,
    numbers: u64,
    orders: Vec<Order>,
    over: bool,
}

impl Plan {
    pub(crate) fn new(strategy: Strategy, intensity: Intensity) -> Self {
        let meter = Meter::new(intensity);
        Self { strategy, meter, children: Vec::new(), numbers: 0, orders: Vec::new(), over: false }
    }

    /// What is to be done now, in this order.
    pub(crate) fn orders(&mut self) -> Vec<Order> {
        if !self.over {
            self.stop_those_due();
            self.start_those_waiting();
        }
        std::mem::take(&mut self.orders)
    }

    /// The children, in their order.
    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = Key> {
        self.children.iter().map(|child| child.key)
    }

    pub(crate) fn phase(&self, key: Key) -> Option<Phase> {
        self.child(key).map(|child| child.phase)
    }

    /// Faults in a row, and how many times it was started again.
    pub(crate) fn counts(&self, key: Key) -> (u32, u64) {
        self.child(key).map_or((0, 0), |child| (child.faults, child.starts.saturating_sub(1)))
    }

    /// One child more, after all others. `first`: it is started in the first round, when those before it are ready. `own`:
    /// how many faults of it are borne, where those are not the supervisor's.
    pub(crate) fn add(&mut self, restart: Restart, first: bool, own: Option<Intensity>) -> Key {
        let key = self.number();
        let phase = Phase::Waiting;
        self.children.push(Child {
            key,
            restart,
            phase,
            first,
            ready: false,
            due: false,
            faults: 0,
            starts: 0,
            own: own.map(Meter::new),
        });
        key
    }

    /// Whether the first round is over.
    pub(crate) fn is_begun(&self) -> bool {
        self.children.iter().all(|child| !child.first)
    }

    /// Whether what this run has built is still waited for.
    pub(crate) fn awaits(&self, key: Key, run: u64) -> bool {
        self.phase(key) == Some(Phase::Starting { run })
    }

    /// It was spawned.
    pub(crate) fn started(&mut self, key: Key) {
        if let Some(child) = self.child_mut(key).filter(|child| matches!(child.phase, Phase::Starting { .. }))
        {
            child.phase = Phase::Running;
            child.ready = false;
            child.starts = child.starts.saturating_add(1);
        }
    }

    /// The instance that lives is ready.
    pub(crate) fn ready(&mut self, key: Key) {
        if let Some(child) = self.child_mut(key) {
            child.ready = true;
            child.first = false;
        }
    }

    /// It could not be built or spawned.
    pub(crate) fn failed(&mut self, key: Key, now: Duration) {
        let Some(child) = self.child_mut(key).filter(|child| matches!(child.phase, Phase::Starting { .. }))
        else {
            return;
        };
        child.first = false;
        if child.restart == Restart::Temporary {
            self.forget(key);
        } else {
            self.again(key, now);
        }
    }

    /// It has ended. `settled`: it had lived long enough for its earlier faults to be forgotten.
    pub(crate) fn ended(&mut self, key: Key, abnormal: bool, settled: bool, now: Duration) {
        let Some(child) = self.child_mut(key) else { return };
        child.first = false;
        match child.phase {
            Phase::Running if child.due => self.stopped(key, true),
            Phase::Running => self.fell(key, abnormal, settled, now),
            Phase::Stopping { again } => self.stopped(key, again),
            // What does not live does not end.
            Phase::Waiting | Phase::Starting { .. } | Phase::Resting => {}
        }
    }

    /// It is to end and stay so.
    pub(crate) fn terminate(&mut self, key: Key) {
        let Some(child) = self.child_mut(key) else { return };
        match child.phase {
            Phase::Running => {
                child.due = false;
                child.phase = Phase::Stopping { again: false };
                self.orders.push(Order::Stop { key });
            }
            Phase::Stopping { .. } => child.phase = Phase::Stopping { again: false },
            Phase::Starting { .. } => {
                self.orders.push(Order::Cancel { key });
                self.rest(key);
            }
            Phase::Waiting | Phase::Resting => self.rest(key),
        }
    }

    /// It rests and is to live again. Whether it rested.
    pub(crate) fn revive(&mut self, key: Key) -> bool {
        let Some(child) = self.child_mut(key).filter(|child| child.phase == Phase::Resting) else {
            return false;
        };
        child.phase = Phase::Waiting;
        child.faults = 0;
        child.own.iter_mut().for_each(Meter::forget);
        true
    }

    /// It rests and is to be forgotten. Whether it rested.
    pub(crate) fn delete(&mut self, key: Key) -> bool {
        let rests = self.phase(key) == Some(Phase::Resting);
        if rests {
            self.forget(key);
        }
        rests
    }

    /// It ended by itself.
    fn fell(&mut self, key: Key, abnormal: bool, settled: bool, now: Duration) {
        let Some(child) = self.child_mut(key) else { return };
        if settled {
            child.faults = 0;
        }
        match child.restart {
            Restart::Permanent => self.fault(key, now),
            Restart::Transient if abnormal => self.fault(key, now),
            Restart::Transient => self.rest(key),
            Restart::Temporary => self.forget(key),
        }
    }

    /// It ended because it was told to.
    fn stopped(&mut self, key: Key, again: bool) {
        let Some(child) = self.child_mut(key) else { return };
        child.due = false;
        match child.restart {
            Restart::Temporary => self.forget(key),
            Restart::Permanent | Restart::Transient if again => child.phase = Phase::Waiting,
            Restart::Permanent | Restart::Transient => self.rest(key),
        }
    }

    /// A child is to be started again, and with it those whom the strategy says.
    fn fault(&mut self, key: Key, now: Duration) {
        self.again(key, now);
        let alone = self.child(key).is_some_and(|child| child.own.is_some());
        if self.over || alone {
            return;
        }
        let Some(at) = self.children.iter().position(|child| child.key == key) else { return };
        let from = match self.strategy {
            Strategy::OneForOne => return,
            Strategy::OneForAll => 0,
            Strategy::RestForOne => at,
        };
        for child in self.children.iter_mut().skip(from) {
            child.due |= child.key != key && child.phase == Phase::Running;
        }
        self.unbuild(from, key);
    }

    /// What is being built is not wanted, from this one on: its time comes again.
    fn unbuild(&mut self, from: usize, except: Key) {
        let building =
            |child: &&mut Child| matches!(child.phase, Phase::Starting { .. }) && child.key != except;
        let mut unbuilt = Vec::new();
        for child in self.children.iter_mut().skip(from).filter(building) {
            child.phase = Phase::Waiting;
            unbuilt.push((child.key, child.restart));
        }
        for (key, restart) in unbuilt {
            self.orders.push(Order::Cancel { key });
            if restart == Restart::Temporary {
                self.forget(key);
            }
        }
    }

    /// One fault more.
    fn again(&mut self, key: Key, now: Duration) {
        match self.child_mut(key).and_then(|child| child.own.as_mut()).map(|own| own.bears(now)) {
            Some(true) => {}
            Some(false) => {
                if let Some(child) = self.child_mut(key) {
                    child.phase = Phase::Resting;
                    child.first = false;
                }
                return self.orders.push(Order::Abandon { key });
            }
            None if self.meter.bears(now) => {}
            None => {
                self.over = true;
                self.orders.push(Order::GiveUp);
            }
        }
        if let Some(child) = self.child_mut(key) {
            child.faults = child.faults.saturating_add(1);
            child.phase = Phase::Waiting;
        }
    }

    fn rest(&mut self, key: Key) {
        let Some(child) = self.child_mut(key) else { return };
        child.phase = Phase::Resting;
        child.first = false;
        if child.restart == Restart::Temporary {
            self.forget(key);
        } else {
            self.orders.push(Order::Rest { key });
        }
    }

    fn forget(&mut self, key: Key) {
        self.children.retain(|child| child.key != key);
        self.orders.push(Order::Forget { key });
    }

    /// In reverse, and each only when the one after it has ended.
    fn stop_those_due(&mut self) {
        if self.children.iter().any(|child| child.phase == Phase::Stopping { again: true }) {
            return;
        }
        if let Some(child) = self.children.iter_mut().rfind(|child| child.due) {
            child.due = false;
            child.phase = Phase::Stopping { again: true };
            self.orders.push(Order::Stop { key: child.key });
        }
    }

    /// In order. Where children stand for each other, each only when all before it are ready; else that holds in the
    /// first round alone.
    fn start_those_waiting(&mut self) {
        let alone = self.strategy == Strategy::OneForOne;
        let ending = |child: &Child| child.due || matches!(child.phase, Phase::Stopping { .. });
        if !alone && self.children.iter().any(ending) {
            return;
        }
        let mut run = self.numbers;
        for child in &mut self.children {
            if child.phase == Phase::Waiting {
                run = run.saturating_add(1);
                child.phase = Phase::Starting { run };
                self.orders.push(Order::Start { key: child.key, run, faults: child.faults });
            }
            let unready = matches!(child.phase, Phase::Running) && !child.ready;
            if (unready || matches!(child.phase, Phase::Starting { .. })) && (child.first || !alone) {
                break;
            }
        }
        self.numbers = run;
    }

    fn number(&mut self) -> u64 {
        self.numbers = self.numbers.saturating_add(1);
        self.numbers
    }

    fn child(&self, key: Key) -> Option<&Child> {
        self.children.iter().find(|child| child.key == key)
    }

    fn child_mut(&mut self, key: Key) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.key == key)
    }
}
