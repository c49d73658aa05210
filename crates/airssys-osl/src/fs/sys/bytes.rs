//! Reading and writing the bytes of an open file, at an offset and without a shared position.

use crate::fs::types::Advice;
use crate::handle::Handle;
use std::io;

/// Reads what one call gives; nothing means the end of the file.
pub(in crate::fs) fn read_at(file: &Handle, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match position::read_at(file, buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Writes what one call takes.
pub(in crate::fs) fn write_at(file: &Handle, bytes: &[u8], offset: u64) -> io::Result<usize> {
    loop {
        match position::write_at(file, bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(unix)]
mod position {
    use crate::handle::Handle;
    use std::io;
    pub(super) use std::os::unix::fs::FileExt;

    pub(super) fn read_at(file: &Handle, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(file, buffer, offset)
    }

    pub(super) fn write_at(file: &Handle, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(file, bytes, offset)
    }
}

#[cfg(windows)]
mod position {
    use crate::handle::Handle;
    use std::io;
    use std::os::windows::fs::FileExt;

    pub(super) fn read_at(file: &Handle, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::seek_read(file, buffer, offset)
    }

    pub(super) fn write_at(file: &Handle, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::seek_write(file, bytes, offset)
    }
}

/// Writes at the end, wherever that is at the moment of the call.
pub(in crate::fs) fn append(file: &Handle, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::{Errno, ReadWriteFlags, pwritev2};
        loop {
            match pwritev2(file, &[io::IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND) {
                Err(Errno::INTR) => {}
                // A file system without the flag: the end as it is now.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => break,
                other => return Ok(other?),
            }
        }
    }
    write_at(file, bytes, file.metadata()?.len())
}

/// Waits until it is on the disk.
pub(in crate::fs) fn sync(file: &Handle, data_only: bool) -> io::Result<()> {
    if data_only { file.sync_data() } else { file.sync_all() }
}

/// Tells the system how the file will be read; where it takes no advice, nothing.
pub(in crate::fs) fn advise(file: &Handle, offset: u64, length: u64, advice: Advice) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::Advice as Native;
        let native = match advice {
            Advice::Normal => Native::Normal,
            Advice::Sequential => Native::Sequential,
            Advice::Random => Native::Random,
            Advice::WillNeed => Native::WillNeed,
            Advice::DontNeed => Native::DontNeed,
            Advice::NoReuse => Native::NoReuse,
        };
        rustix::fs::fadvise(file, offset, std::num::NonZeroU64::new(length), native)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset, length, advice);
    Ok(())
}
