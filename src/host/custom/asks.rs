//! What a function asks before it runs.

use airssys_osl::Denied;
use airssys_osl::own::OwnResource;
use wasmtime::component::Resource;

/// The question a function asks: its action, and on what. Without one no function is offered.
///
/// `P` is the function's parameters as a tuple, `R` its results as one. An action is written as policies name it, with
/// its namespace (`Acme::contact:read` for `Acme::Action::"contact:read"`), and so is the type of the resource.
///
/// Unless [`Asks::answer`] says otherwise, a denial stops the component, and
/// [`Error::Denied`](crate::embed::Error::Denied) tells the host.
pub struct Asks<P, R> {
    pub(in crate::host::custom) action: String,
    pub(in crate::host::custom) on: On<P>,
    pub(in crate::host::custom) answer: Option<Answer<R>>,
}

type Answer<R> = Box<dyn Fn(&Denied) -> R + Send + Sync>;
type Name<P> = Box<dyn Fn(&P) -> Result<String, String> + Send + Sync>;
type Number<P> = Box<dyn Fn(&P) -> u32 + Send + Sync>;

/// On what an action is taken.
pub(in crate::host::custom) enum On<P> {
    /// On what the arguments name.
    Named { kind: String, name: Name<P> },
    /// On what a handle among the arguments was given for.
    Handle(Number<P>),
}

impl<P, R> Asks<P, R> {
    /// Asks for `action` on the resource of type `kind` whose id `name` makes from the arguments. A sentence instead of
    /// an id stops the component: the arguments name nothing that could be decided on. So does an id that is empty, longer
    /// than 4096 bytes, or holds a control character.
    pub fn on(
        action: impl Into<String>,
        kind: impl Into<String>,
        name: impl Fn(&P) -> Result<String, String> + Send + Sync + 'static,
    ) -> Asks<P, R> {
        let on = On::Named { kind: kind.into(), name: Box::new(name) };
        Asks { action: action.into(), on, answer: None }
    }

    /// Asks for `action` on the resource that a handle among the arguments was given for.
    pub fn on_handle<T: 'static>(
        action: impl Into<String>,
        handle: impl Fn(&P) -> &Resource<T> + Send + Sync + 'static,
    ) -> Asks<P, R> {
        let on = On::Handle(Box::new(move |arguments| handle(arguments).rep()));
        Asks { action: action.into(), on, answer: None }
    }

    /// Answers a denial with a value of the interface's own, such as an error case, instead of stopping the component.
    #[must_use]
    pub fn answer(mut self, answer: impl Fn(&Denied) -> R + Send + Sync + 'static) -> Asks<P, R> {
        self.answer = Some(Box::new(answer));
        self
    }

    /// The resource's type; none where a handle has it.
    pub(in crate::host::custom) fn kind(&self) -> Option<&str> {
        match &self.on {
            On::Named { kind, .. } => Some(kind),
            On::Handle(_) => None,
        }
    }
}

impl<P, R> std::fmt::Debug for Asks<P, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "asks `{}` on {}", self.action, self.kind().unwrap_or("its handle"))
    }
}

/// Arguments that name nothing which could be decided on: the component is stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{import}` was called with arguments that name no resource: {reason}")]
pub(in crate::host::custom) struct Unnamed {
    pub(in crate::host::custom) import: &'static str,
    pub(in crate::host::custom) reason: String,
}

/// The resource that a name makes.
pub(in crate::host::custom) fn named(
    import: &'static str,
    kind: &'static str,
    name: Result<String, String>,
) -> Result<OwnResource, Unnamed> {
    // It goes into the log.
    let unnamed = |reason: String| Unnamed { import, reason: reason.chars().take(200).collect() };
    OwnResource::new(kind, &name.map_err(unnamed)?).map_err(|error| unnamed(error.to_string()))
}
