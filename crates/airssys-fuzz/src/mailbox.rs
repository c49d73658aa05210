//! Mailboxes: what is sent, waits, is given up, handled and lost is what a model of a bounded queue says, message by
//! message and in its order.
//!
//! One thread runs the actor and its senders, and each step is over before the next: so an outcome depends on the input
//! alone. What threads do to each other is the business of the models in airssys-rt.

use crate::choices::Choices;
use airssys_rt::{
    Actor, ActorSystem, Address, Context, Dropped, Failure, Options, Overflow, SendError, Sent,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Steps at most.
const STEPS: usize = 100;
const RULES: [Overflow; 4] = [Overflow::Wait, Overflow::Refuse, Overflow::DropNewest, Overflow::DropOldest];

/// What is judged: a mailbox of that capacity which does that when it is full.
pub type Made = dyn Fn(usize, Overflow, Handler) -> Address<u32>;

/// Handles one message for each permit, and writes it down.
#[derive(Debug, Clone)]
pub struct Handler {
    permits: Arc<Semaphore>,
    handled: Arc<Mutex<Vec<u32>>>,
}

impl Actor for Handler {
    type Message = u32;

    async fn handle(&mut self, message: u32, _: &mut Context<Self>) -> Result<(), Failure> {
        self.permits.acquire().await?.forget();
        self.handled.lock().unwrap().push(message);
        Ok(())
    }
}

/// The product's mailbox.
pub fn product(capacity: usize, overflow: Overflow, handler: Handler) -> Address<u32> {
    let options = Options::new().capacity(capacity).overflow(overflow);
    ActorSystem::new().spawn_with(options, handler).unwrap()
}

/// The oracle.
///
/// # Panics
/// When a message has another fate than in the model.
pub fn mailbox(data: &[u8]) {
    check(data, &product);
}

/// The same of any mailbox.
///
/// # Panics
/// As [`mailbox`].
pub fn check(data: &[u8], made: &Made) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(run(Choices::new(data), made));
}

async fn run(mut choices: Choices<'_>, made: &Made) {
    let (capacity, overflow) = (1 + choices.below(4), choices.one(&RULES));
    let handler = Handler { permits: Arc::new(Semaphore::new(0)), handled: Arc::default() };
    let mut world = World {
        address: made(capacity, overflow, handler.clone()),
        handler,
        model: Model { capacity, overflow, ..Model::default() },
        senders: VecDeque::new(),
    };
    for message in 0..STEPS as u32 {
        if choices.is_empty() {
            break;
        }
        match choices.weighted(&[4, 3, 4, 1]) {
            0 => world.send(message),
            1 => world.wait_to_send(message),
            2 => world.handle(1 + choices.below(3)),
            _ => world.give_up(&mut choices),
        }
        world.settle().await;
    }
    world.end().await;
}

/// The queue as it must be.
#[derive(Debug, Default)]
struct Model {
    capacity: usize,
    overflow: Overflow,
    permits: usize,
    in_hand: Option<u32>,
    queue: VecDeque<u32>,
    waiting: VecDeque<u32>,
    handled: Vec<u32>,
    dropped: Dropped,
}

impl Model {
    /// What the sender is told; `None` where there is no room.
    fn send(&mut self, message: u32) -> Option<Sent> {
        if self.queue.len() < self.capacity {
            self.queue.push_back(message);
            return Some(Sent::Queued);
        }
        match self.overflow {
            Overflow::DropNewest => {
                self.dropped.newest += 1;
                Some(Sent::Dropped)
            }
            Overflow::DropOldest => {
                self.queue.pop_front();
                self.dropped.oldest += 1;
                self.queue.push_back(message);
                Some(Sent::Displaced)
            }
            _ => None,
        }
    }

    /// Until nothing moves by itself.
    fn settle(&mut self) {
        loop {
            if self.permits > 0
                && let Some(message) = self.in_hand.take()
            {
                self.permits -= 1;
                self.handled.push(message);
            } else if self.in_hand.is_none() && !self.queue.is_empty() {
                self.in_hand = self.queue.pop_front();
            } else if self.queue.len() < self.capacity && !self.waiting.is_empty() {
                self.queue.extend(self.waiting.pop_front());
            } else {
                return;
            }
        }
    }
}

type Outcome = Result<Sent, SendError<u32>>;

struct World {
    address: Address<u32>,
    handler: Handler,
    model: Model,
    /// Those that wait for room, in the order in which they came.
    senders: VecDeque<JoinHandle<Outcome>>,
}

impl World {
    fn send(&mut self, message: u32) {
        match (self.address.try_send(message), self.model.send(message)) {
            (Ok(told), Some(expected)) => assert_eq!(told, expected, "{:?}", self.model),
            (Err(SendError::Full(back)), None) => assert_eq!(back, message, "{:?}", self.model),
            other => panic!("{other:?}: {:?}", self.model),
        }
    }

    /// Sends, and waits for room where that is the rule.
    fn wait_to_send(&mut self, message: u32) {
        let full = self.model.queue.len() == self.model.capacity;
        if self.model.overflow != Overflow::Wait || !full {
            return self.send(message);
        }
        self.model.waiting.push_back(message);
        let address = self.address.clone();
        self.senders.push_back(tokio::spawn(async move { address.send(message).await }));
    }

    fn handle(&mut self, count: usize) {
        self.model.permits += count;
        self.handler.permits.add_permits(count);
    }

    /// A sender waits no longer: its message is nowhere.
    fn give_up(&mut self, choices: &mut Choices<'_>) {
        if !self.senders.is_empty() {
            let at = choices.below(self.senders.len());
            self.senders.remove(at).unwrap().abort();
            self.model.waiting.remove(at);
        }
    }

    async fn settle(&mut self) {
        let waited = self.model.waiting.len();
        self.model.settle();
        // Far more turns than everything there needs.
        for _ in 0..20 + 10 * self.model.handled.len().min(20) {
            tokio::task::yield_now().await;
        }
        let shown = format!("{:?}", self.model);
        assert_eq!(*self.handler.handled.lock().unwrap(), self.model.handled, "{shown}");
        assert_eq!(self.address.depth(), self.model.queue.len(), "{shown}");
        assert_eq!(self.address.dropped(), self.model.dropped, "{shown}");
        for _ in self.model.waiting.len()..waited {
            let told = self.senders.pop_front().unwrap();
            assert!(told.is_finished() && matches!(told.await.unwrap(), Ok(Sent::Queued)), "{shown}");
        }
        assert!(self.senders.iter().all(|sender| !sender.is_finished()), "{shown}");
    }

    /// At its end everything that was accepted was handled or is counted, and who waits has his message back.
    async fn end(mut self) {
        self.address.actor().kill();
        self.address.actor().ended().await;
        let unread = self.model.queue.len() as u64;
        assert_eq!(self.address.dropped(), Dropped { unread, ..self.model.dropped }, "{:?}", self.model);
        assert_eq!(*self.handler.handled.lock().unwrap(), self.model.handled);
        for message in std::mem::take(&mut self.model.waiting) {
            let told = self.senders.pop_front().unwrap().await.unwrap();
            assert!(matches!(told, Err(SendError::Gone(back)) if back == message), "{told:?}");
        }
    }
}
