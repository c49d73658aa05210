//! Opening: what is asked depends on what is found, and what is opened is what was decided on.
//!
//! The fast way decides on the text of the path and opens it in one call that fails if a link is on the way, so the
//! text is the object. Everything else takes the slow way: find the object, decide on it, open it by its directory and
//! name, and compare. Neither creates or truncates before the verdicts are recorded.
//!
//! Already opening a pipe or a device has effects: who waits for the other side of a pipe is woken. So where a mount
//! does not allow special files, what is there is looked at before it is opened, and the fast way is for paths at which a
//! file or directory was found before. No guest can change that unnoticed. Another program can, at such a path or between
//! the look and the opening: then the pipe or device is opened once, without waiting, and closed at once.

use crate::fs::asks::{Asks, Permits};
use crate::fs::directory::Directory;
use crate::fs::effects;
use crate::fs::file::FileHandle;
use crate::fs::locate::{Last, Located, Look, Spot, locate};
use crate::fs::node::Node;
use crate::fs::path::Steps;
use crate::fs::sys::{Meta, Mode};
use crate::fs::types::{Flags, Kind, OpenOptions};
use crate::fs::{File, FsError};
use crate::handle::Handle;
use crate::resource::GuestPath;
use std::io;
use std::sync::Arc;

/// How often an object that changed between the look and the opening is looked for again.
const ATTEMPTS: usize = 16;

/// Opens `path` from a directory.
pub(in crate::fs) fn open_at(
    base: &Directory,
    path: &str,
    how: &OpenOptions,
    import: &'static str,
) -> Result<Node, FsError> {
    base.check_live(import)?;
    let steps = Steps::parse(path)?;
    sensible(how, &steps)?;
    let look = base.look(import);
    if look.mount.read_only && how.changes() {
        return Err(FsError::ReadOnly);
    }
    let _still = look.mount.still();
    // A name that must be new is not followed, or it would be made somewhere else.
    let how = OpenOptions { follow: how.follow && !(how.create && how.exclusive), ..*how };
    let open = Open { look, base, steps: &steps, how: &how };
    match open.at_once() {
        Some(opened) => opened,
        None => open.step_by_step(),
    }
}

/// Flags that make no sense together, told by themselves alone.
fn sensible(how: &OpenOptions, steps: &Steps) -> Result<(), FsError> {
    if how.synchronous {
        return Err(FsError::Unsupported);
    }
    if how.directory && (how.create || how.exclusive || how.truncate) {
        return Err(FsError::Invalid);
    }
    if how.create && steps.must_be_directory {
        return Err(FsError::IsDirectory);
    }
    Ok(())
}

struct Open<'a> {
    look: Look<'a>,
    base: &'a Directory,
    steps: &'a Steps,
    how: &'a OpenOptions,
}

impl Open<'_> {
    fn mode(&self) -> Mode {
        let write = self.how.write || self.how.truncate;
        Mode { read: self.how.read, write, cross_devices: self.look.mount.options.cross_devices }
    }

    fn asks(&self, path: &GuestPath, kind: Option<Kind>) -> Asks {
        Asks::weigh(self.look.session, path, self.how, kind, self.look.import)
    }

    /// The fast way. None when it says nothing: not allowed by the text, or not opened; nothing has happened then.
    fn at_once(&self) -> Option<Result<Node, FsError>> {
        let mount = self.look.mount;
        if self.how.create && self.how.exclusive {
            return None;
        }
        let path = self.steps.beneath(self.base.path())?.ok()?;
        if !mount.is_only_spelling(&path) {
            return None;
        }
        // As if something were there: whether something is created is decided the slow way.
        let likely = if self.how.directory { Kind::Directory } else { Kind::File };
        let asks = self.asks(&path, Some(likely));
        if !asks.all_allowed() || self.may_disturb(&path) {
            return None;
        }
        let file = if self.base.is_root() {
            mount.sys.open_beneath(&mount.root, mount.relative(path.as_str()), self.mode())?.ok()?
        } else {
            let from = self.base.still_there().ok()?;
            let beneath = path.as_str().strip_prefix(self.base.path().as_str())?.trim_start_matches('/');
            let beneath = if beneath.is_empty() { "." } else { beneath };
            mount.sys.open_beneath(&from, beneath, self.mode())?.ok()?
        };
        let meta = mount.sys.stat_open(&file).ok()?;
        // The verdict that counts is the one for what was found.
        let asks = if meta.kind == likely { asks } else { self.asks(&path, Some(meta.kind)) };
        Some(self.finish(asks, Opened { file, meta, path }))
    }

    /// True when opening without a look before could have an effect on a pipe or device.
    fn may_disturb(&self, path: &GuestPath) -> bool {
        let mount = self.look.mount;
        let opens = self.mode().read || self.mode().write;
        opens && !mount.options.special_files && !mount.was_plain(path)
    }

    /// The slow way: find, decide, open, compare; again if it changed meanwhile.
    fn step_by_step(&self) -> Result<Node, FsError> {
        let last = if self.how.follow { Last::Follow } else { Last::Look };
        for _ in 0..ATTEMPTS {
            let spot = match locate(&self.look, self.base, self.steps, last)? {
                Located::Spot(spot) => spot,
                Located::Broken(broken) => {
                    if let Some(path) = broken.target() {
                        self.refuse_if_denied(&path, None)?;
                    }
                    return Err(broken.tell(&self.look));
                }
            };
            let opened = match spot.found {
                Some(meta) => self.existing(&spot, meta)?,
                None => self.missing(&spot)?,
            };
            if let Some(node) = opened {
                return Ok(node);
            }
        }
        let asked = self.steps.beneath(self.base.path()).and_then(Result::ok);
        let path = asked.unwrap_or_else(|| self.base.path().clone());
        match self.asks(&path, None).unstable() {
            Some(denied) => Err(FsError::Denied(denied)),
            None => Err(FsError::Access),
        }
    }

    fn refuse_if_denied(&self, path: &GuestPath, kind: Option<Kind>) -> Result<(), FsError> {
        let asks = self.asks(path, kind);
        if asks.all_allowed() { Ok(()) } else { asks.commit().map(|_| ()).map_err(FsError::Denied) }
    }

    fn existing(&self, spot: &Spot, found: Meta) -> Result<Option<Node>, FsError> {
        self.refuse_if_denied(&spot.path, Some(found.kind))?;
        let refusal = match found.kind {
            _ if self.how.create && self.how.exclusive => Some(FsError::Exist),
            kind => self.unfit(kind),
        };
        if let Some(error) = refusal {
            return Err(self.look.tell(&spot.path, error));
        }
        let opened = match (&spot.parent, self.mode()) {
            (Some(parent), mode) => self.look.mount.sys.open(parent, &spot.name, found.kind, mode),
            (None, mode) => self.look.mount.sys.reopen_dir(&self.look.mount.root, mode.read),
        };
        let (file, meta) = match opened.and_then(|file| Ok((self.look.mount.sys.stat_open(&file)?, file))) {
            Ok((meta, file)) => (file, meta),
            Err(error) if changed_meanwhile(&error) => return Ok(None),
            Err(error) => return Err(self.look.tell(&spot.path, error)),
        };
        if meta.identity != found.identity || meta.kind != found.kind {
            return Ok(None);
        }
        let asks = self.asks(&spot.path, Some(meta.kind));
        self.finish(asks, Opened { file, meta, path: spot.path.clone() }).map(Some)
    }

    fn missing(&self, spot: &Spot) -> Result<Option<Node>, FsError> {
        if !self.how.create {
            self.refuse_if_denied(&spot.path, None)?;
            return Err(self.look.tell(&spot.path, FsError::NoEntry));
        }
        let mut permits = self.asks(&spot.path, None).commit()?;
        let Some(permit) = permits.create.take() else { return Err(FsError::Access) };
        match effects::create_file(permit, self.look.mount, spot, self.mode()) {
            Ok(file) => {
                let meta = self.look.mount.sys.stat_open(&file)?;
                self.hand_out(permits, Opened { file, meta, path: spot.path.clone() }).map(Some)
            }
            Err(FsError::Exist) => Ok(None),
            Err(error) => Err(self.look.tell(&spot.path, error)),
        }
    }

    /// Why what was found is not what was asked for.
    fn unfit(&self, kind: Kind) -> Option<FsError> {
        let directory = kind == Kind::Directory;
        if kind == Kind::Symlink {
            Some(FsError::Loop)
        } else if directory && self.how.changes() {
            Some(FsError::IsDirectory)
        } else if !directory && (self.how.directory || self.steps.must_be_directory) {
            Some(FsError::NotDirectory)
        } else if kind.is_special() && !self.look.mount.options.special_files {
            Some(FsError::NotPermitted)
        } else {
            None
        }
    }

    /// Decides on an open object; it is dropped, with nothing done, if the verdict is no.
    fn finish(&self, asks: Asks, opened: Opened) -> Result<Node, FsError> {
        if !asks.all_allowed() {
            return Err(asks.commit().map(|_| FsError::Access).unwrap_or_else(FsError::Denied));
        }
        let mount = self.look.mount;
        let beyond = mount.is_beyond(&opened.meta) || mount.is_kernel_interface(&opened.file, &opened.meta);
        let refusal = if beyond { Some(FsError::NotPermitted) } else { self.unfit(opened.meta.kind) };
        if let Some(error) = refusal {
            return Err(self.look.tell(&opened.path, error));
        }
        let permits = asks.commit()?;
        self.hand_out(permits, opened)
    }

    /// Truncates if asked, and makes the handle. All verdicts are recorded by now.
    fn hand_out(&self, mut permits: Permits, opened: Opened) -> Result<Node, FsError> {
        let Opened { file, meta, path } = opened;
        if self.how.truncate {
            let Some(permit) = &mut permits.write else { return Err(FsError::Access) };
            effects::truncate(permit, &file, &path)?;
        }
        let Some(lease) = permits.into_lease(&path) else { return Err(FsError::Access) };
        let flags = Flags { read: self.how.read, write: self.how.write, mutate_directory: false };
        let mount = Arc::clone(self.look.mount);
        if !meta.kind.is_special() {
            mount.remember_plain(&path);
        }
        if meta.kind == Kind::Directory {
            let flags = Flags { mutate_directory: self.how.mutate_directory && !mount.read_only, ..flags };
            return Ok(Node::Directory(Directory::opened(mount, path, file, meta.identity, lease, flags)));
        }
        let Meta { kind, identity, .. } = meta;
        Ok(Node::File(File::opened(FileHandle { mount, path, file, kind, identity, lease, flags })))
    }
}

/// An object that is open and not yet handed out.
struct Opened {
    file: Handle,
    meta: Meta,
    path: GuestPath,
}

/// True for what opening answers when the object is not the one that was found before.
fn changed_meanwhile(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, WouldBlock};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory | WouldBlock) || is_loop(error)
}

#[cfg(unix)]
fn is_loop(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

#[cfg(not(unix))]
fn is_loop(_: &io::Error) -> bool {
    false
}
