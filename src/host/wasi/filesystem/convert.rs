//! The small values of the file interface, between WASI's types and airssys-osl's.

use super::FsFail;
use crate::host::bindings::clocks::wall_clock::Datetime;
use crate::host::bindings::filesystem::types as wasi;
use airssys_osl::fs::{
    Advice, Entry, Flags, FsError, Kind, MetadataHash, NewTime, NewTimes, OpenOptions, Stat,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) fn kind(kind: Kind) -> wasi::DescriptorType {
    match kind {
        Kind::File => wasi::DescriptorType::RegularFile,
        Kind::Directory => wasi::DescriptorType::Directory,
        Kind::Symlink => wasi::DescriptorType::SymbolicLink,
        Kind::BlockDevice => wasi::DescriptorType::BlockDevice,
        Kind::CharacterDevice => wasi::DescriptorType::CharacterDevice,
        Kind::Fifo => wasi::DescriptorType::Fifo,
        Kind::Socket => wasi::DescriptorType::Socket,
        Kind::Unknown => wasi::DescriptorType::Unknown,
    }
}

pub(super) fn stat(stat: Stat) -> wasi::DescriptorStat {
    wasi::DescriptorStat {
        type_: kind(stat.kind),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: stat.accessed.and_then(datetime),
        data_modification_timestamp: stat.modified.and_then(datetime),
        status_change_timestamp: stat.changed.and_then(datetime),
    }
}

/// None for times before 1970, which the interface cannot say.
fn datetime(time: SystemTime) -> Option<Datetime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() })
}

pub(super) fn times(accessed: wasi::NewTimestamp, modified: wasi::NewTimestamp) -> Result<NewTimes, FsFail> {
    Ok(NewTimes { accessed: new_time(accessed)?, modified: new_time(modified)? })
}

fn new_time(time: wasi::NewTimestamp) -> Result<NewTime, FsFail> {
    match time {
        wasi::NewTimestamp::NoChange => Ok(NewTime::Keep),
        wasi::NewTimestamp::Now => Ok(NewTime::Now),
        wasi::NewTimestamp::Timestamp(time) => {
            let whole = time.nanoseconds < 1_000_000_000;
            let since = Duration::new(time.seconds, if whole { time.nanoseconds } else { 0 });
            let time = UNIX_EPOCH.checked_add(since).filter(|_| whole);
            Ok(NewTime::At(time.ok_or(FsError::Invalid)?))
        }
    }
}

pub(super) fn entry(entry: Entry) -> wasi::DirectoryEntry {
    wasi::DirectoryEntry { type_: kind(entry.kind), name: entry.name }
}

pub(super) fn hash(hash: MetadataHash) -> wasi::MetadataHashValue {
    wasi::MetadataHashValue { lower: hash.lower, upper: hash.upper }
}

pub(super) fn flags(flags: Flags) -> wasi::DescriptorFlags {
    use wasi::DescriptorFlags as D;
    let set = |on: bool, flag: D| if on { flag } else { D::empty() };
    set(flags.read, D::READ) | set(flags.write, D::WRITE) | set(flags.mutate_directory, D::MUTATE_DIRECTORY)
}

pub(super) fn follow(flags: wasi::PathFlags) -> bool {
    flags.contains(wasi::PathFlags::SYMLINK_FOLLOW)
}

pub(super) fn options(
    path: wasi::PathFlags,
    open: wasi::OpenFlags,
    flags: wasi::DescriptorFlags,
) -> OpenOptions {
    use wasi::DescriptorFlags as D;
    OpenOptions {
        read: flags.contains(D::READ),
        write: flags.contains(D::WRITE),
        create: open.contains(wasi::OpenFlags::CREATE),
        exclusive: open.contains(wasi::OpenFlags::EXCLUSIVE),
        truncate: open.contains(wasi::OpenFlags::TRUNCATE),
        directory: open.contains(wasi::OpenFlags::DIRECTORY),
        follow: follow(path),
        mutate_directory: flags.contains(D::MUTATE_DIRECTORY),
        synchronous: [D::FILE_INTEGRITY_SYNC, D::DATA_INTEGRITY_SYNC, D::REQUESTED_WRITE_SYNC]
            .into_iter()
            .any(|sync| flags.contains(sync)),
    }
}

pub(super) fn advice(advice: wasi::Advice) -> Advice {
    match advice {
        wasi::Advice::Normal => Advice::Normal,
        wasi::Advice::Sequential => Advice::Sequential,
        wasi::Advice::Random => Advice::Random,
        wasi::Advice::WillNeed => Advice::WillNeed,
        wasi::Advice::DontNeed => Advice::DontNeed,
        wasi::Advice::NoReuse => Advice::NoReuse,
    }
}
