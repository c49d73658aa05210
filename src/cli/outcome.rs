//! Outcomes: what the runtime's errors mean for the person and for the status.

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::grants::Given;
use super::inputs;
use crate::embed::{Error, blocking};
use crate::kernel::{EngineError, LimitExceeded};
use crate::policy::suggest;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// From this size on, compiling takes long enough to say so.
const SLOW_BYTES: usize = 2 * 1024 * 1024;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            // Written out, so that a new error is given its status on purpose.
            error @ (Error::NotFound(_) | Error::Unknown { .. }) => Failure::new(Exit::NotFound, error),
            error @ (Error::Identity(_)
            | Error::Import(_)
            | Error::Unenforceable(_)
            | Error::Reload(_)
            | Error::Engine(EngineError::Invalid(_) | EngineError::TooCostly(_))) => Failure::refused(error),
            error @ Error::Of { .. } => match is_refusal(&error) {
                true => Failure::refused(error),
                false => Failure::own(error).with_their_names(),
            },
            Error::LimitExceeded(limit) => Failure::new(status_of(&limit), Error::LimitExceeded(limit)),
            Error::Denied(denied) => {
                let remedy = suggest(&denied).to_string();
                Failure::said(Exit::Trap, format!("a denial stopped the component: {denied}"), remedy)
            }
            error @ (Error::Trap(_) | Error::Unanswered(_)) => {
                Failure::new(Exit::Trap, error).with_their_names()
            }
            error @ Error::Value(_) => Failure::own(error).with_their_names(),
            error @ (Error::Engine(_)
            | Error::Policy(_)
            | Error::HostFile(_)
            | Error::Environment(_)
            | Error::Mount(_)
            | Error::Config(_)
            | Error::Audit(_)
            | Error::Record(_)
            | Error::Exited(_)
            | Error::Ended
            | Error::Start { .. }
            | Error::UnknownKey(_)
            | Error::Unavailable { .. }
            | Error::Guest(_)
            | Error::BlockingInsideAsync
            | Error::Executor(_)) => Failure::own(error),
        }
    }
}

/// Whether a component was not let through.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Of { error, .. } => is_refusal(error),
        Error::Identity(_)
        | Error::Import(_)
        | Error::Unenforceable(_)
        | Error::Engine(EngineError::Invalid(_) | EngineError::TooCostly(_)) => true,
        _ => false,
    }
}

fn status_of(limit: &LimitExceeded) -> Exit {
    match limit.limit {
        "cpu_ms" | "wall_ms" => Exit::TimeLimit,
        _ => Exit::Trap,
    }
}

/// Makes the runtime, loads the component into it, lets `work` use it, and closes the log whatever came of it.
pub(super) fn with_component<T>(
    console: Console,
    given: Given,
    work: impl FnOnce(&blocking::Component) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Given { config, component, log } = given;
    let runtime = blocking::ComponentRuntime::new(config)?;
    let spinner = spinner(console, component.len());
    let loaded = runtime.load_component(component);
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let done = loaded.map_err(Failure::from).and_then(|component| work(&component));
    drop(runtime);
    let closed = log.map_or(Ok(()), |log| log.close());
    let value = done?;
    closed.map_err(|error| inputs::bad_audit(&error.into()))?;
    Ok(value)
}

fn spinner(console: Console, bytes: usize) -> Option<ProgressBar> {
    (console.is_watched() && bytes >= SLOW_BYTES).then(|| {
        let spinner = ProgressBar::new_spinner().with_message("compiling the component");
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        spinner
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::LinkError;

    #[test]
    fn each_error_of_the_runtime_has_its_status() {
        let limit = |limit| Error::LimitExceeded(LimitExceeded::new(limit, 1));
        let import = LinkError::NotOffered { import: "a:b/c".into() };
        for (error, exit) in [
            (Error::NotFound("x".into()), Exit::NotFound),
            (crate::identity::IdentityError::Unsigned.into(), Exit::Refused),
            (import.into(), Exit::Refused),
            (EngineError::Invalid("x".into()).into(), Exit::Refused),
            (EngineError::TooCostly("x".into()).into(), Exit::Refused),
            (EngineError::Cache("x".into()).into(), Exit::Own),
            (EngineError::Unavailable("x".into()).into(), Exit::Own),
            (limit("cpu_ms"), Exit::TimeLimit),
            (limit("wall_ms"), Exit::TimeLimit),
            (limit("memory_mib"), Exit::Trap),
            (limit("table_elements"), Exit::Trap),
            (limit("host_call_bytes"), Exit::Trap),
            (Error::Trap("x".into()), Exit::Trap),
            (Error::Config("x".into()), Exit::Own),
            (Error::Config("x".into()).of("acme/a"), Exit::Own),
            (Error::from(crate::identity::IdentityError::Unsigned).of("acme/a"), Exit::Refused),
            (Error::Ended, Exit::Own),
        ] {
            let said = error.to_string();
            assert_eq!(Failure::from(error).exit, exit, "{said}");
        }
    }
}
