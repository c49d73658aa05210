//! The outline of a component nobody vouches for: names alone, read without compiling it.

use crate::identity::IdentityError;
use wasmparser::{Parser, Payload};

/// The most names that are read from either side.
const MOST: usize = 10_000;

/// What a component says it exports and imports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) exports: Vec<String>,
    pub(super) imports: Vec<String>,
}

impl Outline {
    /// Reads the names at the top of a component.
    pub(super) fn of(bytes: &[u8]) -> Result<Outline, IdentityError> {
        if !Parser::is_component(bytes) {
            return Err(if Parser::is_core_wasm(bytes) {
                IdentityError::CoreModule
            } else {
                IdentityError::NotWasm
            });
        }
        let mut outline = Outline::default();
        let mut depth = 0usize;
        let mut at = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|_| IdentityError::Malformed { at })?;
            at = payload.as_section().map_or(at, |(_, range)| range.end);
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                payload if depth == 0 => outline.add(payload).map_err(|_| IdentityError::Malformed { at })?,
                _ => {}
            }
        }
        Ok(outline)
    }

    fn add(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    keep(&mut self.imports, import?.name.name);
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    keep(&mut self.exports, export?.name.name);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn keep(names: &mut Vec<String>, name: &str) {
    if names.len() < MOST {
        names.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_or_ends_too_early_has_no_outline() {
        assert!(matches!(Outline::of(b"hello"), Err(IdentityError::NotWasm)));
        assert!(matches!(Outline::of(b"\0asm\x01\0\0\0"), Err(IdentityError::CoreModule)));
        assert!(matches!(Outline::of(b"\0asm\x0d\0\x01\0\x0a\x09"), Err(IdentityError::Malformed { .. })));
    }

    #[test]
    fn names_within_are_not_taken_for_names_at_the_top() {
        let text = r#"(component
            (import "a:b/c" (instance))
            (component $in (import "inner" (func)) (export "deep" (func 0)))
            (core module)
            (import "late" (func $late))
            (export "run" (func $late)))"#;
        let outline = Outline::of(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!(
            outline,
            Outline { exports: vec!["run".into()], imports: vec!["a:b/c".into(), "late".into()] }
        );
    }
}
