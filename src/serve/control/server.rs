//! The server: who is let in, and how many at once.

use crate::serve::connection::{self, Patience, stopped};
use crate::serve::control::routes::{self, Caller, Desk};
use crate::serve::control::{Controls, Operators};
use airssys_osl::host_sockets::{ControlListener, ControlStream, Nameless, Peer};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

/// Connections and operations of operators at once.
const PLACES: u32 = 32;

/// Connections of others, who are told to go, at once.
const STRANGERS: usize = 2;

/// How long nothing is accepted after the system had no room for it.
const PAUSE: Duration = Duration::from_millis(100);

/// A control socket that answers.
pub struct ControlServer {
    listener: ControlListener,
    operators: Operators,
    desk: Desk,
    patience: Patience,
    places: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl ControlServer {
    /// Answers at that socket, to those operators, by those controls.
    pub fn new(
        listener: ControlListener,
        operators: Operators,
        controls: Arc<dyn Controls>,
    ) -> ControlServer {
        ControlServer {
            listener,
            operators,
            desk: Desk::new(controls, Patience::default()),
            patience: Patience::default(),
            places: Arc::new(Semaphore::new(PLACES as usize)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
        }
    }

    /// With another patience.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> ControlServer {
        (self.desk.patience, self.patience) = (patience, patience);
        self
    }

    /// The socket's name.
    pub fn path(&self) -> &Path {
        self.listener.path()
    }

    /// Answers until `stop` says so, and then until the last operation under way has ended. Those who only listen, or
    /// have not asked yet, are sent away at once.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        let mut told = stop.clone();
        loop {
            tokio::select! {
                () = stopped(&mut told) => break,
                () = self.next(&stop) => {}
            }
        }
        let _all = self.places.acquire_many(PLACES).await;
    }

    /// Takes the socket's name away.
    ///
    /// # Errors
    /// What the system says.
    pub fn close(self) -> io::Result<()> {
        self.listener.close()
    }

    async fn next(&self, stop: &watch::Receiver<bool>) {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        match self.listener.accept().await {
            Ok((stream, peer)) => self.welcome(stream, peer, place, stop),
            Err(error) => {
                tracing::warn!(target: "airssys::serve", %error, "a control connection could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }

    fn welcome(
        &self,
        stream: ControlStream,
        peer: Result<Peer, Nameless>,
        place: OwnedSemaphorePermit,
        stop: &watch::Receiver<bool>,
    ) {
        let stop = stop.clone();
        let patience = self.patience;
        match peer.ok().and_then(|peer| self.operators.admit(peer)) {
            Some(who) => {
                let place = Arc::new(place);
                let caller = Caller { who, place: Arc::clone(&place), stop: stop.clone() };
                let router = routes::of_operator(self.desk.clone(), caller);
                tokio::spawn(async move {
                    connection::serve(stream, router, patience, stop).await;
                    drop(place);
                });
            }
            None => {
                tracing::warn!(target: "airssys::serve", ?peer, "who is no operator connected to the control socket");
                drop(place);
                // They are told, a few at a time, and take no operator's place meanwhile.
                let Ok(place) = Arc::clone(&self.strangers).try_acquire_owned() else { return };
                tokio::spawn(async move {
                    connection::serve(stream, routes::of_stranger(), patience, stop).await;
                    drop(place);
                });
            }
        }
    }
}

impl std::fmt::Debug for ControlServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlServer").field("listener", &self.listener).finish_non_exhaustive()
    }
}
