//! WAVE, the component model's text for values: calls written on a command line, and results printed there.

mod place;

use super::ValueError;
use super::error::{Problem, Step};
use super::function::is_handle;
use super::text::{brief, quoted};
use place::{culprit, known_names, missing};
use std::iter::zip;
use wasmtime::component::wasm_wave::ast::Node;
use wasmtime::component::wasm_wave::parser::{ParserError, ParserErrorKind};
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::{Type, Val, wasm_wave};

/// What the arguments are parsed behind: `wasm_wave` wants a function's name but knows neither `#` nor snake case in it.
const STAND_IN: &str = "f";

/// A call as it was written: the function's name and its arguments, which have no types yet.
///
/// ```
/// use airssys_wasm::embed::value::parse_call;
///
/// let call = parse_call("acme:images/resize#scale(640, \"logo\")")?;
/// assert_eq!(call.function, "acme:images/resize#scale");
/// assert_eq!(parse_call("process-data")?.args_text, "()");
/// # Ok::<(), airssys_wasm::embed::value::ValueError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallExpr {
    /// The function, as [`find_function`](super::find_function) takes it.
    pub function: String,
    /// The arguments with their parentheses; `()` for a name alone.
    pub args_text: String,
    /// How many characters stood before the arguments.
    before: usize,
}

impl CallExpr {
    /// The arguments as values of the parameters' types; errors count columns in the whole expression.
    ///
    /// # Errors
    /// As [`args_from_wave`].
    pub fn args(&self, params: &[(String, Type)]) -> Result<Vec<Val>, ValueError> {
        Source { text: format!("{STAND_IN}{}", self.args_text), before: self.before }.args(params)
    }
}

/// Splits a call such as `process-data([1, 2, 3])` or `ns:pkg/iface#f(…)`; a name alone is a call without arguments.
///
/// # Errors
/// [`ValueError::Wave`] with the column where it is no WAVE.
pub fn parse_call(expression: &str) -> Result<CallExpr, ValueError> {
    let (name, args) = match expression.find('(') {
        Some(at) => expression.split_at(at),
        None => (expression, "()"),
    };
    let function = name.trim();
    if function.is_empty() {
        return Err(ValueError::Wave { column: 1, message: "missing the function's name".to_owned() });
    }
    let call = CallExpr {
        function: function.to_owned(),
        args_text: args.trim_end().to_owned(),
        before: name.chars().count(),
    };
    Source { text: format!("{STAND_IN}{}", call.args_text), before: call.before }.parse()?;
    Ok(call)
}

/// The arguments in `text`, for instance `([1, 2, 3], "x")`, as values of the parameters' types.
///
/// Trailing optional arguments may be left out.
///
/// # Errors
/// [`ValueError::Wave`] where the text is no WAVE, [`ValueError::Value`] where it does not fit the types.
pub fn args_from_wave(text: &str, params: &[(String, Type)]) -> Result<Vec<Val>, ValueError> {
    // Without it, a name before the parentheses would be read as part of the stand-in.
    if !text.starts_with('(') {
        return Err(ValueError::Wave { column: 1, message: "missing `(`".to_owned() });
    }
    Source { text: format!("{STAND_IN}{text}"), before: 0 }.args(params)
}

/// The WAVE text of a value.
///
/// # Errors
/// [`Problem::Unsupported`] for a value that holds a resource, stream or future: WAVE has no word for it.
pub fn to_wave(val: &Val) -> Result<String, ValueError> {
    // The writer panics on these.
    writable(val)?;
    wasm_wave::to_string(val).map_err(|e| Problem::Message { message: e.to_string() }.here())
}

fn writable(val: &Val) -> Result<(), ValueError> {
    match val {
        Val::List(vals) | Val::Tuple(vals) => vals.iter().try_for_each(writable),
        Val::Record(fields) => fields.iter().try_for_each(|(_, val)| writable(val)),
        Val::Variant(_, val) | Val::Option(val) | Val::Result(Ok(val) | Err(val)) => {
            val.as_deref().map_or(Ok(()), writable)
        }
        Val::Resource(_) => unsupported("resource"),
        Val::Future(_) => unsupported("future"),
        Val::Stream(_) => unsupported("stream"),
        Val::ErrorContext(_) => unsupported("error-context"),
        Val::Map(_) => unsupported("map"),
        _ => Ok(()),
    }
}

fn unsupported(ty: &str) -> Result<(), ValueError> {
    Err(Problem::Unsupported { ty: ty.to_owned() }.here())
}

/// Arguments behind the stand-in name, and how many characters of the expression they replace.
struct Source {
    text: String,
    before: usize,
}

impl Source {
    fn parse(&self) -> Result<UntypedFuncCall<'_>, ValueError> {
        UntypedFuncCall::parse(&self.text).map_err(|e| {
            let found = self.found(&e);
            let message =
                if found.is_empty() { e.kind().to_string() } else { format!("{}: {found}", e.kind()) };
            ValueError::Wave { column: self.column(&e), message }
        })
    }

    fn args(&self, params: &[(String, Type)]) -> Result<Vec<Val>, ValueError> {
        let call = self.parse()?;
        let nodes: Vec<&Node> = match call.params_node().map(Node::as_tuple) {
            Some(Ok(nodes)) => nodes.collect(),
            Some(Err(_)) | None => Vec::new(),
        };
        if nodes.len() > params.len() {
            return Err(count(params, nodes.len()));
        }
        let missing = params.iter().skip(nodes.len());
        let absent = missing.map(|(_, ty)| match ty {
            Type::Option(_) => Ok(Val::Option(None)),
            _ => Err(count(params, nodes.len())),
        });
        let given = zip(&nodes, params).map(|(node, (name, ty))| {
            self.value(node, ty).map_err(|e| e.within(|| Step::Argument(name.clone())))
        });
        given.chain(absent).collect()
    }

    fn value(&self, node: &Node, ty: &Type) -> Result<Val, ValueError> {
        known_names(node, ty, &self.text)?;
        node.to_wasm_value(ty, &self.text).map_err(|e| {
            let (steps, ty) = culprit(node, ty, &self.text, &e);
            let refused = self.problem(&e, &ty).here();
            steps.into_iter().fold(refused, |refused, step| refused.within(|| step))
        })
    }

    fn problem(&self, e: &ParserError, ty: &Type) -> Problem {
        if is_handle(ty) {
            return Problem::Unsupported { ty: brief(ty) };
        }
        if let Some(missing) = missing(e, ty) {
            return missing;
        }
        let got = format!("{} at column {}", self.found(e), self.column(e));
        match e.kind() {
            // What kind of value stands there, and what the type wants, says it all.
            ParserErrorKind::WasmValueError
            | ParserErrorKind::InvalidType
            | ParserErrorKind::InvalidValue => Problem::Mismatch { expected: quoted(ty), got },
            other => Problem::Mismatch { expected: quoted(ty), got: format!("{got} ({other})") },
        }
    }

    /// The text an error is about, in backticks and not too long.
    fn found(&self, e: &ParserError) -> String {
        let text = self.text.get(e.span()).unwrap_or_default();
        let short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
        match text.chars().nth(40) {
            _ if text.is_empty() => String::new(),
            Some(_) => format!("`{short}…`"),
            None => format!("`{short}`"),
        }
    }

    /// The column of an error in characters, from 1, in what was written.
    fn column(&self, e: &ParserError) -> usize {
        let upto = self.text.char_indices().take_while(|(at, _)| *at < e.span().start).count();
        upto + 1 - STAND_IN.len().min(upto) + self.before
    }
}

fn count(params: &[(String, Type)], got: usize) -> ValueError {
    let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
    let expected = match names.as_slice() {
        [] => "no arguments".to_owned(),
        [name] => format!("1 argument (`{name}`)"),
        names => format!("{} arguments (`{}`)", names.len(), names.join("`, `")),
    };
    Problem::Mismatch { expected, got: got.to_string() }.here().among_arguments()
}
