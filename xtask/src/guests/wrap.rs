//! Wrap: a core module for wasip1 becomes a component.
//!
//! The adapter is the one that Wasmtime publishes; it is what other tool chains use for the same purpose.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, WrapErr, miette};
use wasi_preview1_component_adapter_provider as adapter;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use super::manifest::Kind;

/// For the manifest; Cargo.lock holds both to these versions.
pub(crate) const VERSIONS: &str = "wit-component 0.254, wasi-preview1-component-adapter-provider 48.0.2";

/// What `cargo xtask wrap` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The core module.
    module: PathBuf,
    /// Where the component goes.
    output: PathBuf,
    /// It has no `main`, only exports.
    #[arg(long)]
    library: bool,
    /// The WIT directory of its world, where the module does not carry its types itself.
    #[arg(long, value_name = "DIR")]
    wit: Option<PathBuf>,
    /// Which of its worlds, where there are several.
    #[arg(long, value_name = "NAME", requires = "wit")]
    world: Option<String>,
}

/// Runs `cargo xtask wrap`.
///
/// # Errors
///
/// Why the module is none, or cannot be a component of its world.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<()> {
    let shown = arguments.module.display();
    let mut module =
        std::fs::read(&arguments.module).into_diagnostic().wrap_err_with(|| format!("reading `{shown}`"))?;
    if let Some(wit) = &arguments.wit {
        embed_world(&mut module, wit, arguments.world.as_deref())?;
    }
    let kind = if arguments.library { Kind::Library } else { Kind::Command };
    let component = wrap(&module, kind)?;
    std::fs::write(&arguments.output, &component)
        .into_diagnostic()
        .wrap_err_with(|| format!("writing `{}`", arguments.output.display()))?;
    println!("{}: {} bytes", arguments.output.display(), component.len());
    Ok(())
}

/// Tells a module's types, as bindings made by a generator do themselves.
fn embed_world(module: &mut Vec<u8>, wit: &Path, world: Option<&str>) -> miette::Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).map_err(plain)?;
    let world = resolve.select_world(&[package], world).map_err(plain)?;
    wit_component::embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(plain)
}

/// Makes a component of `module`.
pub(crate) fn wrap(module: &[u8], kind: Kind) -> miette::Result<Vec<u8>> {
    let bytes = match kind {
        Kind::Command => adapter::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
        Kind::Library => adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
    };
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.adapter(adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, bytes))
        .and_then(|mut encoder| encoder.encode())
        .map_err(plain)
}

/// With all its causes, which the other crate's error type shows only so.
fn plain(error: impl std::fmt::Display) -> miette::Report {
    miette!("{error:#}")
}
