//! An actor that does what its messages say, and writes down what happens to it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{Actor, ActorRef, Context, Down, ExitReason, Failure, Reply};
use tokio::sync::{Notify, Semaphore};

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>, Arc<Notify>);

impl Log {
    pub(crate) fn add(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
        self.1.notify_waiters();
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until `event` is there.
    pub(crate) async fn wait_for(&self, event: &str) {
        let look = async {
            loop {
                let notified = self.1.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if self.all().iter().any(|known| known == event) {
                    return;
                }
                notified.await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(3600), look).await;
        assert!(found.is_ok(), "no `{event}` in {:?}", self.all());
    }
}

/// A message.
pub(crate) enum Say {
    Note(u32),
    /// Waits for a permit in the middle of the handler.
    Hold(Arc<Semaphore>),
    /// Never comes back from the handler.
    Forever,
    Fail,
    Panic,
    Stop,
    Ask(Reply<u32>),
    /// Keeps the right to answer.
    Keep(Reply<u32>),
    /// Answers what was kept; tells whether anybody wanted it.
    AnswerKept(u32),
    Monitor(ActorRef),
    MonitorAndNot(ActorRef),
    Link(ActorRef),
    LinkAndNot(ActorRef),
    Trap,
    Kill(ActorRef),
}

#[derive(Default)]
pub(crate) struct Worker {
    pub(crate) log: Log,
    pub(crate) kept: Vec<Reply<u32>>,
    pub(crate) panic_when: &'static str,
}

impl Worker {
    pub(crate) fn new(log: &Log) -> Self {
        Self::panicking(log, "")
    }

    pub(crate) fn panicking(log: &Log, panic_when: &'static str) -> Self {
        Self { log: log.clone(), kept: Vec::new(), panic_when }
    }

    fn answer_kept(&mut self, n: u32) {
        for reply in self.kept.drain(..) {
            let cancelled = reply.is_cancelled();
            let late = reply.send(n).is_err();
            self.log.add(format!("cancelled {cancelled} late {late}"));
        }
    }

    fn perhaps_panic(&self, now: &str) {
        assert!(self.panic_when != now, "in {now}");
    }
}

impl Actor for Worker {
    type Message = Say;

    async fn started(&mut self, _: &mut Context<Self>) -> Result<(), Failure> {
        self.perhaps_panic("started");
        self.log.add("started");
        if self.panic_when == "fail in started" {
            return Err(Failure::new("no start"));
        }
        Ok(())
    }

    async fn handle(&mut self, message: Say, context: &mut Context<Self>) -> Result<(), Failure> {
        match message {
            Say::Note(n) => self.log.add(format!("note {n}")),
            Say::Hold(semaphore) => {
                self.log.add("holds");
                semaphore.acquire().await?.forget();
                self.log.add("goes on");
            }
            Say::Forever => {
                self.log.add("holds");
                std::future::pending::<()>().await;
            }
            Say::Fail => return Err(Failure::new("on demand")),
            Say::Panic => panic!("on demand"),
            Say::Stop => context.stop(),
            Say::Ask(reply) => drop(reply.send(7)),
            Say::Keep(reply) => {
                self.kept.push(reply);
                self.log.add("kept");
            }
            Say::AnswerKept(n) => self.answer_kept(n),
            Say::Monitor(other) => drop(context.monitor(&other)),
            Say::MonitorAndNot(other) => {
                let monitor = context.monitor(&other);
                context.demonitor(&other, monitor);
            }
            Say::Link(other) => context.link(&other),
            Say::LinkAndNot(other) => {
                context.link(&other);
                context.unlink(&other);
            }
            Say::Kill(other) => other.kill(),
            Say::Trap => context.trap_exits(true),
        }
        Ok(())
    }

    async fn down(&mut self, down: Down, _: &mut Context<Self>) -> Result<(), Failure> {
        self.perhaps_panic("down");
        self.log.add(format!("down {} {}", down.name.as_deref().unwrap_or("-"), down.reason));
        Ok(())
    }

    async fn stopped(&mut self, reason: &ExitReason, _: &mut Context<Self>) {
        self.perhaps_panic("stopped");
        self.log.add(format!("stopped: {reason}"));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.log.add("dropped");
        if self.panic_when == "drop" {
            self.perhaps_panic("drop");
        }
    }
}

/// An hour of the paused clock: whatever should happen has happened.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
