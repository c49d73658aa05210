//! What all mounts on one device share, however often and wherever it is mounted in this process.
//!
//! *Invariant:* a move through one instance's mount does not fall between decision and effect of another's, also when one
//! mount lies within the other.

use crate::fs::sys::Identity;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

#[derive(Debug, Default)]
pub(in crate::fs) struct Device {
    moves: RwLock<()>,
    /// Of moves of other than plain files.
    count: AtomicU64,
}

impl Device {
    /// The device on which an object lies.
    pub(in crate::fs) fn of(object: Identity) -> Arc<Device> {
        static DEVICES: LazyLock<Mutex<HashMap<u64, Weak<Device>>>> = LazyLock::new(Mutex::default);
        let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        devices.retain(|_, device| device.strong_count() > 0);
        if let Some(device) = devices.get(&object.device).and_then(Weak::upgrade) {
            return device;
        }
        let device = Arc::default();
        devices.insert(object.device, Arc::downgrade(&device));
        device
    }

    pub(in crate::fs) fn still(&self) -> RwLockReadGuard<'_, ()> {
        self.moves.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::fs) fn moving(&self) -> RwLockWriteGuard<'_, ()> {
        self.moves.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::fs) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    pub(in crate::fs) fn count_one(&self) {
        self.count.fetch_add(1, Ordering::Release);
    }
}

#[cfg(all(test, unix))]
#[expect(clippy::disallowed_methods, reason = "a test builds its directories by hand")]
mod tests {
    use super::*;
    use crate::fs::sys;
    use std::path::Path;

    #[test]
    fn nothing_is_decided_in_a_mount_while_something_moves_in_one_that_lies_within() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let device = |host: &Path| {
            let opened = sys::native().open_root_ambient(host).unwrap();
            Device::of(sys::native().stat_open(&opened).unwrap().identity)
        };
        let (outer, inner) = (device(dir.path()), device(&inner));
        let moving = inner.moving();
        assert!(outer.moves.try_read().is_err());
        drop(moving);
        let _still = outer.still();
        assert!(inner.moves.try_write().is_err());
        let elsewhere = Device::of(Identity { device: u64::MAX, inode: 0 });
        assert!(elsewhere.moves.try_write().is_ok());
    }
}
