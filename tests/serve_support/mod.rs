//! A control socket with a fake system behind it: the real server, real sockets, and answers that are made up.
#![allow(dead_code, reason = "each test file uses what it needs")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests prepare and look at real files and sockets"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub(crate) mod fake;

use airssys_osl::host_sockets::ControlListener;
use airssys_wasm::serve::Patience;
use airssys_wasm::serve::control::{ControlServer, Operators, PROTOCOL};
use fake::Fake;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longer than anything that happens here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A patience that tests can wait out, but for what they name.
pub(crate) fn hasty() -> Patience {
    let (head, body, write) =
        (Duration::from_millis(300), Duration::from_millis(300), Duration::from_millis(300));
    Patience { head, body, large_body: body, write }
}

/// A patience that nothing here exceeds.
pub(crate) fn patient() -> Patience {
    Patience { head: LONG, body: LONG, large_body: LONG, write: LONG }
}

pub(crate) struct Stage {
    pub(crate) directory: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) fake: Arc<Fake>,
    pub(crate) executor: Runtime,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) running: Option<JoinHandle<()>>,
}

impl Stage {
    /// For whoever runs the test.
    pub(crate) fn new(patience: Patience) -> Stage {
        Stage::of(patience, Operators::with_own_ambient([]))
    }

    pub(crate) fn of(patience: Patience, operators: Operators) -> Stage {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let executor = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let fake = Arc::new(Fake::default());
        let listener = {
            let _inside = executor.enter();
            ControlListener::bind_ambient(&path).unwrap()
        };
        let server = ControlServer::new(listener, operators, Arc::clone(&fake) as _).patience(patience);
        let (stop, told) = watch::channel(false);
        let running = executor.spawn(async move {
            server.run(told).await;
            server.close().unwrap();
        });
        Stage { directory, path, fake, executor, stop, running: Some(running) }
    }

    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Sends these bytes, and what comes back until the server hangs up.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // Whoever is refused may be hung up on before everything was sent.
        let _ = stream.write_all(bytes);
        Answer::read(&mut stream)
    }

    /// One request in our version.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.raw(request(method, path, body).as_bytes())
    }

    /// Tells the server to end, and waits until it has.
    pub(crate) fn end(&mut self) {
        self.stop.send_replace(true);
        let running = self.running.take().unwrap();
        self.executor.block_on(async { tokio::time::timeout(LONG, running).await.unwrap().unwrap() });
    }
}

pub(crate) fn head(method: &str, path: &str, rest: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: airssys\r\nairssys-protocol: {PROTOCOL}\r\n{rest}\r\n")
}

pub(crate) fn request(method: &str, path: &str, body: &str) -> String {
    head(method, path, &format!("content-length: {}\r\n", body.len())) + body
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(stream: &mut UnixStream) -> Answer {
        let mut bytes = Vec::new();
        // An end by reset is an end; that nothing comes is none.
        let read = stream.read_to_end(&mut bytes);
        let waits = read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!waits, "the server has not hung up");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the error, whose shape is asserted.
    pub(crate) fn code(&self) -> String {
        let value = self.json();
        let error = value["error"].as_object().unwrap_or_else(|| panic!("{self:?}"));
        assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message", "help"], "{self:?}");
        assert!(
            !error["message"].as_str().unwrap().is_empty() && !error["help"].as_str().unwrap().is_empty()
        );
        error["code"].as_str().unwrap().to_owned()
    }
}
