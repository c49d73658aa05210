//! Reading and writing the bytes of an open file, at an offset and without a shared position.

use crate::fs::types::Advice;
use std::fs::File;
use std::io;

/// Reads what one call gives; nothing means the end of the file.
pub(in crate::fs) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match position::read_at(file, buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Writes what one call takes.
pub(in crate::fs) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    loop {
        match position::write_at(file, bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(unix)]
mod position {
    pub(super) use std::os::unix::fs::FileExt;
    use std::{fs::File, io};

    pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(file, buffer, offset)
    }

    pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(file, bytes, offset)
    }
}

#[cfg(windows)]
mod position {
    use std::os::windows::fs::FileExt;
    use std::{fs::File, io};

    pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::seek_read(file, buffer, offset)
    }

    pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::seek_write(file, bytes, offset)
    }
}

/// Writes at the end, wherever that is at the moment of the call.
pub(in crate::fs) fn append(file: &File, bytes: &[u8]) -> io::Result<usize> {
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

/// Tells the system how the file will be read; where it takes no advice, nothing.
pub(in crate::fs) fn advise(file: &File, offset: u64, length: u64, advice: Advice) -> io::Result<()> {
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
