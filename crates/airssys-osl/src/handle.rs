//! An open object of the system.

/// What the system's calls take and give: a file, directory or stream, owned, closed when dropped. Never leaves this
/// crate; a guest's handle is [`fs::File`](crate::fs::File) or [`fs::Directory`](crate::fs::Directory), with a lease.
#[expect(clippy::disallowed_types, reason = "the one name for it in this crate")]
pub(crate) type Handle = std::fs::File;
