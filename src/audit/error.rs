//! What can go wrong with a log.

use crate::audit::canonical::BadLine;
use std::io;
use std::path::PathBuf;

/// An error of the log itself. A log that was tampered with and is only read gives a
/// [`Finding`](crate::audit::Finding) instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The file could not be opened, locked, read or written.
    #[error("audit file `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process, or another log of this one, writes to it.
    #[error("audit file `{}` is being written by somebody else: give each process its own", path.display())]
    Locked {
        /// Which.
        path: PathBuf,
    },
    /// A symbolic link, a directory, a device or a pipe.
    #[error("audit file `{}` is not a regular file: name one, and not by a symbolic link", path.display())]
    NotRegular {
        /// Which.
        path: PathBuf,
    },
    /// Its last record does not verify, so there is nothing to continue from.
    #[error(
        "audit file `{}` cannot be continued, its last line does not verify: {bad}; keep it, look at it with \
         `airssys audit verify`, and name another file",
        path.display()
    )]
    Tampered {
        /// Which.
        path: PathBuf,
        /// What is wrong with the line.
        bad: BadLine,
    },
    /// What lies beside the log under the name of its journal is none of this program's.
    #[error(
        "`{}` is no journal that this program left: move it away, and look at the log with `airssys audit verify`",
        path.display()
    )]
    Journal {
        /// Which.
        path: PathBuf,
    },
    /// Written by another version of the format.
    #[error("the log is of format {found}, and this program reads format {}", crate::audit::FORMAT)]
    UnknownFormat {
        /// The version it is of.
        found: u64,
    },
    /// A log could not be read.
    #[error("the log could not be read: {0}")]
    Read(#[from] io::Error),
    /// A line is no record, so what the log says cannot be told.
    #[error("line {line} is not as it was written: {bad}")]
    BadLine {
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        bad: BadLine,
    },
    /// The first record could not be written.
    #[error(transparent)]
    Record(#[from] airssys_osl::RecordError),
}
