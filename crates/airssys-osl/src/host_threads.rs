//! The host's own threads: which of them stand back.
//!
//! Names end in `_ambient`, as in [`host_files`](crate::host_files): this is the host's affair, and no guest's.

/// How much less a thread that stands back weighs than the others: about a tenth. With the least weight there is, a
/// thread that holds a lock for a moment could be kept from letting it go.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Puts the calling thread behind all others that want to run. True when that was done: it is on Linux alone, where
/// alone a thread has a priority of its own. For good: giving it back would need a privilege.
#[cfg(target_os = "linux")]
pub fn stand_back_ambient() -> bool {
    // On Linux this speaks of the calling thread, not of its process.
    let already = rustix::process::getpriority_process(None).unwrap_or_default();
    already >= NICE || rustix::process::setpriority_process(None, NICE).is_ok()
}

/// Puts the calling thread behind all others that want to run: not on this platform, so false.
#[cfg(not(target_os = "linux"))]
pub fn stand_back_ambient() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn only_the_thread_that_asks_stands_back() {
        let before = getpriority_process(None).unwrap();
        let there = std::thread::spawn(|| (stand_back_ambient(), getpriority_process(None).unwrap()));
        assert_eq!(there.join().unwrap(), (true, before.max(NICE)));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
