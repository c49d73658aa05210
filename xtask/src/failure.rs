//! The one way a task fails: a sentence.

/// What went wrong, for the person who ran the task.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// A failure with that sentence.
pub(crate) fn fail(text: impl Into<String>) -> Failure {
    Failure(text.into())
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}
