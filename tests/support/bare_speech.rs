//! The bare library with a host of the test's own for `airssys:runtime`: what a guest does, whatever the kernel does.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, Linker, LinkerInstance, ResourceTable, ResourceType, Val};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// A guest that runs.
pub(crate) struct Guest {
    store: Store<Host>,
    instance: Instance,
}

struct Host {
    context: WasiCtx,
    table: ResourceTable,
    mailbox: Arc<Mailbox>,
}

/// What `receive-message` gives, and what was done with it.
#[derive(Default)]
pub(crate) struct Mailbox {
    waiting: Mutex<VecDeque<Val>>,
    done: Mutex<Vec<String>>,
}

/// Who answers what a guest calls and the stub does not.
pub(crate) type Callee = Arc<Mutex<Guest>>;

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.context, table: &mut self.table }
    }
}

impl Mailbox {
    /// Messages with these bodies, numbered from 1.
    pub(crate) fn with(bodies: &[(&str, bool)]) -> Arc<Self> {
        let waiting = (1..).zip(bodies).map(|(id, (body, wants_reply))| message(id, body, *wants_reply));
        Arc::new(Self { waiting: Mutex::new(waiting.collect()), done: Mutex::default() })
    }

    /// What was done, in order.
    pub(crate) fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    /// The host's side of `messaging`, as far as the tests go.
    fn serve(&self, function: &str, given: &[Val]) -> Val {
        let done = |what: String| {
            self.done.lock().unwrap().push(what);
            Val::Result(Ok(None))
        };
        match (function, given) {
            ("self", []) => Val::String("acme/me".to_owned()),
            ("request", [Val::String(target), body, _]) => request(target, body),
            ("receive-message", [_]) => match self.waiting.lock().unwrap().pop_front() {
                Some(message) => some_ok(Val::Option(Some(Box::new(message)))),
                None => error("ended", None),
            },
            ("reply", [Val::U64(id), Val::Result(Ok(Some(body)))]) => {
                done(format!("reply {id} {}", text(body)))
            }
            ("acknowledge", [Val::U64(id)]) => done(format!("acknowledge {id}")),
            ("subscribe-to-events", [topics]) => done(format!("subscribe {topics:?}")),
            other => panic!("the stub has no {other:?}"),
        }
    }
}

/// Each target has an answer of its own.
fn request(target: &str, body: &Val) -> Val {
    match target {
        "acme/echo" => some_ok(body.clone()),
        "acme/small" => error("too-large", Some(Val::U64(5))),
        "acme/failing" => error("failed", Some(Val::String("why".to_owned()))),
        _ => error("unreachable", None),
    }
}

impl Guest {
    /// Starts a component. It reads `files` as `/data`, and what it imports beside is called on `callee`.
    pub(crate) fn start(bytes: &[u8], files: &Path, mailbox: &Arc<Mailbox>, callee: Option<&Callee>) -> Self {
        let mut config = Config::new();
        config.concurrency_support(false).wasm_component_model_async(false);
        let engine = Engine::new(&config).unwrap();
        let component = Component::new(&engine, bytes).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        link(&mut linker, &engine, &component, callee);
        let context = WasiCtxBuilder::new().preopened_dir(files, "/data", FsPerms::ReadOnly).unwrap().build();
        let host = Host { context, table: ResourceTable::new(), mailbox: mailbox.clone() };
        let mut store = Store::new(&engine, host);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Self { store, instance }
    }

    /// Calls a function of an exported interface, or one at the root of the world.
    pub(crate) fn try_call(
        &mut self,
        interface: Option<&str>,
        function: &str,
        given: &[Val],
    ) -> wasmtime::Result<Option<Val>> {
        let parent =
            interface.map(|name| self.instance.get_export_index(&mut self.store, None, name).unwrap());
        let index = self.instance.get_export_index(&mut self.store, parent.as_ref(), function).unwrap();
        let function = self.instance.get_func(&mut self.store, index).unwrap();
        let mut results = vec![Val::Bool(false); function.ty(&self.store).results().len()];
        function.call(&mut self.store, given, &mut results)?;
        Ok(results.pop())
    }

    /// Calls one that does not trap.
    pub(crate) fn call(&mut self, interface: Option<&str>, function: &str, given: &[Val]) -> Option<Val> {
        self.try_call(interface, function, given).unwrap()
    }

    /// Hands it a message, as the kernel would.
    pub(crate) fn handle(&mut self, body: &str) -> Result<Option<String>, String> {
        let handler = Some("airssys:runtime/handler@0.1.0");
        match self.call(handler, "handle-message", &[message(7, body, true)]) {
            Some(Val::Result(Ok(Some(answer)))) => match *answer {
                Val::Option(answer) => Ok(answer.map(|answer| text(&answer))),
                other => panic!("no option: {other:?}"),
            },
            Some(Val::Result(Err(Some(why)))) => Err(text(&why)),
            other => panic!("no result: {other:?}"),
        }
    }

    /// Calls `ask`.
    pub(crate) fn ask(&mut self, verb: &str) -> Result<String, String> {
        match self.call(None, "ask", &[Val::String(verb.to_owned())]) {
            Some(Val::Result(Ok(Some(answer)))) => Ok(text(&answer)),
            Some(Val::Result(Err(Some(why)))) => Err(text(&why)),
            other => panic!("no result: {other:?}"),
        }
    }
}

/// Links all that is not WASI: the runtime's interfaces to the stub, others to the callee.
fn link(linker: &mut Linker<Host>, engine: &Engine, component: &Component, callee: Option<&Callee>) {
    for (interface, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(items) = item.ty else {
            panic!("`{interface}` is no interface")
        };
        if interface.starts_with("wasi:") {
            continue;
        }
        let mut linked = linker.instance(interface).unwrap();
        for (name, item) in items.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => link_function(&mut linked, interface, name, callee),
                ComponentItem::Resource(_) => {
                    linked.resource(name, ResourceType::host::<()>(), |_, _| Ok(()))
                }
                _ => Ok(()),
            }
            .unwrap();
        }
    }
}

fn link_function(
    linked: &mut LinkerInstance<'_, Host>,
    interface: &str,
    name: &str,
    callee: Option<&Callee>,
) -> wasmtime::Result<()> {
    let function = name.to_owned();
    if interface.starts_with("airssys:runtime/") {
        return linked.func_new(name, move |caller, _, given, results| {
            results[0] = caller.data().mailbox.serve(&function, given);
            Ok(())
        });
    }
    // The callee has the newer version of the same interface.
    let (interface, callee) = (interface.replace("@1.0.0", "@1.2.0"), callee.expect("a callee").clone());
    linked.func_new(name, move |_, _, given, results| {
        let answer = callee.lock().unwrap().call(Some(&interface), &function, given);
        results.iter_mut().zip(answer).for_each(|(place, answer)| *place = answer);
        Ok(())
    })
}

fn message(id: u64, body: &str, wants_reply: bool) -> Val {
    let fields = [
        ("id", Val::U64(id)),
        ("sender", Val::String("acme/sender".to_owned())),
        ("topic", Val::Option(None)),
        ("wants-reply", Val::Bool(wants_reply)),
        ("time-to-live-ms", Val::Option(Some(Box::new(Val::U64(250))))),
        ("deliveries", Val::U32(1)),
        ("missed", Val::U64(0)),
        ("body", bytes(body)),
    ];
    Val::Record(fields.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

fn some_ok(value: Val) -> Val {
    Val::Result(Ok(Some(Box::new(value))))
}

fn error(case: &str, payload: Option<Val>) -> Val {
    Val::Result(Err(Some(Box::new(Val::Variant(case.to_owned(), payload.map(Box::new))))))
}

/// A text as `list<u8>`.
pub(crate) fn bytes(text: &str) -> Val {
    Val::List(text.bytes().map(Val::U8).collect())
}

/// A string, or a `list<u8>` that is one.
pub(crate) fn text(value: &Val) -> String {
    match value {
        Val::String(text) => text.clone(),
        Val::List(items) => {
            let byte =
                |item: &Val| if let Val::U8(byte) = item { *byte } else { panic!("no byte: {item:?}") };
            String::from_utf8(items.iter().map(byte).collect()).unwrap()
        }
        other => panic!("no text: {other:?}"),
    }
}
