//! Functions over component values whose types the embedder does not name.

use wasmtime::component::Val;

/// Puts a function's results where the engine wants them.
pub(in crate::host) fn give(results: &mut [Val], given: Vec<Val>) -> wasmtime::Result<()> {
    if results.len() != given.len() {
        wasmtime::bail!("the function gave {} results and has {}", given.len(), results.len());
    }
    for (place, value) in results.iter_mut().zip(given) {
        *place = value;
    }
    Ok(())
}

/// Takes the arguments, which hold no handle: nobody could say here what a handle stands for.
pub(in crate::host::custom) fn plain(arguments: &[Val]) -> wasmtime::Result<Vec<Val>> {
    let mut open: Vec<&Val> = arguments.iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Val::List(items) | Val::Tuple(items) => open.extend(items),
            Val::Record(fields) => open.extend(fields.iter().map(|(_, value)| value)),
            Val::Map(entries) => open.extend(entries.iter().flat_map(|(key, value)| [key, value])),
            Val::Variant(_, Some(value)) | Val::Option(Some(value)) => open.push(value),
            Val::Result(Ok(Some(value)) | Err(Some(value))) => open.push(value),
            Val::Bool(_) | Val::S8(_) | Val::U8(_) | Val::S16(_) | Val::U16(_) | Val::S32(_) => {}
            Val::U32(_) | Val::S64(_) | Val::U64(_) | Val::Float32(_) | Val::Float64(_) => {}
            Val::Char(_) | Val::String(_) | Val::Enum(_) | Val::Flags(_) => {}
            Val::Variant(_, None) | Val::Option(None) | Val::Result(Ok(None) | Err(None)) => {}
            _ => {
                wasmtime::bail!("a function over component values takes no handles: offer it with its types")
            }
        }
    }
    Ok(arguments.to_vec())
}
