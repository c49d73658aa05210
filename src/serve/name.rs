//! Names of components in a served system: `publisher/name`.

use crate::identity::Name;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A component by its identity.
///
/// ```
/// use airssys_wasm::serve::ComponentName;
/// let name: ComponentName = "acme/thumb".parse()?;
/// assert_eq!((name.publisher().as_str(), name.name().as_str()), ("acme", "thumb"));
/// assert!("acme".parse::<ComponentName>().is_err());
/// # Ok::<(), airssys_wasm::serve::BadName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComponentName {
    publisher: Name,
    name: Name,
}

/// A text that names no component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no component: write `publisher/name`, each of `a`-`z`, `0`-`9` and `-`")]
pub struct BadName(String);

impl ComponentName {
    /// The component of these two names.
    pub fn of(publisher: Name, name: Name) -> ComponentName {
        ComponentName { publisher, name }
    }

    /// Who publishes it.
    pub fn publisher(&self) -> &Name {
        &self.publisher
    }

    /// Its name among theirs.
    pub fn name(&self) -> &Name {
        &self.name
    }
}

impl FromStr for ComponentName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<ComponentName, BadName> {
        let bad = || BadName(text.chars().take(200).flat_map(char::escape_debug).collect());
        let (publisher, name) = text.split_once('/').ok_or_else(bad)?;
        let publisher = Name::parse(publisher).ok_or_else(bad)?;
        Ok(ComponentName { publisher, name: Name::parse(name).ok_or_else(bad)? })
    }
}

impl TryFrom<String> for ComponentName {
    type Error = BadName;

    fn try_from(text: String) -> Result<ComponentName, BadName> {
        text.parse()
    }
}

impl From<ComponentName> for String {
    fn from(name: ComponentName) -> String {
        name.to_string()
    }
}

impl fmt::Display for ComponentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.publisher, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_two_names_is_refused_and_two_names_lead_back() {
        for text in [
            "",
            "acme",
            "acme/",
            "/thumb",
            "acme/thumb/x",
            "Acme/thumb",
            "acme/th umb",
            "acme/../x",
            "a/\u{1b}",
        ] {
            let said = text.parse::<ComponentName>().unwrap_err().to_string();
            assert!(!said.contains('\u{1b}'), "{said}");
        }
        assert_eq!("acme/thumb".parse::<ComponentName>().unwrap().to_string(), "acme/thumb");
    }
}
