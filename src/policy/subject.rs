//! A principal made ready to decide for: its entity, and the tables that can speak about it.

use super::index::Table;
use super::literal::{is_component, is_name};
use super::load::Loaded;
use super::stack::on_stack;
use super::vocabulary::{Names, Vocabulary};
use airssys_osl::{ActionId, Operator, Party, Principal, Reasons, Subject, Verdict};
use cedar_policy_core::ast::{Entity, EntityUID, RestrictedExpr};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use std::collections::HashSet;
use std::sync::{Arc, Weak};

/// What is kept with a subject. It holds for one set of policies; another asks for it anew.
pub(crate) struct Prepared {
    under: Weak<Loaded>,
    pub(crate) ready: Result<Ready, Verdict>,
}

/// A principal that conforms to the schema.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) own: EntityUID,
    /// The principal and its publisher, with what they are in.
    pub(crate) entities: Entities,
    tables: Vec<Vec<Arc<Table>>>,
    words: Arc<Vocabulary>,
}

impl Ready {
    fn new(names: Names, entities: Entities, loaded: &Loaded) -> Ready {
        let (tables, words) = (loaded.index.tables(&names, &loaded.words), Arc::clone(&loaded.words));
        Ready { tables, words, own: names.own, entities }
    }

    pub(crate) fn tables(&self, action: ActionId) -> &[Arc<Table>] {
        let place = self.words.place(action);
        place.and_then(|place| self.tables.get(place)).map_or(&[], Vec::as_slice)
    }
}

/// What was prepared for a subject under these policies.
pub(crate) fn prepared(subject: &Subject, loaded: &Arc<Loaded>) -> Arc<Prepared> {
    if let Some(kept) = subject.prepared::<Prepared>()
        && std::ptr::eq(kept.under.as_ptr(), Arc::as_ptr(loaded))
    {
        return kept;
    }
    let ready = ready(subject.party(), loaded).map_err(fault);
    let prepared = Arc::new(Prepared { under: Arc::downgrade(loaded), ready });
    subject.prepare(Arc::clone(&prepared) as Arc<_>);
    prepared
}

fn fault(error: String) -> Verdict {
    Verdict::Fault(Arc::new(Reasons { policies: Vec::new(), errors: vec![error] }))
}

/// Makes a principal ready.
///
/// # Errors
/// A sentence saying what about the principal does not conform to the schema.
pub(crate) fn ready(party: &Party, loaded: &Loaded) -> Result<Ready, String> {
    match party {
        Party::Component(principal) => ready_component(principal, loaded),
        Party::Operator(operator) => {
            let names = loaded.words.names(party);
            let entities = on_stack(|| operator_entities(operator, &names, &loaded.words))?;
            Ok(Ready::new(names, entities, loaded))
        }
    }
}

/// Makes a component ready.
///
/// # Errors
/// As [`ready`].
pub(crate) fn ready_component(principal: &Principal, loaded: &Loaded) -> Result<Ready, String> {
    check_names(principal)?;
    let names = loaded.words.component_names(principal);
    let entities = on_stack(|| entities(principal, &names, &loaded.words))?;
    Ok(Ready::new(names, entities, loaded))
}

fn check_names(principal: &Principal) -> Result<(), String> {
    let Principal { name, publisher, .. } = principal;
    let whose = name.split_once('/').map(|(publisher, _)| publisher);
    if !is_component(name) || !is_name(publisher) || whose != Some(publisher) {
        let shown = name.escape_debug();
        return Err(format!("`{shown}` is no component of publisher `{}`", publisher.escape_debug()));
    }
    Ok(())
}

/// The entities of a component, checked against the schema.
pub(crate) fn entities(principal: &Principal, names: &Names, words: &Vocabulary) -> Result<Entities, String> {
    let error = |e: &dyn std::fmt::Display| format!("principal `{}`: {e}", principal.name);
    let component = component_entity(principal, names)?;
    let groups = || names.groups.iter().cloned().collect();
    let extensions = Extensions::all_available();
    let publisher = names.publisher.iter().map(|uid| {
        Entity::new(uid.clone(), [], HashSet::new(), groups(), [], extensions).map_err(|e| error(&e))
    });
    let publisher = publisher.collect::<Result<Vec<_>, _>>()?;
    checked(publisher.into_iter().chain([component]).collect(), words).map_err(|e| error(&e))
}

/// The entity of a component; all it lies in are its direct parents.
pub(crate) fn component_entity(principal: &Principal, names: &Names) -> Result<Entity, String> {
    let own = attributes(principal, names)?.map(|(key, value)| (key.into(), value));
    let (parents, extensions) = (names.ancestors(), Extensions::all_available());
    Entity::new(names.own.clone(), own, HashSet::new(), parents, [], extensions)
        .map_err(|e| format!("component `{}`: {e}", principal.name))
}

fn operator_entities(operator: &Operator, names: &Names, words: &Vocabulary) -> Result<Entities, String> {
    let error = |e: &dyn std::fmt::Display| format!("operator {}: {e}", operator.uid());
    let uid = [("uid".into(), RestrictedExpr::val(i64::from(operator.uid())))];
    let (parents, extensions) = (names.ancestors(), Extensions::all_available());
    let own = Entity::new(names.own.clone(), uid, HashSet::new(), parents, [], extensions);
    checked(vec![own.map_err(|e| error(&e))?], words).map_err(|e| error(&e))
}

/// Entities that have all their ancestors as parents already, and conform to the schema.
fn checked(entities: Vec<Entity>, words: &Vocabulary) -> Result<Entities, String> {
    let conforming = entities.iter().map(|entity| cedar_policy::Entity::from(entity.clone()));
    cedar_policy::Entities::from_entities(conforming, Some(&words.schema)).map_err(|e| e.to_string())?;
    let (schema, computed) = (None::<&NoEntitiesSchema>, TCComputation::AssumeAlreadyComputed);
    Entities::from_entities(entities, schema, computed, Extensions::all_available())
        .map_err(|e| e.to_string())
}

fn attributes(principal: &Principal, names: &Names) -> Result<[(&'static str, RestrictedExpr); 6], String> {
    let number = |what: &str, value: u64| {
        let value = i64::try_from(value);
        value.map(RestrictedExpr::val).map_err(|_| format!("{what} of `{}` is too large", principal.name))
    };
    let publisher = names.publisher.clone().ok_or("a component has a publisher")?;
    let (major, minor, patch) = principal.version;
    let version = RestrictedExpr::record([
        ("major".into(), number("version", major)?),
        ("minor".into(), number("version", minor)?),
        ("patch".into(), number("version", patch)?),
    ]);
    Ok([
        ("name", RestrictedExpr::val(principal.name.as_str())),
        ("publisher", RestrictedExpr::val(publisher)),
        ("digest", RestrictedExpr::val(principal.digest.as_str())),
        ("version", version.map_err(|e| e.to_string())?),
        ("release", number("release", principal.release)?),
        ("dev", RestrictedExpr::val(principal.dev)),
    ])
}
