//! A disk that loses what was not synced, and a disk that fails: nothing that was answered `Ok` is lost.
//!
//! The kill test cannot see this: a killed process leaves its writes in the page cache.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use airssys_rt::durable::{EnqueueError, Envelope, OpenError, Store, StoreError, Terms};
use redb::StorageBackend;

const TERMS: Terms =
    Terms { capacity: 1000, max_body_bytes: 100, max_total_bytes: 1 << 20, max_deliveries: u32::MAX };

/// What is seen by who reads, and what would be there after the power came back.
#[derive(Debug, Default)]
struct Disk {
    seen: Mutex<Vec<u8>>,
    synced: Mutex<Vec<u8>>,
    /// Writes and syncs that still succeed.
    budget: AtomicU64,
}

#[derive(Debug, Clone)]
struct Handle(Arc<Disk>);

impl Handle {
    fn spend(&self) -> Result<(), io::Error> {
        let spent =
            self.0.budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        spent.map(drop).map_err(|_| io::Error::new(io::ErrorKind::StorageFull, "no space"))
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.seen.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let offset = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.seen.lock().unwrap()[offset..offset + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.spend()?;
        self.0.seen.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.spend()?;
        let seen = self.0.seen.lock().unwrap().clone();
        *self.0.synced.lock().unwrap() = seen;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.spend()?;
        let offset = usize::try_from(offset).unwrap();
        self.0.seen.lock().unwrap()[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn open(disk: &Arc<Disk>) -> Result<Store, OpenError> {
    let disk = Arc::clone(disk);
    let opener = move || redb::Database::builder().create_with_backend(Handle(Arc::clone(&disk)));
    Store::open(opener, Arc::new(|| 0))
}

fn letter(n: u64) -> Envelope {
    Envelope { body: n.to_le_bytes().into(), ..Envelope::default() }
}

/// A disk as it is found after its power was cut: only what was synced.
fn after_power_cut(disk: &Disk) -> Arc<Disk> {
    let synced = disk.synced.lock().unwrap().clone();
    Arc::new(Disk {
        seen: Mutex::new(synced.clone()),
        synced: Mutex::new(synced),
        budget: AtomicU64::new(u64::MAX),
    })
}

/// What was told `Ok` until the disk stopped after `budget` operations.
async fn work(disk: &Arc<Disk>, budget: u64) -> (Vec<u64>, Vec<u64>, Vec<u32>, u64) {
    let store = open(disk).unwrap();
    let mailbox = store.mailbox("m", TERMS).await.unwrap();
    disk.budget.store(budget, Ordering::SeqCst);
    let (mut kept, mut gone, mut counts, mut mark) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for n in 0..200 {
        let Ok(sequence) = mailbox.enqueue(letter(n)).await else { break };
        kept.push(sequence);
        let Ok(raised) = store.marks().raise("k", "a", n + 1).await else { break };
        mark = raised;
        let Ok(delivery) = mailbox.next().await else { break };
        if n % 3 == 0 {
            counts.push(delivery.deliveries());
            delivery.release();
            continue;
        }
        let sequence = delivery.sequence();
        counts.clear();
        if delivery.acknowledge().await.is_err() {
            // It may be gone or not: nothing was promised.
            kept.retain(|known| *known != sequence);
            break;
        }
        gone.push(sequence);
    }
    // The power is cut here: the store is not closed before the image is taken.
    (kept, gone, counts, mark)
}

#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_that_was_told_kept() {
    for budget in (0..400).chain((400..2000).step_by(37)) {
        let disk = Arc::new(Disk { budget: AtomicU64::new(u64::MAX), ..Disk::default() });
        let (kept, gone, counts, mark) = work(&disk, budget).await;
        let store = open(&after_power_cut(&disk)).unwrap();
        assert!(store.marks().highest("k", "a").await.unwrap().unwrap_or(0) >= mark, "budget {budget}");
        let mailbox = store.mailbox("m", TERMS).await.unwrap();
        let mut found = Vec::new();
        while mailbox.depth().waiting > 0 {
            let delivery = mailbox.next().await.unwrap();
            if found.is_empty() && kept.contains(&delivery.sequence()) {
                assert!(
                    delivery.deliveries() > counts.last().copied().unwrap_or(0),
                    "budget {budget}: count lost"
                );
            }
            found.push(delivery.sequence());
            delivery.acknowledge().await.unwrap();
        }
        assert!(found.is_sorted());
        assert!(
            !gone.iter().any(|sequence| found.contains(sequence)),
            "budget {budget}: acknowledged came back"
        );
        let lost: Vec<_> = kept.iter().filter(|n| !gone.contains(n) && !found.contains(n)).collect();
        assert!(lost.is_empty(), "budget {budget}: lost {lost:?}");
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_the_store_goes_on_when_there_is_room_again() {
    for budget in 0..12 {
        let disk = Arc::new(Disk { budget: AtomicU64::new(u64::MAX), ..Disk::default() });
        let store = open(&disk).unwrap();
        let mailbox = store.mailbox("m", TERMS).await.unwrap();
        let first = mailbox.enqueue(letter(1)).await.unwrap();
        disk.budget.store(budget, Ordering::SeqCst);
        let mut refused = 0;
        let mut kept = vec![first];
        for n in 0..5 {
            match mailbox.enqueue(letter(n)).await {
                Ok(sequence) => kept.push(sequence),
                Err(error) => {
                    assert!(matches!(error, EnqueueError::Store(StoreError::Disk(_))), "{error:?}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 0, "the disk was not full");
        disk.budget.store(u64::MAX, Ordering::SeqCst);
        kept.push(mailbox.enqueue(letter(9)).await.unwrap());
        let mut found = Vec::new();
        while mailbox.depth().waiting > 0 {
            let delivery = mailbox.next().await.unwrap();
            found.push(delivery.sequence());
            delivery.acknowledge().await.unwrap();
        }
        assert!(kept.iter().all(|n| found.contains(n)), "budget {budget}: kept {kept:?}, found {found:?}");
        assert!(found.is_sorted());
    }
}
