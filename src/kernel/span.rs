//! What a call looks like to whoever traces: one span, with who it is, what it does and how it ended. No arguments, no
//! values.
//!
//! It is made where the guest's code is polled, on whatever thread that is, so that what the guest asks meanwhile, and whom
//! it calls, lies in it.

use crate::kernel::{Failure, Function};
use airssys_osl::Session;
use tracing::Span;
use tracing::field::Empty;

/// The target of all spans of this crate. They are at level `DEBUG`, so that a log at `info` pays nothing for them.
pub const SPANS: &str = "airssys::spans";

/// The span of one call. Its outcome is told once; a call that is given up has none of its own.
pub(crate) struct CallSpan {
    span: Span,
    ended: bool,
}

impl CallSpan {
    pub(crate) fn of(session: &Session, function: &Function) -> CallSpan {
        let subject = session.subject();
        let span = tracing::debug_span!(
            target: SPANS,
            "airssys.call",
            component = subject.party().name(),
            function = %Shown(function),
            instance = subject.instance(),
            outcome = Empty,
            otel.status_code = Empty,
        );
        CallSpan { span, ended: false }
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn ends<T>(mut self, done: &Result<T, Failure>) {
        self.tell(done.as_ref().map_or_else(word, |_| "returned"));
    }

    fn tell(&mut self, outcome: &'static str) {
        self.ended = true;
        self.span.record("outcome", outcome);
        self.span.record("otel.status_code", if outcome == "returned" { "OK" } else { "ERROR" });
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        if !self.ended {
            self.tell("given-up");
        }
    }
}

/// Which kind of end it is, and nothing of what was said.
fn word(failure: &Failure) -> &'static str {
    match failure {
        Failure::Exit(_) => "exit",
        Failure::Denied(_) => "denied",
        Failure::Limit(_) => "limit",
        Failure::Unanswered(_) => "unanswered",
        Failure::Trap(_) => "trap",
    }
}

/// A function with its interface.
struct Shown<'a>(&'a Function);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(interface) = &self.0.interface {
            write!(f, "{interface}#")?;
        }
        f.write_str(&self.0.name)
    }
}
