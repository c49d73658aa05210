//! How deep entities lie in one another.

use super::error::Flaw;
use super::vocabulary::{Vocabulary, id_of, uid_of};
use super::walk::prefixes;
use cedar_policy_core::ast::{Entity, EntityUID};
use std::collections::HashMap;

/// The longest chain of parents. A directory is none, as every path lies in its directories anyhow.
pub(crate) const MAX_DEPTH: usize = 64;

/// Measures entities, each once.
///
/// *Invariant:* what passes has no circle, for a circle is a chain without end.
pub(crate) struct Depths<'a> {
    entities: &'a HashMap<EntityUID, Entity>,
    words: &'a Vocabulary,
    known: HashMap<&'a EntityUID, usize>,
    /// The chain that is being followed, from the entity that was asked for.
    chain: Vec<&'a EntityUID>,
}

impl<'a> Depths<'a> {
    pub(crate) fn new(entities: &'a HashMap<EntityUID, Entity>, words: &'a Vocabulary) -> Depths<'a> {
        Depths { entities, words, known: HashMap::new(), chain: Vec::new() }
    }

    /// Checks that an entity lies in a chain of at most [`MAX_DEPTH`] parents and not in itself.
    pub(crate) fn check(&mut self, uid: &EntityUID) -> Result<(), Box<(EntityUID, Flaw)>> {
        self.chain.clear();
        self.entities.get_key_value(uid).map_or(Ok(0), |(uid, entity)| self.depth(uid, entity)).map(|_| ())
    }

    fn depth(&mut self, uid: &'a EntityUID, entity: &'a Entity) -> Result<usize, Box<(EntityUID, Flaw)>> {
        if let Some(depth) = self.known.get(uid) {
            return Ok(*depth);
        }
        if self.chain.contains(&uid) {
            return Err(Box::new((uid.clone(), Flaw::Cycle(uid.to_string()))));
        }
        // Whoever is deeper than this cannot be, and following it further would only use up the stack.
        let first = *self.chain.first().unwrap_or(&uid);
        if self.chain.len() > MAX_DEPTH {
            return Err(too_deep(first));
        }
        self.chain.push(uid);
        let mut depth = 0;
        for parent in entity.parents() {
            depth = depth.max(1 + self.above(parent)?);
        }
        self.chain.pop();
        if depth > MAX_DEPTH {
            return Err(too_deep(uid));
        }
        self.known.insert(uid, depth);
        Ok(depth)
    }

    /// The depth of a parent: its own, or that of a directory above it.
    fn above(&mut self, parent: &EntityUID) -> Result<usize, Box<(EntityUID, Flaw)>> {
        let entities = self.entities;
        if *parent.entity_type() != self.words.path {
            return entities.get_key_value(parent).map_or(Ok(0), |(uid, entity)| self.depth(uid, entity));
        }
        let mut depth = 0;
        for (_, prefix) in prefixes(id_of(parent)) {
            if let Some((uid, entity)) = entities.get_key_value(&uid_of(&self.words.path, prefix)) {
                depth = depth.max(self.depth(uid, entity)?);
            }
        }
        Ok(depth)
    }
}

fn too_deep(uid: &EntityUID) -> Box<(EntityUID, Flaw)> {
    Box::new((uid.clone(), Flaw::Nested { entity: uid.to_string(), most: MAX_DEPTH }))
}
