//! What kind of file system a directory lies on.

use crate::handle::Handle;
use std::io;

/// What must be known of a file system before a guest is let near it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fs) struct Volume {
    /// It shows the kernel's own state instead of storing files: `/proc`, `/sys`, `/dev` and their like.
    pub(in crate::fs) is_kernel_interface: bool,
    /// It is local, so a call on a regular file ends soon and may be made in place.
    pub(in crate::fs) is_local: bool,
    /// What it makes of a name that is spelled otherwise than on disk.
    pub(in crate::fs) spelling: Spelling,
    /// Opening a file for writing, or changing what is known of it, may first copy the whole of it.
    pub(in crate::fs) copies_up: bool,
}

/// What a file system makes of a name that is spelled otherwise than on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nothing is known elsewhere"))]
pub(in crate::fs) enum Spelling {
    /// It is another name, in every directory.
    Kept,
    /// It is another name, but for directories beneath the one looked at that say otherwise by a flag.
    ByDirectory,
    /// It may be the same name, in any directory.
    Folded,
}

impl Volume {
    /// Looks at the file system beneath an open directory.
    #[cfg(not(target_os = "linux"))]
    pub(in crate::fs) fn of(_: &Handle) -> io::Result<Volume> {
        // Not known here, so the safe answers: another thread, and the names as they stand on disk.
        Ok(Volume {
            is_kernel_interface: false,
            is_local: false,
            spelling: Spelling::Folded,
            copies_up: false,
        })
    }

    /// Looks at the file system beneath an open directory.
    #[cfg(target_os = "linux")]
    pub(in crate::fs) fn of(dir: &Handle) -> io::Result<Volume> {
        let magic = magic(dir)?;
        Ok(Volume {
            is_kernel_interface: KERNEL.contains(&magic) || linux::is_devtmpfs(dir)?,
            is_local: LOCAL.contains(&magic),
            spelling: spelling(magic, dir),
            copies_up: magic == OVERLAYFS,
        })
    }
}

#[cfg(target_os = "linux")]
fn spelling(magic: u32, dir: &Handle) -> Spelling {
    if EXACT.contains(&magic) {
        return Spelling::Kept;
    }
    let Some((_, features)) = FLAGGED.iter().find(|(flagged, _)| *flagged == magic) else {
        return Spelling::Folded;
    };
    match linux::flag(dir) {
        _ if features.is_some_and(linux::kernel_cannot_fold) => Spelling::Kept,
        linux::Flag::None => Spelling::Kept,
        linux::Flag::Clear => Spelling::ByDirectory,
        linux::Flag::Set => Spelling::Folded,
    }
}

/// True when the directory takes one spelling for another, or will not say.
pub(in crate::fs) fn folds_case(dir: &Handle) -> bool {
    #[cfg(target_os = "linux")]
    return linux::flag(dir) == linux::Flag::Set;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = dir;
        true
    }
}

#[cfg(target_os = "linux")]
fn magic(dir: &Handle) -> io::Result<u32> {
    // The numbers are 32 bits wide; some architectures keep them sign-extended.
    Ok(rustix::fs::fstatfs(dir)?.f_type as u32)
}

/// Local file systems on which a call on a regular file is bounded.
#[cfg(target_os = "linux")]
const LOCAL: &[u32] = &[EXT, XFS, BTRFS, TMPFS, RAMFS, OVERLAYFS, ZFS, F2FS, SQUASHFS, EROFS, BCACHEFS];

/// File systems that know no folding at all. ZFS can be told to fold case for a whole data set, and so can XFS; there, as
/// on anything unknown, names are read from the disk.
#[cfg(target_os = "linux")]
const EXACT: &[u32] = &[BTRFS, RAMFS, SQUASHFS, EROFS];

/// File systems whose names are exact but in directories with a flag, and where the kernel says whether it knows the flag
/// there. Whether *this* file system was made with it stands in its superblock, which only the privileged may read.
/// overlayfs has the flags of its layers.
#[cfg(target_os = "linux")]
const FLAGGED: &[(u32, Option<&str>)] = &[
    (EXT, Some("/sys/fs/ext4/features")),
    (F2FS, Some("/sys/fs/f2fs/features")),
    (TMPFS, Some("/sys/fs/tmpfs/features")),
    (OVERLAYFS, None),
];

/// File systems that are windows into the kernel. `devtmpfs` says it is tmpfs and is found by its name.
#[cfg(target_os = "linux")]
const KERNEL: &[u32] = &[
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x0000_1cd1, // devpts
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0x4249_4e4d, // binfmt_misc
    0x6573_5543, // fusectl
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0x1980_0202, // mqueue
    0x6e73_6673, // nsfs
    0x0000_0187, // autofs
    0x6e66_7364, // nfsd
    0x6759_6969, // rpc_pipefs
    0x9584_58f6, // hugetlbfs
];

#[cfg(target_os = "linux")]
const EXT: u32 = 0x0000_ef53;
#[cfg(target_os = "linux")]
const XFS: u32 = 0x5846_5342;
#[cfg(target_os = "linux")]
const BTRFS: u32 = 0x9123_683e;
#[cfg(target_os = "linux")]
const TMPFS: u32 = 0x0102_1994;
#[cfg(target_os = "linux")]
const RAMFS: u32 = 0x8584_58f6;
#[cfg(target_os = "linux")]
const OVERLAYFS: u32 = 0x794c_7630;
#[cfg(target_os = "linux")]
const ZFS: u32 = 0x2fc1_2fc1;
#[cfg(target_os = "linux")]
const F2FS: u32 = 0xf2f5_2010;
#[cfg(target_os = "linux")]
const SQUASHFS: u32 = 0x7371_7368;
#[cfg(target_os = "linux")]
const EROFS: u32 = 0xe0f5_e1e2;
#[cfg(target_os = "linux")]
const BCACHEFS: u32 = 0xca45_1a4e;

#[cfg(target_os = "linux")]
mod linux {
    use crate::handle::Handle;
    use rustix::fs::{IFlags, Mode, OFlags};
    use std::io;
    use std::sync::OnceLock;

    /// The flag that makes a directory fold case; rustix has no name for it.
    const CASEFOLD: IFlags = IFlags::from_bits_retain(0x4000_0000);

    /// What a directory says of its folding.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Flag {
        /// There are no flags on this file system.
        None,
        /// It keeps spellings apart.
        Clear,
        /// It folds case, or will not say, such as one that may be entered and not read.
        Set,
    }

    pub(super) fn flag(dir: &Handle) -> Flag {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(readable) = rustix::fs::openat(dir, ".", flags, Mode::empty()) else { return Flag::Set };
        match rustix::fs::ioctl_getflags(&readable) {
            Ok(flags) if flags.contains(CASEFOLD) => Flag::Set,
            Ok(_) => Flag::Clear,
            // Without the call there are no flags to fold by.
            Err(rustix::io::Errno::NOTTY | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                Flag::None
            }
            Err(_) => Flag::Set,
        }
    }

    /// True when the kernel lists what it knows of a file system, and folding is not among it.
    #[expect(clippy::disallowed_methods, reason = "asks the kernel what it can do")]
    pub(super) fn kernel_cannot_fold(features: &str) -> bool {
        let missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        std::fs::metadata(features).is_ok_and(|found| found.is_dir())
            && std::fs::metadata(format!("{features}/casefold")).is_err_and(missing)
    }

    /// True on `devtmpfs`, which has tmpfs's number: told by the device that `/dev` lies on.
    pub(super) fn is_devtmpfs(dir: &Handle) -> io::Result<bool> {
        let device = rustix::fs::fstat(dir)?.st_dev;
        Ok(devtmpfs().contains(&device))
    }

    #[expect(clippy::disallowed_methods, reason = "asks the kernel which devices it shows itself on")]
    fn devtmpfs() -> &'static [u64] {
        static DEVICES: OnceLock<Vec<u64>> = OnceLock::new();
        DEVICES.get_or_init(|| {
            let mut devices: Vec<u64> =
                rustix::fs::stat("/dev").map(|stat| stat.st_dev).into_iter().collect();
            // A system whose /dev is an ordinary directory has no devtmpfs to hide there.
            let root = rustix::fs::stat("/").map(|stat| stat.st_dev).ok();
            devices.retain(|device| Some(*device) != root);
            let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
            devices.extend(table.lines().filter_map(devtmpfs_line));
            devices
        })
    }

    /// The device of a line of mountinfo (`36 35 0:5 / /dev rw - devtmpfs dev rw`) if it is devtmpfs.
    pub(super) fn devtmpfs_line(line: &str) -> Option<u64> {
        let (left, right) = line.split_once(" - ")?;
        if right.split(' ').next()? != "devtmpfs" {
            return None;
        }
        let (major, minor) = left.split(' ').nth(2)?.split_once(':')?;
        Some(rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?))
    }

    #[cfg(test)]
    #[expect(clippy::disallowed_methods, reason = "a test builds its directories by hand")]
    mod tests {
        use super::*;

        #[test]
        fn only_a_kernel_that_lists_its_features_is_believed_not_to_know_folding() {
            let dir = tempfile::tempdir().unwrap();
            let features = dir.path().join("features").to_str().unwrap().to_owned();
            assert!(!kernel_cannot_fold(&features), "nothing is listed");
            std::fs::create_dir(&features).unwrap();
            assert!(kernel_cannot_fold(&features));
            std::fs::write(format!("{features}/casefold"), "supported").unwrap();
            assert!(!kernel_cannot_fold(&features));
        }

        #[test]
        fn only_a_line_of_devtmpfs_names_its_device() {
            let line = "20 1 0:6 / /dev rw,relatime shared:2 - devtmpfs devtmpfs rw,size=1k";
            assert_eq!(devtmpfs_line(line), Some(rustix::fs::makedev(0, 6)));
            assert_eq!(devtmpfs_line("20 1 0:6 / /dev/shm rw - tmpfs devtmpfs rw"), None);
            assert_eq!(devtmpfs_line("nonsense"), None);
        }
    }
}
