//! Frames: the sections at the top of a component, found without interpreting any of them.
//!
//! Only the outermost frames are walked (an id, a length, that many bytes); what lies inside an inner module or
//! component is at another depth and none of identity's business.

use super::IdentityError;

pub(super) const PREAMBLE: usize = 8;
const MAGIC: [u8; 4] = *b"\0asm";
const COMPONENT: [u8; 4] = [0x0d, 0x00, 0x01, 0x00];
const CORE_MODULE: [u8; 4] = [0x01, 0x00, 0x00, 0x00];
const ELF: [u8; 4] = *b"\x7fELF";

/// What follows the preamble, if the preamble is a component's.
///
/// The preamble is not signed, so its kind is checked here and nowhere taken on trust.
pub(super) fn after_preamble(bytes: &[u8]) -> Result<&[u8], IdentityError> {
    if bytes.starts_with(&ELF) {
        return Err(IdentityError::Precompiled);
    }
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else { return Err(IdentityError::NotWasm) };
    let Some((layer, rest)) = rest.split_first_chunk::<4>() else { return Err(IdentityError::NotWasm) };
    match (*magic, *layer) {
        (MAGIC, COMPONENT) => Ok(rest),
        (MAGIC, CORE_MODULE) => Err(IdentityError::CoreModule),
        (MAGIC, layer) => Err(IdentityError::UnknownLayer { layer: super::keys::hex(&layer) }),
        _ => Err(IdentityError::NotWasm),
    }
}

/// One section at the top of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section<'a> {
    /// Offset of its first byte in the bytes walked.
    pub(super) start: usize,
    /// Offset after its last byte.
    pub(super) end: usize,
    /// What a custom section is called and holds; `None` for the others.
    pub(super) custom: Option<Custom<'a>>,
}

/// A custom section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Custom<'a> {
    pub(super) name: &'a [u8],
    pub(super) data: &'a [u8],
    /// Whether its lengths are written in as few bytes as can be.
    pub(super) minimal: bool,
}

impl<'a> Section<'a> {
    /// The custom section of that name, if it is one.
    pub(super) fn named(&self, name: &str) -> Option<Custom<'a>> {
        self.custom.filter(|custom| custom.name == name.as_bytes())
    }
}

/// Walks the sections; `base` is where the bytes begin in the file, for messages.
pub(super) struct Sections<'a> {
    reader: Reader<'a>,
    length: usize,
    base: usize,
}

impl<'a> Sections<'a> {
    pub(super) fn new(bytes: &'a [u8], base: usize) -> Self {
        Sections { reader: Reader(bytes), length: bytes.len(), base }
    }

    /// Where the next section begins.
    pub(super) fn offset(&self) -> usize {
        self.length - self.reader.0.len()
    }

    /// The next section, `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Section<'a>>, IdentityError> {
        if self.reader.0.is_empty() {
            return Ok(None);
        }
        let start = self.offset();
        let at = self.base + start;
        let (id, payload, minimal) = self.frame().map_err(|fault| fault.at(at))?;
        let custom = match id {
            0 => Some(custom(payload, minimal).ok_or(IdentityError::Malformed { at })?),
            _ => None,
        };
        Ok(Some(Section { start, end: self.offset(), custom }))
    }

    fn frame(&mut self) -> Result<(u8, &'a [u8], bool), Fault> {
        let id = self.reader.byte().ok_or(Fault::Short)?;
        let (size, minimal) = self.reader.varint()?;
        let payload = self.reader.take(size as usize).ok_or(Fault::Short)?;
        Ok((id, payload, minimal))
    }
}

fn custom(payload: &[u8], minimal: bool) -> Option<Custom<'_>> {
    let mut reader = Reader(payload);
    let (length, minimal_name) = reader.varint().ok()?;
    let name = reader.take(length as usize)?;
    Some(Custom { name, data: reader.0, minimal: minimal && minimal_name })
}

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// They end too early.
    Short,
    /// They cannot be a number.
    Number,
}

impl Fault {
    fn at(self, at: usize) -> IdentityError {
        match self {
            Fault::Short => IdentityError::Truncated { at },
            Fault::Number => IdentityError::Malformed { at },
        }
    }
}

/// Reads from the front of bytes.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(taken)
    }

    /// An unsigned LEB128 of 32 bits, and whether it is written in as few bytes as can be.
    pub(super) fn varint(&mut self) -> Result<(u32, bool), Fault> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte().ok_or(Fault::Short)?;
            if shift == 28 && byte > 0x0f {
                return Err(Fault::Number);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value, shift == 0 || byte != 0));
            }
        }
        Err(Fault::Number)
    }
}

/// Appends an unsigned LEB128 in as few bytes as can be.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends bytes after their length.
pub(super) fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    // What is written here is bounded far below 4 GiB: section contents of the layout, never a whole component.
    put_varint(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

/// Appends a custom section.
pub(super) fn put_custom(out: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut payload = Vec::with_capacity(name.len() + data.len() + 5);
    put_prefixed(&mut payload, name.as_bytes());
    payload.extend_from_slice(data);
    out.push(0);
    put_prefixed(out, &payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Result<(u32, bool), Fault> {
        Reader(bytes).varint()
    }

    #[test]
    fn numbers_beyond_32_bits_are_refused() {
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0x10]), Err(Fault::Number));
        assert_eq!(varint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(Fault::Number));
        assert_eq!(varint(&[0x80]), Err(Fault::Short));
        assert_eq!(varint(&[]), Err(Fault::Short));
    }

    #[test]
    fn padded_numbers_are_told_from_minimal_ones() {
        assert_eq!(varint(&[0x80, 0x00]), Ok((0, false)));
        assert_eq!(varint(&[0xff, 0x80, 0x00]), Ok((127, false)));
        assert_eq!(varint(&[0x00]), Ok((0, true)));
        assert_eq!(varint(&[0x80, 0x01]), Ok((128, true)));
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok((u32::MAX, true)));
    }

    #[test]
    fn written_numbers_are_read_back_as_minimal() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u32::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(varint(&bytes), Ok((value, true)));
        }
    }

    #[test]
    fn sections_agree_with_wasmparser_on_a_real_component() {
        let component = wat::parse_str(
            r#"(component
                (core module $m (@custom "inner" "x") (func (export "f")))
                (@custom "outer" "data")
                (component (@custom "airssys:manifest" "inner one"))
                (core instance $i (instantiate $m))
                (func (export "f") (canon lift (core func $i "f"))))"#,
        )
        .unwrap();
        let mut ours = Vec::new();
        let mut sections = Sections::new(after_preamble(&component).unwrap(), PREAMBLE);
        while let Some(section) = sections.next().unwrap() {
            ours.push((section.end + PREAMBLE, section.custom.map(|custom| custom.name.to_vec())));
        }
        assert_eq!(ours, wasmparser_sections(&component));
        assert!(ours.iter().any(|(_, name)| name.as_deref() == Some(b"outer".as_slice())));
        assert!(!ours.iter().any(|(_, name)| name.as_deref() == Some(b"airssys:manifest".as_slice())));
    }

    /// End and custom name of each section at depth 0.
    fn wasmparser_sections(bytes: &[u8]) -> Vec<(usize, Option<Vec<u8>>)> {
        use wasmparser::{Parser, Payload};
        let (mut depth, mut found) = (0, Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.unwrap();
            let section = payload.as_section().filter(|_| depth == 0);
            let name = match &payload {
                Payload::CustomSection(custom) => Some(custom.name().as_bytes().to_vec()),
                _ => None,
            };
            found.extend(section.map(|(_, range)| (range.end, name)));
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                _ => {}
            }
        }
        found
    }
}
