//! The schema that policies speak in: the built-in one, and what embedders add for their own interfaces.

use super::error::{Flaw, PolicyError, Problem};
use super::load::BASE_NAME;
use super::parse;
use super::source::{Source, Text};
use super::stack::on_large_stack;
use super::vocabulary::{self, Vocabulary, id_of};
use airssys_osl::own::{self, OwnAction};
use cedar_policy::{EntityTypeName, EntityUid, Schema, SchemaFragment};
use cedar_policy_core::ast::EntityUID;
use std::sync::Arc;

/// What policies may speak of. Cheap to clone.
///
/// ```
/// use airssys_wasm::policy::{Policies, Source, Words};
/// let schema = r#"namespace Acme {
///     entity Contact;
///     action "contact:read" appliesTo { principal: [Component], resource: [Contact] };
/// }"#;
/// let words = Words::with(&[Source::new("contacts.cedarschema", schema)])?;
/// let policy = r#"permit (principal, action == Acme::Action::"contact:read", resource == Acme::Contact::"ada");"#;
/// Policies::load_over(&words, &[Source::new("my.cedar", policy)], &[])?;
/// assert!(Policies::load(&[Source::new("my.cedar", policy)], &[]).is_err());
/// # Ok::<(), airssys_wasm::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Words {
    pub(crate) words: Arc<Vocabulary>,
    /// What the digest of the schema is of.
    pub(crate) texts: Vec<Source>,
}

impl Words {
    /// The built-in schema alone.
    ///
    /// # Errors
    /// [`PolicyError`] when it is broken.
    pub fn built_in() -> Result<Words, PolicyError> {
        Ok(Words { words: Vocabulary::built_in().map_err(broken)?, texts: vec![built_in()] })
    }

    /// The built-in schema with fragments in Cedar's schema syntax, each with namespaces of its own. Every action that
    /// applies to something applies to the principal `Component` and to one type of its own namespace.
    ///
    /// # Errors
    /// [`PolicyError`] with the fragment that says something else: nothing may be added to what is built in, and
    /// nothing may join it.
    pub fn with(fragments: &[Source]) -> Result<Words, PolicyError> {
        if fragments.is_empty() {
            return Words::built_in();
        }
        on_large_stack(|| with(fragments))
    }

    /// The built-in schema with one action on one type, for a suggestion about it.
    pub(crate) fn of_one(action: OwnAction, kind: &str) -> Result<Words, PolicyError> {
        let (namespace, name) = action.parts();
        let (around, own) = kind.rsplit_once("::").unwrap_or_default();
        let text = format!(
            "namespace {around} {{ entity {own}; }} namespace {namespace} {{ action \"{name}\" appliesTo {{ principal: [Component], resource: [{kind}] }}; }}"
        );
        let text = if around == namespace {
            text.replacen(&format!("}} namespace {namespace} {{"), "", 1)
        } else {
            text
        };
        Words::with(&[Source::new("suggestion", text)])
    }

    /// Why an action is not known, or not asked on that type of resource, if so.
    pub fn misfit(&self, action: OwnAction, kind: Option<&str>) -> Option<String> {
        match self.words.kind_of(action.into()) {
            None => Some(format!("no schema declares the action `{}`", action.name())),
            Some(known) => kind
                .filter(|kind| *kind != known)
                .map(|kind| format!("the schema has `{}` on `{known}`, not on `{kind}`", action.name())),
        }
    }
}

fn built_in() -> Source {
    Source::new("schema", vocabulary::SCHEMA)
}

fn broken(error: String) -> PolicyError {
    let base = Text::new(BASE_NAME, vocabulary::BASE);
    PolicyError::of(vec![Problem::at(&base, 0..0, Flaw::BuiltIn(format!("schema: {error}")))])
}

fn with(fragments: &[Source]) -> Result<Words, PolicyError> {
    let texts: Vec<_> = fragments.iter().map(|source| Text::new(&source.name, &source.text)).collect();
    let (mut parsed, mut problems) = (Vec::new(), Vec::new());
    for text in &texts {
        match fragment(text) {
            Ok(fragment) => parsed.push(fragment),
            Err(problem) => problems.push(*problem),
        }
    }
    if !problems.is_empty() {
        return Err(PolicyError::of(problems));
    }
    // What is wrong with all of them together is told of the last.
    let told = |message: String| {
        PolicyError::of(
            texts.last().map(|text| Problem::at(text, 0..0, Flaw::Fragment(message))).into_iter().collect(),
        )
    };
    let plain = Vocabulary::read(&parsed, &[]).map_err(told)?;
    let own = actions(&plain.schema).map_err(told)?;
    let words = Vocabulary::read(&parsed, &own).map_err(told)?;
    let texts = std::iter::once(built_in()).chain(fragments.iter().cloned()).collect();
    Ok(Words { words: Arc::new(words), texts })
}

fn fragment(text: &Arc<Text>) -> Result<SchemaFragment, Box<Problem>> {
    if let Some(problem) = parse::too_large(text) {
        return Err(Box::new(problem));
    }
    let parsed = SchemaFragment::from_cedarschema_str(&text.text).map(|(parsed, _)| parsed);
    let parsed = parsed.map_err(|error| {
        let at = parse::label(&error).unwrap_or(0..0);
        Box::new(Problem::at(text, at, Flaw::Syntax(error.to_string())))
    })?;
    if parsed.namespaces().any(|namespace| namespace.is_none()) {
        let message = "the schema declares something without a namespace, where what is built in stands";
        return Err(Box::new(Problem::at(text, 0..0, Flaw::Fragment(message.to_owned()))));
    }
    Ok(parsed)
}

/// The actions of the fragments, each with the type it is asked on.
fn actions(schema: &Schema) -> Result<Vec<(OwnAction, &'static str)>, String> {
    for kind in schema.entity_types().filter(|kind| is_own(kind)) {
        if let Some(above) = schema.ancestors(kind).into_iter().flatten().find(|above| !is_own(above)) {
            return Err(format!("`{kind}` joins the built-in type `{above}`"));
        }
    }
    let entities = schema.action_entities().map_err(|e| e.to_string())?;
    let mut own = Vec::new();
    for action in schema.actions().filter(|action| is_own(action.type_name())) {
        let above = entities.ancestors(action).into_iter().flatten();
        if let Some(above) = above.into_iter().find(|above| above.type_name() != action.type_name()) {
            return Err(format!("`{action}` joins `{above}`, which is a group of another namespace"));
        }
        if let Some(kind) = asked_on(schema, action)? {
            let kind = own::declare_kind(&kind).map_err(|e| e.to_string())?;
            let declared = OwnAction::declare(&name(action)).map_err(|e| e.to_string())?;
            // A name with `::` in it reads as that of an action in another namespace.
            if vocabulary::action_uid(declared.into())? != *action.as_ref() {
                return Err(format!("`{action}` has a namespace in its name: declare it there"));
            }
            own.push((declared, kind));
        }
    }
    own.sort_unstable();
    Ok(own)
}

/// The one type that an action is asked on; none for a group.
fn asked_on(schema: &Schema, action: &EntityUid) -> Result<Option<String>, String> {
    let mut who: Vec<_> = schema.principals_for_action(action).into_iter().flatten().collect();
    let mut on: Vec<_> = schema.resources_for_action(action).into_iter().flatten().collect();
    who.dedup();
    on.dedup();
    match (who.as_slice(), on.as_slice()) {
        ([], []) => Ok(None),
        ([who], [on]) if who.to_string() == "Component" && is_own(on) => Ok(Some(on.to_string())),
        _ => Err(format!(
            "`{action}` must apply to the principal `Component` and to one type of a namespace of yours"
        )),
    }
}

fn is_own(kind: &EntityTypeName) -> bool {
    kind.namespace_components().next().is_some()
}

fn name(action: &EntityUid) -> String {
    let uid: &EntityUID = action.as_ref();
    let namespace: Vec<_> = action.type_name().namespace_components().map(ToString::to_string).collect();
    format!("{}::{}", namespace.join("::"), id_of(uid))
}
