//! The names of an embedder's actions and resources.
//!
//! Actions and types are declared before anything is loaded, and are few; they are kept for the life of the process, so
//! that a record or a memo holds a number or a pointer and no text. Ids of resources come from guests and are not kept.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many names are kept.
const MAX_NAMES: usize = 16_384;
/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// The longest id of a resource, in bytes.
const MAX_ID_BYTES: usize = 4096;

/// The marker of all of an embedder's actions, as [`FsRead`](crate::action::FsRead) is one of this kernel's.
#[derive(Debug)]
pub enum Own {}

/// An action of an embedder, by its number among those that were declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnAction(u16);

/// A thing of an embedder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnResource(Arc<Thing>);

/// Behind a pointer: every resource is as large as the largest kind of them.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Thing {
    kind: &'static str,
    id: Box<str>,
}

/// What a permit for an embedder's action is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTarget {
    /// The action.
    pub action: OwnAction,
    /// On what.
    pub resource: OwnResource,
}

/// A name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnError {
    /// Not of the form of an action's name.
    #[error("`{0}` names no action: write a namespace and a name, such as `Acme::contact:read`")]
    Action(String),
    /// Not of the form of a type's name.
    #[error("`{0}` names no type of resource: write a namespace and a type, such as `Acme::Contact`")]
    Kind(String),
    /// A name that nobody has declared.
    #[error("`{0}` was not declared by any interface or schema")]
    Unknown(String),
    /// A name too many, or one too long.
    #[error("`{0}` cannot be kept: at most {MAX_NAMES} names, each of at most {MAX_NAME_BYTES} bytes")]
    Full(String),
    /// An id that could not be shown as it is.
    #[error("the id of a `{kind}` is empty, longer than {MAX_ID_BYTES} bytes or holds a control character")]
    Id {
        /// The type.
        kind: &'static str,
    },
}

#[derive(Default)]
struct Names {
    texts: BTreeSet<&'static str>,
    actions: Vec<&'static str>,
    kinds: BTreeSet<&'static str>,
}

static NAMES: Mutex<Names> =
    Mutex::new(Names { texts: BTreeSet::new(), actions: Vec::new(), kinds: BTreeSet::new() });

fn names() -> MutexGuard<'static, Names> {
    // What it guards is valid after every single statement.
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Names {
    fn keep(&mut self, text: &str) -> Result<&'static str, OwnError> {
        if let Some(kept) = self.texts.get(text) {
            return Ok(kept);
        }
        if self.texts.len() >= MAX_NAMES || text.len() > MAX_NAME_BYTES {
            return Err(OwnError::Full(shown(text)));
        }
        let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
        self.texts.insert(kept);
        Ok(kept)
    }
}

/// A text that lives as long as the process, such as the name of an import in records. For names that a host declares,
/// never for what a guest says.
///
/// # Errors
/// [`OwnError::Full`].
pub fn interned(text: &str) -> Result<&'static str, OwnError> {
    names().keep(text)
}

/// Declares a type of resources, such as `Acme::Contact`.
///
/// # Errors
/// [`OwnError::Kind`], [`OwnError::Full`].
pub fn declare_kind(kind: &str) -> Result<&'static str, OwnError> {
    let well_formed = namespaced(kind).is_some_and(|(_, own)| is_identifier(own));
    if !well_formed {
        return Err(OwnError::Kind(shown(kind)));
    }
    let mut names = names();
    let kept = names.keep(kind)?;
    names.kinds.insert(kept);
    Ok(kept)
}

impl OwnAction {
    /// Declares an action, such as `Acme::contact:read`: a namespace of identifiers, `::`, and words of `a-z`, `0-9` and
    /// `-` with colons between.
    ///
    /// # Errors
    /// [`OwnError::Action`], [`OwnError::Full`].
    pub fn declare(name: &str) -> Result<OwnAction, OwnError> {
        if !OwnAction::is_well_formed(name) {
            return Err(OwnError::Action(shown(name)));
        }
        let mut names = names();
        let kept = names.keep(name)?;
        let place = names.actions.iter().position(|known| *known == kept).unwrap_or_else(|| {
            names.actions.push(kept);
            names.actions.len() - 1
        });
        u16::try_from(place).map(OwnAction).map_err(|_| OwnError::Full(shown(name)))
    }

    /// True for what could be the name of an embedder's action, declared or not.
    pub fn is_well_formed(name: &str) -> bool {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        namespaced(name).is_some_and(|(_, own)| own.split(':').all(is_word))
    }

    /// The action of that name, if it was declared.
    pub fn known(name: &str) -> Option<OwnAction> {
        let place = names().actions.iter().position(|known| *known == name)?;
        u16::try_from(place).ok().map(OwnAction)
    }

    /// Its name, with the namespace.
    pub fn name(self) -> &'static str {
        names().actions.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// Its namespace and its name in there: `("Acme", "contact:read")`.
    pub fn parts(self) -> (&'static str, &'static str) {
        namespaced(self.name()).unwrap_or_default()
    }
}

impl From<OwnAction> for crate::ActionId {
    fn from(action: OwnAction) -> crate::ActionId {
        crate::ActionId::Own(action)
    }
}

impl OwnResource {
    /// The thing of that type and id.
    ///
    /// # Errors
    /// [`OwnError::Id`] when it is empty, longer than 4096 bytes, or holds a control character, also one that reorders
    /// text: an id is shown to people, in logs and in policies.
    pub fn new(kind: &'static str, id: &str) -> Result<OwnResource, OwnError> {
        let unshowable = |c: char| {
            c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        if id.is_empty() || id.len() > MAX_ID_BYTES || id.contains(unshowable) {
            return Err(OwnError::Id { kind });
        }
        Ok(OwnResource(Arc::new(Thing { kind, id: id.into() })))
    }

    /// The thing of a type that was declared, by name.
    ///
    /// # Errors
    /// [`OwnError::Unknown`], [`OwnError::Id`].
    pub fn known(kind: &str, id: &str) -> Result<OwnResource, OwnError> {
        let found = names().kinds.get(kind).copied();
        OwnResource::new(found.ok_or_else(|| OwnError::Unknown(shown(kind)))?, id)
    }

    /// Its type, with the namespace.
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.0.id
    }
}

/// `A::B::c` as `("A::B", "c")`.
fn namespaced(name: &str) -> Option<(&str, &str)> {
    let (namespace, own) = name.rsplit_once("::")?;
    namespace.split("::").all(is_identifier).then_some((namespace, own))
}

fn is_identifier(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && !text.starts_with("__") && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_a_namespace_are_names_of_an_embedders() {
        for name in [
            "fs:read",
            "Acme::",
            "Acme::Read",
            "::read",
            "Acme::contact read",
            "A b::c",
            "__cedar::x",
            "A::x:",
        ] {
            assert!(OwnAction::declare(name).is_err(), "{name}");
        }
        for kind in ["Contact", "Acme::", "Acme::con-tact", "Acme::1", "A::__cedar"] {
            assert!(declare_kind(kind).is_err(), "{kind}");
        }
        let action = OwnAction::declare("Names::Deep::contact:read").unwrap();
        assert_eq!(action, OwnAction::declare("Names::Deep::contact:read").unwrap());
        assert_eq!(action.parts(), ("Names::Deep", "contact:read"));
        assert_eq!(OwnAction::known("Names::Deep::contact:write"), None);
    }

    #[test]
    fn an_id_that_cannot_be_shown_is_none() {
        let kind = declare_kind("Names::Thing").unwrap();
        let long = "x".repeat(MAX_ID_BYTES + 1);
        for id in ["", "a\0", "a\u{202e}b", "a\nb", "\u{9b}", &long] {
            assert_eq!(OwnResource::new(kind, id), Err(OwnError::Id { kind }), "{}", id.escape_debug());
        }
        assert_eq!(OwnResource::known("Names::Thing", "Zoë's 1/2").unwrap().id(), "Zoë's 1/2");
        assert!(matches!(OwnResource::known("Names::Other", "x"), Err(OwnError::Unknown(_))));
    }

    #[test]
    fn a_name_too_long_is_not_kept() {
        assert!(matches!(interned(&"x".repeat(MAX_NAME_BYTES + 1)), Err(OwnError::Full(_))));
        assert!(std::ptr::eq(interned("kept").unwrap(), interned("kept").unwrap()));
    }
}
