//! The medians that criterion has written.

use miette::{Context, IntoDiagnostic, Result, ensure, miette};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Medians by criterion's full name, `group/function/value`.
pub(super) struct Figures(BTreeMap<String, f64>);

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

impl Figures {
    pub(super) fn read(criterion: &Path) -> Result<Figures> {
        let mut found = BTreeMap::new();
        look(criterion, &mut found)?;
        ensure!(
            !found.is_empty(),
            "{}: criterion has written nothing there; run the benches first",
            criterion.display()
        );
        Ok(Figures(found))
    }

    /// The median of that name: nanoseconds, or bytes.
    pub(super) fn median(&self, name: &str) -> Result<f64> {
        self.0.get(name).copied().ok_or_else(|| miette!("`{name}` was not measured; run all benches"))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &f64)> {
        self.0.iter()
    }

    /// Numbers that follow `prefix`, and what was measured at each.
    pub(super) fn series(&self, prefix: &str) -> Vec<(f64, f64)> {
        let number = |name: &str| name.strip_prefix(prefix)?.parse().ok();
        let mut points: Vec<_> = self.0.iter().filter_map(|(name, at)| Some((number(name)?, *at))).collect();
        points.sort_by(|a: &(f64, f64), b| a.0.total_cmp(&b.0));
        points
    }
}

fn look(directory: &Path, found: &mut BTreeMap<String, f64>) -> Result<()> {
    for entry in std::fs::read_dir(directory).into_diagnostic().wrap_err(directory.display().to_string())? {
        let path = entry.into_diagnostic()?.path();
        if !path.is_dir() {
            continue;
        }
        if path.ends_with("new") {
            let read = |name: &str| std::fs::read_to_string(path.join(name)).into_diagnostic();
            let benchmark: Benchmark = serde_json::from_str(&read("benchmark.json")?).into_diagnostic()?;
            let estimates: Estimates = serde_json::from_str(&read("estimates.json")?).into_diagnostic()?;
            found.insert(benchmark.full_id, estimates.median.point_estimate);
        } else {
            look(&path, found)?;
        }
    }
    Ok(())
}

/// A figure as a person reads it.
pub(super) fn shown(figure: f64, bytes: bool) -> String {
    match figure {
        _ if bytes => format!("{:.1} KiB", figure / 1024.0),
        _ if figure < 1e3 => format!("{figure:.1} ns"),
        _ if figure < 1e6 => format!("{:.2} µs", figure / 1e3),
        _ => format!("{:.2} ms", figure / 1e6),
    }
}
