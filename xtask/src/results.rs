//! Results: what the benches measured, as `benches/RESULTS.md` and its plots.
//!
//! Reads what criterion has written of the last run; `benches/rows.toml` says which figures stand side by side.

mod figures;
mod plot;

use clap::Args;
use figures::{Figures, shown};
use miette::{IntoDiagnostic, Result, miette};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Write benches/RESULTS.md and its plots from what criterion measured.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where criterion has written.
    #[arg(long)]
    criterion: PathBuf,
    /// The command that was run.
    #[arg(long)]
    command: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    row: Vec<Row>,
    plot: Vec<plot::Plot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    what: String,
    kernel: String,
    bare: Option<String>,
    at_most: Option<String>,
    #[serde(default)]
    bytes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches");
    let rows = std::fs::read_to_string(benches.join("rows.toml")).into_diagnostic()?;
    let wanted: Wanted = toml::from_str(&rows).into_diagnostic()?;
    let figures = Figures::read(&arguments.criterion)?;
    let mut text = head(&arguments.command);
    for row in &wanted.row {
        text += &line(row, &figures)?;
    }
    text += "\n## Plots\n";
    for (number, plot) in wanted.plot.iter().enumerate() {
        let name = format!("plot-{}.svg", number + 1);
        plot::draw(plot, &figures, &benches.join(&name))?;
        let _ = write!(text, "\n![{}]({name})\n", plot.title);
    }
    text += "\n## All that was measured\n\n| what | median |\n|---|---|\n";
    for (name, median) in figures.all() {
        let _ = writeln!(text, "| {name} | {} |", shown(*median, name.starts_with("memory")));
    }
    std::fs::write(benches.join("RESULTS.md"), text).into_diagnostic()
}

fn head(command: &str) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let total = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "# What was measured\n\nWritten by `cargo xtask results`. Medians of criterion, kernel and bare library side by side in one run.\n\n\
        - machine: {} cores of {}, {} GiB, Linux {}\n- command: `{command}`\n\n\
        | what | kernel | bare | ratio | to be reached | |\n|---|---|---|---|---|---|\n",
        cores,
        model.trim_start_matches([' ', '\t', ':']),
        total >> 20,
        kernel.trim(),
    )
}

fn line(row: &Row, figures: &Figures) -> Result<String> {
    let kernel = figures.median(&row.kernel)?;
    let bare = row.bare.as_ref().map(|name| figures.median(name)).transpose()?;
    let ratio = bare.map(|bare| kernel / bare);
    let reached = row.at_most.as_ref().map(|most| reached(most, kernel, ratio)).transpose()?;
    Ok(format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        row.what,
        shown(kernel, row.bytes),
        bare.map(|bare| shown(bare, row.bytes)).unwrap_or_default(),
        ratio.map(|ratio| format!("{ratio:.2}x")).unwrap_or_default(),
        row.at_most.as_ref().map(|most| format!("≤ {most}")).unwrap_or_default(),
        reached.map(|reached| if reached { "reached" } else { "**missed**" }).unwrap_or_default(),
    ))
}

/// Whether the figure, or its ratio, is no more than that.
fn reached(most: &str, kernel: f64, ratio: Option<f64>) -> Result<bool> {
    let wrong =
        || miette!("`{most}` in rows.toml is neither a ratio such as `1.05x` nor a figure such as `20 ns`");
    if let Some(most) = most.strip_suffix('x') {
        let most: f64 = most.parse().map_err(|_| wrong())?;
        return ratio.map(|ratio| ratio <= most).ok_or_else(wrong);
    }
    let (number, unit) = most.split_once(' ').ok_or_else(wrong)?;
    let of = match unit {
        "ns" | "B" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        _ => return Err(wrong()),
    };
    Ok(kernel <= number.parse::<f64>().map_err(|_| wrong())? * of)
}
