//! From a path to the object it stands for, without effect.
//!
//! Links are followed here and not by the system, so that the name an object is decided by is the name it has: the
//! canonical path through directories alone. Whoever follows a link, or leaves a name by `..`, learns what that name
//! is; both therefore ask for `fs:stat` on it.
//!
//! *Invariant:* what cannot be reached ([`Broken`]) tells by itself nothing about the names on the way. It turns into
//! an answer by [`Broken::tell`], which consults `fs:stat`.

use crate::action::{Action, FsStat};
use crate::fs::directory::Directory;
use crate::fs::mount::Mount;
use crate::fs::path::{MAX_STEPS, Step, Steps, child, extend};
use crate::fs::sys::Meta;
use crate::fs::types::Kind;
use crate::fs::{FsError, names};
use crate::gate::{Permit, Session};
use crate::handle::Handle;
use crate::resource::GuestPath;
use std::collections::VecDeque;
use std::sync::Arc;

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;
/// As many directories as one look-up enters, links and steps up included.
const MAX_WORK: usize = 4 * MAX_STEPS;

/// A name in an open directory, whether or not something is there.
#[derive(Debug)]
pub(in crate::fs) struct Spot {
    /// None for the mount's root, which is no entry of a directory.
    pub(in crate::fs) parent: Option<Arc<Handle>>,
    pub(in crate::fs) name: String,
    pub(in crate::fs) path: GuestPath,
    pub(in crate::fs) found: Option<Meta>,
}

/// What stopped a look-up before its last name.
#[derive(Debug)]
pub(in crate::fs) struct Broken {
    error: FsError,
    at: GuestPath,
    rest: Vec<Step>,
}

/// Where a path leads.
#[derive(Debug)]
pub(in crate::fs) enum Located {
    Spot(Spot),
    Broken(Broken),
}

/// What becomes of a link at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fs) enum Last {
    /// It is followed.
    Follow,
    /// It is looked at itself, unless the path demands a directory.
    Look,
    /// The entry itself is meant, whatever it is.
    Entry,
}

/// Who looks, where, and through which import.
#[derive(Debug, Clone, Copy)]
pub(in crate::fs) struct Look<'a> {
    pub(in crate::fs) mount: &'a Arc<Mount>,
    pub(in crate::fs) session: &'a Arc<Session>,
    pub(in crate::fs) import: &'static str,
}

impl Look<'_> {
    /// Answers `error` about `path` to who may stat it, and a denial to everyone else.
    pub(in crate::fs) fn tell(&self, path: &GuestPath, error: impl Into<FsError>) -> FsError {
        let error = error.into();
        if !error.tells_state() {
            return error;
        }
        let told = self.session.authorize::<FsStat>(path.clone(), self.import);
        told.and_then(Permit::redeem).map_or_else(FsError::Denied, |_| error)
    }

    /// Records and answers a denial; an allowed question is left unrecorded, because nothing comes of it.
    pub(in crate::fs) fn refuse_if_denied<A: Action<Resource = GuestPath>>(
        &self,
        path: &GuestPath,
    ) -> Result<(), FsError> {
        let weighed = self.session.weigh::<A>(path.clone(), self.import);
        if weighed.is_allowed() { Ok(()) } else { weighed.commit().map(|_| ()).map_err(FsError::Denied) }
    }

    /// True when `path` may be looked at; the permission is recorded, its absence is not yet an answer.
    fn may_stat(&self, path: &GuestPath) -> bool {
        let weighed = self.session.weigh::<FsStat>(path.clone(), self.import);
        weighed.is_allowed() && weighed.commit().and_then(Permit::redeem).is_ok()
    }
}

impl Spot {
    /// What is there, as the path demands it.
    pub(in crate::fs) fn existing(&self, steps: &Steps) -> Result<Meta, FsError> {
        let meta = self.found.ok_or(FsError::NoEntry)?;
        if steps.must_be_directory && meta.kind != Kind::Directory {
            return Err(FsError::NotDirectory);
        }
        Ok(meta)
    }

    /// That nothing is there.
    pub(in crate::fs) fn free(&self) -> Result<(), FsError> {
        if self.found.is_some() { Err(FsError::Exist) } else { Ok(()) }
    }
}

impl Broken {
    /// The canonical path that was meant, as far as the text can tell: none when the rest goes up.
    pub(in crate::fs) fn target(&self) -> Option<GuestPath> {
        extend(&self.at, self.rest.iter())?.ok()
    }

    /// What may be told: the error itself to who may stat the name it is about; that nothing is there to who may stat
    /// a name beneath it; a denial to everyone else.
    pub(in crate::fs) fn tell(self, look: &Look<'_>) -> FsError {
        if !self.error.tells_state() {
            return self.error;
        }
        let asked = look.session.weigh::<FsStat>(self.at.clone(), look.import);
        if asked.is_allowed() {
            return asked.commit().and_then(Permit::redeem).map_or_else(FsError::Denied, |_| self.error);
        }
        let mut path = self.at;
        for step in &self.rest {
            let Step::Name(name) = step else { break };
            let Ok(next) = child(&path, name) else { break };
            path = next;
            if look.may_stat(&path) {
                return FsError::NoEntry;
            }
        }
        // Permitted by now, under other policies: the answer that tells nothing still holds.
        asked.commit().and_then(Permit::redeem).map_or_else(FsError::Denied, |_| FsError::Access)
    }
}

/// Finds what `steps` lead to from the directory of a handle.
///
/// # Errors
/// Only such as the text tells; everything else is [`Located::Broken`].
pub(in crate::fs) fn locate(
    look: &Look<'_>,
    base: &Directory,
    steps: &Steps,
    last: Last,
) -> Result<Located, FsError> {
    let follow = match last {
        Last::Follow => true,
        Last::Look => steps.must_be_directory,
        Last::Entry => false,
    };
    if let Some(spot) = at_once(look, base, steps, follow) {
        return Ok(Located::Spot(spot));
    }
    let at = match base.still_there() {
        Ok(at) => at,
        Err(error) => {
            return Ok(broken(error, base.path().clone(), steps.steps.clone()));
        }
    };
    let ahead = steps.steps.iter().cloned().collect();
    let (path, listable) = (base.path().clone(), names::MAX_LISTED);
    let walk = Walk { look: *look, at, path, ahead, directory: false, links: 0, work: 0, listable };
    walk.run(follow)
}

/// The way in one call to the last name's directory. None when that is not enough, for whatever reason: the long way
/// finds it.
fn at_once(look: &Look<'_>, base: &Directory, steps: &Steps, follow: bool) -> Option<Spot> {
    let (last, before) = steps.steps.split_last()?;
    let Step::Name(name) = last else { return None };
    let directory = extend(base.path(), before.iter())?.ok()?;
    if !look.mount.keeps_spellings(directory.as_str()) {
        return None;
    }
    let path = child(&directory, name).ok()?;
    let from = base.still_there().ok()?;
    let parent = if before.is_empty() {
        from
    } else {
        let relative = path_text(before)?;
        Arc::new(look.mount.sys.walk_beneath(&from, &relative, look.mount.options.cross_devices)?.ok()?)
    };
    let found = match look.mount.sys.stat(&parent, name) {
        Ok(meta) => Some(meta),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => return None,
    };
    match found {
        Some(meta) if look.mount.is_beyond(&meta) || (follow && meta.kind == Kind::Symlink) => None,
        found => Some(Spot { parent: Some(parent), name: name.clone(), path, found }),
    }
}

fn path_text(steps: &[Step]) -> Option<String> {
    let names = steps.iter().map(|step| match step {
        Step::Name(name) => Some(name.as_str()),
        Step::Up => None,
    });
    Some(names.collect::<Option<Vec<_>>>()?.join("/"))
}

fn broken(error: impl Into<FsError>, at: GuestPath, rest: Vec<Step>) -> Located {
    Located::Broken(Broken { error: error.into(), at, rest })
}

/// The way name by name.
struct Walk<'a> {
    look: Look<'a>,
    at: Arc<Handle>,
    path: GuestPath,
    ahead: VecDeque<Step>,
    /// A link at the end was written with a slash, `.` or `..` at its own: only a directory will do.
    directory: bool,
    links: usize,
    work: usize,
    /// How many entries it may still read to find out spellings.
    listable: usize,
}

/// What became of one step.
enum Stepped {
    On,
    Done(Located),
}

impl Walk<'_> {
    fn run(mut self, follow: bool) -> Result<Located, FsError> {
        while let Some(step) = self.ahead.pop_front() {
            self.work += 1;
            if self.work > MAX_WORK {
                return Ok(self.stopped(FsError::Loop));
            }
            let stepped = match step {
                Step::Up => self.up()?,
                Step::Name(name) => self.down(name, follow)?,
            };
            if let Stepped::Done(located) = stepped {
                return Ok(located);
            }
        }
        self.here()
    }

    fn stopped(&mut self, error: impl Into<FsError>) -> Located {
        broken(error, self.path.clone(), self.ahead.drain(..).collect())
    }

    /// Out of the directory reached, which tells that it is one.
    fn up(&mut self) -> Result<Stepped, FsError> {
        let parent = match self.path.parent() {
            Some(parent) if self.path != self.look.mount.guest => parent,
            // Nothing is told by it: whatever led back to the root was permitted to be looked at.
            _ => return Err(FsError::NotPermitted),
        };
        if !self.look.may_stat(&self.path) {
            // The rest counts as going up, so that nothing beneath is told either.
            return Ok(Stepped::Done(broken(FsError::NotPermitted, self.path.clone(), vec![Step::Up])));
        }
        match self.enter(&parent) {
            Ok(directory) => {
                self.at = directory;
                self.path = parent;
                Ok(Stepped::On)
            }
            Err(error) => Ok(Stepped::Done(self.stopped(error))),
        }
    }

    fn enter(&mut self, path: &GuestPath) -> Result<Arc<Handle>, FsError> {
        self.work += path.components().count();
        self.look.mount.walk_to(path)
    }

    fn down(&mut self, name: String, follow: bool) -> Result<Stepped, FsError> {
        let mount = self.look.mount;
        let path = child(&self.path, &name)?;
        let last = self.ahead.is_empty();
        let meta = match mount.sys.stat(&self.at, &name) {
            Ok(meta) => meta,
            Err(error) if last && !self.directory && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Stepped::Done(self.spot(name, path, None)));
            }
            Err(error) => return Ok(self.stop_at(error, path)),
        };
        let (name, path) = match self.as_on_disk(name, &meta) {
            Ok(found) => found,
            Err(error) => return Ok(self.stop_at(error, path)),
        };
        if mount.is_beyond(&meta) {
            return Ok(self.stop_at(FsError::NotPermitted, path));
        }
        match meta.kind {
            Kind::Symlink if !last || follow => self.through_link(&name, path),
            kind if last && (!self.directory || kind == Kind::Directory) => {
                Ok(Stepped::Done(self.spot(name, path, Some(meta))))
            }
            Kind::Directory => match mount.sys.open_dir(&self.at, &name, mount.options.cross_devices) {
                Ok(directory) => {
                    self.at = Arc::new(directory);
                    self.path = path;
                    Ok(Stepped::On)
                }
                Err(error) => Ok(self.stop_at(error, path)),
            },
            _ => Ok(self.stop_at(FsError::NotDirectory, path)),
        }
    }

    /// The name as it stands on disk, where the file system finds it under several spellings, and its path.
    fn as_on_disk(&mut self, name: String, meta: &Meta) -> Result<(String, GuestPath), FsError> {
        let mount = self.look.mount;
        let name = match mount.keeps_spellings(self.path.as_str()) {
            true => name,
            false => names::on_disk(mount.sys, &self.at, &name, meta, &mut self.listable)?,
        };
        let path = child(&self.path, &name)?;
        Ok((name, path))
    }

    fn through_link(&mut self, name: &str, path: GuestPath) -> Result<Stepped, FsError> {
        if !self.look.may_stat(&path) {
            // Whoever may not look at the link is told what a name that is no directory would tell.
            return Ok(self.stop_at(FsError::NotDirectory, path));
        }
        self.links += 1;
        if self.links > MAX_LINKS {
            return Ok(self.stop_at(FsError::Loop, path));
        }
        let target = match self.look.mount.sys.read_link(&self.at, name) {
            Ok(target) => target,
            Err(error) => return Ok(self.stop_at(error, path)),
        };
        let Some(target) = target.to_str() else {
            return Ok(self.stop_at(FsError::IllegalByteSequence, path));
        };
        let target = match Steps::parse(target) {
            Ok(target) => target,
            Err(error) => return Ok(self.stop_at(error, path)),
        };
        if target.steps.len() + self.ahead.len() > MAX_STEPS {
            return Ok(self.stop_at(FsError::NameTooLong, path));
        }
        self.directory |= self.ahead.is_empty() && target.must_be_directory;
        for step in target.steps.into_iter().rev() {
            self.ahead.push_front(step);
        }
        Ok(Stepped::On)
    }

    fn stop_at(&mut self, error: impl Into<FsError>, path: GuestPath) -> Stepped {
        Stepped::Done(broken(error, path, self.ahead.drain(..).collect()))
    }

    fn spot(&self, name: String, path: GuestPath, found: Option<Meta>) -> Located {
        Located::Spot(Spot { parent: Some(Arc::clone(&self.at)), name, path, found })
    }

    /// The path ended in a directory that it had entered already.
    fn here(mut self) -> Result<Located, FsError> {
        let mount = self.look.mount;
        let found = match mount.sys.stat_open(&self.at) {
            Ok(meta) => Some(meta),
            Err(error) => return Ok(self.stopped(error)),
        };
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.name().map(str::to_owned)) else {
            return Ok(Located::Spot(Spot { parent: None, name: String::new(), path: self.path, found }));
        };
        if self.path == mount.guest {
            return Ok(Located::Spot(Spot { parent: None, name: String::new(), path: self.path, found }));
        }
        match self.enter(&parent) {
            Ok(directory) => {
                let path = self.path;
                Ok(Located::Spot(Spot { parent: Some(directory), name, path, found }))
            }
            Err(error) => Ok(self.stopped(error)),
        }
    }
}
