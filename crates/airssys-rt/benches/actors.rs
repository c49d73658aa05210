//! What an actor costs, beside the bare channels and beside another actor crate.
//!
//! `bare/…` is tokio's mpsc of 64 and oneshot, `rt/…` this crate with the same bound, `kameo/…` kameo with the same.
//! The memory of an idle actor is printed at the end.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use airssys_rt::{Actor, ActorSystem, Address, Context, Failure, Options, Reply};
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use kameo::actor::Spawn;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

const BOUND: usize = 64;

enum Message {
    Add(u64),
    Sum(Reply<u64>),
}

struct Adder(u64);
impl Actor for Adder {
    type Message = Message;
    async fn handle(&mut self, message: Message, _: &mut Context<Self>) -> Result<(), Failure> {
        match message {
            Message::Add(n) => self.0 += n,
            Message::Sum(reply) => drop(reply.send(self.0)),
        }
        Ok(())
    }
}

enum BareMessage {
    Add(u64),
    Sum(oneshot::Sender<u64>),
}

fn bare() -> mpsc::Sender<BareMessage> {
    let (sender, mut receiver) = mpsc::channel(BOUND);
    tokio::spawn(async move {
        let mut sum = 0;
        while let Some(message) = receiver.recv().await {
            match message {
                BareMessage::Add(n) => sum += n,
                BareMessage::Sum(reply) => drop(reply.send(sum)),
            }
        }
    });
    sender
}

#[derive(kameo::Actor)]
struct KameoAdder(u64);
struct Add(u64);
struct Sum;
impl kameo::message::Message<Add> for KameoAdder {
    type Reply = ();
    async fn handle(&mut self, Add(n): Add, _: &mut kameo::message::Context<Self, ()>) {
        self.0 += n;
    }
}
impl kameo::message::Message<Sum> for KameoAdder {
    type Reply = u64;
    async fn handle(&mut self, _: Sum, _: &mut kameo::message::Context<Self, u64>) -> u64 {
        self.0
    }
}

fn kameo() -> kameo::actor::ActorRef<KameoAdder> {
    KameoAdder::spawn_with_mailbox(KameoAdder(0), kameo::mailbox::bounded(BOUND))
}

fn rt(system: &ActorSystem) -> Address<Message> {
    system.spawn_with(Options::new().capacity(BOUND), Adder(0)).unwrap()
}

fn runtimes() -> [(&'static str, Runtime); 2] {
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    let two = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    [("one thread", one), ("two threads", two)]
}

/// Runs in a task of the runtime, as the asker of an actor does.
fn measure<F, O>(runtime: &Runtime, work: F) -> Duration
where
    F: FnOnce() -> O + Send + 'static,
    O: Future<Output = Duration> + Send + 'static,
{
    runtime.block_on(async move { tokio::spawn(async move { work().await }).await.unwrap() })
}

fn one_way(c: &mut Criterion) {
    for (name, runtime) in runtimes() {
        bench(c, "bare", &format!("one way, {name}"), &runtime, |iters| async move {
            let sender = bare();
            let start = Instant::now();
            for n in 0..iters {
                sender.send(BareMessage::Add(n)).await.ok().unwrap();
            }
            let (reply, answer) = oneshot::channel();
            sender.send(BareMessage::Sum(reply)).await.ok().unwrap();
            black_box(answer.await.unwrap());
            start.elapsed()
        });
        bench(c, "rt", &format!("one way, {name}"), &runtime, |iters| async move {
            let address = rt(&ActorSystem::new());
            let start = Instant::now();
            for n in 0..iters {
                address.send(Message::Add(n)).await.unwrap();
            }
            black_box(address.ask(Message::Sum).await.unwrap());
            start.elapsed()
        });
        bench(c, "kameo", &format!("one way, {name}"), &runtime, |iters| async move {
            let actor = kameo();
            let start = Instant::now();
            for n in 0..iters {
                actor.tell(Add(n)).await.unwrap();
            }
            black_box(actor.ask(Sum).await.unwrap());
            start.elapsed()
        });
    }
}

fn ask(c: &mut Criterion) {
    for (name, runtime) in runtimes() {
        bench(c, "bare", &format!("ask, {name}"), &runtime, |iters| async move {
            let sender = bare();
            let start = Instant::now();
            for _ in 0..iters {
                let (reply, answer) = oneshot::channel();
                sender.send(BareMessage::Sum(reply)).await.ok().unwrap();
                black_box(answer.await.unwrap());
            }
            start.elapsed()
        });
        bench(c, "rt", &format!("ask, {name}"), &runtime, |iters| async move {
            let address = rt(&ActorSystem::new());
            let start = Instant::now();
            for _ in 0..iters {
                black_box(address.ask(Message::Sum).await.unwrap());
            }
            start.elapsed()
        });
        bench(c, "kameo", &format!("ask, {name}"), &runtime, |iters| async move {
            let actor = kameo();
            let start = Instant::now();
            for _ in 0..iters {
                black_box(actor.ask(Sum).await.unwrap());
            }
            start.elapsed()
        });
    }
}

/// Spawned and asked once.
fn spawn(c: &mut Criterion) {
    let (name, runtime) = runtimes().into_iter().next().unwrap();
    bench(c, "bare", &format!("spawn and ask, {name}"), &runtime, |iters| async move {
        let start = Instant::now();
        for _ in 0..iters {
            let (reply, answer) = oneshot::channel();
            bare().send(BareMessage::Sum(reply)).await.ok().unwrap();
            black_box(answer.await.unwrap());
        }
        start.elapsed()
    });
    bench(c, "rt", &format!("spawn and ask, {name}"), &runtime, |iters| async move {
        let system = ActorSystem::new();
        let start = Instant::now();
        for _ in 0..iters {
            let address = rt(&system);
            black_box(address.ask(Message::Sum).await.unwrap());
            address.actor().kill();
        }
        start.elapsed()
    });
    bench(c, "kameo", &format!("spawn and ask, {name}"), &runtime, |iters| async move {
        let start = Instant::now();
        for _ in 0..iters {
            let actor = kameo();
            black_box(actor.ask(Sum).await.unwrap());
            actor.kill();
        }
        start.elapsed()
    });
}

fn bench<F, O>(c: &mut Criterion, group: &str, name: &str, runtime: &Runtime, work: F)
where
    F: Fn(u64) -> O + Send + Copy + 'static,
    O: Future<Output = Duration> + Send + 'static,
{
    let mut group: BenchmarkGroup<'_, WallTime> = c.benchmark_group(group);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(30);
    group.bench_function(name, |b| b.iter_custom(|iters| measure(runtime, move || work(iters))));
    group.finish();
}

/// Memory of this process that is in use.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn weigh<T>(name: &str, make: impl Fn() -> T) {
    const MANY: usize = 10_000;
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let before = resident();
        let all: Vec<T> = (0..MANY).map(|_| make()).collect();
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        let bytes = resident().saturating_sub(before) / MANY;
        println!("{name}: {bytes} bytes for an idle actor of {MANY}");
        drop(all);
    });
}

fn main() {
    // First, while the allocator has nothing to give again.
    weigh("bare", bare);
    let system = ActorSystem::new();
    weigh("rt", || rt(&system));
    weigh("kameo", kameo);
    let mut criterion = Criterion::default().configure_from_args();
    one_way(&mut criterion);
    ask(&mut criterion);
    spawn(&mut criterion);
    criterion.final_summary();
}
