//! Files of the host's own that are memory as well: what is stored there is in the file when the process dies, however it dies.

#![allow(clippy::disallowed_types, reason = "the file is the caller's, who may have it open")]

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;

#[cfg(unix)]
use crate::mapped::Mapped;

/// A file of fixed length as words of eight bytes, in the machine's own order.
#[derive(Debug)]
pub struct HostMap {
    #[cfg(unix)]
    mapped: Mapped,
}

#[cfg(unix)]
impl HostMap {
    /// Gives the file room for so many words, zeros where there was nothing, and maps it. A full disk is found out now, and not
    /// when a word is stored. Whoever makes the file shorter afterwards ends the process: it is to be the caller's alone.
    ///
    /// # Errors
    /// When there is no room, or the file system cannot map files.
    pub fn new(file: &File, words: usize) -> io::Result<HostMap> {
        let bytes = words as u64 * 8;
        if file.metadata()?.len() < bytes {
            make_room(file, bytes)?;
        }
        Ok(HostMap { mapped: Mapped::new(file, words)? })
    }

    /// The words.
    pub fn words(&self) -> &[AtomicU64] {
        self.mapped.words()
    }
}

#[cfg(target_os = "linux")]
fn make_room(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(file, bytes),
        done => Ok(done?),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn make_room(file: &File, bytes: u64) -> io::Result<()> {
    fill(file, bytes)
}

/// Writes zeros behind what there is.
#[cfg(unix)]
fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    let length = file.seek(SeekFrom::End(0))?;
    io::copy(&mut io::repeat(0).take(bytes.saturating_sub(length)), &mut file)?;
    Ok(())
}

#[cfg(not(unix))]
impl HostMap {
    /// There is no such thing here.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn new(_: &File, _: usize) -> io::Result<HostMap> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// None.
    pub fn words(&self) -> &[AtomicU64] {
        &[]
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test looks at a real file")]

    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn what_is_stored_is_in_the_file_and_what_is_in_the_file_is_kept() {
        let file = tempfile::tempfile().unwrap();
        let map = HostMap::new(&file, 1024).unwrap();
        assert_eq!((map.words().len(), file.metadata().unwrap().len()), (1024, 8192));
        map.words()[1023].store(7, Ordering::Release);
        drop(map);
        let again = HostMap::new(&file, 1024).unwrap();
        assert_eq!(again.words()[1023].load(Ordering::Acquire), 7);
        fill(&file, 16_384).unwrap();
        assert_eq!(HostMap::new(&file, 2048).unwrap().words()[1023].load(Ordering::Acquire), 7);
    }
}
