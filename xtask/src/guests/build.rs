//! Build: one guest, from its sources to its component.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic, WrapErr, miette};

use super::manifest::{Guest, Kind};
use super::tool_chain::ToolChain;
use super::wrap;

/// Settings of whoever calls that would change what comes out.
const FOREIGN: &[&str] = &[
    "RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_PROFILE_RELEASE_DEBUG",
    "CARGO_INCREMENTAL",
];

/// Builds `guest` and returns its component.
///
/// # Errors
///
/// The compiler's failure, or why what it made is no component.
pub(crate) fn component(root: &Path, guest: &Guest, tools: &ToolChain) -> miette::Result<Vec<u8>> {
    let target_dir = target_dir(root);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for name in FOREIGN {
        cargo.env_remove(name);
    }
    cargo
        .current_dir(root.join(&guest.directory))
        .args([
            "build",
            "--quiet",
            "--locked",
            "--release",
            "--target",
            tools.target,
            "--package",
            guest.package(),
            "--features",
            &guest.features.join(","),
        ])
        .env("RUSTC", &tools.rustc)
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(root, tools));
    let status = cargo.status().into_diagnostic().wrap_err("starting cargo")?;
    if !status.success() {
        return Err(miette!("guest `{}` does not build", guest.name));
    }
    let file = match guest.kind {
        Kind::Command => format!("{}.wasm", guest.package()),
        Kind::Library => format!("{}.wasm", guest.package().replace('-', "_")),
    };
    let built = target_dir.join(tools.target).join("release").join(file);
    let bytes =
        std::fs::read(&built).into_diagnostic().wrap_err_with(|| format!("reading `{}`", built.display()))?;
    if tools.needs_wrapping() { wrap::wrap(&bytes, guest.kind) } else { Ok(bytes) }
}

/// Apart from the product's own artefacts, which are of another compiler.
fn target_dir(root: &Path) -> PathBuf {
    let shared = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    // Relative paths would be taken from the guest's directory.
    root.join(shared).join("guests")
}

/// Flags that keep this machine's paths out of the component, so that it comes out the same elsewhere.
fn remapped(root: &Path, tools: &ToolChain) -> OsString {
    let home = std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from);
    let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let pairs =
        [(root, "/airssys-wasm"), (tools.sysroot.as_path(), "/rust"), (cargo_home.as_path(), "/cargo")];
    let mut flags = OsString::new();
    for (from, to) in pairs {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}
