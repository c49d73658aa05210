//! Names as they stand on disk, where the file system finds one file under several spellings.

use crate::fs::FsError;
use crate::fs::sys::{Meta, RawEntry, System};
use crate::handle::Handle;
use crate::resource::GuestPath;
use std::io;

/// How many entries one look-up reads to find out spellings, in all directories on its way together. A directory with
/// more is read in a tenth of a second or so; nobody waits for longer.
pub(in crate::fs) const MAX_LISTED: usize = 1 << 18;
/// What a look at one entry costs, in entries read.
const LOOK: usize = 16;

/// The one name in `dir` that `asked` found, at a cost of at most `left` entries.
///
/// # Errors
/// [`FsError::NotPermitted`] when it cannot be told, so that nothing is decided on a spelling; [`FsError::Io`] when there
/// are too many entries.
pub(in crate::fs) fn on_disk(
    sys: &dyn System,
    dir: &Handle,
    asked: &str,
    meta: &Meta,
    left: &mut usize,
) -> Result<String, FsError> {
    let folded = asked.to_lowercase();
    let mut alike = Vec::new();
    for entry in sys.entries(dir)? {
        spend(left, 1)?;
        let RawEntry { name, inode, .. } = entry?;
        // What is no text can be no spelling of a text.
        let Ok(name) = name.into_string() else { continue };
        if name == asked {
            return Ok(name);
        }
        let same_number = inode.map(|inode| inode == meta.identity.inode);
        if !(same_number.unwrap_or_else(|| respells(asked)) || name.to_lowercase() == folded) {
            continue;
        }
        spend(left, LOOK)?;
        if sys.stat(dir, &name).is_ok_and(|found| found.identity == meta.identity) {
            alike.push(name);
        }
    }
    let name = choose(&folded, alike).ok_or(FsError::NotPermitted)?;
    GuestPath::check_name(&name).map_or(Err(FsError::NotPermitted), |()| Ok(name))
}

fn spend(left: &mut usize, entries: usize) -> Result<(), FsError> {
    let too_many = || io::Error::other("too many entries to find out how a name is spelled on disk");
    *left = left.checked_sub(entries).ok_or_else(too_many)?;
    Ok(())
}

/// True when a name may stand for one of quite other letters: composed otherwise, or shortened as Windows does it.
fn respells(asked: &str) -> bool {
    !asked.is_ascii() || asked.contains('~')
}

/// Of several names of one object, the one that differs from what was asked for in case alone.
///
/// Whichever it is, the name chosen is both decided and acted on.
fn choose(folded: &str, alike: Vec<String>) -> Option<String> {
    let only = |mut names: Vec<String>| if names.len() == 1 { names.pop() } else { None };
    if alike.len() == 1 {
        return only(alike);
    }
    only(alike.into_iter().filter(|name| name.to_lowercase() == folded).collect())
}

#[cfg(all(test, unix))]
#[expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test builds its directories by hand")]
mod tests {
    use super::*;
    use crate::fs::sys;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_spelling_that_could_mean_two_names_means_none() {
        assert_eq!(choose("secret", names(&[])), None);
        assert_eq!(choose("secret", names(&["SECRET", "Secret"])), None);
        assert_eq!(choose("secret", names(&["one", "two"])), None);
    }

    #[test]
    fn the_name_on_disk_counts_and_not_the_spelling() {
        assert_eq!(choose("secret", names(&["Secret"])).as_deref(), Some("Secret"));
        assert_eq!(choose("secret", names(&["other", "SECRET"])).as_deref(), Some("SECRET"));
        assert_eq!(choose("straße", names(&["STRASSE"])).as_deref(), Some("STRASSE"));
    }

    /// What `asked` finds among a hundred files when it found `Found`, and how many entries that cost.
    fn look(sys: &dyn System, asked: &str, mut left: usize) -> (Result<String, FsError>, usize) {
        let host = tempfile::tempdir().unwrap();
        for number in 0..100 {
            std::fs::write(host.path().join(format!("other{number}")), "").unwrap();
        }
        std::fs::write(host.path().join("Found"), "").unwrap();
        let dir = sys.open_root_ambient(host.path()).unwrap();
        let (meta, before) = (sys.stat(&dir, "Found").unwrap(), left);
        let name = on_disk(sys, &dir, asked, &meta, &mut left);
        (name, before - left)
    }

    #[test]
    fn a_directory_with_too_many_entries_is_not_read_to_its_end() {
        for sys in [sys::native(), sys::portable()] {
            let (name, cost) = look(sys, "found", 50);
            assert!(matches!(name, Err(FsError::Io(_))), "{name:?}");
            assert!(cost <= 50);
        }
    }

    #[test]
    fn only_names_that_could_be_meant_are_looked_at() {
        for sys in [sys::native(), sys::portable()] {
            let (name, cost) = look(sys, "found", MAX_LISTED);
            assert_eq!(name.unwrap(), "Found");
            assert!(cost <= 103 + LOOK, "{cost}");
            assert!(matches!(look(sys, "elsewhere~", MAX_LISTED).0.as_deref(), Ok("Found")));
        }
    }
}
