//! Denials on the terminal: one line for each distinct ask, with the least permit that would allow it.

use super::console::Console;
use crate::kernel::LimitExceeded;
use crate::policy::suggest;
use airssys_osl::{Denied, Subject};
use clap::ValueEnum;
use serde_json::json;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Distinct asks that are remembered; what comes after them is not shown.
const MOST: usize = 1000;

/// When denials are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// Where a person watches.
    Auto,
    /// Wherever standard error leads.
    Always,
    /// Not at all.
    Never,
}

/// What to call with each denial, if they are shown.
pub(super) fn teller(console: Console, when: When) -> Option<impl Fn(&Denied) + Send + Sync + 'static> {
    let told = Mutex::new(HashSet::new());
    let tell_new = move |denied: &Denied| {
        if is_new(&told, denied) {
            tell(console, denied);
        }
    };
    is_shown(console, when).then_some(tell_new)
}

/// What to call with each limit that the component lives on from, if denials are shown; of the others it ends, and that
/// is told anyway.
pub(super) fn limit_teller(
    console: Console,
    when: When,
) -> Option<impl Fn(&Subject, &LimitExceeded) + Send + Sync + 'static> {
    let tell = move |subject: &Subject, exceeded: &LimitExceeded| {
        let lives = ["handles", "open_files", "sockets", "output_bytes_per_second"];
        if lives.contains(&exceeded.limit) || exceeded.limit.ends_with("_total") {
            let name = subject.party().name();
            let value = json!({ "limit": {
                "subject": name, "limit": exceeded.limit, "value": exceeded.value, "text": exceeded.to_string(),
            }});
            console.event(&format!("limit: `{name}`: {exceeded}"), &value);
        }
    };
    is_shown(console, when).then_some(tell)
}

fn is_shown(console: Console, when: When) -> bool {
    match when {
        When::Auto => console.is_watched(),
        When::Always => true,
        When::Never => false,
    }
}

fn is_new(told: &Mutex<HashSet<String>>, denied: &Denied) -> bool {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    told.len() < MOST && told.insert(format!("{} {} {}", denied.subject, denied.action, denied.resource))
}

fn tell(console: Console, denied: &Denied) {
    let suggestion = suggest(denied);
    let value = json!({ "denied": {
        "subject": denied.subject.name(),
        "action": denied.action.name(),
        "resource": denied.resource.to_string(),
        "import": denied.import,
        "policies": denied.reasons.policies,
        "errors": denied.reasons.errors,
        "suggestion": suggestion,
    }});
    console.event(&format!("denied: {denied}; {suggestion}"), &value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use airssys_osl::{ActionId, Party, Principal, Reasons, Resource, Why};
    use std::sync::Arc;

    fn someone() -> Party {
        let (name, publisher, digest) = ("acme/x".to_owned(), "acme".to_owned(), String::new());
        let (version, release, groups) = ((1, 0, 0), 1, Vec::new());
        Principal { name, publisher, digest, version, release, dev: false, groups }.into()
    }

    fn denied(path: &str) -> Denied {
        Denied {
            subject: someone(),
            action: ActionId::FsRead,
            resource: Resource::parse("Path", path).unwrap(),
            import: "wasi:filesystem/types#open-at",
            why: Why::Policy,
            reasons: Arc::new(Reasons::default()),
        }
    }

    #[test]
    fn what_was_denied_before_is_not_told_again_and_a_flood_ends() {
        let told = Mutex::new(HashSet::new());
        assert!(is_new(&told, &denied("/a")) && !is_new(&told, &denied("/a")));
        let shown = (0..2 * MOST).filter(|number| is_new(&told, &denied(&format!("/{number}")))).count();
        assert_eq!(shown, MOST - 1);
    }

    #[test]
    fn nobody_is_told_where_nobody_wants_to_be() {
        let console = Console::new(true);
        assert!(teller(console, When::Never).is_none() && teller(console, When::Auto).is_none());
        assert!(teller(console, When::Always).is_some());
    }
}
