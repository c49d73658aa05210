//! What opening a path asks, and the permits that answer it.

use crate::action::{FsCreate, FsList, FsRead, FsStat, FsWrite};
use crate::fs::types::{Kind, OpenOptions};
use crate::gate::{Denied, Lease, Permit, Session, Weighed, Why};
use crate::resource::GuestPath;
use std::sync::Arc;

/// The questions of one open, weighed and not yet recorded.
pub(in crate::fs) struct Asks {
    create: Option<Weighed<FsCreate>>,
    write: Option<Weighed<FsWrite>>,
    read: Option<Weighed<FsRead>>,
    list: Option<Weighed<FsList>>,
    stat: Option<Weighed<FsStat>>,
}

impl Asks {
    /// What `how` asks of `path`, where an object of `kind` was found, or nothing.
    ///
    /// A flag that is not granted denies the whole; nothing is silently left out.
    pub(in crate::fs) fn weigh(
        session: &Arc<Session>,
        path: &GuestPath,
        how: &OpenOptions,
        kind: Option<Kind>,
        import: &'static str,
    ) -> Asks {
        let lists = how.read && (how.directory || kind == Some(Kind::Directory));
        let reads = how.read && !lists;
        let writes = how.write || how.truncate || how.create;
        let creates = how.create && kind.is_none();
        let looks = !how.read && !how.write;
        Asks {
            create: creates.then(|| session.weigh(path.clone(), import)),
            write: writes.then(|| session.weigh(path.clone(), import)),
            read: reads.then(|| session.weigh(path.clone(), import)),
            list: lists.then(|| session.weigh(path.clone(), import)),
            stat: looks.then(|| session.weigh(path.clone(), import)),
        }
    }

    pub(in crate::fs) fn all_allowed(&self) -> bool {
        self.create.as_ref().is_none_or(Weighed::is_allowed)
            && self.write.as_ref().is_none_or(Weighed::is_allowed)
            && self.read.as_ref().is_none_or(Weighed::is_allowed)
            && self.list.as_ref().is_none_or(Weighed::is_allowed)
            && self.stat.as_ref().is_none_or(Weighed::is_allowed)
    }

    /// Records the verdicts and mints the permits; of several, a denial comes first and is the only one recorded.
    pub(in crate::fs) fn commit(mut self) -> Result<Permits, Denied> {
        refuse_first(&mut self.create)?;
        refuse_first(&mut self.write)?;
        refuse_first(&mut self.read)?;
        refuse_first(&mut self.list)?;
        refuse_first(&mut self.stat)?;
        Ok(Permits {
            create: self.create.map(Weighed::commit).transpose()?,
            write: self.write.map(Weighed::commit).transpose()?,
            read: self.read.map(Weighed::commit).transpose()?,
            list: self.list.map(Weighed::commit).transpose()?,
            stat: self.stat.map(Weighed::commit).transpose()?,
        })
    }

    /// Refuses what would have been allowed, because its object could not be held still.
    pub(in crate::fs) fn unstable(self) -> Option<Denied> {
        let Asks { create, write, read, list, stat } = self;
        create
            .map(|asked| asked.refuse(Why::Unstable))
            .or_else(|| write.map(|asked| asked.refuse(Why::Unstable)))
            .or_else(|| read.map(|asked| asked.refuse(Why::Unstable)))
            .or_else(|| list.map(|asked| asked.refuse(Why::Unstable)))
            .or_else(|| stat.map(|asked| asked.refuse(Why::Unstable)))
    }
}

fn refuse_first<A: crate::action::Action>(asked: &mut Option<Weighed<A>>) -> Result<(), Denied> {
    match asked.take_if(|asked| !asked.is_allowed()) {
        Some(refused) => refused.commit().map(|_| ()),
        None => Ok(()),
    }
}

/// The permits of one open, all on one path.
#[derive(Debug)]
pub(in crate::fs) struct Permits {
    pub(in crate::fs) create: Option<Permit<FsCreate>>,
    pub(in crate::fs) write: Option<Permit<FsWrite>>,
    read: Option<Permit<FsRead>>,
    list: Option<Permit<FsList>>,
    stat: Option<Permit<FsStat>>,
}

impl Permits {
    /// The lease of the handle: every right but the spent one to create. None unless all are on `path`.
    pub(in crate::fs) fn into_lease(self, path: &GuestPath) -> Option<Lease> {
        let lease = with(None, self.read, path)?;
        let lease = with(lease, self.list, path)?;
        let lease = with(lease, self.write, path)?;
        with(lease, self.stat, path)?
    }
}

/// Adds a permit's right to a lease; none when the permit is for something else.
fn with<A: crate::action::Action<Resource = GuestPath>>(
    lease: Option<Lease>,
    permit: Option<Permit<A>>,
    path: &GuestPath,
) -> Option<Option<Lease>> {
    let Some(permit) = permit else { return Some(lease) };
    if permit.resource() != path {
        return None;
    }
    match lease {
        None => Some(Some(permit.into_lease())),
        Some(lease) => permit.join(lease).ok().map(Some),
    }
}
