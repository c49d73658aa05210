//! The durable store on disks that fill up, lose power, or come back damaged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test says what is wrong by panicking, and prepares real files"
)]

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use airssys_rt::durable::{EnqueueError, Envelope, Mailbox, Marks, StorageBackend, Store, StoreError, Terms};

/// Numbers that look random, the same in each run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// One write that has not been synced.
#[derive(Debug, Clone)]
enum Unsynced {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    seen: Vec<u8>,
    /// What is on the platter.
    synced: Vec<u8>,
    since: Vec<Unsynced>,
    /// Operations that change something until the power goes.
    power: Option<u64>,
    off: bool,
    full: bool,
    syncs: u64,
}

/// A disk in memory, with a switch for each thing that goes wrong with disks.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<State>>);

impl Disk {
    fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { seen: bytes.clone(), synced: bytes, ..State::default() })))
    }

    fn set_full(&self, full: bool) {
        self.0.lock().unwrap().full = full;
    }

    fn syncs(&self) -> u64 {
        self.0.lock().unwrap().syncs
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().seen.clone()
    }

    fn cut_power_after(&self, changes: u64) {
        self.0.lock().unwrap().power = Some(changes);
    }

    /// What is found after the power came back: of what was not synced, anything, in any order, torn anywhere.
    fn after_power_loss(&self, dice: &mut Dice) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        let mut bytes = state.synced.clone();
        for change in &state.since {
            match change {
                Unsynced::Length(length) if dice.below(2) == 0 => bytes.resize(*length as usize, 0),
                Unsynced::Length(_) => {}
                Unsynced::Write(offset, data) => {
                    for (index, sector) in data.chunks(512).enumerate() {
                        let start = *offset as usize + index * 512;
                        if dice.below(2) == 0 && start + sector.len() <= bytes.len() {
                            bytes[start..start + sector.len()].copy_from_slice(sector);
                        }
                    }
                }
            }
        }
        bytes
    }

    fn change(&self, change: Unsynced) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.spend()?;
        if state.full {
            return Err(ErrorKind::StorageFull.into());
        }
        match &change {
            Unsynced::Length(length) => state.seen.resize(*length as usize, 0),
            Unsynced::Write(offset, data) => {
                let start = *offset as usize;
                state.seen[start..start + data.len()].copy_from_slice(data);
            }
        }
        state.since.push(change);
        Ok(())
    }
}

impl State {
    fn spend(&mut self) -> Result<(), Error> {
        match &mut self.power {
            Some(0) => self.off = true,
            Some(left) => *left -= 1,
            None => {}
        }
        if self.off { Err(Error::other("the power is off")) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.0.lock().unwrap();
        let start = offset as usize;
        let found = state.seen.get(start..start + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.change(Unsynced::Length(len))
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.spend()?;
        state.syncs += 1;
        state.since.clear();
        state.synced = state.seen.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.change(Unsynced::Write(offset, data.to_vec()))
    }
}

fn message(bytes: &[u8]) -> Envelope {
    Envelope { bytes: bytes.to_vec(), expires: None }
}

async fn open(disk: &Disk) -> (Store, Mailbox, Marks) {
    let store = Store::open(disk.clone()).await.unwrap();
    let mailbox = store.mailbox("acme/billing", Terms::default()).await.unwrap();
    let marks = store.marks();
    (store, mailbox, marks)
}

/// All that comes out of a mailbox that nobody else uses.
async fn drain(mailbox: &Mailbox) -> BTreeMap<u64, Vec<u8>> {
    let mut found = BTreeMap::new();
    while mailbox.depth() > found.len() as u64 {
        let delivery = mailbox.next().await.unwrap();
        assert!(found.last_key_value().is_none_or(|(last, _)| *last < delivery.sequence), "out of order");
        found.insert(delivery.sequence, delivery.bytes);
    }
    found
}

#[tokio::test]
async fn a_full_disk_is_an_error_for_the_sender_and_loses_nothing() {
    let disk = Disk::default();
    let (_store, mailbox, marks) = open(&disk).await;
    let mut kept = BTreeMap::new();
    for round in 0..5_u8 {
        let body = vec![round; 60_000];
        kept.insert(mailbox.enqueue(message(&body)).await.unwrap(), body);
        marks.raise("release", "acme/billing", u64::from(round)).await.unwrap();
        disk.set_full(true);
        for _ in 0..3 {
            let refused = mailbox.enqueue(message(&[9; 60_000])).await;
            assert!(matches!(refused, Err(EnqueueError::Store(StoreError::Disk(_)))), "{refused:?}");
        }
        assert!(marks.raise("release", "acme/billing", 99).await.is_err());
        assert_eq!(marks.highest("release", "acme/billing"), Some(u64::from(round)));
        assert!(mailbox.next().await.is_err(), "its count could not be written");
        assert_eq!(mailbox.depth(), kept.len() as u64);
        disk.set_full(false);
    }
    let first = mailbox.next().await.unwrap();
    assert_eq!((first.sequence, first.deliveries), (1, 1), "what failed to be handed out does not count");
    disk.set_full(true);
    assert!(mailbox.acknowledge(1).await.is_err());
    disk.set_full(false);
    assert!(mailbox.acknowledge(1).await.unwrap(), "it is still in the hands of who has it");
    kept.remove(&1);
    assert_eq!(drain(&mailbox).await, kept);
}

#[tokio::test]
async fn who_waits_while_the_disk_fails_waits_on_and_is_served_when_it_works() {
    let disk = Disk::default();
    let (_store, mailbox, _) = open(&disk).await;
    let receiver = mailbox.clone();
    let waiting = tokio::spawn(async move { receiver.next().await });
    // The other task runs now, up to where it waits: its wish is before what follows.
    tokio::task::yield_now().await;
    disk.set_full(true);
    assert!(mailbox.enqueue(message(b"refused")).await.is_err());
    disk.set_full(false);
    mailbox.enqueue(message(b"kept")).await.unwrap();
    match waiting.await.unwrap() {
        Ok(delivery) => assert_eq!(delivery.bytes, b"kept"),
        // The refused message was to be its: then it was told of the failure.
        Err(error) => assert!(error.is_passing(), "{error}"),
    }
}

#[tokio::test]
async fn those_who_wait_together_share_a_sync() {
    let disk = Disk::default();
    let (_store, mailbox, _) = open(&disk).await;
    let before = disk.syncs();
    let senders: Vec<_> = (0..64)
        .map(|_| {
            let mailbox = mailbox.clone();
            tokio::spawn(async move { mailbox.enqueue(message(b"a")).await.unwrap() })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let syncs = disk.syncs() - before;
    assert!(syncs > 0, "nothing is kept without one");
    assert!(syncs < 64, "{syncs} for 64 messages");
}

/// What a run of the store was told, against which the survivor is held.
#[derive(Default)]
struct Told {
    kept: BTreeMap<u64, Vec<u8>>,
    /// Told nothing: may be there or not.
    unsure: Vec<Vec<u8>>,
    /// Acknowledged with an error: may be there or not.
    fading: BTreeMap<u64, Vec<u8>>,
    seen: BTreeMap<u64, u32>,
    highest: u64,
}

impl Told {
    /// Works until the power is gone.
    async fn work(&mut self, mailbox: &Mailbox, marks: &Marks, dice: &mut Dice) {
        loop {
            match dice.below(4) {
                0 | 1 => {
                    let body = vec![dice.below(256) as u8; dice.below(3_000) as usize];
                    match mailbox.enqueue(message(&body)).await {
                        Ok(sequence) => drop(self.kept.insert(sequence, body)),
                        Err(_) => return self.unsure.push(body),
                    }
                }
                2 => {
                    let Ok(highest) = marks.raise("clock", "", self.highest + 1).await else { return };
                    self.highest = highest;
                }
                _ if mailbox.depth() == 0 => {}
                _ => {
                    let Ok(delivery) = mailbox.next().await else { return };
                    self.seen.insert(delivery.sequence, delivery.deliveries);
                    let body = self.kept.remove(&delivery.sequence).expect("it was told of");
                    if mailbox.acknowledge(delivery.sequence).await.is_err() {
                        self.fading.insert(delivery.sequence, body);
                        return;
                    }
                }
            }
        }
    }

    async fn check(&mut self, mailbox: &Mailbox, marks: &Marks) {
        let highest = marks.highest("clock", "").unwrap_or(0);
        assert!(highest >= self.highest, "a mark went down from {} to {highest}", self.highest);
        self.highest = highest;
        let found = drain(mailbox).await;
        for (sequence, body) in &self.kept {
            assert_eq!(found.get(sequence), Some(body), "message {sequence} is lost");
        }
        for (sequence, body) in &found {
            let unsure = self.unsure.contains(body) || self.fading.get(sequence) == Some(body);
            assert!(self.kept.contains_key(sequence) || unsure, "message {sequence} came back");
        }
        mailbox.release_all().await.unwrap();
        (self.kept, self.unsure, self.fading) = (found, Vec::new(), BTreeMap::new());
    }
}

#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_that_was_told_ok() {
    let rounds = std::env::var("AIRSSYS_POWER_CUTS").map_or(60, |rounds| rounds.parse().unwrap());
    let mut dice = Dice(7);
    let mut told = Told::default();
    let mut disk = Disk::default();
    // Once by itself: a store that never came to be is told apart from one that was lost.
    open(&disk).await.0.close().await;
    let many = Terms { max_deliveries: std::num::NonZeroU32::MAX, ..Terms::default() };
    for _ in 0..rounds {
        let store = Store::open(disk.clone()).await.unwrap();
        let mailbox = store.mailbox("acme/billing", many).await.unwrap();
        told.check(&mailbox, &store.marks()).await;
        disk.cut_power_after(dice.below(80));
        told.work(&mailbox, &store.marks(), &mut dice).await;
        store.close().await;
        disk = Disk::holding(disk.after_power_loss(&mut dice));
    }
}

#[tokio::test]
async fn a_damaged_store_is_whole_or_refused_and_never_overwritten() {
    let disk = Disk::default();
    let (store, mailbox, marks) = open(&disk).await;
    for index in 0..20_u8 {
        mailbox.enqueue(message(&[index; 500])).await.unwrap();
    }
    let kept = drain(&mailbox).await;
    marks.raise("release", "acme/billing", 7).await.unwrap();
    // As a crash leaves it, and as closing does: the one is repaired when it is opened, the other is not.
    let crashed = disk.bytes();
    store.close().await;
    for whole in [crashed, disk.bytes()] {
        assert_no_damage_goes_unnoticed(&whole, &kept).await;
    }
}

async fn assert_no_damage_goes_unnoticed(whole: &[u8], kept: &BTreeMap<u64, Vec<u8>>) {
    let used: Vec<_> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let mut dice = Dice(11);
    let mut refused = 0;
    for round in 0..400 {
        let mut damaged = whole.to_vec();
        // The head of the file, and then anywhere that is in use.
        let at = if round < 100 { round * 4 } else { used[dice.below(used.len() as u64) as usize] };
        damaged[at] ^= 1 << dice.below(8);
        let disk = Disk::holding(damaged.clone());
        match Store::open(disk.clone()).await {
            Ok(store) => {
                let mailbox = store.mailbox("acme/billing", Terms::default()).await.unwrap();
                assert_eq!(drain(&mailbox).await, *kept, "byte {at}");
                assert_eq!(store.marks().highest("release", "acme/billing"), Some(7), "byte {at}");
                store.close().await;
            }
            Err(error) => {
                refused += 1;
                let said = matches!(error, StoreError::Damaged(_) | StoreError::Foreign(_));
                assert!(said, "byte {at}: {error:?}");
                assert!(disk.bytes() == damaged, "byte {at}: refused, and overwritten");
            }
        }
    }
    println!("{refused} of 400 refused, the others whole");
    assert!(refused > 0, "no damage was noticed");
}
