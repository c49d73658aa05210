//! The thread that looks when the system says that there is something to see.
#![expect(
    clippy::disallowed_methods,
    reason = "the host's own files; what takes authority from the process says `_ambient`"
)]

use crate::host_files::HostFileError;
use crate::host_watch::seen::{Found, Seen, Stamp};
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Most files that are watched together.
pub const MOST_FILES: usize = 4096;

/// Between two looks while something changes.
const STEP: Duration = Duration::from_millis(100);

/// Between two looks while the system says nothing: not every file system tells what others do.
const UNTOLD: Duration = Duration::from_secs(10);

/// Files and directories that are watched until this is dropped.
///
/// A change is what shows in a file's size, times or identity; what a symbolic link leads to counts as the file.
#[derive(Debug)]
pub struct HostWatch {
    changes: mpsc::Receiver<Vec<PathBuf>>,
    files: WatchedFiles,
}

/// Which files are watched beside the directories, for whoever changes that while another waits for what changes. Clones are
/// the same.
#[derive(Debug, Clone)]
pub struct WatchedFiles {
    wanted: Arc<Mutex<Option<Wanted>>>,
    wake: SyncSender<()>,
}

/// Files that are to be watched from now on, and how they were then.
#[derive(Debug)]
struct Wanted {
    files: Vec<PathBuf>,
    found: Found,
}

impl WatchedFiles {
    /// Watches these files, which need not be there yet, and no others from now on; so a reader that begins after this misses
    /// nothing. Of those that were watched before, what has changed and was not told yet is told still.
    pub fn set_ambient(&self, files: Vec<PathBuf>) {
        let mut found = Found::new();
        files.iter().for_each(|file| note(&mut found, file.clone()));
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Wanted { files, found });
        // When there is no room the thread is about to look anyway.
        let _ = self.wake.try_send(());
    }

    fn take(&self) -> Option<Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl HostWatch {
    /// Watches files, which need not be there yet, and the regular files directly in directories; from now on, so a reader
    /// that begins after this misses nothing.
    ///
    /// # Errors
    /// [`HostFileError::Read`]: a directory cannot be read or watched, or there are more than [`MOST_FILES`].
    pub fn new_ambient(paths: &[PathBuf]) -> Result<HostWatch, HostFileError> {
        let (wake, wakes) = sync_channel(1);
        let (told, changes) = mpsc::channel(1);
        let files = WatchedFiles { wanted: Arc::default(), wake };
        let mut looker = Looker::new(paths, files.clone())?;
        let thread = std::thread::Builder::new().name("airssys-watch".to_owned());
        thread.spawn(move || looker.run(&wakes, &told)).map_err(|error| unread(Path::new("."), error))?;
        Ok(HostWatch { changes, files })
    }

    /// Which files are watched beside the directories.
    pub fn files(&self) -> WatchedFiles {
        self.files.clone()
    }

    /// The files that have changed, by path, each once, as soon as they have settled. Those that are gone are told too: their
    /// reader finds that out. Paths begin as they were given. Nothing is lost when this is given up and asked again.
    ///
    /// While more than [`MOST_FILES`] are there nothing is told, and a warning says so.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        match self.changes.recv().await {
            Some(paths) => paths,
            // The thread ends with this, or with the process.
            None => std::future::pending().await,
        }
    }
}

impl Drop for HostWatch {
    fn drop(&mut self) {
        self.changes.close();
        // When there is no room the thread is about to wake anyway.
        let _ = self.files.wake.try_send(());
    }
}

/// What the thread owns.
struct Looker {
    wanted: WatchedFiles,
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    watcher: RecommendedWatcher,
    /// Directories that are to be watched, those of single files among them, and which one is.
    watched: BTreeMap<PathBuf, Option<(u64, u64)>>,
    seen: Seen,
}

impl Looker {
    fn new(paths: &[PathBuf], wanted: WatchedFiles) -> Result<Looker, HostFileError> {
        let (directories, files): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(|path| path.is_dir());
        let watched = needed(&files, &directories).into_iter().map(|path| (path, None)).collect();
        let wake = wanted.wake.clone();
        // Full is as good as sent: whoever is woken looks at everything.
        let on_event = move |event| {
            let _ = is_news(&event).then(|| wake.try_send(()));
        };
        let watcher = notify::recommended_watcher(on_event);
        let watcher = watcher.map_err(|error| unread(Path::new("."), io::Error::other(error)))?;
        let seen = Seen::new(Found::new());
        let mut looker = Looker { wanted, files, directories, watcher, watched, seen };
        looker.watch_all()?;
        looker.seen = Seen::new(looker.find()?);
        Ok(looker)
    }

    /// Looks whenever there may be something to see, until nobody wants to know any more.
    fn run(&mut self, wakes: &Receiver<()>, told: &mpsc::Sender<Vec<PathBuf>>) {
        let mut warned = None;
        loop {
            let is_waiting = self.seen.is_quiet() || warned.is_some();
            if is_waiting && wakes.recv_timeout(UNTOLD) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            // However much happens, this is how often it is looked at.
            std::thread::sleep(STEP);
            if told.is_closed() {
                return;
            }
            while wakes.try_recv().is_ok() {}
            let settled = match self.look() {
                Ok(settled) => {
                    warned = None;
                    settled
                }
                Err(error) => {
                    warn_once(&mut warned, &error);
                    Vec::new()
                }
            };
            if !settled.is_empty() && told.blocking_send(settled).is_err() {
                return;
            }
        }
    }

    /// Watches other files, if it is to.
    fn follow(&mut self) {
        let Some(Wanted { files, mut found }) = self.wanted.take() else { return };
        let (before, directories) = (&self.files, &self.directories);
        found.retain(|path, _| !before.contains(path));
        let stays = |path: &PathBuf| {
            files.contains(path)
                || path.parent().is_some_and(|parent| directories.iter().any(|one| one == parent))
        };
        self.seen.turn_to(stays, found);
        let needed = needed(&files, directories);
        for path in self.watched.extract_if(.., |path, _| !needed.contains(path)).map(|(path, _)| path) {
            // The system may have ended that by itself.
            let _ = self.watcher.unwatch(&path);
        }
        for path in needed {
            self.watched.entry(path).or_insert(None);
        }
        self.files = files;
    }

    fn look(&mut self) -> Result<Vec<PathBuf>, HostFileError> {
        self.follow();
        // Seen before it is watched, it could change in between and nobody would know.
        let watched = self.watch_all();
        let found = self.find()?;
        let now = Instant::now();
        self.seen.look(&found, now);
        let settled = self.seen.settled(now);
        if settled.is_empty() { watched.map(|()| settled) } else { Ok(settled) }
    }

    /// Watches each directory that is not watched yet, or is another one than when it was.
    fn watch_all(&mut self) -> Result<(), HostFileError> {
        let mut failed = Ok(());
        for (path, watched) in &mut self.watched {
            let there = std::fs::metadata(path).map(|metadata| directory_identity(&metadata));
            if there.as_ref().is_ok_and(|there| *watched == Some(*there)) {
                continue;
            }
            // What went is not watched any more; the system may have noticed first.
            let _ = watched.take().map(|_| self.watcher.unwatch(path));
            let watching = there.and_then(|there| {
                let watching = self.watcher.watch(path, RecursiveMode::NonRecursive);
                watching.map(|()| there).map_err(io::Error::other)
            });
            match watching {
                Ok(there) => *watched = Some(there),
                Err(error) => failed = Err(unread(path, error)),
            }
        }
        failed
    }

    /// All regular files there are now.
    fn find(&self) -> Result<Found, HostFileError> {
        let mut found = Found::new();
        self.files.iter().for_each(|file| note(&mut found, file.clone()));
        for directory in &self.directories {
            let listing = match std::fs::read_dir(directory) {
                // Then there are no files in it.
                Err(error) if is_absent(&error) => continue,
                listing => listing.map_err(|error| unread(directory, error))?,
            };
            for entry in listing {
                note(&mut found, entry.map_err(|error| unread(directory, error))?.path());
                if found.len() > MOST_FILES {
                    let text = format!("more than {MOST_FILES} files would be watched");
                    return Err(unread(directory, io::Error::other(text)));
                }
            }
        }
        Ok(found)
    }
}

/// The directories that are watched for the sake of these.
fn needed(files: &[PathBuf], directories: &[PathBuf]) -> BTreeSet<PathBuf> {
    let of_files = files.iter().map(|file| directory_of(file).to_owned());
    of_files.chain(directories.iter().cloned()).collect()
}

fn note(found: &mut Found, path: PathBuf) {
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => drop(found.insert(path, Stamp::of(&metadata))),
        // Gone, or nothing that could be read as a file.
        Ok(_) | Err(_) => {}
    }
}

fn warn_once(warned: &mut Option<String>, error: &HostFileError) {
    let text = error.to_string();
    if warned.as_ref() != Some(&text) {
        tracing::warn!("not all changes of files are seen: {text}");
        *warned = Some(text);
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether anything may be other than it was: that somebody reads a file is no news.
fn is_news(event: &notify::Result<Event>) -> bool {
    match event.as_ref().map(|event| event.kind) {
        Ok(EventKind::Access(access)) => access == AccessKind::Close(AccessMode::Write),
        Ok(_) | Err(_) => true,
    }
}

fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn directory_identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn directory_identity(_: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}

fn unread(path: &Path, source: io::Error) -> HostFileError {
    HostFileError::Read { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_ends_with_the_watch() {
        let directory = tempfile::tempdir().unwrap();
        let (wake, wakes) = sync_channel(1);
        let (told, changes) = mpsc::channel(1);
        let files = WatchedFiles { wanted: Arc::default(), wake };
        let mut looker = Looker::new(&[directory.path().to_owned()], files.clone()).unwrap();
        let thread = std::thread::spawn(move || looker.run(&wakes, &told));
        drop(HostWatch { changes, files });
        thread.join().unwrap();
    }
}
