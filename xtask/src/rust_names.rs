//! How `bindgen!` names in Rust what WIT names.

#![expect(clippy::indexing_slicing, reason = "wit-parser's ids index the arenas they came from")]

use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// `get-type` as `get_type`, keywords with a trailing underscore.
pub(crate) fn snake(name: &str) -> String {
    let name = name.replace('-', "_");
    match name.as_str() {
        "type" | "move" | "yield" | "final" | "in" | "static" | "use" | "self" => name + "_",
        _ => name,
    }
}

/// `error-code` as `ErrorCode`.
pub(crate) fn camel(name: &str) -> String {
    let capital =
        |part: &str| part.get(..1).unwrap_or_default().to_uppercase() + part.get(1..).unwrap_or_default();
    name.split('-').map(capital).collect()
}

/// Names of types as seen from one interface's module.
pub(crate) struct Names<'a> {
    pub(crate) resolve: &'a Resolve,
    pub(crate) module: String,
}

impl Names<'_> {
    /// The Rust type.
    pub(crate) fn of(&self, ty: &Type) -> miette::Result<String> {
        Ok(match ty {
            Type::Bool => "bool".into(),
            Type::U8 => "u8".into(),
            Type::U16 => "u16".into(),
            Type::U32 => "u32".into(),
            Type::U64 => "u64".into(),
            Type::S8 => "i8".into(),
            Type::S16 => "i16".into(),
            Type::S32 => "i32".into(),
            Type::S64 => "i64".into(),
            Type::F32 => "f32".into(),
            Type::F64 => "f64".into(),
            Type::Char => "char".into(),
            Type::String => "String".into(),
            Type::ErrorContext => return Err(miette::miette!("`error-context` has no wrapper yet")),
            Type::Id(id) => self.defined(*id)?,
        })
    }

    fn defined(&self, id: TypeId) -> miette::Result<String> {
        let def = &self.resolve.types[id];
        if let TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of)) = &def.kind {
            let name = self.resolve.types[*of].name.as_deref().unwrap_or_default();
            return Ok(format!("Resource<{}::{}>", self.module, camel(name)));
        }
        if let Some(name) = &def.name {
            return Ok(format!("{}::{}", self.module, camel(name)));
        }
        Ok(match &def.kind {
            TypeDefKind::List(of) => format!("Vec<{}>", self.of(of)?),
            TypeDefKind::Option(of) => format!("Option<{}>", self.of(of)?),
            TypeDefKind::Tuple(of) => {
                let parts: Result<Vec<_>, _> = of.types.iter().map(|t| self.of(t)).collect();
                format!("({})", parts?.join(", "))
            }
            TypeDefKind::Result(of) => {
                format!("Result<{}, {}>", self.optional(of.ok.as_ref())?, self.optional(of.err.as_ref())?)
            }
            kind => return Err(miette::miette!("`{}` has no wrapper yet", kind.as_str())),
        })
    }

    fn optional(&self, ty: Option<&Type>) -> miette::Result<String> {
        ty.map_or(Ok("()".into()), |ty| self.of(ty))
    }

    /// The return type, and whether the function has an error of its own.
    pub(crate) fn returns(&self, f: &Function) -> (String, bool) {
        if let Some(Type::Id(id)) = &f.result
            && let TypeDefKind::Result(result) = &self.resolve.types[*id].kind
            && let Some(Type::Id(error)) = &result.err
            && let Some(name) = self.own_error(*error)
        {
            return (
                format!("Result<{}, {name}>", self.optional(result.ok.as_ref()).unwrap_or_default()),
                true,
            );
        }
        let returns = self.optional(f.result.as_ref()).unwrap_or_default();
        (format!("wasmtime::Result<{returns}>"), false)
    }

    fn own_error(&self, id: TypeId) -> Option<&'static str> {
        let def = &self.resolve.types[id];
        if let TypeDefKind::Type(Type::Id(alias)) = def.kind {
            return self.own_error(alias);
        }
        let TypeOwner::Interface(interface) = def.owner else { return None };
        let interface = self.resolve.id_of(interface)?;
        match (interface.split('@').next()?, def.name.as_deref()?) {
            ("wasi:filesystem/types", "error-code") => Some("FsFail"),
            ("wasi:sockets/network", "error-code") => Some("SocketFail"),
            ("airssys:runtime/types", "error") => Some("RuntimeFail"),
            ("wasi:io/streams", "stream-error") => Some("StreamError"),
            _ => None,
        }
    }

    /// Expressions for the handles in a parameter.
    pub(crate) fn handles(&self, name: &str, ty: &Type) -> Option<String> {
        let Type::Id(id) = ty else { return None };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Handle(_) => Some(format!("&{name}")),
            TypeDefKind::List(of) if self.handles(name, of).is_some() => Some(format!("&{name}")),
            TypeDefKind::Type(of) => self.handles(name, of),
            _ => None,
        }
    }
}
