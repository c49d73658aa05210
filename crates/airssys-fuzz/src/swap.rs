//! Swap: policies that change while others ask and act are linearisable.
//!
//! Each answer is what some policies say that were in force at a moment between question and answer; and when a change has
//! returned, nothing goes on that began before it was asked for. Threads run against each other as they happen to: an
//! input chooses what they do, and whatever their order, the oracle holds.

use crate::choices::Choices;
use crate::scripted::{Lines, session};
use airssys_osl::action::ClockRead;
use airssys_osl::clock::Reader;
use airssys_osl::{ActionId, Clock, Gate, Session};
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

const IMPORT: &str = "test:clocks/clock#now";
const CLOCKS: [(Clock, &str); 2] = [(Clock::Wall, "wall"), (Clock::Monotonic, "monotonic")];
const WORKERS: usize = 2;
/// Changes of policies in one run, and what each worker does meanwhile, at most.
const CHANGES: usize = 6;
const OPERATIONS: usize = 8;

/// What is judged: a change to those policies, over when it returns.
pub type Change = dyn Fn(&CedarAuthorizer, &Gate, Policies) + Sync;

/// The product's change.
pub fn product(authorizer: &CedarAuthorizer, gate: &Gate, policies: Policies) {
    let epoch = authorizer.swap(policies);
    gate.policies_changed(epoch - 1);
}

/// The oracle.
///
/// # Panics
/// When an answer is none of policies that were in force, or something goes on that a change should have waited for.
pub fn swap(data: &[u8]) {
    check(data, &product);
}

/// The same of any change.
///
/// # Panics
/// As [`swap`].
pub fn check(data: &[u8], change: &Change) {
    let mut choices = Choices::new(data);
    let mut mask = choices.below(4);
    let world = World::new(mask);
    let mut in_force = vec![Version { mask, begun: 0, over: 0 }];
    for _ in 0..=choices.below(CHANGES) {
        let plans: Vec<_> = (0..WORKERS).map(|_| Plan::chosen(&mut choices)).collect();
        mask = choices.below(4);
        in_force.push(world.round(&plans, mask, choices.below(200), change));
    }
    world.judge(&in_force);
}

/// The policies that permit the clocks of a mask.
fn policies(mask: usize) -> Policies {
    static ALL: OnceLock<Vec<Policies>> = OnceLock::new();
    let of = |mask: usize| {
        let permit = |(at, (_, id)): (usize, &(Clock, &str))| {
            let text =
                format!(r#"permit (principal, action == Action::"clock:read", resource == Clock::"{id}");"#);
            if mask & (1 << at) == 0 { String::new() } else { text }
        };
        let text: String = CLOCKS.iter().enumerate().map(permit).collect();
        Policies::load(&[Source::new("fuzz.cedar", text)], &[]).unwrap()
    };
    ALL.get_or_init(|| (0..4).map(of).collect())[mask].clone()
}

/// What a worker does in one round.
struct Plan {
    operations: Vec<(Operation, usize)>,
    /// It holds a use of this clock while the policies change, for so many looks.
    holds: Option<(usize, usize)>,
}

#[derive(Clone, Copy)]
enum Operation {
    Ask,
    Open,
    Use,
}

impl Plan {
    fn chosen(choices: &mut Choices<'_>) -> Plan {
        let one = |choices: &mut Choices<'_>| {
            (choices.one(&[Operation::Ask, Operation::Open, Operation::Use]), choices.below(CLOCKS.len()))
        };
        let count = choices.below(OPERATIONS);
        let operations = (0..count).map(|_| one(choices)).collect();
        let holds = choices.rarely(2).then(|| (choices.below(CLOCKS.len()), choices.below(100)));
        Plan { operations, holds }
    }
}

/// When policies were asked for, and when that was over.
struct Version {
    mask: usize,
    begun: u64,
    over: u64,
}

/// What somebody saw.
#[derive(Debug)]
enum Seen {
    /// An answer on a clock, to a question between two moments.
    Answer { clock: usize, allowed: bool, asked: u64, told: u64 },
    /// Something that went on between two moments.
    Held { from: u64, to: u64 },
}

struct World {
    authorizer: Arc<CedarAuthorizer>,
    gate: Arc<Gate>,
    session: Arc<Session>,
    now: AtomicU64,
    seen: Mutex<Vec<Seen>>,
    readers: Mutex<Vec<(usize, Arc<Reader>)>>,
}

/// Where the threads of a round meet.
#[derive(Default)]
struct Meeting {
    ready: AtomicUsize,
    changing: AtomicBool,
    changed: AtomicBool,
}

impl World {
    fn new(mask: usize) -> World {
        let authorizer = Arc::new(CedarAuthorizer::new(policies(mask)));
        let gate = Gate::new(Arc::clone(&authorizer) as _, Arc::new(Lines::default()) as _);
        let session = session(&gate, 1);
        let now = AtomicU64::new(1);
        World { authorizer, gate, session, now, seen: Mutex::default(), readers: Mutex::default() }
    }

    fn tick(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }

    /// The workers do what they do, and meanwhile the policies change.
    fn round(&self, plans: &[Plan], mask: usize, pause: usize, change: &Change) -> Version {
        let meeting = Meeting::default();
        std::thread::scope(|scope| {
            for plan in plans {
                scope.spawn(|| self.work(plan, &meeting));
            }
            while meeting.ready.load(Ordering::SeqCst) < plans.len() {
                std::thread::yield_now();
            }
            (0..pause).for_each(|_| std::hint::spin_loop());
            let begun = self.tick();
            meeting.changing.store(true, Ordering::SeqCst);
            change(&self.authorizer, &self.gate, policies(mask));
            let over = self.tick();
            meeting.changed.store(true, Ordering::SeqCst);
            Version { mask, begun, over }
        })
    }

    fn work(&self, plan: &Plan, meeting: &Meeting) {
        match plan.holds {
            Some((clock, looks)) => self.hold(clock, looks, meeting),
            None => drop(meeting.ready.fetch_add(1, Ordering::SeqCst)),
        }
        for (operation, clock) in &plan.operations {
            match operation {
                Operation::Ask => self.ask(*clock),
                Operation::Open => self.open(*clock),
                Operation::Use => self.use_one(*clock),
            }
        }
    }

    /// A use that is under way when the change begins, and goes on for a while: what waits for it is not over meanwhile.
    fn hold(&self, clock: usize, looks: usize, meeting: &Meeting) {
        let permit = self.session.authorize::<ClockRead>(CLOCKS[clock].0, IMPORT).ok();
        let reader = permit.map(Reader::new);
        let in_use = reader.as_ref().and_then(|it| it.lease().enter(ActionId::ClockRead, IMPORT).ok());
        let from = self.tick();
        meeting.ready.fetch_add(1, Ordering::SeqCst);
        if in_use.is_none() {
            return;
        }
        while !meeting.changing.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        for _ in 0..looks {
            if meeting.changed.load(Ordering::SeqCst) {
                break;
            }
            std::thread::yield_now();
        }
        let to = self.tick();
        drop(in_use);
        self.seen.lock().unwrap().push(Seen::Held { from, to });
    }

    fn answer(&self, clock: usize, ask: impl FnOnce() -> bool) {
        let asked = self.tick();
        let allowed = ask();
        let told = self.tick();
        self.seen.lock().unwrap().push(Seen::Answer { clock, allowed, asked, told });
    }

    fn ask(&self, clock: usize) {
        self.answer(clock, || {
            let permit = self.session.authorize::<ClockRead>(CLOCKS[clock].0, IMPORT);
            // The permit is spent at once: a question and its effect.
            permit.and_then(|permit| Reader::new(permit).now(IMPORT)).is_ok()
        });
    }

    fn open(&self, clock: usize) {
        if let Ok(permit) = self.session.authorize::<ClockRead>(CLOCKS[clock].0, IMPORT) {
            self.readers.lock().unwrap().push((clock, Arc::new(Reader::new(permit))));
        }
    }

    fn use_one(&self, of: usize) {
        let found = self.readers.lock().unwrap().iter().rev().find(|(clock, _)| *clock == of).cloned();
        if let Some((clock, reader)) = found {
            self.answer(clock, || reader.now(IMPORT).is_ok());
        }
    }

    fn judge(&self, in_force: &[Version]) {
        for seen in self.seen.lock().unwrap().iter() {
            match seen {
                Seen::Answer { clock, allowed, asked, told } => {
                    let says = |version: &Version| (version.mask & (1 << clock) != 0) == *allowed;
                    let until = |at: usize| in_force.get(at + 1).map_or(u64::MAX, |next| next.over);
                    let mut versions = in_force.iter().enumerate();
                    let fits = versions
                        .any(|(at, version)| says(version) && version.begun < *told && *asked < until(at));
                    assert!(fits, "no policies in force meanwhile say {seen:?}");
                }
                Seen::Held { from, to } => {
                    let passed = in_force.iter().find(|next| *from < next.begun && next.over < *to);
                    assert!(passed.is_none(), "a change was over while {seen:?} went on");
                }
            }
        }
    }
}
