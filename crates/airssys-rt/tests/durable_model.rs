//! The durable store against a naive model of it, over random sequences of what can be asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test says what is wrong by panicking, and prepares real files"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use airssys_rt::Backoff;
use airssys_rt::durable::{
    EnqueueError, Envelope, FileBackend, Mailbox, RaiseError, Reason, StorageBackend, Store, StoreError,
    Terms,
};
use proptest::prelude::*;

/// A disk that survives the store that stands on it.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Vec<u8>>>);

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let start = offset as usize;
        let bytes = self.0.lock().unwrap();
        out.copy_from_slice(bytes.get(start..start + out.len()).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.0.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let start = offset as usize;
        self.0.lock().unwrap()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

const CAPACITY: usize = 6;
const BODY: u64 = 40;
const TOTAL: u64 = 120;
const DELIVERIES: u32 = 3;

fn terms() -> Terms {
    Terms {
        capacity: NonZeroUsize::new(CAPACITY).unwrap(),
        max_body_bytes: BODY,
        max_total_bytes: TOTAL,
        max_deliveries: NonZeroU32::new(DELIVERIES).unwrap(),
        redelivery: Backoff::NONE,
    }
}

#[derive(Debug, Clone)]
enum Step {
    Enqueue(usize, Option<u64>),
    Next,
    Acknowledge(u64),
    Release(u64),
    ReleaseAll,
    Requeue(u64),
    Discard(u64),
    DeadLetters(u64, usize),
    Later(u64),
    Reopen,
    Raise(u8, u64),
    Add(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..45_usize, prop::option::weighted(0.3, 0..60_u64)).prop_map(|(len, end)| Step::Enqueue(len, end)),
        6 => Just(Step::Next),
        3 => (0..12_u64).prop_map(Step::Acknowledge),
        4 => (0..12_u64).prop_map(Step::Release),
        1 => Just(Step::ReleaseAll),
        2 => (0..12_u64).prop_map(Step::Requeue),
        2 => (0..12_u64).prop_map(Step::Discard),
        2 => (0..12_u64, 0..4_usize).prop_map(|(from, limit)| Step::DeadLetters(from, limit)),
        1 => (0..20_u64).prop_map(Step::Later),
        1 => Just(Step::Reopen),
        1 => (0..3_u8, 0..9_u64).prop_map(|(key, value)| Step::Raise(key, value)),
        1 => (0..3_u8).prop_map(Step::Add),
    ]
}

#[derive(Debug, Clone)]
struct Message {
    body: Vec<u8>,
    expires: Option<u64>,
    deliveries: u32,
    out: bool,
    dead: Option<Reason>,
}

impl Message {
    fn doom(&mut self, now: u64) {
        if self.out || self.dead.is_some() {
        } else if self.deliveries >= DELIVERIES {
            self.dead = Some(Reason::Undeliverable);
        } else if self.expires.is_some_and(|expires| expires <= now) {
            self.dead = Some(Reason::Expired);
        }
    }
}

/// The same mailbox, as one would write it without a disk and without haste.
#[derive(Default)]
struct Model {
    last: u64,
    now: u64,
    messages: BTreeMap<u64, Message>,
    highest: BTreeMap<u8, u64>,
    members: BTreeSet<String>,
}

impl Model {
    fn put(&mut self, body: Vec<u8>, expires: Option<u64>) -> u64 {
        self.last += 1;
        self.messages.insert(self.last, Message { body, expires, deliveries: 0, out: false, dead: None });
        self.last
    }

    fn bytes(&self) -> u64 {
        self.messages.values().map(|message| message.body.len() as u64).sum()
    }

    fn dead(&self) -> u64 {
        self.messages.values().filter(|message| message.dead.is_some()).count() as u64
    }

    fn enqueue(&mut self, body: &[u8], expires: Option<u64>) -> Result<u64, EnqueueError> {
        let bytes = body.len() as u64;
        if bytes > BODY {
            return Err(EnqueueError::TooLarge { bytes, most: BODY });
        }
        if self.messages.len() >= CAPACITY || self.bytes() + bytes > TOTAL {
            let dead = self.dead();
            let waiting = self.messages.len() as u64 - dead;
            return Err(EnqueueError::Full { waiting, dead, bytes: self.bytes() });
        }
        Ok(self.put(body.to_vec(), expires))
    }

    /// Those before the one that is handed out are found dead on the way, and no other.
    fn next(&mut self) -> Option<(u64, u32, Vec<u8>)> {
        let now = self.now;
        for (sequence, message) in &mut self.messages {
            message.doom(now);
            if !message.out && message.dead.is_none() {
                message.out = true;
                message.deliveries += 1;
                return Some((*sequence, message.deliveries, message.body.clone()));
            }
        }
        None
    }

    fn settle(&mut self, sequence: u64, keep: bool) -> bool {
        let now = self.now;
        let Some(message) = self.messages.get_mut(&sequence).filter(|message| message.out) else {
            return false;
        };
        message.out = false;
        message.doom(now);
        if !keep {
            self.messages.remove(&sequence);
        }
        true
    }

    fn take_dead(&mut self, sequence: u64) -> Option<Vec<u8>> {
        self.messages.get(&sequence)?.dead?;
        self.messages.remove(&sequence).map(|message| message.body)
    }

    fn list_dead(&mut self, from: u64, limit: usize) -> Vec<(u64, u32, Reason, Vec<u8>)> {
        let now = self.now;
        self.messages.values_mut().for_each(|message| message.doom(now));
        let dead = self.messages.range(from..).filter_map(|(sequence, message)| {
            Some((*sequence, message.deliveries, message.dead?, message.body.clone()))
        });
        dead.take(limit).collect()
    }
}

struct Pair {
    model: Model,
    disk: Disk,
    now: Arc<AtomicU64>,
    store: Store,
    mailbox: Mailbox,
}

impl Pair {
    async fn new() -> Self {
        let (disk, now) = (Disk::default(), Arc::new(AtomicU64::new(0)));
        let (store, mailbox) = Self::open(&disk, &now).await;
        Self { model: Model::default(), disk, now, store, mailbox }
    }

    async fn open(disk: &Disk, now: &Arc<AtomicU64>) -> (Store, Mailbox) {
        let now = Arc::clone(now);
        let clock = Arc::new(move || now.load(Ordering::SeqCst));
        let store = Store::open_with_clock(disk.clone(), clock).await.unwrap();
        let mailbox = store.mailbox("acme/billing", terms()).await.unwrap();
        (store, mailbox)
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Enqueue(len, end) => {
                let body = vec![len as u8; len];
                let expires = end.map(|end| end + self.model.now / 2);
                let wanted = self.model.enqueue(&body, expires);
                assert_eq!(self.mailbox.enqueue(Envelope { bytes: body, expires }).await, wanted);
            }
            Step::Next => next(&mut self.model, &self.mailbox).await,
            Step::Acknowledge(sequence) => {
                let wanted = self.model.settle(sequence, false);
                assert_eq!(self.mailbox.acknowledge(sequence).await, Ok(wanted));
            }
            Step::Release(sequence) => {
                let wanted = self.model.settle(sequence, true);
                assert_eq!(self.mailbox.release(sequence).await, Ok(wanted));
            }
            Step::ReleaseAll => {
                let all: Vec<_> = self.model.messages.keys().copied().collect();
                let wanted = all.into_iter().filter(|sequence| self.model.settle(*sequence, true)).count();
                assert_eq!(self.mailbox.release_all().await, Ok(wanted));
            }
            Step::Requeue(_) | Step::Discard(_) | Step::DeadLetters(..) => self.step_of_the_dead(step).await,
            Step::Later(by) => {
                self.model.now += by;
                self.now.store(self.model.now, Ordering::SeqCst);
            }
            Step::Reopen => self.reopen().await,
            Step::Raise(..) | Step::Add(_) => self.step_of_marks(step).await,
        }
        self.compare();
    }

    async fn step_of_the_dead(&mut self, step: Step) {
        let (model, mailbox) = (&mut self.model, &self.mailbox);
        match step {
            Step::Requeue(sequence) => {
                let wanted = model.take_dead(sequence).map(|body| model.put(body, None));
                assert_eq!(mailbox.requeue(sequence).await, Ok(wanted));
            }
            Step::Discard(sequence) => {
                let wanted = model.take_dead(sequence).is_some();
                assert_eq!(mailbox.discard(sequence).await, Ok(wanted));
            }
            Step::DeadLetters(from, limit) => {
                let found = mailbox.dead_letters(from, limit).await.unwrap();
                let found =
                    found.into_iter().map(|dead| (dead.sequence, dead.deliveries, dead.reason, dead.bytes));
                assert_eq!(found.collect::<Vec<_>>(), model.list_dead(from, limit));
            }
            other => panic!("{other:?}"),
        }
    }

    async fn step_of_marks(&mut self, step: Step) {
        let (model, marks) = (&mut self.model, self.store.marks());
        match step {
            Step::Raise(key, value) => {
                let highest = model.highest.entry(key).or_default();
                *highest = value.max(*highest);
                assert_eq!(marks.raise("m", &key.to_string(), value).await, Ok(*highest));
            }
            Step::Add(key) => {
                let wanted = model.members.insert(key.to_string());
                assert_eq!(marks.add("m", &key.to_string()).await, Ok(wanted));
            }
            other => panic!("{other:?}"),
        }
    }

    async fn reopen(&mut self) {
        self.store.close().await;
        self.model.messages.values_mut().for_each(|message| message.out = false);
        (self.store, self.mailbox) = Self::open(&self.disk, &self.now).await;
    }

    fn compare(&self) {
        let (model, mailbox, marks) = (&self.model, &self.mailbox, self.store.marks());
        assert_eq!((mailbox.dead_depth(), mailbox.bytes()), (model.dead(), model.bytes()));
        assert_eq!(mailbox.depth() + mailbox.dead_depth(), model.messages.len() as u64);
        for key in 0..3 {
            assert_eq!(marks.highest("m", &key.to_string()), model.highest.get(&key).copied());
            assert_eq!(marks.contains("m", &key.to_string()), model.members.contains(&key.to_string()));
        }
        assert_eq!(marks.all("m"), model.members.iter().cloned().collect::<Vec<_>>());
    }
}

async fn next(model: &mut Model, mailbox: &Mailbox) {
    if let Some(wanted) = model.next() {
        let found = mailbox.next().await.unwrap();
        assert_eq!((found.sequence, found.deliveries, found.bytes), wanted);
        return;
    }
    // Two answers after the wish: what there was would have been handed out.
    let answers = async {
        for _ in 0..2 {
            assert_eq!(mailbox.acknowledge(u64::MAX).await, Ok(false));
        }
    };
    tokio::select! {
        biased;
        delivery = mailbox.next() => panic!("nothing was to be had, and there is {delivery:?}"),
        () = answers => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_naive_model_does(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for step in steps {
                pair.step(step).await;
            }
        });
    }
}

#[test]
fn a_mark_never_goes_down_also_for_code_without_an_executor() {
    let disk = Disk::default();
    let store = Store::open_blocking(disk.clone()).unwrap();
    let marks = store.marks();
    assert_eq!(marks.highest("release", "acme/billing"), None, "never set is not zero");
    assert_eq!(marks.raise_blocking("release", "acme/billing", 7), Ok(7));
    assert_eq!(marks.raise_blocking("release", "acme/billing", 3), Ok(7));
    assert_eq!(marks.raise_blocking("release", "acme/other", 0), Ok(0));
    assert_eq!(marks.highest("other", "acme/billing"), None, "kinds do not meet");
    assert_eq!(marks.add_blocking("revoked", "key"), Ok(true));
    assert_eq!(marks.add_blocking("revoked", "key"), Ok(false));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.close());
    assert_eq!(marks.raise_blocking("release", "acme/billing", 9), Err(StoreError::Closed.into()));

    let marks = Store::open_blocking(disk).unwrap().marks();
    assert_eq!(marks.highest("release", "acme/billing"), Some(7));
    assert_eq!(marks.highest("release", "acme/other"), Some(0));
    assert_eq!(marks.all("revoked"), ["key"]);
}

#[tokio::test]
async fn startup_code_within_an_executor_may_raise_marks_too() {
    let store = Store::open_blocking(Disk::default()).unwrap();
    assert_eq!(store.marks().raise_blocking("clock", "", 5), Ok(5));
}

#[test]
fn a_key_of_any_length_is_not_taken() {
    let marks = Store::open_blocking(Disk::default()).unwrap().marks();
    assert_eq!(marks.raise_blocking("release", &"x".repeat(4096), 1), Err(RaiseError::TooLong));
    assert_eq!(marks.add_blocking("revoked", &"x".repeat(4096)), Err(RaiseError::TooLong));
}

/// Not a limit, a figure: how many messages a second are on disk with one sender, and with 64.
#[tokio::test]
async fn enqueue_throughput_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    for (senders, each) in [(1, 50), (64, 16)] {
        let mut options = std::fs::File::options();
        let path = dir.path().join(senders.to_string());
        let file = options.read(true).write(true).create_new(true).open(path).unwrap();
        let store = Store::open(FileBackend::new(file).unwrap()).await.unwrap();
        let mailbox = store.mailbox("acme/billing", Terms::default()).await.unwrap();
        let begun = Instant::now();
        let tasks: Vec<_> = (0..senders)
            .map(|_| {
                let mailbox = mailbox.clone();
                tokio::spawn(async move {
                    for _ in 0..each {
                        mailbox.enqueue(Envelope { bytes: vec![7; 256], expires: None }).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let messages = senders * each;
        println!("{senders} senders: {:.0} messages/s", f64::from(messages) / begun.elapsed().as_secs_f64());
        assert_eq!(mailbox.depth(), u64::try_from(messages).unwrap());
    }
}
