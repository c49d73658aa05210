//! Components of other languages, each from its own tool chain, under the least that it needs.
//!
//! `AIRSSYS_POLYGLOT_DIR` names the directory that `tests/guests/build-polyglot.sh` wrote; without it nothing is tested here.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "a test"
)]

mod support;

use airssys_osl::fs::MountSpec;
use airssys_osl::{GuestPath, stdio};
use airssys_wasm::embed::{ComponentRuntime, Error};
use support::stage::{SPEAK, Stage};

/// One file may be read, by this component only.
const READ: &str = "@id(\"read\") permit (principal == Component::\"acme/probe\", action == Action::\"fs:read\", resource == Path::\"/data/in/a\");\n";

/// Python seeds its hashes before it does anything.
const SEED: &str = "@id(\"seed\") permit (principal == Component::\"acme/probe\", action == Action::\"random:read\", resource == Random::\"secure\");\n";

/// The component, when there are any.
fn built(name: &str) -> Option<Vec<u8>> {
    let Some(directory) = std::env::var_os("AIRSSYS_POLYGLOT_DIR") else {
        eprintln!("skipped: AIRSSYS_POLYGLOT_DIR is not set, so there is no `{name}` to run");
        return None;
    };
    let path = std::path::Path::new(&directory).join(format!("{name}.wasm"));
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display())))
}

/// A library that reads the one file and is refused the other.
async fn reads_one_of_two(name: &str, policy: &str) {
    let Some(bytes) = built(name) else { return };
    let stage = Stage::new(Vec::new(), "");
    let (config, log) = support::config(policy);
    let err = stdio::Memory::bounded(1 << 20);
    let runtime = stage.runtime(config.stderr(stdio::Sink::Memory(err.clone())));
    let component = runtime.load_component(support::signed("probe", &bytes)).await.unwrap();
    let call =
        async |input: &str| component.call::<_, Vec<u8>>("process-data", &input.as_bytes().to_vec()).await;
    let refused = call("read:/data/private/b").await.unwrap_err();
    assert!(
        matches!(refused, Error::Guest(_)),
        "{name}: {refused}: {}",
        String::from_utf8_lossy(&err.contents())
    );
    assert_eq!(call("read:/data/in/a").await.unwrap(), b"allowed\n", "{name}");
    assert_eq!(call("echo:words").await.unwrap(), b"words", "{name}");
    assert!(matches!(call("fail:no").await, Err(Error::Guest(_))), "{name}");
    let decided = |verdict: &str, id: &str| {
        let records = support::of_kind(&log, "decision");
        records
            .iter()
            .any(|r| r["verdict"] == verdict && r["action"] == "fs:read" && r["resource"]["id"] == id)
    };
    assert!(decided("allow", "/data/in/a"), "{name}");
    let denied = support::of_kind(&log, "decision");
    assert!(
        denied.iter().any(|r| r["verdict"] == "deny" && r["resource"]["id"] == "/data/private/b"),
        "{name}"
    );
}

#[tokio::test]
async fn a_command_in_c_is_refused_one_file_and_reads_the_other() {
    let Some(bytes) = built("c-command") else { return };
    let stage = Stage::new(bytes, &format!("{SPEAK}{READ}"));
    let said = stage.run(&["/data/private/b", "/data/in/a"]).await;
    assert_eq!(said.status.as_ref().unwrap(), &1, "{said:?}");
    assert_eq!(said.out, "allowed\n", "{said:?}");
    assert!(said.err.contains("/data/private/b: "), "{said:?}");
    assert_eq!(said.verdicts("fs:read", "/data/private/b")[0]["verdict"], "deny");
    stage.assert_canary();
}

#[tokio::test]
async fn a_library_in_c_is_refused_one_file_and_reads_the_other() {
    reads_one_of_two("c-process", READ).await;
}

#[tokio::test]
async fn a_library_in_javascript_is_refused_one_file_and_reads_the_other() {
    reads_one_of_two("js-process", READ).await;
}

#[tokio::test]
async fn a_library_in_python_is_refused_one_file_and_reads_the_other() {
    reads_one_of_two("python-process", &format!("{READ}{SEED}")).await;
}

#[tokio::test]
async fn a_library_that_imports_sockets_loads_and_the_policy_decides_what_it_may() {
    let Some(bytes) = built("python-process-sockets") else { return };
    let directory = tempfile::tempdir().unwrap();
    let (config, log) = support::config(support::ALLOW_ALL);
    let config = config.mount(MountSpec::new(directory.path(), GuestPath::root()));
    let runtime = ComponentRuntime::new(config).unwrap();
    runtime.load_component(support::signed("probe", &bytes)).await.unwrap();
    assert!(support::of_kind(&log, "refused").is_empty());
    let asked: Vec<_> = support::of_kind(&log, "decision");
    assert!(asked.iter().all(|record| !record["action"].as_str().unwrap().starts_with("net:")), "{asked:?}");
}
