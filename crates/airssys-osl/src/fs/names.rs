//! Names as they stand on disk, where the file system finds one file under several spellings.

use crate::fs::FsError;
use crate::fs::path::child;
use crate::fs::sys::{Meta, System};
use crate::handle::Handle;
use crate::resource::GuestPath;

/// The one name in `dir` that `asked` found.
///
/// # Errors
/// [`FsError::NotPermitted`] when it cannot be told, so that nothing is decided on a spelling.
pub(in crate::fs) fn on_disk(
    sys: &dyn System,
    dir: &Handle,
    path: &GuestPath,
    asked: &str,
    meta: &Meta,
) -> Result<String, FsError> {
    let mut alike = Vec::new();
    for entry in sys.entries(dir)? {
        // What is no text can be no spelling of a text.
        let Ok(name) = entry?.name.into_string() else { continue };
        if name == asked {
            return Ok(name);
        }
        if sys.stat(dir, &name).is_ok_and(|found| found.identity == meta.identity) {
            alike.push(name);
        }
    }
    let name = choose(asked, alike).ok_or(FsError::NotPermitted)?;
    let parent = path.parent().ok_or(FsError::NotPermitted)?;
    child(&parent, &name).map(|_| name)
}

/// Of several names of one object, the one that differs from `asked` in case alone.
fn choose(asked: &str, alike: Vec<String>) -> Option<String> {
    let only = |mut names: Vec<String>| if names.len() == 1 { names.pop() } else { None };
    if alike.len() == 1 {
        return only(alike);
    }
    let folded = asked.to_lowercase();
    only(alike.into_iter().filter(|name| name.to_lowercase() == folded).collect())
}

#[cfg(test)]
mod tests {
    use super::choose;

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
}
