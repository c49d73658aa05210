//! How the tables write names and places.

use crate::mentions::Mention;
use crate::tables::Owner;

/// Whether `owned` is said by `path`, or brought into reach by a glob above it.
///
/// ```text
/// std::fs      std::fs, std::fs::read; by the glob `std::*` too
/// wasmtime*    wasmtime::Engine, wasmtime_wasi::p2
/// *::Linker    wasmtime::component::Linker, Linker
/// ```
pub(crate) fn says(owned: &str, path: &[String]) -> bool {
    if let Some(word) = owned.strip_prefix("*::") {
        return path.iter().any(|said| said == word);
    }
    if let Some(begin) = owned.strip_suffix('*') {
        return path.first().is_some_and(|krate| krate.starts_with(begin));
    }
    let owned: Vec<_> = owned.split("::").collect();
    match path {
        [above @ .., glob] if glob == "*" && above.len() < owned.len() => {
            !above.is_empty() && owned.starts_with(&above.iter().map(String::as_str).collect::<Vec<_>>())
        }
        _ => is_beneath(&owned, path),
    }
}

fn is_beneath(owned: &[&str], path: &[String]) -> bool {
    path.len() >= owned.len() && path.iter().zip(owned).all(|(said, owned)| said == owned)
}

/// Whether `mention` falls under `owner`.
pub(crate) fn falls_under(owner: &Owner, mention: &Mention) -> bool {
    owner.names.iter().any(|owned| says(owned, &mention.path))
        && !owner.except.iter().any(|free| is_beneath(&free.split("::").collect::<Vec<_>>(), &mention.path))
        && !(owner.tests_may && mention.test)
}

/// Whether the file `path` is `place`, or beneath it where `place` ends with a slash.
pub(crate) fn is_at(path: &str, place: &str) -> bool {
    if place.ends_with('/') { path.starts_with(place) } else { path == place }
}
