//! Who is told of records when they are written.

/// Somebody who is told each record once it stands in the log: after its effect may have begun, and in the order of the log.
///
/// A [`Sink`](crate::audit::Sink) is asked before the effect, and its refusal is a denial; a follower is told, and has no say.
pub trait Follower: Send {
    /// A record, as it stands in the log, its line feed included. Whoever takes long holds the log back.
    fn told(&mut self, line: &[u8]);
}
