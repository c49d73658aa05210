//! Generators of airssys-wasm: what is made from something else and committed is made here.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a tool for developers reads and writes the work tree; it is no part of the product"
)]

mod guests;
mod mediation;
mod removed;
mod results;
mod rust_names;

use clap::{Parser, Subcommand};

/// What the command line says.
#[derive(Parser)]
#[command(name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the guest components, or check that those committed are of their sources.
    Guests(guests::Arguments),
    /// Write the WASI wrappers from wit/mediation.toml and the WIT, or check that they are those.
    Mediation(mediation::Arguments),
    /// Take checks out one by one, and say which no test has missed.
    Removed(removed::Arguments),
    /// Write benches/RESULTS.md and its plots from what criterion measured.
    Results(results::Arguments),
    /// Turn one core module that was built for wasip1 into a component.
    Wrap(guests::wrap::Arguments),
}

fn main() -> miette::Result<()> {
    match Arguments::parse().task {
        Task::Guests(arguments) => guests::run(&arguments),
        Task::Mediation(arguments) => mediation::run(&arguments),
        Task::Removed(arguments) => removed::run(&arguments),
        Task::Results(arguments) => results::run(&arguments),
        Task::Wrap(arguments) => guests::wrap::run(&arguments),
    }
}
