//! A mount whose calls may not be made in place: the same answers, by the blocking pool.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod guests;
mod support;

use airssys_osl::fs::{MountOptions, MountSpec};
use airssys_osl::{GuestPath, stdio};
use airssys_wasm::embed::ComponentRuntime;

/// Everything but writing beneath `/data/closed`.
const POLICY: &str = r#"
@id("all") permit (principal, action, resource);
@id("closed") forbid (principal, action == Action::"fs:write", resource in Path::"/data/closed");
"#;

async fn run(directory: &std::path::Path, arguments: &[&str]) -> (u8, String, String) {
    let (config, _) = support::config(POLICY);
    let options = MountOptions { cross_devices: true, ..MountOptions::default() };
    let mount = MountSpec { options, ..MountSpec::new(directory, GuestPath::parse("/data").unwrap()) };
    let (out, err) = (stdio::Memory::bounded(1 << 20), stdio::Memory::bounded(1 << 20));
    let arguments = ["probe"].iter().chain(arguments).copied();
    let config = config
        .mount(mount)
        .args(arguments)
        .stdout(stdio::Sink::Memory(out.clone()))
        .stderr(stdio::Sink::Memory(err.clone()));
    let runtime = ComponentRuntime::new(config).unwrap();
    let component =
        runtime.load_component(support::signed("probe", &guests::component("probe-command"))).await.unwrap();
    let status = component.run_command().await.unwrap();
    let text = |memory: stdio::Memory| String::from_utf8(memory.contents()).unwrap();
    (status, text(out), text(err))
}

#[tokio::test]
async fn a_denied_write_is_refused_on_the_pool_too() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("closed")).unwrap();
    std::fs::write(directory.path().join("closed/f"), "canary").unwrap();
    let (status, _, err) = run(directory.path(), &["append", "/data/closed/f", "more"]).await;
    assert_eq!(status, 1, "{err}");
    assert!(err.contains("PermissionDenied"), "{err}");
    assert_eq!(std::fs::read(directory.path().join("closed/f")).unwrap(), b"canary");
}

#[tokio::test]
async fn large_files_are_read_and_written_whole() {
    let directory = tempfile::tempdir().unwrap();
    let large: String = "0123456789abcdef".repeat(40_000);
    std::fs::write(directory.path().join("large"), &large).unwrap();
    let (status, out, err) = run(directory.path(), &["read", "/data/large"]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(out.trim_end(), large);
    let text = "x".repeat(20_000);
    let (status, _, err) =
        run(directory.path(), &["write", "/data/new", &text, "then", "append", "/data/new", "y"]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(std::fs::read_to_string(directory.path().join("new")).unwrap().trim_end(), text + "y");
}
