//! A principal made ready to decide for: its entity, and the tables that can speak about it.

use super::index::Table;
use super::literal::{is_component, is_name};
use super::load::Loaded;
use super::stack::on_stack;
use super::vocabulary::{Names, Vocabulary};
use airssys_osl::{ActionId, Principal, Reasons, Subject, Verdict};
use cedar_policy_core::ast::{Entity, EntityUID, RestrictedExpr};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
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
    let ready = ready(subject.principal(), loaded).map_err(fault);
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
pub(crate) fn ready(principal: &Principal, loaded: &Loaded) -> Result<Ready, String> {
    check_names(principal)?;
    let words = &loaded.words;
    let names = words.names(principal);
    let entities = on_stack(|| entities(principal, &names, words))?;
    let (tables, words) = (loaded.index.tables(&names), Arc::clone(words));
    Ok(Ready { tables, words, own: names.own, entities })
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

/// The entities of a principal, checked against the schema.
pub(crate) fn entities(principal: &Principal, names: &Names, words: &Vocabulary) -> Result<Entities, String> {
    let extensions = Extensions::all_available();
    let error = |e: &dyn std::fmt::Display| format!("principal `{}`: {e}", principal.name);
    let own = attributes(principal, names)?.map(|(key, value)| (key.into(), value));
    let none = std::collections::HashSet::new;
    let component = Entity::new(names.own.clone(), own, none(), names.ancestors(), [], extensions);
    let component = component.map_err(|e| error(&e))?;
    let groups = names.groups.iter().cloned().collect();
    let publisher = Entity::new(names.publisher.clone(), [], none(), groups, [], extensions);
    let publisher = publisher.map_err(|e| error(&e))?;
    let checked = [&component, &publisher].map(|e| cedar_policy::Entity::from(e.clone()));
    cedar_policy::Entities::from_entities(checked, Some(&words.schema)).map_err(|e| error(&e))?;
    // Both entities have all their ancestors as parents already.
    let (entities, schema) = ([component, publisher], None::<&NoEntitiesSchema>);
    Entities::from_entities(entities, schema, TCComputation::AssumeAlreadyComputed, extensions)
        .map_err(|e| error(&e))
}

fn attributes(principal: &Principal, names: &Names) -> Result<[(&'static str, RestrictedExpr); 6], String> {
    let number = |what: &str, value: u64| {
        let value = i64::try_from(value);
        value.map(RestrictedExpr::val).map_err(|_| format!("{what} of `{}` is too large", principal.name))
    };
    let (major, minor, patch) = principal.version;
    let version = RestrictedExpr::record([
        ("major".into(), number("version", major)?),
        ("minor".into(), number("version", minor)?),
        ("patch".into(), number("version", patch)?),
    ]);
    Ok([
        ("name", RestrictedExpr::val(principal.name.as_str())),
        ("publisher", RestrictedExpr::val(names.publisher.clone())),
        ("digest", RestrictedExpr::val(principal.digest.as_str())),
        ("version", version.map_err(|e| e.to_string())?),
        ("release", number("release", principal.release)?),
        ("dev", RestrictedExpr::val(principal.dev)),
    ])
}
