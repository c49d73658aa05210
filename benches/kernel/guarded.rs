//! The same through the kernel, by its public API.

use crate::{Subject, support};
use airssys_osl::GuestPath;
use airssys_osl::fs::MountSpec;
use airssys_wasm::Limits;
use airssys_wasm::audit::Log;
use airssys_wasm::embed::{Component, ComponentRuntime, Config};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A signed component under policies, each of its calls decided.
pub(crate) struct Guarded {
    name: String,
    component: Component,
}

/// Where the records go.
pub(crate) enum Audit<'a> {
    /// They are made and linked, and go nowhere.
    Off,
    /// Into a new file.
    File(&'a Path),
}

impl Audit<'_> {
    fn log(&self) -> Log {
        let builder = Log::builder();
        let builder = match self {
            Audit::Off => builder,
            Audit::File(path) => builder.file(*path),
        };
        builder.build().unwrap()
    }

    fn name(&self) -> &'static str {
        match self {
            Audit::Off => "audit off",
            Audit::File(_) => "audit to file",
        }
    }
}

/// Limits that are counted like any others and that a benchmark does not meet.
fn unbounded() -> Limits {
    let most = NonZeroU64::MAX;
    Limits::default().output_bytes_per_second(most).read_bytes_total(most).write_bytes_total(most)
}

impl Guarded {
    /// Under `count` policies, of which five apply.
    pub(crate) fn new(
        component: &[u8],
        directory: &Path,
        count: usize,
        audit: &Audit<'_>,
        executor: &Runtime,
    ) -> Guarded {
        let data = GuestPath::parse("/data").unwrap();
        let config = Config::new()
            .trust(support::trust())
            .policy("bench.cedar", policies(count))
            .audit(Arc::new(audit.log()))
            .mount(MountSpec::new(directory, data))
            .limits(unbounded());
        let runtime = ComponentRuntime::new(config).unwrap();
        let source = support::signed("bench", component);
        let component = executor.block_on(runtime.load_component(source)).unwrap();
        executor.block_on(component.call_typed::<(), ()>("setup", ())).unwrap();
        Guarded { name: format!("kernel/{}, {count} policies", audit.name()), component }
    }
}

impl Subject for Guarded {
    fn name(&self) -> &str {
        &self.name
    }

    fn files_only(&self) -> bool {
        false
    }

    fn run(&mut self, executor: &Runtime, export: &str, times: u32) {
        executor.block_on(self.component.call_typed::<(u32,), ()>(export, (times,))).unwrap();
    }
}

/// What the guest needs.
const APPLY: &str = r#"
permit (principal == Component::"acme/bench", action in [Action::"fs:read", Action::"fs:stat"], resource in Path::"/data");
permit (principal == Component::"acme/bench", action == Action::"fs:write", resource == Path::"/data/a/b/out.bin");
permit (principal, action in [Action::"clock:read", Action::"clock:sleep"], resource is Clock);
permit (principal, action == Action::"random:read", resource is Random);
permit (principal, action == Action::"stdio:write", resource == Stdio::"stdout");
"#;

/// Those, and others for other components, publishers and groups, most of them within the same mount.
fn policies(count: usize) -> String {
    let of = |i: usize| match i % 6 {
        0..=2 => format!(
            r#"permit (principal == Component::"other/c{i}", action in [Action::"fs:read", Action::"fs:stat"], resource in Path::"/data/c{i}/in");"#
        ),
        3 => format!(
            r#"permit (principal in Publisher::"p{i}", action in Action::"fs", resource in Path::"/data/p{i}");"#
        ),
        4 => format!(
            r#"forbid (principal == Component::"other/c{i}", action == Action::"fs:read", resource in Path::"/data/a/b");"#
        ),
        _ => format!(
            r#"permit (principal is Component in Group::"g{i}", action == Action::"env:read", resource == EnvVar::"V{i}");"#
        ),
    };
    let others: Vec<_> = (0..count - 5).map(of).collect();
    format!("{APPLY}{}", others.join("\n"))
}
