//! Whatever is done in whatever order, a durable mailbox is what a naive one in memory would be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use airssys_rt::durable::{Delivery, EnqueueError, Envelope, Mailbox, Reason, Store, Terms};
use proptest::prelude::*;
use redb::StorageBackend;

const TERMS: Terms = Terms { capacity: 5, max_body_bytes: 100, max_total_bytes: 1 << 20, max_deliveries: 3 };

/// A file in memory that outlives the database in it.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl StorageBackend for Memory {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.lock().unwrap()[offset..offset + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.0.lock().unwrap()[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Enqueue(Option<u64>),
    Next,
    Acknowledge,
    Release,
    Pass(u64),
    Requeue(usize),
    Discard(usize),
    Reopen,
    Raise(u8, u64),
    Add(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::option::of(0..40u64).prop_map(Step::Enqueue),
        6 => Just(Step::Next),
        2 => Just(Step::Acknowledge),
        4 => Just(Step::Release),
        1 => (0..5u64).prop_map(Step::Pass),
        1 => (0..3usize).prop_map(Step::Requeue),
        1 => (0..3usize).prop_map(Step::Discard),
        1 => Just(Step::Reopen),
        1 => (0..3u8, 0..9u64).prop_map(|(key, value)| Step::Raise(key, value)),
        1 => (0..9u8).prop_map(Step::Add),
    ]
}

#[derive(Default)]
struct Model {
    live: BTreeMap<u64, (u32, Option<u64>)>,
    dead: BTreeMap<u64, (u32, Reason)>,
    last: u64,
    out: Option<u64>,
    now: u64,
    marks: BTreeMap<u8, u64>,
    set: BTreeSet<String>,
}

impl Model {
    fn add(&mut self, expires: Option<u64>) -> u64 {
        self.last += 1;
        self.live.insert(self.last, (0, expires));
        self.last
    }

    /// What `next` gives, when it does not wait.
    fn next(&mut self) -> Option<(u64, u32)> {
        while let Some((&sequence, &(deliveries, expires))) = self.live.first_key_value() {
            let reason = match expires {
                Some(at) if at <= self.now => Reason::Expired,
                _ if deliveries >= 3 => Reason::Deliveries,
                _ => {
                    self.live.insert(sequence, (deliveries + 1, expires));
                    self.out = Some(sequence);
                    return Some((sequence, deliveries + 1));
                }
            };
            self.live.remove(&sequence);
            self.dead.insert(sequence, (deliveries, reason));
        }
        None
    }
}

struct Real {
    memory: Memory,
    clock: Arc<AtomicU64>,
    store: Option<Store>,
    mailbox: Option<Mailbox>,
    out: Option<Delivery>,
}

impl Real {
    async fn open(&mut self) {
        let memory = self.memory.clone();
        let clock = Arc::clone(&self.clock);
        let opener = move || redb::Database::builder().create_with_backend(memory.clone());
        let store = Store::open(opener, Arc::new(move || clock.load(Ordering::SeqCst))).unwrap();
        self.mailbox = Some(store.mailbox("m", TERMS).await.unwrap());
        self.store = Some(store);
    }

    fn mailbox(&self) -> &Mailbox {
        self.mailbox.as_ref().unwrap()
    }
}

async fn take(model: &mut Model, real: &mut Real, step: Step) {
    match step {
        Step::Enqueue(expires) => {
            let full = model.live.len() + model.dead.len() >= 5;
            let expected = if full { Err(EnqueueError::Full) } else { Ok(model.add(expires)) };
            assert_eq!(real.mailbox().enqueue(Envelope { expires, ..Envelope::default() }).await, expected);
        }
        Step::Next if model.out.is_none() && !model.live.is_empty() => {
            next(model, real).await;
        }
        Step::Next => (),
        Step::Acknowledge => {
            if let Some(delivery) = real.out.take() {
                model.live.remove(&model.out.take().unwrap());
                delivery.acknowledge().await.unwrap();
            }
        }
        Step::Release => {
            model.out = None;
            if let Some(delivery) = real.out.take() {
                delivery.release();
            }
        }
        other => tend(model, real, other).await,
    }
}

async fn next(model: &mut Model, real: &mut Real) {
    // The naive one says whether there is anything to wait for; if not, the burials happen at the next call.
    let Some(expected) = model.next() else {
        let waiting = real.mailbox().next();
        tokio::pin!(waiting);
        while real.mailbox.as_ref().unwrap().depth().waiting > 0 {
            tokio::select! { biased; _ = &mut waiting => panic!("nothing to deliver"), () = tokio::task::yield_now() => () }
        }
        return;
    };
    let delivery = real.mailbox().next().await.unwrap();
    assert_eq!((delivery.sequence(), delivery.deliveries()), expected);
    real.out = Some(delivery);
}

/// What is neither sending nor handling.
async fn tend(model: &mut Model, real: &mut Real, step: Step) {
    match step {
        Step::Enqueue(_) | Step::Next | Step::Acknowledge | Step::Release => (),
        Step::Pass(time) => {
            model.now += time;
            real.clock.store(model.now, Ordering::SeqCst);
        }
        Step::Requeue(nth) => {
            if let Some(&sequence) = model.dead.keys().nth(nth) {
                model.dead.remove(&sequence);
                let new = model.add(None);
                assert_eq!(real.mailbox().requeue(sequence).await, Ok(Some(new)));
            }
        }
        Step::Discard(nth) => {
            if let Some(&sequence) = model.dead.keys().nth(nth) {
                model.dead.remove(&sequence);
                assert_eq!(real.mailbox().discard(sequence).await, Ok(true));
            }
        }
        Step::Reopen => {
            (model.out, real.out) = (None, None);
            real.store.take().unwrap().close().await;
            real.open().await;
        }
        Step::Raise(key, value) => {
            let highest = model.marks.entry(key).or_insert(value);
            *highest = value.max(*highest);
            let marks = real.store.as_ref().unwrap().marks();
            assert_eq!(marks.raise("k", &key.to_string(), value).await, Ok(*highest));
        }
        Step::Add(key) => {
            model.set.insert(key.to_string());
            real.store.as_ref().unwrap().marks().add("s", &key.to_string()).await.unwrap();
        }
    }
}

async fn compare(model: &Model, real: &Real) {
    let depth = real.mailbox().depth();
    assert_eq!((depth.waiting, depth.dead), (model.live.len(), model.dead.len()));
    let letters = real.mailbox().dead_letters(0, 100).await.unwrap();
    let found: BTreeMap<_, _> = letters.iter().map(|l| (l.sequence, (l.deliveries, l.reason))).collect();
    assert_eq!(found, model.dead);
    let marks = real.store.as_ref().unwrap().marks();
    assert_eq!(marks.all("s").await.unwrap(), model.set.iter().cloned().collect::<Vec<_>>());
    for key in 0..3u8 {
        assert_eq!(marks.highest("k", &key.to_string()).await, Ok(model.marks.get(&key).copied()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_what_a_naive_mailbox_would_be(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::default();
            let clock = Arc::new(AtomicU64::new(0));
            let mut real = Real { memory: Memory::default(), clock, store: None, mailbox: None, out: None };
            real.open().await;
            for step in steps {
                take(&mut model, &mut real, step).await;
                compare(&model, &real).await;
            }
        });
    }
}
