//! How many instances a component makes of what is inside it, told before it is compiled.
//!
//! Compiling unfolds them all, so that a component of a kilobyte, in which each part holds two of the part before, would
//! keep the compiler for hours. The limit `instances` comes too late for it.

use crate::kernel::EngineError;
use std::num::NonZeroU64;
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, Parser, Payload,
};

/// So many instances, of modules and of components, may be compiled whatever is granted.
const ALWAYS: u64 = 10_000;

/// So deep may components lie in each other: what the compiler takes grows with the square of it.
const MAX_DEPTH: usize = 100;

/// Of a component that is handed in as a value, how many instances it makes cannot be told.
const UNKNOWN: u64 = u64::MAX;

/// Checks that a component does not unfold into more than can be granted.
pub(crate) fn check(bytes: &[u8], granted: NonZeroU64) -> Result<(), EngineError> {
    let most = granted.get().max(ALWAYS);
    let count = count(bytes).map_err(|error| EngineError::Invalid(error.message().to_owned()))?;
    let Some(count) = count else {
        let text = format!("the components in it lie more than {MAX_DEPTH} deep in each other");
        return Err(EngineError::Invalid(text));
    };
    if count <= most {
        return Ok(());
    }
    Err(EngineError::Invalid(format!("it makes more than {most} instances of what is inside it")))
}

/// One component that is being read.
#[derive(Default)]
struct Frame {
    /// By index: what one instance of that component makes.
    components: Vec<u64>,
    total: u64,
}

impl Frame {
    fn makes(&self, component: u32) -> u64 {
        self.components.get(component as usize).copied().unwrap_or(UNKNOWN)
    }

    fn add(&mut self, instances: u64) {
        self.total = self.total.saturating_add(instances);
    }

    fn read(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.add(u64::from(matches!(instance?, Instance::Instantiate { .. })));
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        self.add(self.makes(component_index).saturating_add(1));
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    if let ComponentTypeRef::Component(_) = import?.ty {
                        self.components.push(UNKNOWN);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Component {
                        self.components.push(self.makes(export.index));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What an alias adds to the components of the innermost frame.
fn alias(frames: &[Option<Frame>], alias: &ComponentAlias<'_>) -> Option<u64> {
    match alias {
        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
            let frame = frames.iter().rev().nth(*count as usize)?.as_ref();
            Some(frame.map_or(UNKNOWN, |frame| frame.makes(*index)))
        }
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => Some(UNKNOWN),
        ComponentAlias::Outer { .. }
        | ComponentAlias::InstanceExport { .. }
        | ComponentAlias::CoreInstanceExport { .. } => None,
    }
}

/// How many instances it makes; none when its parts lie too deep in each other.
fn count(bytes: &[u8]) -> Result<Option<u64>, BinaryReaderError> {
    // A module has no frame of its own, but an end.
    let mut frames = vec![Some(Frame::default())];
    for payload in Parser::new(0).parse_all(bytes) {
        if frames.len() > MAX_DEPTH {
            return Ok(None);
        }
        match payload? {
            Payload::ModuleSection { .. } => frames.push(None),
            Payload::ComponentSection { .. } => frames.push(Some(Frame::default())),
            Payload::ComponentAliasSection(section) => {
                for item in section {
                    let found = alias(&frames, &item?);
                    if let (Some(Some(frame)), Some(makes)) = (frames.last_mut(), found) {
                        frame.components.push(makes);
                    }
                }
            }
            Payload::End(_) => {
                let ended = frames.pop().flatten();
                match (frames.last_mut(), ended) {
                    (Some(Some(parent)), Some(ended)) => parent.components.push(ended.total),
                    (None, Some(ended)) => return Ok(Some(ended.total)),
                    (Some(_) | None, _) => {}
                }
            }
            payload => {
                if let Some(Some(frame)) = frames.last_mut() {
                    frame.read(payload)?;
                }
            }
        }
    }
    Ok(Some(UNKNOWN))
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, UNKNOWN, count};

    fn counted(text: &str) -> u64 {
        count(&wat::parse_str(text).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn what_lies_too_deep_is_told_before_anything_is_compiled() {
        let nested = |depth: usize| {
            let inner = wasm_encoder::Component::new();
            let around = |inner: wasm_encoder::Component, _| {
                let mut outer = wasm_encoder::Component::new();
                outer.section(&wasm_encoder::NestedComponentSection(&inner));
                outer
            };
            (1..depth).fold(inner, around).finish()
        };
        assert_eq!(count(&nested(MAX_DEPTH)).unwrap(), Some(0));
        assert_eq!(count(&nested(MAX_DEPTH + 1)).unwrap(), None);
        let error = super::check(&nested(150), std::num::NonZeroU64::MAX).unwrap_err();
        assert!(error.to_string().contains("more than 100 deep"), "{error}");
    }

    #[test]
    fn what_is_inside_what_is_inside_is_counted_as_often_as_it_is_made() {
        let inner = "(component $c (core module $m) (core instance (instantiate $m)) (core instance (instantiate $m)))";
        assert_eq!(counted(&format!("(component {inner})")), 0, "nothing is made of it");
        let twice = "(instance (instantiate $c)) (instance (instantiate $c))";
        assert_eq!(counted(&format!("(component {inner} {twice})")), 6);
        let nested = format!("(component $d {inner} {twice})");
        assert_eq!(counted(&format!("(component {nested} (instance (instantiate $d)))")), 7);
        let outer = "(component $d (alias outer 1 $c (component $e)) (instance (instantiate $e)))";
        assert_eq!(counted(&format!("(component {inner} {outer} (instance (instantiate $d)))")), 4);
    }

    #[test]
    fn what_a_component_is_given_to_make_cannot_be_told() {
        let given = "(component $d (import \"c\" (component $c)) (instance (instantiate $c)))";
        let handed = "(component $e) (instance (instantiate $d (with \"c\" (component $e))))";
        assert_eq!(counted(&format!("(component {given})")), 0);
        assert_eq!(counted(&format!("(component {given} {handed})")), UNKNOWN);
    }

    #[test]
    fn more_levels_than_a_number_has_bits_are_more_than_any_number() {
        let mut text = String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
        for level in 1..=70 {
            let two = format!("(instance (instantiate $c{})) ", level - 1).repeat(2);
            text = format!("(component $c{level} {text} {two})");
        }
        assert_eq!(counted(&format!("(component {text} (instance (instantiate $c70)))")), UNKNOWN);
    }
}
