//! Guests: builds the Rust guest components and keeps `tests/guests/manifest.toml`.
//!
//! The components are committed, so that the tests run on a machine without any tool chain for wasm. The
//! manifest holds the digest of what each was built from and of what came out; whoever changes a source
//! without building it again is told by `--check`, and by the same check among the tests.

mod build;
pub(crate) mod manifest;
mod tool_chain;
pub(crate) mod wrap;

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, WrapErr, miette};

use manifest::Manifest;
use tool_chain::ToolChain;

/// What `cargo xtask guests` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build nothing; fail where a source or a component is not what the manifest says.
    #[arg(long, conflicts_with_all = ["verify", "out", "names"])]
    check: bool,
    /// Build, change nothing, and fail where the result is not the committed component byte for byte.
    #[arg(long, conflicts_with = "out")]
    verify: bool,
    /// Build into this directory, and leave the committed components and the manifest alone.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only these guests.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Runs `cargo xtask guests`.
///
/// # Errors
///
/// What is not as it should be, and the command that mends it.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<()> {
    let root = root()?;
    if arguments.check { check(&root) } else { build(&root, arguments) }
}

fn root() -> miette::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.map(Path::to_path_buf).ok_or_else(|| miette!("the work tree was not found"))
}

fn check(root: &Path) -> miette::Result<()> {
    let stale = Manifest::read(root).and_then(|manifest| manifest.stale(root)).into_diagnostic()?;
    if stale.is_empty() {
        println!("every guest component is of its source");
        return Ok(());
    }
    Err(miette!(help = "build them with `cargo xtask guests`", "{}", stale.join("\n")))
}

fn build(root: &Path, arguments: &Arguments) -> miette::Result<()> {
    let mut manifest = Manifest::read(root).into_diagnostic()?;
    let names = &arguments.names;
    if let Some(unknown) = names.iter().find(|name| manifest.guest.iter().all(|row| row.name != **name)) {
        let help = format!("its row goes into `{}`", manifest::PATH);
        return Err(miette!(help = help, "there is no guest `{unknown}`"));
    }
    let tools = ToolChain::find(root)?;
    let same_tools = manifest.tools == tools.described();
    let replaces = !arguments.verify && arguments.out.is_none();
    if replaces && !same_tools && !names.is_empty() {
        return Err(miette!(
            help = "build all of them, without naming any",
            "the other guests were built with other tools, and the manifest has room for one set"
        ));
    }
    let mut differing = Vec::new();
    for row in manifest.guest.iter_mut().filter(|row| names.is_empty() || names.contains(&row.name)) {
        let component = build::component(root, row, &tools)?;
        println!("{}: {} bytes", row.name, component.len());
        if manifest::digest(&component) != row.component {
            differing.push(row.name.clone());
        }
        if let Some(dir) = &arguments.out {
            write(&dir.join(format!("{}.wasm", row.name)), &component)?;
        } else if replaces {
            write(&root.join(row.component_path()), &component)?;
            row.fill(root, &component).into_diagnostic()?;
        }
    }
    if arguments.verify {
        return verified(&differing, same_tools);
    }
    if replaces {
        manifest.tools = tools.described();
        manifest.write(root).into_diagnostic()?;
    }
    Ok(())
}

fn verified(differing: &[String], same_tools: bool) -> miette::Result<()> {
    if differing.is_empty() {
        println!("the same bytes came out");
        return Ok(());
    }
    let why = if same_tools {
        "the tools are those of the manifest: the build is not reproducible, or a component was not built from its source"
    } else {
        "the tools are not those of the manifest, which alone can be the reason"
    };
    Err(miette!(help = why, "other bytes came out for {}", differing.join(", ")))
}

fn write(path: &Path, bytes: &[u8]) -> miette::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).into_diagnostic()?;
    }
    std::fs::write(path, bytes).into_diagnostic().wrap_err_with(|| format!("writing `{}`", path.display()))
}
