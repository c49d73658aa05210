//! Resources described in entity files: what a path is in beside its directories.

use super::depth::Depths;
use super::error::{Flaw, Problem};
use super::literal::misspelt;
use super::network;
use super::parse;
use super::peers;
use super::source::Text;
use super::vocabulary::{IDENTITY_TYPES, Vocabulary, id_of, uid_of};
use super::walk::{Map, prefixes};
use cedar_policy_core::ast::{Entity, EntityUID};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The most entities that files may define together.
const MAX_ENTITIES: usize = 100_000;

/// The most pairs of an entity and one it lies in, directly or not: what is worked out at load, and kept.
const MAX_MEMBERSHIPS: usize = 4_000_000;

/// The most problems that one file is told of; each is looked up in its text.
const MOST_PROBLEMS: usize = 100;

/// All resource entities from files, closed under their ancestors.
#[derive(Debug, Default)]
pub(crate) struct Known {
    entities: HashMap<EntityUID, Entity>,
    /// Per path: its ancestors that are not simply the directories above it.
    beyond: Map<Vec<EntityUID>>,
}

#[derive(serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Uid {
    r#type: String,
    id: String,
}

#[derive(serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    uid: Uid,
    #[serde(default)]
    attrs: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    parents: Vec<Uid>,
    #[serde(default)]
    tags: serde_json::Map<String, serde_json::Value>,
}

impl Known {
    /// Reads entity files. What is wrong goes to `problems`, of each file the first [`MOST_PROBLEMS`].
    pub(crate) fn read(texts: &[Arc<Text>], words: &Vocabulary, problems: &mut Vec<Problem>) -> Known {
        let (mut known, mut order, mut room) = (Known::default(), Vec::new(), MAX_ENTITIES);
        for text in texts {
            let (rows, most) = (rows(text, problems), problems.len() + MOST_PROBLEMS);
            if let Some(over) = rows.get(room) {
                let (entity, most) = (shown(over), MAX_ENTITIES);
                problems.push(at(text, &over.uid.id, Flaw::Crowded { entity, most }));
                return known;
            }
            room -= rows.len();
            for row in &rows {
                if problems.len() == most {
                    break;
                }
                match entity(row, text, words) {
                    Ok(entity) => {
                        order.push((entity.uid().clone(), text));
                        known.insert(entity, row, text, problems);
                    }
                    Err(problem) => problems.push(*problem),
                }
            }
        }
        problems.extend(known.close(&order, words).err().map(|problem| *problem));
        known
    }

    fn insert(&mut self, entity: Entity, row: &Row, text: &Text, problems: &mut Vec<Problem>) {
        let uid = entity.uid().clone();
        if self.entities.insert(uid.clone(), entity).is_some() {
            let message = "it is defined twice".to_owned();
            problems.push(at(text, &row.uid.id, Flaw::Entity { entity: uid.to_string(), message }));
        }
    }

    /// Finds out what each entity lies in, for which that must have an end.
    fn close(&mut self, order: &[(EntityUID, &Arc<Text>)], words: &Vocabulary) -> Result<(), Box<Problem>> {
        let mut depths = Depths::new(&self.entities, words);
        for (uid, text) in order {
            depths.check(uid).map_err(|wrong| {
                let (uid, flaw) = *wrong;
                let text = order.iter().find(|(own, _)| *own == uid).map_or(*text, |(_, text)| *text);
                Box::new(at(text, id_of(&uid), flaw))
            })?;
        }
        let mut room = MAX_MEMBERSHIPS;
        for (uid, text) in order {
            let reached = self.reach(uid, words);
            room = room.checked_sub(reached.len()).ok_or_else(|| {
                let flaw = Flaw::Entangled { entity: uid.to_string(), most: MAX_MEMBERSHIPS };
                Box::new(at(text, id_of(uid), flaw))
            })?;
            if *uid.entity_type() == words.path {
                let plain: HashSet<_> = prefixes(id_of(uid)).map(|(_, text)| text).collect();
                let is_beyond = |a: &&EntityUID| *a.entity_type() != words.path || !plain.contains(id_of(a));
                let more: Vec<_> = reached.iter().filter(is_beyond).cloned().collect();
                self.beyond.update(id_of(uid), |beyond| *beyond = more);
            }
        }
        Ok(())
    }

    /// Everything an entity lies in, by files and by directories.
    fn reach(&self, uid: &EntityUID, words: &Vocabulary) -> HashSet<EntityUID> {
        let (mut reached, mut open) = (HashSet::new(), vec![uid.clone()]);
        while let Some(next) = open.pop() {
            let parents = self.entities.get(&next).into_iter().flat_map(Entity::parents).cloned();
            for parent in parents.chain(directory(&next, words)) {
                if reached.insert(parent.clone()) {
                    open.push(parent);
                }
            }
        }
        reached
    }

    /// True when no file says anything about a path.
    pub(crate) fn is_plain(&self) -> bool {
        self.beyond.is_empty()
    }

    /// What a path with this hash lies in beside its directories.
    pub(crate) fn beyond(&self, hash: u64, path: &str) -> &[EntityUID] {
        self.beyond.get(hash, path).map_or(&[], Vec::as_slice)
    }

    /// What an entity lies in by the files, directly or not.
    pub(crate) fn above(&self, uid: &EntityUID, words: &Vocabulary) -> HashSet<EntityUID> {
        if self.entities.contains_key(uid) { self.reach(uid, words) } else { HashSet::new() }
    }

    /// The entity as Cedar must see it: attributes from its file, and all ancestors as parents.
    pub(crate) fn entity(&self, uid: &EntityUID, words: &Vocabulary) -> Arc<Entity> {
        if let Some(action) = words.any_action(uid) {
            return Arc::clone(action);
        }
        if let Some(named) = network::named(uid, words).or_else(|| peers::named(uid, words)) {
            return named;
        }
        let mut parents: HashSet<_> = match self.entities.get(uid) {
            Some(_) => self.reach(uid, words),
            None => self.path_ancestors(uid, words),
        };
        parents.remove(uid);
        let known = self.entities.get(uid);
        let attrs = known.into_iter().flat_map(Entity::attrs).map(|(k, v)| (k.clone(), v.clone()));
        let tags = known.into_iter().flat_map(Entity::tags).map(|(k, v)| (k.clone(), v.clone()));
        let none = HashSet::new();
        Arc::new(Entity::new_with_attr_partial_value(uid.clone(), attrs, none, parents, tags))
    }

    fn path_ancestors(&self, uid: &EntityUID, words: &Vocabulary) -> HashSet<EntityUID> {
        if *uid.entity_type() != words.path {
            return HashSet::new();
        }
        let mut found = HashSet::new();
        for (hash, prefix) in prefixes(id_of(uid)) {
            found.insert(uid_of(&words.path, prefix));
            found.extend(self.beyond(hash, prefix).iter().cloned());
        }
        found
    }

    /// Every path a file names, as an entity or as a parent.
    pub(crate) fn paths(&self, words: &Vocabulary) -> BTreeSet<Box<str>> {
        let uids = self.entities.values().flat_map(|e| std::iter::once(e.uid()).chain(e.parents()));
        uids.filter(|uid| *uid.entity_type() == words.path).map(|uid| id_of(uid).into()).collect()
    }
}

fn directory(uid: &EntityUID, words: &Vocabulary) -> Option<EntityUID> {
    if *uid.entity_type() != words.path {
        return None;
    }
    match id_of(uid).rsplit_once('/') {
        Some(("", "")) | None => None,
        Some(("", _)) => Some(uid_of(&words.path, "/")),
        Some((parent, _)) => Some(uid_of(&words.path, parent)),
    }
}

fn rows(text: &Text, problems: &mut Vec<Problem>) -> Vec<Row> {
    if let Some(problem) = parse::too_large(text) {
        problems.push(problem);
        return Vec::new();
    }
    serde_json::from_str(&text.text).unwrap_or_else(|error| {
        let offset = text.offset(error.line(), error.column());
        let message = error.to_string();
        // The place is told already.
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        problems.push(Problem::at(text, offset..offset, Flaw::Syntax(message)));
        Vec::new()
    })
}

fn shown(row: &Row) -> String {
    format!("{}::\"{}\"", row.uid.r#type.escape_debug(), row.uid.id.escape_debug())
}

fn entity(row: &Row, text: &Text, words: &Vocabulary) -> Result<Entity, Box<Problem>> {
    let shown = shown(row);
    if IDENTITY_TYPES.contains(&row.uid.r#type.as_str()) {
        return Err(Box::new(at(text, &row.uid.id, Flaw::Identity(shown))));
    }
    let invalid =
        |message: String| Box::new(at(text, &row.uid.id, Flaw::Entity { entity: shown.clone(), message }));
    if ["Host", "Endpoint", "Function", "Topic"].contains(&row.uid.r#type.as_str()) {
        return Err(invalid(
            "what it is in follows from its name, and for an endpoint from look-ups".to_owned(),
        ));
    }
    let value = serde_json::to_value(row).map_err(|e| invalid(e.to_string()))?;
    let parsed = cedar_policy::Entity::from_json_value(value, Some(&words.schema))
        .map_err(|error| invalid(chain(&error)))?;
    let entity: &Entity = parsed.as_ref();
    for uid in std::iter::once(entity.uid()).chain(entity.parents()) {
        if let Some(reason) = misspelt(uid) {
            let flaw = Flaw::NotCanonical { literal: uid.to_string(), reason };
            return Err(Box::new(at(text, id_of(uid), flaw)));
        }
    }
    Ok(entity.clone())
}

/// An error with its causes, which Cedar keeps apart.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}

fn find(text: &Text, id: &str) -> Option<usize> {
    text.text.find(&serde_json::Value::from(id).to_string())
}

fn at(text: &Text, id: &str, flaw: Flaw) -> Problem {
    let offset = find(text, id).unwrap_or(0);
    Problem::at(text, offset..offset, flaw)
}
