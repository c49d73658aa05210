//! Policies and entities from text to a checked, indexed whole.

use super::entities::Known;
use super::error::{Flaw, PolicyError, Problem};
use super::index::Index;
use super::literal::misspelt;
use super::parse;
use super::rule::{Effect, Rule};
use super::source::{Place, Source, Text};
use super::stack::on_large_stack;
use super::vocabulary::{self, Vocabulary, id_of};
use super::words::Words;
use cedar_policy::{PolicyId, PolicySet, ValidationError, ValidationMode, Validator};
use cedar_policy_core::ast::EntityUID;
use miette::Diagnostic;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The most policies one set may hold.
pub const MAX_POLICIES: usize = 100_000;

/// The name under which the policies that are compiled in are shown.
pub const BASE_NAME: &str = "base.cedar";

/// A checked set of policies with the entities and the schema they speak about.
///
/// Cheap to clone. `base.cedar` is always in it.
///
/// ```
/// use airssys_wasm::policy::{Policies, Source};
/// let text = r#"permit (principal, action == Action::"fs:read", resource in Path::"/data");"#;
/// let policies = Policies::load(&[Source::new("my.cedar", text)], &[])?;
/// assert!(policies.rules().any(|rule| rule.id == "my.cedar#1"));
///
/// let wrong = Source::new("my.cedar", "permit (principal, action, resource in Path::\"/data/\");");
/// let error = Policies::load(&[wrong], &[]).unwrap_err();
/// assert_eq!(error.problems()[0].place.to_string(), "my.cedar:1:40");
/// # Ok::<(), airssys_wasm::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Policies(pub(crate) Arc<Loaded>);

#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) rules: Vec<Rule>,
    pub(crate) index: Index,
    pub(crate) known: Known,
    pub(crate) words: Arc<Vocabulary>,
    /// Every path that a scope, a condition or an entity file names.
    pub(crate) paths: BTreeSet<Box<str>>,
    notes: Vec<Note>,
    digests: Digests,
}

/// Something that is allowed and may surprise.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// The policy's id.
    pub policy: String,
    /// Where it stands.
    pub place: Place,
    /// What to know.
    pub text: String,
}

/// Where a policy stands and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cited {
    /// Its id.
    pub id: String,
    /// Permit or forbid.
    pub effect: Effect,
    /// File, line and column.
    pub place: Place,
}

impl std::fmt::Display for Cited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}` ({})", self.effect.name(), self.id, self.place)
    }
}

/// Lower-case hexadecimal SHA-256 of what was loaded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Digests {
    /// Of the policy files, their names without directories and their texts, in order.
    pub policies: String,
    /// Of the entity files.
    pub entities: String,
    /// Of the schema.
    pub schema: String,
}

impl Policies {
    /// Checks policy files and entity files and makes them ready to decide.
    ///
    /// # Errors
    /// [`PolicyError`] with everything found wrong: the caller keeps the policies it had.
    pub fn load(policies: &[Source], entities: &[Source]) -> Result<Policies, PolicyError> {
        Policies::load_over(&Words::built_in()?, policies, entities)
    }

    /// The same over a schema that embedders have added to.
    ///
    /// # Errors
    /// As [`Policies::load`].
    pub fn load_over(
        words: &Words,
        policies: &[Source],
        entities: &[Source],
    ) -> Result<Policies, PolicyError> {
        on_large_stack(|| load(words, policies, entities))
    }

    /// The policies, in the order they were loaded, the built-in ones first.
    pub fn rules(&self) -> impl Iterator<Item = Cited> + '_ {
        self.0.rules.iter().map(Rule::cited)
    }

    /// The policy of that id.
    pub fn rule(&self, id: &str) -> Option<Cited> {
        self.0.rules.iter().find(|rule| *rule.id == *id).map(Rule::cited)
    }

    /// What is allowed and may surprise.
    pub fn notes(&self) -> &[Note] {
        &self.0.notes
    }

    /// Digests of policies, entities and schema, for the audit log.
    pub fn digests(&self) -> &Digests {
        &self.0.digests
    }
}

impl Rule {
    pub(crate) fn cited(&self) -> Cited {
        Cited { id: self.id.to_string(), effect: self.effect, place: self.place() }
    }
}

fn load(over: &Words, policies: &[Source], entities: &[Source]) -> Result<Policies, PolicyError> {
    let words = Arc::clone(&over.words);
    let mut problems = Vec::new();
    let texts = std::iter::once(Text::new(BASE_NAME, vocabulary::BASE))
        .chain(policies.iter().map(|s| Text::new(&s.name, &s.text)));
    let rules = texts.flat_map(|text| parse::rules(&text, &mut problems)).collect::<Vec<_>>();
    let rules = unique(rules, MAX_POLICIES, &mut problems);
    for rule in &rules {
        spelling(rule, &mut problems);
    }
    validate(&rules, &words, &mut problems);
    let entity_texts: Vec<_> = entities.iter().map(|s| Text::new(&s.name, &s.text)).collect();
    let known = Known::read(&entity_texts, &words, &mut problems);
    if !problems.is_empty() {
        let files = policies.iter().chain(entities).map(|source| source.name.as_str());
        return Err(PolicyError::of(in_order(problems, &files.collect::<Vec<_>>())));
    }
    let digests =
        Digests { policies: digest(policies), entities: digest(entities), schema: digest(&over.texts) };
    let (index, paths) = (Index::new(&rules, &words), paths(&rules, &known, &words));
    let notes = rules.iter().filter_map(note).collect();
    Ok(Policies(Arc::new(Loaded { rules, index, known, words, paths, notes, digests })))
}

fn in_order(mut problems: Vec<Problem>, files: &[&str]) -> Vec<Problem> {
    let file = |problem: &Problem| files.iter().position(|name| *name == &*problem.place.file);
    problems.sort_by_key(|problem| (file(problem), problem.place.line, problem.place.column));
    problems
}

/// Drops rules whose id is taken, and all beyond the bound, telling so.
fn unique(rules: Vec<Rule>, most: usize, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let count = rules.len();
    let mut taken = HashMap::<Arc<str>, Place>::new();
    let mut kept = Vec::new();
    for rule in rules {
        if let Some(first) = taken.get(&rule.id) {
            let flaw = Flaw::DuplicateId { id: rule.id.to_string(), first: first.clone() };
            problems.push(Problem::at(&rule.text, rule.span.clone(), flaw));
            continue;
        }
        if kept.len() == most {
            let flaw = Flaw::TooMany { count, most };
            problems.push(Problem::at(&rule.text, rule.span.clone(), flaw));
            break;
        }
        taken.insert(Arc::clone(&rule.id), rule.place());
        kept.push(rule);
    }
    kept
}

fn spelling(rule: &Rule, problems: &mut Vec<Problem>) {
    for (uid, span) in rule.literals() {
        if let Some(reason) = misspelt(&uid) {
            let flaw = Flaw::NotCanonical { literal: uid.to_string(), reason };
            problems.push(Problem::at(&rule.text, span, flaw));
        }
    }
}

fn validate(rules: &[Rule], words: &Vocabulary, problems: &mut Vec<Problem>) {
    let by_id: HashMap<&str, &Rule> = rules.iter().map(|rule| (&*rule.id, rule)).collect();
    let mut tell = |id: &str, error: &dyn Diagnostic, flaw: Flaw| {
        let Some(rule) = by_id.get(id) else { return };
        let span = parse::label(error).unwrap_or(rule.span.clone());
        let help = error.help().map(|help| narrow(help.to_string()));
        problems.push(Problem::at(&rule.text, span, flaw).with_help(help));
    };
    let Ok(set) = PolicySet::from_policies(rules.iter().map(|rule| rule.policy.clone())) else { return };
    let result = Validator::new(words.schema.clone()).validate(&set, ValidationMode::Strict);
    let mut counts = HashMap::<&PolicyId, usize>::new();
    for error in result.validation_errors() {
        *counts.entry(error.policy_id()).or_default() += 1;
    }
    for error in result.validation_errors() {
        // That no action applies follows from the other error, which says more.
        let follows = matches!(error, ValidationError::InvalidActionApplication(_));
        if follows && counts.get(error.policy_id()).is_some_and(|count| *count > 1) {
            continue;
        }
        let policy = error.policy_id().to_string();
        let message = stripped(&error.to_string(), &policy);
        tell(&policy, error, Flaw::Invalid { policy: policy.clone(), message });
    }
    for warning in result.validation_warnings().filter(|w| !counts.contains_key(w.policy_id())) {
        let policy = warning.policy_id().to_string();
        let message = stripped(&warning.to_string(), &policy);
        tell(&policy, warning, Flaw::Warned { policy: policy.clone(), message });
    }
}

/// Cedar proposes the name of a group as gladly as that of an action, now this one and now that: who followed it would
/// permit far more than was meant.
fn narrow(help: String) -> String {
    let names = help.split("Action::\"").skip(1);
    let is_group = |rest: &str| rest.split('"').next().is_some_and(|name| !name.contains(':'));
    if names.into_iter().any(is_group) {
        return "the actions are those of the schema, `policies/schema.cedarschema`, such as `fs:read`"
            .to_owned();
    }
    help
}

/// Cedar begins its messages with the policy's id, which is told already.
fn stripped(message: &str, policy: &str) -> String {
    let prefix = format!("for policy `{policy}`, ");
    message.strip_prefix(&prefix).unwrap_or(message).to_owned()
}

fn paths(rules: &[Rule], known: &Known, words: &Vocabulary) -> BTreeSet<Box<str>> {
    let mut paths = known.paths(words);
    for (uid, _) in rules.iter().flat_map(Rule::literals) {
        if *uid.entity_type() == words.path {
            paths.insert(id_of(&uid).into());
        }
    }
    paths
}

fn note(rule: &Rule) -> Option<Note> {
    let is_host = |uid: &EntityUID| uid.entity_type().to_string() == "Host";
    let names_host = rule.literals().iter().any(|(uid, _)| is_host(uid));
    (rule.effect == Effect::Forbid && names_host).then(|| Note {
        policy: rule.id.to_string(),
        place: rule.place(),
        text: "a forbid by host does not cover addresses: whoever may connect to the address itself is not stopped by it"
            .to_owned(),
    })
}

fn digest(sources: &[Source]) -> String {
    let mut hasher = Sha256::new();
    for source in sources {
        // Where a file lies is no part of what it says: the same files give the same digest from any directory.
        let name = source.name.rsplit(['/', '\\']).next().unwrap_or_default();
        for part in [name, &source.text] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_policies_than_the_bound_are_refused() {
        let (text, mut problems) =
            (Text::new("t", &"permit (principal, action, resource);".repeat(4)), Vec::new());
        let rules = parse::rules(&text, &mut problems);
        assert_eq!((rules.len(), problems.len()), (4, 0));
        assert_eq!(unique(rules, 3, &mut problems).len(), 3);
        let flaws: Vec<_> = problems.iter().map(|problem| problem.flaw.clone()).collect();
        assert_eq!(flaws, [Flaw::TooMany { count: 4, most: 3 }]);
    }
}
