//! For any offered function, a component that calls it: `prepare` gets the handles it needs, `run` calls it.
//!
//! The function's arguments are zeros, its strings paths at 1024 and 1536, its handles what `prepare` got. `run` answers
//! 1000 + the error's number for an `err`, else 1.

use super::sockets::{self, LOCALHOST};
use super::{MEMORY, component};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use wit_parser::abi::{AbiVariant, FlatTypes, WasmSignature, WasmType};
use wit_parser::{Function, Handle, Int, Resolve, SizeAlign, Type, TypeDefKind, WorldItem};

/// One offered function and the interface it stands in.
pub(crate) struct Offered {
    /// `package/interface@version`.
    pub(crate) interface: String,
    /// As in the mediation table.
    pub(crate) id: String,
    /// The function.
    pub(crate) function: Function,
}

/// Every function of the world that the kernel offers.
pub(crate) fn offered(resolve: &Resolve) -> Vec<Offered> {
    let world = resolve.worlds.iter().find(|(_, w)| w.name == "offered").unwrap().0;
    let mut all = Vec::new();
    for item in resolve.worlds[world].imports.values() {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = resolve.id_of(*id).unwrap();
        let base = interface.split('@').next().unwrap();
        for function in resolve.interfaces[*id].functions.values() {
            let id = format!("{base}#{}", function.name);
            all.push(Offered { interface: interface.clone(), id, function: function.clone() });
        }
    }
    all
}

/// How a probe is to be built.
pub(crate) struct Plan<'a> {
    /// The path given for strings.
    pub(crate) path: &'a str,
    /// Path flags, open flags and descriptor flags.
    pub(crate) flags: (u32, u32, u32),
    /// The port of 127.0.0.1 for functions that reach out.
    pub(crate) port: u16,
}

/// The resource a handle type stands for, and whether it is a list of them.
fn handle(resolve: &Resolve, ty: &Type) -> Option<(String, bool)> {
    let Type::Id(id) = ty else { return None };
    match &resolve.types[*id].kind {
        TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of)) => {
            let mut of = *of;
            while let TypeDefKind::Type(Type::Id(next)) = resolve.types[of].kind {
                of = next;
            }
            Some((resolve.types[of].name.clone().unwrap(), false))
        }
        TypeDefKind::List(of) => handle(resolve, of).map(|(name, _)| (name, true)),
        TypeDefKind::Type(of) => handle(resolve, of),
        _ => None,
    }
}

/// Which descriptor a method needs: the mount's root, a directory opened for reading, or a file.
fn descriptor_kind(function: &str) -> &'static str {
    let method = function.rsplit('.').next().unwrap();
    match method {
        _ if method.ends_with("-at") => "root",
        "read-directory" => "directory",
        _ => "file",
    }
}

/// Which socket a method needs: a fresh one, or one that is further in its life.
fn socket_kind(function: &str) -> &'static str {
    match function.rsplit('.').next().unwrap() {
        "start-listen" => "tcp-bound",
        "accept" | "set-listen-backlog-size" => "tcp-listening",
        "finish-connect" => "tcp-connecting",
        "shutdown" => "tcp-connected",
        _ => "tcp-socket",
    }
}

/// Functions whose first argument is a component.
const NAMING: [&str; 3] = ["delegate", "send-message", "request"];

/// What `run` does before the call, and what it pushes for it.
#[derive(Default)]
struct Call<'a> {
    second: &'a str,
    needs: BTreeSet<String>,
    before: String,
    push: String,
    used: usize,
    strings: usize,
}

impl Call<'_> {
    fn argument(&mut self, resolve: &Resolve, f: &Function, ty: &Type, core: &[WasmType], plan: &Plan<'_>) {
        let mut flat = [WasmType::I32; 16];
        let mut flat = FlatTypes::new(&mut flat);
        resolve.push_flat(ty, &mut flat);
        let width = flat.to_vec().len();
        if let Some((resource, list)) = handle(resolve, ty) {
            let kind = match resource.as_str() {
                "descriptor" => descriptor_kind(&f.name).to_owned(),
                "tcp-socket" => socket_kind(&f.name).to_owned(),
                _ => resource,
            };
            self.handle(kind, list);
        } else if f.name == "resolve-addresses" {
            self.push += LOCALHOST;
        } else if f.name.ends_with(".start-connect") {
            let _ = write!(self.push, "{} ", sockets::address(plan.port));
        } else if f.name == "publish-event" && self.used == 0 {
            // The end of what is no name, which is a topic.
            self.push += "(i32.const 2564) (i32.const 6) ";
        } else if NAMING.iter().any(|name| f.name.ends_with(name)) && self.used == 0 {
            // What no component is called like would be refused before it is asked about.
            self.push += "(i32.const 2560) (i32.const 10) ";
        } else if f.name.ends_with(".send") {
            self.push += sockets::DATAGRAMS;
        } else if *ty == Type::String {
            let (at, path) = if self.strings == 0 { (1024, plan.path) } else { (1536, self.second) };
            let _ = write!(self.push, "(i32.const {at}) (i32.const {}) ", path.len());
            self.strings += 1;
        } else if let Some(flags) = flags_of(resolve, ty, plan) {
            let _ = write!(self.push, "(i32.const {flags}) ");
        } else {
            for ty in &core[self.used..self.used + width] {
                // A queue for nobody would be refused before it is asked about.
                let number = u8::from(f.name.ends_with(".set-listen-backlog-size"));
                let _ = write!(self.push, "({}.const {number}) ", text(ty));
            }
        }
        self.used += width;
    }

    fn handle(&mut self, kind: String, list: bool) {
        if list {
            let _ = write!(self.before, "(i32.store (i32.const 512) (global.get ${kind}))");
            self.push += "(i32.const 512) (i32.const 1) ";
        } else {
            let _ = write!(self.push, "(global.get ${kind}) ");
        }
        self.needs.insert(kind);
    }

    fn wants(&self, kinds: &[&str]) -> bool {
        kinds.iter().any(|kind| self.needs.contains(*kind))
    }
}

/// The component that probes one function, with one path for all strings.
pub(crate) fn build(resolve: &Resolve, offered: &Offered, plan: &Plan<'_>) -> Vec<u8> {
    build_with(resolve, offered, plan, plan.path)
}

/// The component that probes one function, with a path of its own for a second string.
pub(crate) fn build_with(resolve: &Resolve, offered: &Offered, plan: &Plan<'_>, second: &str) -> Vec<u8> {
    let f = &offered.function;
    let signature = resolve.wasm_signature(AbiVariant::GuestImport, f);
    assert!(!signature.indirect_params, "{}: spilled parameters", f.name);
    let mut call = Call { second, ..Call::default() };
    for param in &f.params {
        call.argument(resolve, f, &param.ty, &signature.params, plan);
    }
    if signature.retptr {
        call.push += "(i32.const 256)";
    }
    component(&world(offered), &core(offered, &signature, &call, plan, &answer(resolve, f)))
}

fn flags_of(resolve: &Resolve, ty: &Type, plan: &Plan<'_>) -> Option<u32> {
    let Type::Id(id) = ty else { return None };
    match resolve.types[*id].name.as_deref()? {
        "path-flags" => Some(plan.flags.0),
        "open-flags" => Some(plan.flags.1),
        "descriptor-flags" => Some(plan.flags.2),
        _ => None,
    }
}

fn text(ty: &WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

/// The expression that `run` returns.
fn answer(resolve: &Resolve, f: &Function) -> String {
    if let Some(Type::Id(id)) = &f.result
        && let TypeDefKind::Result(result) = &resolve.types[*id].kind
    {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        let offset = sizes.payload_offset(Int::U8, [result.ok.as_ref(), result.err.as_ref()]).size_wasm32();
        let error = format!("(i32.add (i32.const 1000) (i32.load8_u (i32.const {})))", 256 + offset);
        return format!(
            "(if (result i32) (i32.load8_u (i32.const 256)) (then {error}) (else (i32.const 1)))"
        );
    }
    // For lists the length follows the pointer.
    let list =
        matches!(&f.result, Some(Type::Id(id)) if matches!(resolve.types[*id].kind, TypeDefKind::List(_)));
    let answer = if list { "(i32.add (i32.const 2000) (i32.load (i32.const 260)))" } else { "(i32.const 1)" };
    answer.to_owned()
}

fn world(offered: &Offered) -> String {
    let mut imports: BTreeSet<&str> = [
        "wasi:cli/stdin@0.2.12",
        "wasi:cli/stdout@0.2.12",
        "wasi:clocks/monotonic-clock@0.2.12",
        "wasi:filesystem/preopens@0.2.12",
        "wasi:filesystem/types@0.2.12",
        "wasi:io/streams@0.2.12",
        "wasi:io/poll@0.2.12",
    ]
    .into();
    imports.insert(&offered.interface);
    if is_of_sockets(offered) {
        imports.extend(sockets::INTERFACES);
    }
    let imports: String = imports.iter().map(|i| format!("import {i};")).collect();
    format!(
        "package test:probe; world probe {{ {imports} export prepare: func() -> u32; export failing: func(); export run: func() -> u32; }}"
    )
}

fn is_of_sockets(offered: &Offered) -> bool {
    offered.interface.starts_with("wasi:sockets/")
}

/// What `prepare` does to have the handles that the call needs.
fn prepare(call: &Call<'_>, port: u16) -> String {
    let mut text = String::new();
    if call.wants(&[
        "root",
        "directory",
        "file",
        "directory-entry-stream",
        "input-stream",
        "output-stream",
        "error",
    ]) {
        text += ROOT;
    }
    if call.wants(&["directory", "directory-entry-stream"]) {
        text += OPEN_DIRECTORY;
    }
    if call.wants(&["file", "input-stream", "output-stream", "error"]) {
        text += OPEN_FILE;
    }
    text += &sockets::prepare(call.needs.iter().map(String::as_str), port);
    text.extend(SIMPLE.iter().filter(|(kind, _)| call.wants(&[kind])).map(|(_, body)| *body));
    text
}

fn core(
    offered: &Offered,
    signature: &WasmSignature,
    call: &Call<'_>,
    plan: &Plan<'_>,
    answer: &str,
) -> String {
    let types = |list: &[WasmType]| list.iter().map(text).collect::<Vec<_>>().join(" ");
    let failing = if call.wants(&["error"]) { FAILING } else { "" };
    format!(
        r#"(module
  (import "{interface}" "{name}" (func $target (param {params}) (result {results})))
  {IMPORTS}{net}{MEMORY}{GLOBALS}
  (data (i32.const 1024) "{path}") (data (i32.const 1536) "{second}") (data (i32.const 2048) "sub") (data (i32.const 2052) "file")
  (data (i32.const 2560) "acme/other")
  (func (export "prepare") (result i32) {prepare} (i32.const 0))
  (func (export "failing") {failing})
  (func (export "run") (result i32) {before} (call $target {push}) {drops} {answer}))"#,
        interface = offered.interface,
        name = offered.function.name,
        params = types(&signature.params),
        results = types(&signature.results),
        path = plan.path,
        second = call.second,
        prepare = prepare(call, plan.port),
        net = if is_of_sockets(offered) { sockets::imports(plan.port) } else { String::new() },
        before = call.before,
        push = call.push,
        drops = "(drop)".repeat(signature.results.len()),
    )
}

const GLOBALS: &str = "
  (global $root (mut i32) (i32.const 0)) (global $directory (mut i32) (i32.const 0)) (global $file (mut i32) (i32.const 0))
  (global $directory-entry-stream (mut i32) (i32.const 0)) (global $input-stream (mut i32) (i32.const 0))
  (global $output-stream (mut i32) (i32.const 0)) (global $pollable (mut i32) (i32.const 0)) (global $error (mut i32) (i32.const 0))
  (global $network (mut i32) (i32.const 0)) (global $resolve-address-stream (mut i32) (i32.const 0))
  (global $tcp-socket (mut i32) (i32.const 0)) (global $tcp-bound (mut i32) (i32.const 0)) (global $tcp-listening (mut i32) (i32.const 0))
  (global $tcp-connecting (mut i32) (i32.const 0)) (global $tcp-connected (mut i32) (i32.const 0)) (global $udp-socket (mut i32) (i32.const 0))
  (global $incoming-datagram-stream (mut i32) (i32.const 0)) (global $outgoing-datagram-stream (mut i32) (i32.const 0))";

const OPEN_DIRECTORY: &str = "
    (call $open (global.get $root) (i32.const 0) (i32.const 2048) (i32.const 3) (i32.const 2) (i32.const 1) (i32.const 16))
    (if (i32.load8_u (i32.const 16)) (then (return (i32.add (i32.const 200) (i32.load8_u offset=4 (i32.const 16))))))
    (global.set $directory (i32.load offset=4 (i32.const 16)))";

const OPEN_FILE: &str = "
    (call $open (global.get $root) (i32.const 0) (i32.const 2052) (i32.const 4) (i32.const 0) (i32.const 3) (i32.const 16))
    (if (i32.load8_u (i32.const 16)) (then (return (i32.add (i32.const 300) (i32.load8_u offset=4 (i32.const 16))))))
    (global.set $file (i32.load offset=4 (i32.const 16)))";

const FAILING: &str = "(call $sread (global.get $input-stream) (i64.const 1) (i32.const 16))
    (global.set $error (i32.load offset=8 (i32.const 16)))";

/// Handles that one call gives.
const SIMPLE: [(&str, &str); 5] = [
    (
        "directory-entry-stream",
        "(call $list (global.get $directory) (i32.const 16)) (global.set $directory-entry-stream (i32.load offset=4 (i32.const 16)))",
    ),
    (
        "input-stream",
        "(call $rvs (global.get $file) (i64.const 0) (i32.const 16)) (global.set $input-stream (i32.load offset=4 (i32.const 16)))",
    ),
    (
        "output-stream",
        "(call $wvs (global.get $file) (i64.const 0) (i32.const 16)) (global.set $output-stream (i32.load offset=4 (i32.const 16)))",
    ),
    (
        "error",
        "(call $rvs (global.get $file) (i64.const 0) (i32.const 16)) (global.set $input-stream (i32.load offset=4 (i32.const 16)))",
    ),
    ("pollable", "(global.set $pollable (call $sub (i64.const 0)))"),
];

const ROOT: &str = "(call $dirs (i32.const 0)) (if (i32.eqz (i32.load offset=4 (i32.const 0))) (then (return (i32.const 100))))
    (global.set $root (i32.load (i32.load (i32.const 0))))";

const IMPORTS: &str = r#"
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $dirs (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read-directory" (func $list (param i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read-via-stream" (func $rvs (param i32 i64 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.write-via-stream" (func $wvs (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.read" (func $sread (param i32 i64 i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $sub (param i64) (result i32)))
"#;
