//! Rename and hard link: a move never widens.
//!
//! After a move the object is judged by its new name. So whatever the policies allow at the new name must have been
//! allowed at the old one; and a directory, whose contents come with it, moves only when no policy names a path beneath
//! either end. While a move is decided and done nothing else on the mount is.
//!
//! A move stays when what was lent has ended. So it is decided by the component's own authority alone; at the new name, what
//! was lent counts among what would be possible there.

use crate::action::{Action, FsCreate, FsDelete, FsList, FsRead, FsStat, FsSymlink, FsTimes, FsWrite};
use crate::fs::FsError;
use crate::fs::directory::Directory;
use crate::fs::effects::{self, RenamePermits};
use crate::fs::locate::{Last, Located, Look, Spot, locate};
use crate::fs::path::Steps;
use crate::fs::types::Kind;
use crate::gate::Why;
use crate::resource::GuestPath;
use std::sync::Arc;

/// One end of a move.
struct End {
    located: Located,
    /// What the end is called, as far as it can be told; decided on before anything else is said.
    path: Option<GuestPath>,
}

impl Directory {
    /// Renames `old` here to `new` there.
    ///
    /// # Errors
    /// [`FsError`]; [`FsError::Denied`] also when the move would widen what is allowed.
    pub fn rename_at(
        &self,
        old: &str,
        to: &Directory,
        new: &str,
        import: &'static str,
    ) -> Result<(), FsError> {
        let move_ = Move::prepare(self, old, to, new, import)?;
        if move_.old_steps.ends_in_dot || move_.new_steps.ends_in_dot {
            return Err(FsError::Invalid);
        }
        let _moving = self.mount().moving();
        move_.rename()
    }

    /// Gives `old` here the further name `new` there. A link at the end of `old` is not followed.
    ///
    /// # Errors
    /// As [`Directory::rename_at`]; [`FsError::Invalid`] when `follow` is asked for.
    pub fn link_at(
        &self,
        old: &str,
        follow: bool,
        to: &Directory,
        new: &str,
        import: &'static str,
    ) -> Result<(), FsError> {
        let move_ = Move::prepare(self, old, to, new, import)?;
        if follow {
            return Err(FsError::Invalid);
        }
        let _moving = self.mount().moving();
        move_.link()
    }
}

struct Move<'a> {
    from: &'a Directory,
    to: &'a Directory,
    old_steps: Steps,
    new_steps: Steps,
    import: &'static str,
}

impl<'a> Move<'a> {
    fn prepare(
        from: &'a Directory,
        old: &str,
        to: &'a Directory,
        new: &str,
        import: &'static str,
    ) -> Result<Move<'a>, FsError> {
        if !Arc::ptr_eq(from.lease().session(), to.lease().session()) {
            // Two ends are decided by one subject's policies, or not at all.
            return Err(FsError::BadDescriptor);
        }
        let old_steps = from.parse_to_change(old, import)?;
        let new_steps = to.parse_to_change(new, import)?;
        Ok(Move { from, to, old_steps, new_steps, import })
    }

    fn old_look(&self) -> Look<'a> {
        self.from.look(self.import)
    }

    fn new_look(&self) -> Look<'a> {
        self.to.look(self.import)
    }

    fn crosses(&self) -> bool {
        !Arc::ptr_eq(self.from.mount(), self.to.mount())
    }

    fn rename(&self) -> Result<(), FsError> {
        let (look, old, new) = self.ends()?;
        refuse::<FsDelete>(&look, old.path.as_ref())?;
        refuse::<FsRead>(&look, old.path.as_ref())?;
        refuse::<FsCreate>(&look, new.path.as_ref())?;
        let (old, new) = self.spots(old, new)?;
        // Where it may not be replaced the system refuses a taken name, also one taken only now.
        let replaces = new.found.is_some() && self.may_replace(&look, &new);
        self.refuse_widening(&look, &old, &new)?;
        let fit = self.renamable(&old, &new);
        fit.map_err(|(path, error)| look.tell(path, error))?;
        let permits = RenamePermits {
            delete: look.session.authorize_own::<FsDelete>(old.path.clone(), self.import)?,
            read: look.session.authorize_own::<FsRead>(old.path.clone(), self.import)?,
            create: look.session.authorize_own::<FsCreate>(new.path.clone(), self.import)?,
            replace: match replaces {
                true => Some((
                    look.session.authorize_own::<FsDelete>(new.path.clone(), self.import)?,
                    look.session.authorize_own::<FsWrite>(new.path.clone(), self.import)?,
                )),
                false => None,
            },
        };
        let done = effects::rename(permits, self.from.mount(), &old, &new);
        self.forget_paths(&old);
        done.map_err(|error| look.tell(blamed(&error, &old, &new), error))
    }

    fn link(&self) -> Result<(), FsError> {
        let (look, old, new) = self.ends()?;
        refuse::<FsRead>(&look, old.path.as_ref())?;
        refuse::<FsCreate>(&look, new.path.as_ref())?;
        let (old, new) = self.spots(old, new)?;
        self.refuse_widening(&look, &old, &new)?;
        let fit = self.linkable(&old, &new);
        fit.map_err(|(path, error)| look.tell(path, error))?;
        let read = look.session.authorize_own::<FsRead>(old.path.clone(), self.import)?;
        let create = look.session.authorize_own::<FsCreate>(new.path.clone(), self.import)?;
        let done = effects::hard_link(read, create, self.from.mount(), &old, &new);
        self.forget_paths(&old);
        done.map_err(|error| look.tell(blamed(&error, &old, &new), error))
    }

    /// After a move of what other paths lead through, or of what must not be opened unseen.
    fn forget_paths(&self, old: &Spot) {
        if old.found.is_none_or(|meta| meta.kind != Kind::File) {
            self.from.mount().forget_paths();
        }
    }

    fn ends(&self) -> Result<(Look<'a>, End, End), FsError> {
        let (old_look, new_look) = (self.old_look(), self.new_look());
        let end = |located: Located| {
            let path = match &located {
                Located::Spot(spot) => Some(spot.path.clone()),
                Located::Broken(broken) => broken.target(),
            };
            End { located, path }
        };
        let old = end(locate(&old_look, self.from, &self.old_steps, Last::Entry)?);
        let new = end(locate(&new_look, self.to, &self.new_steps, Last::Entry)?);
        Ok((old_look, old, new))
    }

    /// Both ends where they could be reached; what hindered it, otherwise.
    fn spots(&self, old: End, new: End) -> Result<(Spot, Spot), FsError> {
        let old = match old.located {
            Located::Spot(spot) => spot,
            Located::Broken(broken) => return Err(broken.tell(&self.old_look())),
        };
        let new = match new.located {
            Located::Spot(spot) => spot,
            Located::Broken(broken) => return Err(broken.tell(&self.new_look())),
        };
        match old.existing(&self.old_steps) {
            Ok(_) => Ok((old, new)),
            Err(error) => Err(self.old_look().tell(&old.path, error)),
        }
    }

    fn may_replace(&self, look: &Look<'_>, new: &Spot) -> bool {
        look.session.weigh_own::<FsDelete>(new.path.clone(), self.import).is_allowed()
            && look.session.weigh_own::<FsWrite>(new.path.clone(), self.import).is_allowed()
    }

    fn refuse_widening(&self, look: &Look<'_>, old: &Spot, new: &Spot) -> Result<(), FsError> {
        let (old_path, new_path) = (&old.path, &new.path);
        narrows::<FsStat>(look, old_path, new_path)?;
        narrows::<FsList>(look, old_path, new_path)?;
        narrows::<FsRead>(look, old_path, new_path)?;
        narrows::<FsWrite>(look, old_path, new_path)?;
        narrows::<FsCreate>(look, old_path, new_path)?;
        narrows::<FsDelete>(look, old_path, new_path)?;
        narrows::<FsTimes>(look, old_path, new_path)?;
        narrows::<FsSymlink>(look, old_path, new_path)?;
        let is_directory = old.found.is_some_and(|meta| meta.kind == Kind::Directory);
        let session = look.session;
        if is_directory && (session.names_beneath(old_path) || session.names_beneath(new_path)) {
            let weighed = session.weigh::<FsDelete>(old_path.clone(), self.import);
            return Err(FsError::Denied(weighed.refuse(Why::Widens)));
        }
        Ok(())
    }

    /// What speaks against a rename, and about which name.
    fn renamable<'s>(&self, old: &'s Spot, new: &'s Spot) -> Result<(), (&'s GuestPath, FsError)> {
        let is_directory = old.found.is_some_and(|meta| meta.kind == Kind::Directory);
        if self.crosses() {
            return Err((&old.path, FsError::CrossDevice));
        }
        if old.parent.is_none() {
            return Err((&old.path, FsError::Busy));
        }
        if new.parent.is_none() {
            return Err((&new.path, FsError::Busy));
        }
        if self.new_steps.must_be_directory && !is_directory {
            return Err((&new.path, FsError::NotDirectory));
        }
        Ok(())
    }

    fn linkable<'s>(&self, old: &'s Spot, new: &'s Spot) -> Result<(), (&'s GuestPath, FsError)> {
        if self.crosses() {
            return Err((&old.path, FsError::CrossDevice));
        }
        if old.found.is_some_and(|meta| meta.kind == Kind::Directory) {
            return Err((&old.path, FsError::NotPermitted));
        }
        if new.found.is_some() || new.parent.is_none() {
            return Err((&new.path, FsError::Exist));
        }
        if self.new_steps.must_be_directory {
            return Err((&new.path, FsError::NoEntry));
        }
        Ok(())
    }
}

/// Decides on an end whose name can be told; where it cannot, what stopped the look-up answers later.
fn refuse<A: Action<Resource = GuestPath>>(look: &Look<'_>, path: Option<&GuestPath>) -> Result<(), FsError> {
    let Some(path) = path else { return Ok(()) };
    let weighed = look.session.weigh_own::<A>(path.clone(), look.import);
    if weighed.is_allowed() { Ok(()) } else { weighed.commit().map(|_| ()).map_err(FsError::Denied) }
}

/// Refuses a move that would allow at the new name what is not allowed at the old.
fn narrows<A: Action<Resource = GuestPath>>(
    look: &Look<'_>,
    old: &GuestPath,
    new: &GuestPath,
) -> Result<(), FsError> {
    if !look.session.weigh::<A>(new.clone(), look.import).is_allowed() {
        return Ok(());
    }
    let at_old = look.session.weigh_own::<A>(old.clone(), look.import);
    if at_old.is_allowed() { Ok(()) } else { Err(FsError::Denied(at_old.refuse(Why::Widens))) }
}

/// Which of the two names an error of the system is about.
fn blamed<'s>(error: &FsError, old: &'s Spot, new: &'s Spot) -> &'s GuestPath {
    match error {
        FsError::NoEntry | FsError::TooManyLinks => &old.path,
        _ => &new.path,
    }
}
