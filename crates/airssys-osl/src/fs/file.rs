//! An open file.
//!
//! *Invariant:* a new decision on an open file is about the path it was opened by, and is taken only while that path still
//! leads to it. A file that was renamed or removed goes on under the verdict it was opened by, and no further.

use crate::action::{ActionId, FsTimes, FsWrite};
use crate::fs::FsError;
use crate::fs::locate::Look;
use crate::fs::mount::Mount;
use crate::fs::sys::{Identity, Meta, bytes};
use crate::fs::types::{Advice, Flags, Kind, NewTimes};
use crate::gate::{InUse, Lease};
use crate::handle::Handle;
use crate::resource::GuestPath;
use std::sync::Arc;

/// The most bytes that one call reads, whatever it is asked for.
pub const MAX_READ_BYTES: usize = 1 << 20;
/// The most bytes that one call writes, whatever it is given: so much is bounded work, and may be done in place.
pub const MAX_WRITE_BYTES: usize = 1 << 20;

/// An open file. Clones are the same handle, under the same lease.
///
/// There is no position: each call names its offset, so two streams on one file do not disturb each other.
#[derive(Debug, Clone)]
pub struct File(Arc<FileHandle>);

#[derive(Debug)]
pub(in crate::fs) struct FileHandle {
    pub(in crate::fs) mount: Arc<Mount>,
    pub(in crate::fs) path: GuestPath,
    pub(in crate::fs) file: Handle,
    pub(in crate::fs) kind: Kind,
    /// Cannot be another's while the file is open.
    pub(in crate::fs) identity: Identity,
    pub(in crate::fs) lease: Lease,
    pub(in crate::fs) flags: Flags,
}

impl File {
    pub(in crate::fs) fn opened(handle: FileHandle) -> File {
        File(Arc::new(handle))
    }

    /// The canonical path it was opened by.
    pub fn path(&self) -> &GuestPath {
        &self.0.path
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }

    /// True when calls on it end soon and may be made in place.
    pub fn in_place(&self) -> bool {
        self.0.mount.in_place() && self.0.kind == Kind::File
    }

    /// Reads into `buffer` what one call gives, and never more than [`MAX_READ_BYTES`]; 0 means the end of the file.
    ///
    /// # Errors
    /// [`FsError`]; [`FsError::BadDescriptor`] when the handle was not opened for reading.
    pub fn read_into(&self, buffer: &mut [u8], offset: u64, import: &'static str) -> Result<usize, FsError> {
        let _in_use = self.enter_reading(import)?;
        let length = buffer.len().min(MAX_READ_BYTES);
        let aside = self.0.lease.session().aside_to_read(length);
        if aside.bytes() == 0 && length > 0 {
            return self.ends_at(offset, import);
        }
        let buffer = buffer.get_mut(..aside.bytes()).unwrap_or_default();
        let read = bytes::read_at(&self.0.file, buffer, offset)?;
        aside.spend(read);
        Ok(read)
    }

    /// The end is told also to whom no byte is left to read; that there is more is too much.
    #[cold]
    fn ends_at(&self, offset: u64, import: &'static str) -> Result<usize, FsError> {
        match bytes::read_at(&self.0.file, &mut [0], offset)? {
            0 => Ok(0),
            _ => Err(self.0.lease.session().no_more_to_read(import).into()),
        }
    }

    /// Reads at most `length` bytes, and never more than [`MAX_READ_BYTES`]; nothing means the end of the file.
    ///
    /// # Errors
    /// As [`File::read_into`].
    pub fn read_at(&self, length: u64, offset: u64, import: &'static str) -> Result<Vec<u8>, FsError> {
        let _in_use = self.enter_reading(import)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_READ_BYTES);
        let aside = self.0.lease.session().aside_to_read(length);
        let mut buffer = vec![0; aside.bytes()];
        if buffer.is_empty() && length > 0 {
            self.ends_at(offset, import)?;
            return Ok(buffer);
        }
        let read = bytes::read_at(&self.0.file, &mut buffer, offset)?;
        aside.spend(read);
        buffer.truncate(read);
        Ok(buffer)
    }

    /// Writes at an offset what one call takes, never more than [`MAX_WRITE_BYTES`], and says how much that was.
    ///
    /// # Errors
    /// [`FsError`]; [`FsError::BadDescriptor`] when the handle was not opened for writing.
    pub fn write_at(&self, bytes: &[u8], offset: u64, import: &'static str) -> Result<usize, FsError> {
        let _in_use = self.enter_writing(import)?;
        self.counted(bytes, import, |bytes| bytes::write_at(&self.0.file, bytes, offset))
    }

    /// Writes at the end, wherever that is by then.
    ///
    /// # Errors
    /// As [`File::write_at`].
    pub fn append(&self, bytes: &[u8], import: &'static str) -> Result<usize, FsError> {
        let _in_use = self.enter_writing(import)?;
        self.counted(bytes, import, |bytes| bytes::append(&self.0.file, bytes))
    }

    /// Writes what may be written of what one call takes.
    fn counted(
        &self,
        bytes: &[u8],
        import: &'static str,
        write: impl FnOnce(&[u8]) -> std::io::Result<usize>,
    ) -> Result<usize, FsError> {
        let length = bytes.len().min(MAX_WRITE_BYTES);
        let session = self.0.lease.session();
        let aside = session.aside_to_write(length);
        if aside.bytes() == 0 && length > 0 {
            return Err(session.no_more_to_write(import).into());
        }
        let written = write(bytes.get(..aside.bytes()).unwrap_or_default())?;
        aside.spend(written);
        Ok(written)
    }

    /// Makes the file as long as `size`.
    ///
    /// # Errors
    /// As [`File::write_at`].
    pub fn set_size(&self, size: u64, import: &'static str) -> Result<(), FsError> {
        let _in_use = self.enter_writing(import)?;
        Ok(self.0.file.set_len(size)?)
    }

    /// Says how it is going to be read.
    ///
    /// # Errors
    /// As [`File::read_into`].
    pub fn advise(
        &self,
        offset: u64,
        length: u64,
        advice: Advice,
        import: &'static str,
    ) -> Result<(), FsError> {
        let _in_use = self.enter_reading(import)?;
        Ok(bytes::advise(&self.0.file, offset, length, advice)?)
    }

    /// Enters a use that reads without doing it: for a stream at its making.
    ///
    /// # Errors
    /// As [`File::read_into`].
    pub fn enter_reading(&self, import: &'static str) -> Result<InUse<'_>, FsError> {
        if !self.0.flags.read {
            return Err(FsError::BadDescriptor);
        }
        self.enter(ActionId::FsRead, import)
    }

    /// Enters a use that writes without doing it: for a stream at its making.
    ///
    /// # Errors
    /// As [`File::write_at`].
    pub fn enter_writing(&self, import: &'static str) -> Result<InUse<'_>, FsError> {
        if !self.0.flags.write {
            return Err(FsError::BadDescriptor);
        }
        self.enter(ActionId::FsWrite, import)
    }

    /// Asks whether what was read before may still be handed out. Never looks at the disk.
    ///
    /// # Errors
    /// As [`File::read_into`].
    pub fn permits_reading(&self, import: &'static str) -> Result<(), FsError> {
        if !self.0.flags.read {
            return Err(FsError::BadDescriptor);
        }
        Ok(self.0.lease.permits(ActionId::FsRead, import)?)
    }

    /// Asks whether a write that is going to be done elsewhere is still permitted. Never looks at the disk.
    ///
    /// # Errors
    /// As [`File::write_at`].
    pub fn permits_writing(&self, import: &'static str) -> Result<(), FsError> {
        if !self.0.flags.write {
            return Err(FsError::BadDescriptor);
        }
        Ok(self.0.lease.permits(ActionId::FsWrite, import)?)
    }

    /// Enters a use that any of the file's rights covers, such as a look at its own metadata.
    pub(in crate::fs) fn enter_any(&self, import: &'static str) -> Result<InUse<'_>, FsError> {
        let action = self.0.lease.actions().next().ok_or(FsError::Access)?;
        self.enter(action, import)
    }

    fn enter(&self, action: ActionId, import: &'static str) -> Result<InUse<'_>, FsError> {
        self.0.lease.enter_if_current(action, import).map_or_else(|| self.renew(action, import), Ok)
    }

    #[cold]
    fn renew(&self, action: ActionId, import: &'static str) -> Result<InUse<'_>, FsError> {
        self.0.lease.check_live(action, import)?;
        let _still = self.0.mount.still();
        self.still_there(import)?;
        Ok(self.0.lease.enter(action, import)?)
    }

    /// Refuses what is to be decided by a path that no longer leads here. Nothing may move meanwhile.
    fn still_there(&self, import: &'static str) -> Result<(), FsError> {
        let FileHandle { mount, path, identity, lease, .. } = &*self.0;
        let look = Look { mount, session: lease.session(), import };
        mount.check_leads_to(path, *identity).map_err(|error| look.tell(path, error))
    }

    pub(in crate::fs) fn sync_here(&self, data_only: bool, import: &'static str) -> Result<(), FsError> {
        if self.0.lease.holds(ActionId::FsWrite) {
            let _in_use = self.enter(ActionId::FsWrite, import)?;
            return Ok(bytes::sync(&self.0.file, data_only)?);
        }
        self.0.lease.check_live(ActionId::FsWrite, import)?;
        let _still = self.0.mount.still();
        self.still_there(import)?;
        let permit = self.0.lease.session().authorize::<FsWrite>(self.0.path.clone(), import)?;
        let _spent = permit.redeem()?;
        Ok(bytes::sync(&self.0.file, data_only)?)
    }

    pub(in crate::fs) fn handle(&self) -> &FileHandle {
        &self.0
    }

    pub(in crate::fs) fn meta(&self) -> Result<Meta, FsError> {
        Ok(self.0.mount.sys.stat_open(&self.0.file)?)
    }

    /// Sets its time stamps, decided on its path. Nothing may move meanwhile.
    pub(in crate::fs) fn set_times_here(
        &self,
        times: &NewTimes,
        import: &'static str,
    ) -> Result<(), FsError> {
        self.still_there(import)?;
        let permit = self.0.lease.session().authorize::<FsTimes>(self.0.path.clone(), import)?;
        let _spent = permit.redeem()?;
        Ok(self.0.mount.sys.set_times_open(&self.0.file, self.0.kind, times)?)
    }
}
