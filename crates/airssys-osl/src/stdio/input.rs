//! Standard input.

use crate::action::{ActionId, StdioRead};
use crate::gate::{Lease, Permit};
use crate::resource::Stdio;
use crate::stdio::system::{is_passing, wait_for_input};
use crate::stdio::{BUDGET_BYTES, StdioError, lock};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Where input comes from.
#[derive(Debug, Clone, Default)]
pub enum Source {
    /// From the process's own standard input.
    Inherit,
    /// From memory.
    Bytes(Bytes),
    /// It has ended from the start.
    #[default]
    Null,
}

/// A stream that may be read. Clones are the same stream.
#[derive(Debug, Clone)]
pub struct Input {
    lease: Lease,
    origin: Origin,
}

#[derive(Debug, Clone)]
enum Origin {
    Process(&'static Shared),
    Memory(Arc<Mutex<Bytes>>),
}

impl Input {
    /// The stream that was permitted, from `source`. Only standard input has anything to read.
    pub fn new(permit: Permit<StdioRead>, source: Source) -> Input {
        let source = match permit.resource() {
            Stdio::Stdin => source,
            Stdio::Stdout | Stdio::Stderr => Source::Null,
        };
        let origin = match source {
            Source::Inherit => Origin::Process(&PROCESS_INPUT),
            Source::Bytes(bytes) => Origin::Memory(Arc::new(Mutex::new(bytes))),
            Source::Null => Origin::Memory(Arc::default()),
        };
        Input { lease: permit.into_lease(), origin }
    }

    /// Takes at most `most` bytes of what is there; nothing when it has to wait for [`Input::ready`].
    ///
    /// # Errors
    /// [`StdioError::Closed`] at the end.
    pub fn read(&self, most: usize, import: &'static str) -> Result<Bytes, StdioError> {
        let _in_use = self.lease.enter(ActionId::StdioRead, import)?;
        let most = most.min(BUDGET_BYTES);
        let aside = self.lease.session().aside_to_read(most);
        let bytes = self.take(aside.bytes())?;
        if aside.bytes() == 0 && most > 0 && self.has_unread() {
            return Err(self.lease.session().no_more_to_read(import).into());
        }
        aside.spend(bytes.len());
        Ok(bytes)
    }

    fn take(&self, most: usize) -> Result<Bytes, StdioError> {
        match &self.origin {
            Origin::Process(shared) => shared.take(most),
            Origin::Memory(bytes) => {
                let mut bytes = lock(bytes);
                if bytes.is_empty() {
                    return Err(StdioError::Closed);
                }
                let most = most.min(bytes.len());
                Ok(bytes.split_to(most))
            }
        }
    }

    /// Asked where the end has been ruled out.
    fn has_unread(&self) -> bool {
        match &self.origin {
            Origin::Process(shared) => shared.has_something(),
            Origin::Memory(_) => true,
        }
    }

    /// True when [`Input::ready`] would return at once.
    pub fn is_ready(&self) -> bool {
        self.lease.is_revoked()
            || match &self.origin {
                Origin::Process(shared) => shared.has_something(),
                Origin::Memory(_) => true,
            }
    }

    /// Returns when there is something to read, the stream has ended, or the permission was taken back.
    pub async fn ready(&self, import: &'static str) {
        let Origin::Process(shared) = &self.origin else { return };
        loop {
            let news = shared.news.notified();
            tokio::pin!(news);
            // Registered before the look, so that nothing falls between.
            news.as_mut().enable();
            if self.is_ready() {
                return;
            }
            tokio::select! {
                () = news => {}
                () = self.lease.lost(ActionId::StdioRead, import) => return,
            }
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

/// The process's standard input, read by one thread from the first time that somebody permitted asks for it.
static PROCESS_INPUT: LazyLock<Shared> = LazyLock::new(Shared::default);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    room: Condvar,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    unread: VecDeque<u8>,
    ended: bool,
}

impl Shared {
    fn take(&'static self, most: usize) -> Result<Bytes, StdioError> {
        let mut state = self.started();
        if state.unread.is_empty() && state.ended {
            return Err(StdioError::Closed);
        }
        let most = most.min(state.unread.len());
        let bytes: Bytes = state.unread.drain(..most).collect();
        self.room.notify_one();
        Ok(bytes)
    }

    fn has_something(&'static self) -> bool {
        let state = self.started();
        state.ended || !state.unread.is_empty()
    }

    fn started(&'static self) -> MutexGuard<'static, State> {
        let mut state = lock(&self.state);
        if !state.started {
            state.started = true;
            let reader = std::thread::Builder::new().name("stdin".to_owned()).spawn(|| self.fill());
            // Without a thread there is no input, which is what an end says.
            state.ended = reader.is_err();
        }
        state
    }

    /// The reader: stops while nobody takes what it read.
    fn fill(&self) {
        let mut piece = vec![0; BUDGET_BYTES / 8];
        loop {
            let read = std::io::stdin().lock().read(&mut piece);
            if matches!(&read, Err(error) if is_passing(error)) {
                // Another process may have made the file that it shares with us non-blocking; that is no end.
                wait_for_input();
                continue;
            }
            let mut state = lock(&self.state);
            match read.ok().and_then(|read| piece.get(..read)) {
                Some(read) if !read.is_empty() => state.unread.extend(read),
                Some(_) | None => state.ended = true,
            }
            self.news.notify_waiters();
            if state.ended {
                return;
            }
            while state.unread.len() + piece.len() > BUDGET_BYTES {
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
