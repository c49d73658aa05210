//! Signals to the host's own process.
//!
//! Whoever listens takes these signals from the system's own way with them for as long as the process lives.

use std::io;

/// The number of the host's own process, to which signals are sent.
#[allow(clippy::disallowed_methods, reason = "the process's own number, for whoever is to send it a signal")]
pub fn own_pid_ambient() -> u32 {
    std::process::id()
}

/// What a server is told by signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostSignal {
    /// End: SIGTERM or SIGINT.
    End,
    /// Read anew what is written down: SIGHUP.
    Reload,
}

/// Signals as they come.
#[derive(Debug)]
pub struct HostSignals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl HostSignals {
    /// Listens for them. To be called where there is an executor.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(unix)]
    pub fn listen_ambient() -> io::Result<HostSignals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(HostSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Listens for them. To be called where there is an executor.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(not(unix))]
    pub fn listen_ambient() -> io::Result<HostSignals> {
        Ok(HostSignals {})
    }

    /// The next one. Two of a kind that come before they are asked for may be one.
    #[cfg(unix)]
    pub async fn next(&mut self) -> HostSignal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => HostSignal::End,
            _ = self.interrupt.recv() => HostSignal::End,
            _ = self.hang_up.recv() => HostSignal::Reload,
        }
    }

    /// The next one.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> HostSignal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => HostSignal::End,
            Err(_) => std::future::pending().await,
        }
    }
}
