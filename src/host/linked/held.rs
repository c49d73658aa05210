//! How much a value is, by the engine's own measure.

use wasmtime::component::Val;

/// What these values hold in bytes, as the engine counts what a guest hands out: texts by their length, and whatever
/// lies in something else as one value.
pub(in crate::host::linked) fn held(values: &[Val]) -> u64 {
    let mut open: Vec<&Val> = values.iter().collect();
    let mut total = 0_usize;
    let mut add = |bytes: usize| total = total.saturating_add(bytes);
    while let Some(value) = open.pop() {
        let before = open.len();
        match value {
            Val::String(text) | Val::Enum(text) => add(text.len()),
            Val::List(items) | Val::Tuple(items) | Val::FixedLengthList(items) => open.extend(items),
            Val::Map(entries) => open.extend(entries.iter().flat_map(|(key, value)| [key, value])),
            Val::Record(fields) => {
                fields.iter().for_each(|(name, _)| add(name.len()));
                open.extend(fields.iter().map(|(_, value)| value));
            }
            Val::Variant(case, value) => {
                add(case.len());
                open.extend(value.as_deref());
            }
            Val::Option(value) => open.extend(value.as_deref()),
            Val::Result(Ok(value) | Err(value)) => open.extend(value.as_deref()),
            Val::Flags(names) => {
                names.iter().for_each(|name| add(name.len().saturating_add(size_of::<Val>())));
            }
            Val::Bool(_) | Val::S8(_) | Val::U8(_) | Val::S16(_) | Val::U16(_) | Val::S32(_) => {}
            Val::U32(_) | Val::S64(_) | Val::U64(_) | Val::Float32(_) | Val::Float64(_) => {}
            // Handles do not cross.
            Val::Char(_) | Val::Resource(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => {}
        }
        add(open.len().saturating_sub(before).saturating_mul(size_of::<Val>()));
    }
    u64::try_from(total).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::held;
    use wasmtime::component::Val;

    #[test]
    fn what_lies_in_something_else_counts_and_so_do_texts() {
        let one = size_of::<Val>() as u64;
        assert_eq!(held(&[Val::U64(1), Val::Bool(true)]), 0);
        assert_eq!(held(&[Val::String("four".into())]), 4);
        assert_eq!(held(&[Val::List(vec![Val::U8(0); 1000])]), 1000 * one);
        let inner = Val::Record(vec![("name".into(), Val::String("ada".into()))]);
        assert_eq!(held(&[Val::Option(Some(Box::new(inner)))]), one + 4 + one + 3);
    }
}
