//! The functions a component exports, and which of them a name means.

use super::ValueError;
use super::error::{Problem, Step};
use super::names::{find_name, near, same_name};
use super::text::brief;
use crate::kernel::Function;
use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// Its path and its WIT type: `acme:images/resize#scale: func(to: u32) -> string`.
impl std::fmt::Display for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path(), super::text::signature(&self.ty))
    }
}

/// The function that `wanted` names.
///
/// A root export by its name, else the only interface's function of that name, else `ns:pkg/iface#f` with or without the interface's
/// version. Snake case stands for kebab case.
///
/// # Errors
/// [`ValueError::NotFound`] with near names, [`ValueError::Ambiguous`] with all that the name could mean.
pub fn find_function<'f>(functions: &'f [Function], wanted: &str) -> Result<&'f Function, ValueError> {
    let found: Vec<&Function> = match wanted.split_once('#') {
        Some((interface, name)) => {
            functions.iter().filter(|f| of_interface(f, interface) && same_name(&f.name, name)).collect()
        }
        None => {
            let roots: Vec<&Function> = functions.iter().filter(|f| f.interface.is_none()).collect();
            match find_name(roots.iter().map(|f| f.name.as_str()), wanted).and_then(|at| roots.get(at)) {
                Some(root) => return Ok(root),
                None => functions.iter().filter(|f| same_name(&f.name, wanted)).collect(),
            }
        }
    };
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(not_found(functions, wanted)),
        several => {
            let candidates = several.iter().map(|f| f.path()).collect();
            Err(ValueError::Ambiguous { wanted: wanted.to_owned(), candidates })
        }
    }
}

fn of_interface(function: &Function, wanted: &str) -> bool {
    let Some(interface) = function.interface.as_deref() else { return false };
    interface == wanted || interface.split_once('@').is_some_and(|(name, _)| name == wanted)
}

fn not_found(functions: &[Function], wanted: &str) -> ValueError {
    let own = wanted.rsplit_once('#').map_or(wanted, |(_, name)| name);
    let is_near = |f: &&Function| near(&f.path(), wanted) || near(&f.name, own);
    let near = functions.iter().filter(is_near).map(Function::path).collect();
    let exports = functions.iter().map(Function::path).collect();
    ValueError::NotFound { wanted: wanted.to_owned(), near, exports }
}

/// A function's parameters, as [`lower`](super::lower) and [`args_from_wave`](super::args_from_wave) want them.
pub fn params(func: &ComponentFunc) -> Vec<(String, Type)> {
    func.params().map(|(name, ty)| (name.to_owned(), ty)).collect()
}

/// The type of a function's result, if it has one.
pub fn result_type(func: &ComponentFunc) -> Option<Type> {
    func.results().next()
}

/// Refuses a function that takes or gives anything but plain values.
///
/// To be asked before the call: a handle that came back could only be dropped.
///
/// # Errors
/// [`Problem::Unsupported`] at the first parameter, or the result, that holds a resource, stream, future or the like.
pub fn callable(func: &ComponentFunc) -> Result<(), ValueError> {
    for (name, ty) in func.params() {
        plain(&ty).map_err(|e| e.within(|| Step::Argument(name.to_owned())))?;
    }
    func.results().try_for_each(|ty| plain(&ty)).map_err(|e| e.within(|| Step::Outcome))
}

fn plain(ty: &Type) -> Result<(), ValueError> {
    match ty {
        Type::List(list) => plain(&list.ty()),
        Type::Option(option) => plain(&option.ty()),
        Type::Tuple(tuple) => tuple.types().try_for_each(|ty| plain(&ty)),
        Type::Record(record) => record.fields().try_for_each(|field| plain(&field.ty)),
        Type::Variant(variant) => variant.cases().filter_map(|case| case.ty).try_for_each(|ty| plain(&ty)),
        Type::Result(result) => [result.ok(), result.err()].iter().flatten().try_for_each(plain),
        handle if is_handle(handle) => Err(Problem::Unsupported { ty: brief(handle) }.here()),
        _ => Ok(()),
    }
}

/// Whether a type is no plain value itself: it stands for something in the component's store, or WAVE and serde have no word for it.
pub(super) fn is_handle(ty: &Type) -> bool {
    matches!(ty, Type::Own(_) | Type::Borrow(_) | Type::Future(_) | Type::Stream(_))
        || matches!(ty, Type::ErrorContext | Type::Map(_) | Type::FixedLengthList(_))
}
