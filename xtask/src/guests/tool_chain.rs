//! Tool chain: the compiler that builds guests on this machine.
//!
//! `wasm32-wasip2` is what plugin authors use and what is taken where it is installed. Elsewhere std is built
//! once from Debian's packages for `wasm32-wasip1` (`tests/guests/make-wasm-sysroot.sh`), and the modules are
//! wrapped here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic, WrapErr, miette};

use super::manifest::Tools;
use super::wrap;

const SYSROOT_SCRIPT: &str = "tests/guests/make-wasm-sysroot.sh";

/// A compiler and its target.
pub(crate) struct ToolChain {
    /// The compiler to be passed to cargo.
    pub(crate) rustc: OsString,
    /// What it compiles for.
    pub(crate) target: &'static str,
    /// Where its own libraries lie; no path of this machine may get into a component.
    pub(crate) sysroot: PathBuf,
    version: String,
}

impl ToolChain {
    /// Finds an installed target, or builds the private one.
    pub(crate) fn find(root: &Path) -> miette::Result<Self> {
        let installed = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        if has_std(root, &installed, "wasm32-wasip2") {
            return Self::of(root, installed, "wasm32-wasip2");
        }
        let output = Command::new(root.join(SYSROOT_SCRIPT)).stderr(Stdio::inherit()).output();
        let output = output.into_diagnostic().wrap_err_with(|| format!("starting `{SYSROOT_SCRIPT}`"))?;
        if !output.status.success() {
            return Err(miette!(
                help = "with a network: `rustup target add wasm32-wasip2`",
                "this machine has no Rust target for wasm, and `{SYSROOT_SCRIPT}` could not make one"
            ));
        }
        let rustc = String::from_utf8_lossy(&output.stdout).trim().to_string();
        Self::of(root, rustc.into(), "wasm32-wasip1")
    }

    fn of(root: &Path, rustc: OsString, target: &'static str) -> miette::Result<Self> {
        let version = ask(root, &rustc, &["--version"])?;
        let sysroot = PathBuf::from(ask(root, &rustc, &["--print", "sysroot"])?);
        Ok(Self { rustc, target, sysroot, version })
    }

    /// Whether what the compiler makes is a core module yet.
    pub(crate) fn needs_wrapping(&self) -> bool {
        self.target == "wasm32-wasip1"
    }

    /// For the manifest.
    pub(crate) fn described(&self) -> Tools {
        let wrapped_by = if self.needs_wrapping() { wrap::VERSIONS } else { "" };
        Tools {
            rustc: self.version.clone(),
            target: self.target.to_string(),
            wrapped_by: wrapped_by.to_string(),
        }
    }
}

fn has_std(root: &Path, rustc: &OsString, target: &str) -> bool {
    let Ok(dir) = ask(root, rustc, &["--print", "target-libdir", "--target", target]) else { return false };
    let Ok(mut entries) = std::fs::read_dir(dir) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

/// Runs the compiler where the work tree's tool chain file holds.
fn ask(root: &Path, rustc: &OsString, arguments: &[&str]) -> miette::Result<String> {
    let output = Command::new(rustc).args(arguments).current_dir(root).output();
    let output = output.into_diagnostic().wrap_err_with(|| format!("starting `{}`", rustc.display()))?;
    if !output.status.success() {
        return Err(miette!("`{} {}` failed", rustc.display(), arguments.join(" ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}
