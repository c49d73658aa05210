//! Components, their functions, and those who called, as Cedar's entities: what they are follows from their identity.

use super::subject::component_entity;
use super::vocabulary::{Vocabulary, id_of, uid_of};
use super::walk::prefixes;
use airssys_osl::{Chain, Peer, Resource};
use cedar_policy_core::ast::{Entity, EntityUID};
use std::collections::HashSet;
use std::sync::Arc;

/// The entity of a component or a function; none for other resources.
///
/// A component of whom nothing but its name is known lies in its publisher, and has no attributes: a policy that reads
/// one errs, which denies.
pub(crate) fn entity(resource: &Resource, words: &Vocabulary) -> Option<Result<Arc<Entity>, String>> {
    if let Resource::Component(peer) = resource
        && let Some(principal) = peer.principal()
    {
        return Some(component_entity(principal, &words.component_names(principal)).map(Arc::new));
    }
    let parents = above(resource, words)?;
    words.resource(resource).map(|uid| Ok(bare(uid, parents)))
}

/// The entity of a function or a topic that a policy names; none for others. What a policy names is known by its name alone.
pub(crate) fn named(uid: &EntityUID, words: &Vocabulary) -> Option<Arc<Entity>> {
    let kind = ["Component", "Function", "Topic"];
    let kind = kind.into_iter().find(|kind| words.resource_type(kind) == Some(uid.entity_type()))?;
    entity(&Resource::parse(kind, id_of(uid)).ok()?, words)?.ok()
}

/// What a component, a function or a topic lies in; none for other resources, of which others say it.
pub(crate) fn above(resource: &Resource, words: &Vocabulary) -> Option<HashSet<EntityUID>> {
    match resource {
        Resource::Component(peer) => Some(above_component(peer, words)),
        Resource::Function(function) => {
            let mut above = above_component(function.peer(), words);
            above.insert(uid_of(&words.component, function.peer().name()));
            Some(above)
        }
        Resource::Topic(topic) => {
            let kind = words.resource_type("Topic")?;
            let above = prefixes(topic.as_str()).map(|(_, text)| text).filter(|text| *text != topic.as_str());
            Some(above.map(|text| uid_of(kind, text)).collect())
        }
        Resource::Path(_)
        | Resource::EnvVar(_)
        | Resource::Stdio(_)
        | Resource::Clock(_)
        | Resource::Random(_)
        | Resource::Process(_)
        | Resource::Host(_)
        | Resource::Endpoint(_)
        | Resource::Runtime(_)
        | Resource::Own(_) => None,
    }
}

fn above_component(peer: &Peer, words: &Vocabulary) -> HashSet<EntityUID> {
    match peer.principal() {
        Some(principal) => words.component_names(principal).ancestors(),
        None => HashSet::from([uid_of(&words.publisher, peer.publisher())]),
    }
}

/// Whoever is in a chain.
pub(crate) fn callers(chain: &Chain, words: &Vocabulary) -> Result<Vec<Arc<Entity>>, String> {
    let entity = |caller: &airssys_osl::Caller| {
        component_entity(&caller.principal, &words.component_names(&caller.principal)).map(Arc::new)
    };
    chain.callers().iter().map(entity).collect()
}

fn bare(uid: EntityUID, parents: HashSet<EntityUID>) -> Arc<Entity> {
    Arc::new(Entity::new_with_attr_partial_value(uid, [], HashSet::new(), parents, []))
}
