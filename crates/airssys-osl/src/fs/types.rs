//! The small values of the file interface.

use std::time::SystemTime;

/// What kind of object a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// A named pipe.
    Fifo,
    /// A local socket.
    Socket,
    /// Anything else.
    Unknown,
}

impl Kind {
    /// True for devices, pipes, sockets and the unknown: opening one can hang or act.
    pub(in crate::fs) fn is_special(self) -> bool {
        match self {
            Kind::File | Kind::Directory | Kind::Symlink => false,
            Kind::BlockDevice | Kind::CharacterDevice | Kind::Fifo | Kind::Socket | Kind::Unknown => true,
        }
    }
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// How many names it has.
    pub links: u64,
    /// Length in bytes; for a link, of its target's text.
    pub size: u64,
    /// Last access, where the platform keeps it.
    pub accessed: Option<SystemTime>,
    /// Last change of contents.
    pub modified: Option<SystemTime>,
    /// Last change of status.
    pub changed: Option<SystemTime>,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The plain name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// How to open a path. `Default` asks for nothing but a look.
///
/// ```
/// use airssys_osl::fs::OpenOptions;
/// let look = OpenOptions::default();
/// assert!(!look.read && !look.write && !look.create);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Contents, or entries, can be read.
    pub read: bool,
    /// Contents can be written.
    pub write: bool,
    /// Create a file where there is none.
    pub create: bool,
    /// With `create`: fail where there is something.
    pub exclusive: bool,
    /// Cut the file to nothing.
    pub truncate: bool,
    /// Fail unless it is a directory.
    pub directory: bool,
    /// Follow a symbolic link at the end of the path.
    pub follow: bool,
    /// Asked for with directories; has no meaning beyond being reported back.
    pub mutate_directory: bool,
    /// Any of the flags for synchronous integrity, which are not supported.
    pub synchronous: bool,
}

impl OpenOptions {
    /// True when opening so can change anything.
    pub(in crate::fs) fn changes(&self) -> bool {
        self.write || self.create || self.truncate
    }
}

/// How a handle was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// Contents, or entries, can be read.
    pub read: bool,
    /// Contents can be written.
    pub write: bool,
    /// The directory was opened to be changed through.
    pub mutate_directory: bool,
}

/// A new time stamp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NewTime {
    /// Leave it.
    #[default]
    Keep,
    /// The time of the call.
    Now,
    /// This time.
    At(SystemTime),
}

/// Both new time stamps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewTimes {
    /// Of last access.
    pub accessed: NewTime,
    /// Of last change of contents.
    pub modified: NewTime,
}

/// How a file is going to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Nothing to say.
    Normal,
    /// From lower to higher offsets.
    Sequential,
    /// Here and there.
    Random,
    /// Soon.
    WillNeed,
    /// Not soon.
    DontNeed,
    /// Once.
    NoReuse,
}

/// A number that is equal for the same object and tells nothing else, not even its inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MetadataHash {
    /// Lower half.
    pub lower: u64,
    /// Upper half.
    pub upper: u64,
}
