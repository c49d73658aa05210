//! Removed: takes checks out one by one and looks whether a test misses each.
//!
//! Checks of the gate, of leases and of identity are removed in the text of a copy of the work tree, as `xtask/checks.toml`
//! has them; rows of the mediation table as data, in a process that is told so by `AIRSSYS_REMOVED_ROW`.

use clap::Args;
use miette::{Context, IntoDiagnostic, Result, bail, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Take checks out one by one, and say which no test has missed.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only those whose description or file has this in it; `rows` stands for the rows of the mediation table.
    only: Option<String>,
    /// Where the copy of the work tree is kept, with what is built in it.
    #[arg(long, default_value = "target/removed")]
    at: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    check: Vec<Check>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    what: String,
    file: String,
    find: String,
    put: String,
    /// Why no test misses it: what looks at the same a second time.
    twice: Option<String>,
}

/// Rows whose functions do nothing in a component by itself, and the tests that miss them.
const NOT_ALONE: &[(&str, &str, &str)] = &[
    ("airssys:runtime/delegation#withdraw", "delegation", ""),
    ("airssys:runtime/delegation#accept", "delegation", ""),
    ("airssys:runtime/delegation#[method]accepted.delegate", "delegation", ""),
    ("airssys:runtime/messaging#receive-message", "named", "messages"),
    ("airssys:runtime/messaging#subscribe-to-events", "named", "messages"),
];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).into_diagnostic().wrap_err(path.display().to_string());
    let Checks { check: checks } =
        toml::from_str(&read(root.join("xtask/checks.toml"))?).into_diagnostic()?;
    let chosen = |text: &str| arguments.only.as_ref().is_none_or(|only| text.contains(only.as_str()));
    let mut survived = Vec::new();
    let mut removed = 0;
    if chosen("rows") {
        removed += rows(&root, &mut survived)?;
    }
    let copy = Copy::of(&root, &arguments.at)?;
    for check in checks.iter().filter(|check| chosen(&check.what) || chosen(&check.file)) {
        removed += 1;
        let missed = copy.misses(check)?;
        let told = match (missed, &check.twice) {
            (true, _) => "missed".to_owned(),
            (false, Some(other)) => format!("is looked at twice: {other}:"),
            (false, None) => "SURVIVED".to_owned(),
        };
        println!("{told:<8} {} ({})", check.what, check.file);
        survived.extend((!missed && check.twice.is_none()).then(|| check.what.clone()));
    }
    ensure!(removed > 0, "nothing was chosen: see xtask/checks.toml for what there is");
    println!("{removed} removed, {} survived", survived.len());
    ensure!(survived.is_empty(), "no test has missed: {}", survived.join("; "));
    Ok(())
}

/// Those that a component reaches by itself, in one test with a process for each; then the others.
fn rows(root: &Path, survived: &mut Vec<String>) -> Result<usize> {
    let suite = |test: &str, filter: &str, row: Option<&str>| {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(root).args(["test", "--workspace", "--test", test, "--", "--nocapture", filter]);
        row.map(|row| cargo.env("AIRSSYS_REMOVED_ROW", row));
        cargo.output().into_diagnostic()
    };
    let alone = suite("completeness", "every_row_that_is_removed_is_missed", None)?;
    let said = String::from_utf8_lossy(&alone.stdout);
    let Some(told) = said.lines().find(|line| line.ends_with("rows removed, each missed")) else {
        bail!("rows survived: {said}{}", String::from_utf8_lossy(&alone.stderr));
    };
    println!("{told}");
    for (row, test, filter) in NOT_ALONE {
        ran(&suite(test, filter, None)?, true).wrap_err_with(|| format!("with all rows, `{test}`"))?;
        let missed = ran(&suite(test, filter, Some(row))?, false).is_ok();
        println!("{:<8} the row of {row}", if missed { "missed" } else { "SURVIVED" });
        survived.extend((!missed).then(|| format!("the row of {row}")));
    }
    let count: usize = told.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default();
    Ok(count + NOT_ALONE.len())
}

/// That tests were run, and passed or failed.
fn ran(output: &Output, pass: bool) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wanted = if pass { "test result: ok" } else { "test result: FAILED" };
    ensure!(said.contains(wanted), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A copy of the work tree as it is committed.
struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn of(root: &Path, at: &Path) -> Result<Copy> {
        let at = std::path::absolute(at).into_diagnostic()?;
        let tree = at.join("tree");
        if tree.exists() {
            std::fs::remove_dir_all(&tree).into_diagnostic()?;
        }
        std::fs::create_dir_all(&tree).into_diagnostic()?;
        let archive = at.join("tree.tar");
        let made =
            Command::new("git").current_dir(root).args(["archive", "HEAD", "-o"]).arg(&archive).status();
        ensure!(made.into_diagnostic()?.success(), "`git archive HEAD` failed");
        let taken = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&tree).status();
        ensure!(taken.into_diagnostic()?.success(), "`tar` failed");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| at.join("target"), PathBuf::from);
        Ok(Copy { tree, target })
    }

    /// Whether a test fails when the check is not there. It must compile all the same.
    fn misses(&self, check: &Check) -> Result<bool> {
        let path = self.tree.join(&check.file);
        let whole = std::fs::read_to_string(&path).into_diagnostic().wrap_err_with(|| check.file.clone())?;
        let places = whole.matches(&check.find).count();
        ensure!(places == 1, "{}: what `{}` takes out stands there {places} times", check.file, check.what);
        std::fs::write(&path, whole.replace(&check.find, &check.put)).into_diagnostic()?;
        let outcome = self.outcome(check);
        std::fs::write(&path, whole).into_diagnostic()?;
        outcome
    }

    fn outcome(&self, check: &Check) -> Result<bool> {
        let osl = check.file.starts_with("crates/airssys-osl/");
        // What stands for the check, in the crate's own tests, or in those of identity.
        let which: &[&str] =
            if osl { &["-p", "airssys-osl"] } else { &["--workspace", "--lib", "--test", "identity"] };
        let cargo = |run: bool| {
            let mut cargo = Command::new("cargo");
            cargo.current_dir(&self.tree).arg("test").args(which);
            cargo.args((!run).then_some("--no-run"));
            cargo.env("CARGO_TARGET_DIR", self.place(osl));
            cargo.output().into_diagnostic()
        };
        let built = cargo(false)?;
        ensure!(
            built.status.success(),
            "without the check `{}` it does not compile: {}",
            check.what,
            String::from_utf8_lossy(&built.stderr)
        );
        Ok(!cargo(true)?.status.success())
    }

    /// The crate by itself has other features of what it is built from: it gets a place of its own.
    fn place(&self, osl: bool) -> PathBuf {
        if osl { self.target.join("removed") } else { self.target.clone() }
    }
}
