//! A supervisor's plan among things that happen at once, in a model of threads: never two live instances of a child,
//! and no child that is wanted stays down.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "a test"
)]

/// The plan and what it stands on, as they are.
#[path = "../src/supervisor"]
mod supervisor {
    pub(crate) mod intensity;
    pub(crate) mod plan;
    pub(crate) mod strategy;
}

use std::collections::HashMap;
use std::time::Duration;

use shuttle::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use shuttle::sync::mpsc::{Receiver, Sender, channel};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;
use supervisor::intensity::Intensity;
use supervisor::plan::{Key, Order, Phase, Plan};
use supervisor::strategy::{Restart, Strategy};

enum Event {
    Built(Key, u64, bool),
    Ready(Key, u64),
    Ended(Key, u64),
    Terminate(Key),
    Restart(Key),
    /// Nobody disturbs any more.
    Quiet,
}

struct World {
    plan: Plan,
    events: Sender<Event>,
    /// Which instance of a child lives, and how it is told to stop.
    live: HashMap<Key, (u64, Arc<AtomicBool>)>,
    /// How many instances live, as they count themselves.
    alive: Arc<Mutex<HashMap<Key, u32>>>,
    /// How many may still fall by themselves, and how many starts may still fail.
    falls: Arc<AtomicU32>,
    /// Which run of a child is waited for.
    ordered: HashMap<Key, u64>,
    instances: u64,
    quiet: bool,
}

/// One less, if there is one.
fn spend(budget: &AtomicU32) -> bool {
    budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl World {
    fn happen(&mut self, event: Event) {
        match event {
            // A result that nobody waits for may come: a cancel does not reach every factory in time.
            Event::Built(key, run, _) if !self.plan.awaits(key, run) => {}
            Event::Built(key, run, true) => {
                assert_eq!(self.ordered[&key], run, "what was built for an earlier start was taken");
                self.spawn(key);
            }
            Event::Built(key, _, false) => self.plan.failed(key, Duration::ZERO),
            Event::Ready(key, instance) => {
                if self.live.get(&key).is_some_and(|live| live.0 == instance) {
                    self.plan.ready(key);
                }
            }
            Event::Ended(key, instance) => {
                assert_eq!(self.live.remove(&key).unwrap().0, instance);
                self.plan.ended(key, true, false, Duration::ZERO);
            }
            Event::Terminate(key) => self.plan.terminate(key),
            Event::Restart(key) => drop(self.plan.revive(key)),
            Event::Quiet => self.quiet = true,
        }
        for order in self.plan.orders() {
            self.carry_out(order);
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Start { key, run, .. } => {
                self.ordered.insert(key, run);
                let (events, falls) = (self.events.clone(), Arc::clone(&self.falls));
                thread::spawn(move || {
                    let built = !spend(&falls);
                    drop(events.send(Event::Built(key, run, built)));
                });
            }
            Order::Stop { key } => self.live[&key].1.store(true, Ordering::SeqCst),
            Order::Cancel { .. } | Order::Rest { .. } | Order::Forget { .. } => {}
            Order::Abandon { .. } | Order::GiveUp => unreachable!("the budget is below the intensity"),
        }
    }

    fn spawn(&mut self, key: Key) {
        self.instances += 1;
        let (instance, stop) = (self.instances, Arc::new(AtomicBool::new(false)));
        assert!(self.live.insert(key, (instance, Arc::clone(&stop))).is_none(), "spawned over a live one");
        self.plan.started(key);
        let (events, falls, alive) = (self.events.clone(), Arc::clone(&self.falls), Arc::clone(&self.alive));
        thread::spawn(move || {
            *alive.lock().unwrap().entry(key).or_default() += 1;
            drop(events.send(Event::Ready(key, instance)));
            while !stop.load(Ordering::SeqCst) && !spend(&falls) {
                assert!(alive.lock().unwrap()[&key] == 1, "two live instances of one child");
                thread::yield_now();
            }
            *alive.lock().unwrap().get_mut(&key).unwrap() -= 1;
            drop(events.send(Event::Ended(key, instance)));
        });
    }

    /// Everybody lives who is wanted.
    fn is_settled(&self) -> bool {
        let running = |key: Key| self.plan.phase(key) == Some(Phase::Running) && self.live.contains_key(&key);
        self.quiet && self.falls.load(Ordering::SeqCst) == 0 && self.plan.keys().all(running)
    }
}

/// Three children, being started.
fn world(strategy: Strategy, events: Sender<Event>) -> World {
    let intensity = Intensity { faults: 100, window: Duration::from_secs(1) };
    let mut plan = Plan::new(strategy, intensity);
    for _ in 0..3 {
        plan.add(Restart::Permanent, true, None);
    }
    let mut world = World {
        plan,
        events,
        live: HashMap::new(),
        alive: Arc::default(),
        falls: Arc::new(AtomicU32::new(3)),
        ordered: HashMap::new(),
        instances: 0,
        quiet: false,
    };
    for order in world.plan.orders() {
        world.carry_out(order);
    }
    world
}

fn run(strategy: Strategy) {
    let (events, happened): (Sender<Event>, Receiver<Event>) = channel();
    let mut world = world(strategy, events.clone());
    let keys: Vec<_> = world.plan.keys().collect();
    let commander = thread::spawn(move || {
        for key in [keys[1], keys[0]] {
            // Twice: the second comes while it is being stopped.
            drop(events.send(Event::Terminate(key)));
            drop(events.send(Event::Terminate(key)));
            thread::yield_now();
            drop(events.send(Event::Restart(key)));
        }
        drop(events.send(Event::Quiet));
        // A restart that came before the end it needs was refused. Asked for until it is granted, it is.
        move || keys.iter().for_each(|key| drop(events.send(Event::Restart(*key))))
    });
    while !world.quiet {
        world.happen(happened.recv().unwrap());
    }
    let again = commander.join().unwrap();
    while !world.is_settled() {
        again();
        world.happen(happened.recv().unwrap());
    }
    // Everybody ends, and nobody is started for it.
    let keys: Vec<_> = world.plan.keys().collect();
    keys.iter().for_each(|key| world.happen(Event::Terminate(*key)));
    while keys.iter().any(|key| world.plan.phase(*key) != Some(Phase::Resting)) {
        match happened.recv().unwrap() {
            Event::Restart(_) => {}
            event => world.happen(event),
        }
    }
    assert!(world.live.is_empty());
}

#[test]
fn there_are_never_two_live_instances_of_a_child_and_all_come_up_again() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let model = move || run(strategy);
        shuttle::check_random(model, 1_000);
    }
}
