//! Variables and arguments that the host gave to a component. Never the host's own.

use crate::action::{EnvRead, ProcessArgs};
use crate::gate::{Denied, Permit};
use crate::resource::EnvName;

/// Environment variables given to a component.
///
/// ```
/// use airssys_osl::environment::Environment;
/// let environment = Environment::new([("MODE".to_owned(), "fast".to_owned())]).unwrap();
/// assert_eq!(environment.names().next().unwrap().as_str(), "MODE");
/// assert!(Environment::new([("A=B".to_owned(), String::new())]).is_err());
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    variables: Vec<(EnvName, String)>,
}

/// A name or value that no environment variable can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable `{}` is malformed: a name is not empty and holds no `=`, neither holds a NUL", name.escape_debug())]
pub struct EnvError {
    /// The name.
    pub name: String,
}

impl Environment {
    /// These variables, in this order; of two with one name the later counts.
    ///
    /// # Errors
    /// [`EnvError`] naming the first that is malformed.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Result<Environment, EnvError> {
        let mut environment = Environment::default();
        for (name, value) in variables {
            let parsed = EnvName::parse(&name).filter(|_| !value.contains('\0'));
            let parsed = parsed.ok_or(EnvError { name })?;
            environment.variables.retain(|(old, _)| *old != parsed);
            environment.variables.push((parsed, value));
        }
        Ok(environment)
    }

    /// The names, to ask for one by one.
    pub fn names(&self) -> impl Iterator<Item = &EnvName> {
        self.variables.iter().map(|(name, _)| name)
    }

    /// The value of the variable that was permitted.
    ///
    /// # Errors
    /// [`Denied`] when it was permitted by policies that are no longer in force.
    pub fn read(&self, permit: Permit<EnvRead>) -> Result<Option<&str>, Denied> {
        let spent = permit.redeem()?;
        let found = self.variables.iter().find(|(name, _)| name == spent.resource());
        Ok(found.map(|(_, value)| value.as_str()))
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are often secrets.
        f.debug_list().entries(self.names().map(EnvName::as_str)).finish()
    }
}

/// The arguments a component was started with.
#[derive(Clone, Default)]
pub struct Arguments {
    arguments: Vec<String>,
}

impl Arguments {
    /// These arguments.
    pub fn new(arguments: impl IntoIterator<Item = String>) -> Arguments {
        Arguments { arguments: arguments.into_iter().collect() }
    }

    /// All of them.
    ///
    /// # Errors
    /// [`Denied`] when they were permitted by policies that are no longer in force.
    pub fn read(&self, permit: Permit<ProcessArgs>) -> Result<&[String], Denied> {
        let _spent = permit.redeem()?;
        Ok(&self.arguments)
    }
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} arguments", self.arguments.len())
    }
}
