//! Which directories find a name by one spelling alone.
//!
//! On ext4, f2fs and tmpfs spellings are kept apart but in directories with a flag. A new directory has the flag of the
//! one it is made in; by hand it is set on an empty one. So each directory is asked once, from the mount's root down,
//! and the answer is kept under its canonical path, where it costs no call to find.
//!
//! *Invariant:* no guest makes an answer wrong. What it makes inherits; what it moves makes every mount of that device
//! forget its answers ([`Mount::forget_paths`]); all beneath a directory that folds counts as folding. Who sets a flag,
//! or moves a directory with one, from outside after it was asked may as well rename what lies in it: that is the
//! operator's affair, as hard links and bind mounts are.

use crate::fs::FsError;
use crate::fs::mount::Mount;
use crate::fs::remembered::Remembered;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The answers of one mount.
#[derive(Debug, Default)]
pub(in crate::fs) struct Spellings {
    kept: Remembered<bool>,
    folding_met: AtomicBool,
}

impl Spellings {
    /// True once a directory was met that folds case: from then on look-ups may have to list directories.
    pub(in crate::fs) fn folding_met(&self) -> bool {
        self.folding_met.load(Ordering::Relaxed)
    }

    /// True when every directory from the mount's root to this one keeps spellings apart. What cannot be asked, such as
    /// a directory that is not there, does not count as keeping them.
    pub(in crate::fs) fn kept(&self, mount: &Mount, directory: &str) -> bool {
        let moves = mount.moves();
        match self.kept.find(moves, directory) {
            Some(kept) => kept,
            None => self.ask(mount, moves, directory).unwrap_or(false),
        }
    }

    /// Asks from the nearest directory above whose answer is known.
    fn ask(&self, mount: &Mount, moves: u64, directory: &str) -> Result<bool, FsError> {
        let mut from = directory;
        while from != mount.guest.as_str() {
            match self.kept.find(moves, from) {
                Some(true) => break,
                Some(false) => return Ok(false),
                None => from = above(from),
            }
        }
        let mut at = mount.walk_by_text(from)?;
        let mut path = if from == "/" { String::new() } else { from.to_owned() };
        let beneath = directory.strip_prefix(from).unwrap_or_default();
        for name in beneath.split('/').filter(|name| !name.is_empty()) {
            at = Arc::new(mount.sys.open_dir(&at, name, mount.options.cross_devices)?);
            path.push('/');
            path.push_str(name);
            let kept = !mount.sys.folds_case(&at);
            self.kept.keep(moves, &path, kept);
            if !kept {
                self.folding_met.store(true, Ordering::Relaxed);
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The text of the directory that a canonical path lies in; the root lies in itself.
pub(in crate::fs) fn above(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((above, _)) => above,
    }
}

#[cfg(test)]
mod tests {
    use super::above;

    #[test]
    fn the_text_above_a_path_is_its_parents() {
        for (path, parent) in [("/", "/"), ("/a", "/"), ("/a/b", "/a"), ("/a/b/c", "/a/b")] {
            assert_eq!(above(path), parent);
        }
    }
}
