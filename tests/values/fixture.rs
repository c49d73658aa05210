//! Components made for one test: their types written in WIT, their code as small as it can be.

use airssys_wasm::embed::value::{Function, functions, params};
use std::sync::LazyLock;
use wasmtime::component::{Component, Instance, Linker, Type, Val};
use wasmtime::{Engine, Store};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, PackageId, Resolve};

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);

/// The one engine of these tests.
pub(crate) fn engine() -> &'static Engine {
    &ENGINE
}

/// A component with the types of a WIT text; its code is `wat`, or traps.
pub(crate) fn component(wit: &str, wat: Option<&str>) -> Component {
    let mut resolve = Resolve::default();
    let package: PackageId = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = match wat {
        Some(text) => wat::parse_str(text).unwrap(),
        None => dummy_module(&resolve, world, ManglingAndAbi::Standard32),
    };
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let bytes = ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
    Component::new(engine(), bytes).unwrap()
}

/// All functions of such a component.
pub(crate) fn functions_of(wit: &str) -> Vec<Function> {
    functions(&component(wit, None).component_type(), engine())
}

/// The types most tests speak about.
pub(crate) const TYPES: &str = r"
    record point { x: s32, y-axis: s32, label: option<string> }
    enum color { red, dark-green, http-blue }
    variant shape { circle(f64), line(tuple<point, point>), spot(point), nothing }
    flags rights { read, write, run-as-root }
";

/// The parameters of `f(…)`, over [`TYPES`].
pub(crate) fn args(list: &str) -> Vec<(String, Type)> {
    let wit = format!("package test:it; interface t {{ {TYPES} f: func({list}); }} world w {{ export t; }}");
    params(&functions_of(&wit)[0].ty)
}

/// A type over [`TYPES`].
pub(crate) fn ty(text: &str) -> Type {
    args(&format!("value: {text}")).remove(0).1
}

/// A component whose `echo` takes and gives `all`, and its instance.
///
/// A value of more than 16 flat parts travels as one pointer, and so does every result: a function that returns its argument
/// echoes values of any type.
pub(crate) struct Echo {
    store: Store<()>,
    instance: Instance,
    pub(crate) ty: Type,
}

const ECHO: &str = r#"(module
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                              (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (block $enough
        (loop $more
          (br_if $enough (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
          (drop (memory.grow (i32.const 16)))
          (br $more)))
      (local.get $at))
    (func (export "test:it/t#echo") (param i32) (result i32) (local.get 0)))"#;

impl Echo {
    /// `decls` declares what `expr` names.
    pub(crate) fn new(decls: &str, expr: &str) -> Echo {
        let pad: String = (0..16).map(|n| format!(", pad{n}: u8")).collect();
        let wit = format!(
            "package test:it; interface t {{ {decls} record all {{ value: {expr}{pad} }} echo: func(all: all) -> all; }}
             world w {{ export t; }}"
        );
        let component = component(&wit, Some(ECHO));
        let function = functions(&component.component_type(), engine()).remove(0);
        let Type::Record(all) = &params(&function.ty)[0].1 else { panic!("not a record") };
        let ty = all.fields().next().unwrap().ty;
        let mut store = Store::new(engine(), ());
        let instance = Linker::new(engine()).instantiate(&mut store, &component).unwrap();
        Echo { store, instance, ty }
    }

    /// Sends a value through the component.
    pub(crate) fn call(&mut self, value: Val) -> Val {
        let store = &mut self.store;
        let interface = self.instance.get_export_index(&mut *store, None, "test:it/t").unwrap();
        let index = self.instance.get_export_index(&mut *store, Some(&interface), "echo").unwrap();
        let func = self.instance.get_func(&mut *store, index).unwrap();
        let mut fields = vec![("value".to_owned(), value)];
        fields.extend((0..16).map(|n| (format!("pad{n}"), Val::U8(n))));
        let mut results = [Val::Bool(false)];
        func.call(&mut *store, &[Val::Record(fields)], &mut results).unwrap();
        let [Val::Record(mut fields)] = results else { panic!("not a record") };
        fields.remove(0).1
    }
}
