//! What is lent: which actions, on what, until when, and how often it may be lent on.

use crate::resource::{Endpoint, FunctionName};
use crate::{ActionId, Resource};
use std::time::Instant;

/// The most actions that one delegation lends.
pub const MAX_ACTIONS: usize = 64;
/// The most that a delegation may be lent on: each link is a decision at every use.
pub const MAX_DEPTH: u32 = 8;

/// The terms of a delegation. They hold for one resource and what lies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    actions: Vec<ActionId>,
    resource: Resource,
    deadline: Instant,
    depth: u32,
}

/// Terms that are none, or are wider than those they are to lie in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadTerms {
    /// Nothing would be lent.
    #[error("no action is lent")]
    NoAction,
    /// More than can be told.
    #[error("more than {MAX_ACTIONS} actions are lent")]
    TooMany,
    /// An action that is not taken on such a resource, nor on what lies in one.
    #[error("`{action}` is not asked of {resource}, nor of what lies in it")]
    Unfit {
        /// The action.
        action: ActionId,
        /// The resource.
        resource: Resource,
    },
    /// The right to lend is nobody's to lend: what comes with it says itself how often it may be lent on.
    #[error("`component:delegate` cannot be lent: say by the depth how often terms may be lent on")]
    Lending,
    /// Deeper than any delegation may be.
    #[error("a depth of {0} is more than {MAX_DEPTH}")]
    TooDeep(u32),
    /// The deadline has passed.
    #[error("the deadline has passed")]
    Over,
    /// An action that was not lent.
    #[error("`{0}` is not among the actions that were lent")]
    Action(ActionId),
    /// A resource that does not lie in the one that was lent.
    #[error("{0} does not lie in what was lent")]
    Resource(Resource),
    /// Longer than it was lent.
    #[error("the deadline is later than that of what was lent")]
    Deadline,
    /// As often as it was lent, or more often.
    #[error("it may be lent on {0} times less than asked for")]
    Depth(u32),
}

impl Terms {
    /// Terms for these actions on that resource and what lies in it, until the deadline.
    ///
    /// ```
    /// use airssys_osl::{ActionId, Resource, Terms};
    /// use std::time::{Duration, Instant};
    /// let data = Resource::parse("Path", "/data")?;
    /// let soon = Instant::now() + Duration::from_secs(60);
    /// assert!(Terms::new([ActionId::FsRead], data.clone(), soon, 0).is_ok());
    /// assert!(Terms::new([ActionId::ClockRead], data, soon, 0).is_err());
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// [`BadTerms`] when nothing could be done by them.
    pub fn new(
        actions: impl IntoIterator<Item = ActionId>,
        resource: Resource,
        deadline: Instant,
        depth: u32,
    ) -> Result<Terms, BadTerms> {
        let mut actions: Vec<_> = actions.into_iter().collect();
        actions.sort_unstable();
        actions.dedup();
        match actions.len() {
            0 => return Err(BadTerms::NoAction),
            1..=MAX_ACTIONS => {}
            _ => return Err(BadTerms::TooMany),
        }
        for action in &actions {
            if *action == ActionId::ComponentDelegate {
                return Err(BadTerms::Lending);
            }
            if !fits(*action, &resource) {
                return Err(BadTerms::Unfit { action: *action, resource });
            }
        }
        if depth > MAX_DEPTH {
            return Err(BadTerms::TooDeep(depth));
        }
        Ok(Terms { actions, resource, deadline, depth })
    }

    /// The actions, each once.
    pub fn actions(&self) -> &[ActionId] {
        &self.actions
    }

    /// On what.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Until when.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How often they may be lent on.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// True for a question that lies in them, the time apart.
    pub(in crate::gate) fn cover(&self, action: ActionId, resource: &Resource) -> bool {
        self.actions.contains(&action) && lies_in(resource, &self.resource)
    }

    /// True once the deadline has come.
    pub(in crate::gate) fn are_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Refuses terms that are wider than these in anything.
    pub(in crate::gate) fn hold(&self, narrower: &Terms) -> Result<(), BadTerms> {
        if let Some(action) = narrower.actions.iter().find(|action| !self.actions.contains(action)) {
            return Err(BadTerms::Action(*action));
        }
        if !lies_in(&narrower.resource, &self.resource) {
            return Err(BadTerms::Resource(narrower.resource.clone()));
        }
        if narrower.deadline > self.deadline {
            return Err(BadTerms::Deadline);
        }
        if narrower.depth >= self.depth {
            return Err(BadTerms::Depth(narrower.depth.saturating_sub(self.depth).saturating_add(1)));
        }
        Ok(())
    }
}

/// Whether an action is asked of such a resource, or of what can lie in it.
fn fits(action: ActionId, resource: &Resource) -> bool {
    match (action, resource) {
        // Its schema says of what it is asked; asked of anything else, it faults.
        (ActionId::Own(_), Resource::Own(_)) => true,
        (ActionId::Own(_), _) => false,
        (action, resource) => {
            let kinds = (action.kind(), resource.kind());
            kinds.0 == kinds.1 || matches!(kinds, ("Endpoint", "Host") | ("Function", "Component"))
        }
    }
}

/// Whether a resource is another or lies in it. By names alone: what else a resource is judged by, the lender's policies see.
fn lies_in(resource: &Resource, wide: &Resource) -> bool {
    match (resource, wide) {
        (Resource::Path(path), Resource::Path(wide)) => path.is_within(wide),
        (Resource::Topic(topic), Resource::Topic(wide)) => wide.holds(topic),
        (Resource::Host(host), Resource::Host(wide)) => host.is_within(wide),
        (Resource::Endpoint(endpoint), Resource::Host(wide)) => {
            Endpoint::hosts(endpoint).iter().any(|host| host.is_within(wide))
        }
        (Resource::Function(function), Resource::Component(wide)) => {
            FunctionName::peer(function).name() == wide.name()
        }
        (resource, wide) => (resource.kind(), resource.id()) == (wide.kind(), wide.id()),
    }
}

impl std::fmt::Display for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, action) in self.actions.iter().enumerate() {
            write!(f, "{}{action}", if at == 0 { "" } else { ", " })?;
        }
        let left = self.deadline.saturating_duration_since(Instant::now()).as_millis();
        write!(f, " on {}, for {left} ms, depth {}", self.resource, self.depth)
    }
}
