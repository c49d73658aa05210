//! The effects on names. Each consumes the permits for it and takes its target only where the permits allow.
//!
//! *Invariant:* no function of this file acts on a spot whose path is not the one that was decided on.

use crate::action::{FsCreate, FsDelete, FsRead, FsSymlink, FsTimes, FsWrite};
use crate::fs::FsError;
use crate::fs::locate::Spot;
use crate::fs::mount::Mount;
use crate::fs::sys::Mode;
use crate::fs::types::NewTimes;
use crate::gate::Permit;
use crate::handle::Handle;
use crate::resource::GuestPath;

/// The entry that was decided on. Anything else is a fault of this crate, and denied.
fn entry<'s>(spot: &'s Spot, decided: &GuestPath) -> Result<(&'s Handle, &'s str), FsError> {
    if spot.path != *decided {
        return Err(FsError::Access);
    }
    let parent = spot.parent.as_deref().ok_or(FsError::Busy)?;
    Ok((parent, &spot.name))
}

pub(in crate::fs) fn create_file(
    permit: Permit<FsCreate>,
    mount: &Mount,
    spot: &Spot,
    mode: Mode,
) -> Result<Handle, FsError> {
    let spent = permit.redeem()?;
    let (parent, name) = entry(spot, spent.resource())?;
    Ok(mount.sys.create_file(parent, name, mode)?)
}

/// Cuts an open file to nothing. The permit goes on into the handle's lease.
pub(in crate::fs) fn truncate(
    permit: &mut Permit<FsWrite>,
    file: &Handle,
    path: &GuestPath,
) -> Result<(), FsError> {
    if permit.resource() != path {
        return Err(FsError::Access);
    }
    let _begun = permit.begin()?;
    Ok(file.set_len(0)?)
}

pub(in crate::fs) fn create_dir(permit: Permit<FsCreate>, mount: &Mount, spot: &Spot) -> Result<(), FsError> {
    let spent = permit.redeem()?;
    let (parent, name) = entry(spot, spent.resource())?;
    Ok(mount.sys.create_dir(parent, name)?)
}

pub(in crate::fs) fn symlink(
    permit: Permit<FsSymlink>,
    mount: &Mount,
    spot: &Spot,
    target: &str,
) -> Result<(), FsError> {
    let spent = permit.redeem()?;
    let (parent, name) = entry(spot, spent.resource())?;
    Ok(mount.sys.symlink(target, parent, name)?)
}

pub(in crate::fs) fn remove_file(
    permit: Permit<FsDelete>,
    mount: &Mount,
    spot: &Spot,
) -> Result<(), FsError> {
    let spent = permit.redeem()?;
    let (parent, name) = entry(spot, spent.resource())?;
    Ok(mount.sys.remove_file(parent, name)?)
}

pub(in crate::fs) fn remove_dir(permit: Permit<FsDelete>, mount: &Mount, spot: &Spot) -> Result<(), FsError> {
    let spent = permit.redeem()?;
    let (parent, name) = entry(spot, spent.resource())?;
    Ok(mount.sys.remove_dir(parent, name)?)
}

pub(in crate::fs) fn set_times(
    permit: Permit<FsTimes>,
    mount: &Mount,
    spot: &Spot,
    times: &NewTimes,
) -> Result<(), FsError> {
    let spent = permit.redeem()?;
    let (parent, name) = match entry(spot, spent.resource()) {
        Ok(entry) => entry,
        Err(FsError::Busy) => {
            let kind = spot.found.map_or(crate::fs::Kind::Directory, |meta| meta.kind);
            return Ok(mount.sys.set_times_open(&mount.root, kind, times)?);
        }
        Err(error) => return Err(error),
    };
    Ok(mount.sys.set_times_at(parent, name, times)?)
}

/// What allows a rename: the old name may be taken away and read, the new one made, and what is there replaced.
pub(in crate::fs) struct RenamePermits {
    pub(in crate::fs) delete: Permit<FsDelete>,
    pub(in crate::fs) read: Permit<FsRead>,
    pub(in crate::fs) create: Permit<FsCreate>,
    pub(in crate::fs) replace: Option<(Permit<FsDelete>, Permit<FsWrite>)>,
}

pub(in crate::fs) fn rename(
    permits: RenamePermits,
    mount: &Mount,
    old: &Spot,
    new: &Spot,
) -> Result<(), FsError> {
    let RenamePermits { delete, read, create, replace } = permits;
    let replace = match replace {
        Some((delete, write)) => {
            let (delete, write) = (delete.redeem()?, write.redeem()?);
            entry(new, delete.resource())?;
            entry(new, write.resource())?;
            Some((delete, write))
        }
        None => None,
    };
    let (read, delete, create) = (read.redeem()?, delete.redeem()?, create.redeem()?);
    entry(old, read.resource())?;
    let (from, to) = (entry(old, delete.resource())?, entry(new, create.resource())?);
    Ok(mount.sys.rename(from, to, replace.is_some())?)
}

pub(in crate::fs) fn hard_link(
    read: Permit<FsRead>,
    create: Permit<FsCreate>,
    mount: &Mount,
    old: &Spot,
    new: &Spot,
) -> Result<(), FsError> {
    let (read, create) = (read.redeem()?, create.redeem()?);
    let (from, to) = (entry(old, read.resource())?, entry(new, create.resource())?);
    Ok(mount.sys.hard_link(from, to)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Session;
    use crate::testing::{path, session};
    use std::sync::Arc;

    fn all() -> Arc<Session> {
        session(|_, _| true).0
    }

    #[test]
    fn a_permit_for_one_name_has_no_effect_on_another() {
        let spot = Spot { parent: None, name: "f".to_owned(), path: path("/m/f"), found: None };
        assert!(matches!(entry(&spot, &path("/m/g")), Err(FsError::Access)));
        assert!(matches!(entry(&spot, &path("/m/f")), Err(FsError::Busy)), "the root is no entry");
        let file = tempfile::tempfile().unwrap();
        file.set_len(7).unwrap();
        let mut permit = all().authorize::<FsWrite>(path("/m/f"), "test").unwrap();
        assert!(matches!(truncate(&mut permit, &file, &path("/m/g")), Err(FsError::Access)));
        assert_eq!(file.metadata().unwrap().len(), 7);
        truncate(&mut permit, &file, &path("/m/f")).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
    }

    #[test]
    fn permits_for_two_names_or_two_sessions_make_no_lease() {
        use crate::fs::asks::Asks;
        use crate::fs::types::{Kind, OpenOptions};
        let how = OpenOptions { read: true, write: true, ..OpenOptions::default() };
        let permits = |session: &Arc<Session>| {
            let asks = Asks::weigh(session, &path("/m/f"), &how, Some(Kind::File), "test");
            asks.commit().unwrap()
        };
        let (one, other) = (all(), all());
        assert!(permits(&one).into_lease(&path("/m/g")).is_none());
        assert!(permits(&one).into_lease(&path("/m/f")).is_some());
        let mut mixed = permits(&one);
        mixed.write = Some(other.authorize::<FsWrite>(path("/m/f"), "test").unwrap());
        assert!(mixed.into_lease(&path("/m/f")).is_none());
        let mut mixed = permits(&one);
        mixed.write = Some(one.authorize::<FsWrite>(path("/m/g"), "test").unwrap());
        assert!(mixed.into_lease(&path("/m/f")).is_none());
    }
}
