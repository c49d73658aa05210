//! Generators and checks of airssys-wasm: `cargo xtask <task>`.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a build tool works on the checkout's files")]

mod failure;
mod mediation;
mod rust_names;

use clap::{Parser, Subcommand};
use std::path::Path;
use std::process::ExitCode;

/// Generators and checks of airssys-wasm.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Write src/host/wasi/generated.rs from wit/mediation.toml and the WIT.
    Mediation {
        /// Compare instead of writing.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let done = match Cli::parse().task {
        Task::Mediation { check } => mediation::run(root, check),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
