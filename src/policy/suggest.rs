//! What would lift a denial: the least permit, or the news that none can.

use super::load::Policies;
use super::source::Source;
use super::vocabulary::action_uid;
use super::words::Words;
use airssys_osl::{ActionId, Denied, Endpoint, Outcome, Party, Reasons, Resource, Why};
use std::fmt;

/// The way out of a denial.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Suggestion {
    /// The least permit that allows it, in Cedar on one line.
    Permit(String),
    /// These forbids determined it; no permit lifts a forbid.
    Forbidden(Vec<String>),
    /// No policy is at fault.
    NotAPolicy(&'static str),
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Suggestion::Permit(policy) => write!(f, "to allow it: {policy}"),
            Suggestion::Forbidden(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
                write!(f, "no permit can lift it: change or remove the forbid {}", ids.join(", "))
            }
            Suggestion::NotAPolicy(sentence) => f.write_str(sentence),
        }
    }
}

/// What would lift a denial that a component has met.
pub fn suggest(denied: &Denied) -> Suggestion {
    let outcome = match denied.why {
        Why::Policy => Outcome::Deny,
        Why::Fault => Outcome::Fault,
        Why::Audit => return Suggestion::NotAPolicy("make the audit log writable again"),
        Why::Revoked => return Suggestion::NotAPolicy("load the component again"),
        Why::Flood => {
            return Suggestion::NotAPolicy("look into the component: it asked for too much that it may not");
        }
        Why::Pace => {
            return Suggestion::NotAPolicy(
                "let the policies for it read no `context`, so that a verdict is recorded once, or let it ask less often",
            );
        }
        Why::NotHeld => {
            return Suggestion::NotAPolicy("the component must open the file for what it does with it");
        }
        _ => return Suggestion::NotAPolicy("no policy decided this"),
    };
    let found = suggestion(outcome, &denied.subject, denied.action, &denied.resource, &denied.reasons);
    found.unwrap_or(Suggestion::NotAPolicy("nothing is denied"))
}

pub(crate) fn suggestion(
    outcome: Outcome,
    principal: &Party,
    action: ActionId,
    resource: &Resource,
    reasons: &Reasons,
) -> Option<Suggestion> {
    match outcome {
        Outcome::Allow => None,
        Outcome::Fault => {
            Some(Suggestion::NotAPolicy("repair the policy that failed: an error always denies"))
        }
        Outcome::Deny if reasons.policies.is_empty() => Some(permit(principal, action, resource)),
        Outcome::Deny => {
            Some(Suggestion::Forbidden(reasons.policies.iter().map(|id| id.to_string()).collect()))
        }
    }
}

/// A permit is offered only if it would load: Cedar warns of control characters and of letters that look like others.
fn permit(principal: &Party, action: ActionId, resource: &Resource) -> Suggestion {
    let text = least_permit(principal, action, resource);
    let words = match action {
        ActionId::Own(own) => Words::of_one(own, resource.kind()),
        _ => Words::built_in(),
    };
    match words
        .and_then(|words| Policies::load_over(&words, &[Source::new("suggestion", text.as_str())], &[]))
    {
        Ok(_) => Suggestion::Permit(text),
        Err(_) => {
            Suggestion::NotAPolicy("no policy may spell this name: permit a directory above it, or rename it")
        }
    }
}

/// The permit for exactly this principal, action and resource; for an endpoint that was looked up by name, for that
/// name, since its addresses change.
pub fn least_permit(principal: &Party, action: ActionId, resource: &Resource) -> String {
    let id = format!("{} {action} {} {}", principal.name(), resource.kind(), resource.id());
    let on = match resource {
        Resource::Endpoint(endpoint) => by_host(endpoint),
        _ => None,
    };
    let on = on.unwrap_or_else(|| format!("resource == {resource})"));
    let action = action_uid(action).map_or_else(|_| action.to_string(), |uid| uid.to_string());
    format!("@id(\"{}\") permit (principal == {principal}, action == {action}, {on};", id.escape_debug(),)
}

/// The end of a permit by the host that an endpoint was looked up as, if it was.
fn by_host(endpoint: &Endpoint) -> Option<String> {
    let host = endpoint.hosts().first()?;
    let (port, transport) = (endpoint.port(), endpoint.transport().name());
    let when = format!("resource.port == {port} && resource.transport == \"{transport}\"");
    Some(format!("resource is Endpoint in Host::\"{host}\") when {{ {when} }}"))
}
