//! The other side of the control socket: what the commands `airssys ps`, `status`, `call` and so on do.
//!
//! One connection a request. The server must be one's own, or the system's; it must answer in time, and in the same
//! version.

use crate::serve::ComponentName;
use crate::serve::control::{
    CallAnswer, CallRequest, Code, ComponentStatus, ControlError, LogsRequest, LostLines, PROTOCOL,
    PROTOCOL_HEADER, PolicyRequest, PolicySwapped, Reloaded, Revoked, SendRequest, Sent, StopRequest,
    Stopped, SystemStatus, Told, TrustReloaded, read,
};
use crate::serve::follow::Line;
use airssys_osl::host_sockets::{HostSocketError, connect_ambient};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;

/// How long a server may take to answer what needs no component's help.
const QUICK: Duration = Duration::from_secs(10);

/// How long it may take to compile, and to hand over.
const SLOW: Duration = Duration::from_secs(300);

/// The longest answer that is read, bytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The longest line of a log that is read, bytes.
const MAX_LINE_BYTES: usize = crate::audit::MAX_LINE;

/// Why a server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is none, or it is not to be spoken to.
    #[error(transparent)]
    Socket(#[from] HostSocketError),
    /// It does not answer.
    #[error("the server at `{}` has not answered for {seconds} s", path.display())]
    Stalled {
        /// The socket.
        path: PathBuf,
        /// How long that was.
        seconds: u64,
    },
    /// It ended, or hung up, before it had answered.
    #[error("the server at `{}` hung up before it had answered: what was asked may have been done", path.display())]
    HungUp {
        /// The socket.
        path: PathBuf,
    },
    /// What answers is no server of this version.
    #[error("what answers at `{}` is {what}, and this `airssys` speaks version {PROTOCOL} of its control protocol", path.display())]
    OtherVersion {
        /// The socket.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// It answered that it did not.
    #[error(transparent)]
    Said(#[from] ControlError),
}

/// A server's control socket, by its name.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
    quick: Duration,
}

type Answered<T> = Result<T, ClientError>;

impl Client {
    /// The server that listens there.
    pub fn new(path: impl Into<PathBuf>) -> Client {
        Client { path: path.into(), quick: QUICK }
    }

    /// Waits so long for what should be quick.
    #[must_use]
    pub fn waiting(mut self, quick: Duration) -> Client {
        self.quick = quick;
        self
    }

    /// The socket's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// See [`Controls::status`](super::control::Controls::status).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Answered<SystemStatus> {
        self.get("/v1/status").await
    }

    /// See [`Controls::ps`](super::control::Controls::ps).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ps(&self) -> Answered<Vec<ComponentStatus>> {
        self.get("/v1/components").await
    }

    /// See [`Controls::component`](super::control::Controls::component).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn component(&self, name: &ComponentName) -> Answered<ComponentStatus> {
        self.get(&format!("/v1/components/{name}")).await
    }

    /// See [`Controls::call`](super::control::Controls::call).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call(&self, name: &ComponentName, call: &CallRequest) -> Answered<CallAnswer> {
        // A call takes as long as the component's limits let it, unless it was said.
        let within = call.timeout_ms.map(|ms| Duration::from_millis(ms).saturating_add(self.quick));
        self.post(&format!("/v1/components/{name}/call"), json(call), within).await
    }

    /// See [`Controls::send`](super::control::Controls::send). The sender waits where the mailbox is full and makes it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn send(&self, name: &ComponentName, message: &SendRequest) -> Answered<Sent> {
        self.post(&format!("/v1/components/{name}/send"), json(message), Some(self.quick)).await
    }

    /// See [`Controls::reload`](super::control::Controls::reload).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn reload(&self, name: &ComponentName, component: Vec<u8>) -> Answered<Reloaded> {
        self.post(&format!("/v1/components/{name}/reload"), component.into(), Some(SLOW)).await
    }

    /// See [`Controls::stop`](super::control::Controls::stop).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn stop(&self, name: &ComponentName, stop: &StopRequest) -> Answered<Stopped> {
        let within = stop.grace_ms.map_or(SLOW, |ms| Duration::from_millis(ms).saturating_add(self.quick));
        self.post(&format!("/v1/components/{name}/stop"), json(stop), Some(within)).await
    }

    /// See [`Controls::start`](super::control::Controls::start).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn start(&self, name: &ComponentName) -> Answered<ComponentStatus> {
        self.post(&format!("/v1/components/{name}/start"), Bytes::new(), Some(SLOW)).await
    }

    /// See [`Controls::swap_policy`](super::control::Controls::swap_policy).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn swap_policy(&self, policy: &PolicyRequest) -> Answered<PolicySwapped> {
        self.post("/v1/policy", json(policy), Some(SLOW)).await
    }

    /// See [`Controls::reload_trust`](super::control::Controls::reload_trust).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn reload_trust(&self) -> Answered<TrustReloaded> {
        self.post("/v1/trust/reload", Bytes::new(), Some(SLOW)).await
    }

    /// See [`Controls::revoke_key`](super::control::Controls::revoke_key). The id is one of letters and digits.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_key(&self, key_id: &str) -> Answered<Revoked> {
        if !key_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let help = "`airssys keygen` and `airssys verify` print it";
            return Err(
                ControlError::invalid(format!("`{}` is no key's id", key_id.escape_debug()), help).into()
            );
        }
        self.post(&format!("/v1/keys/{key_id}/revoke"), Bytes::new(), Some(SLOW)).await
    }

    /// See [`Controls::logs`](super::control::Controls::logs). Hands each line on until there is none, or `each` wants no more.
    ///
    /// # Errors
    /// [`ClientError`], or that of `each`.
    pub async fn logs<E: From<ClientError>>(
        &self,
        wanted: LogsRequest,
        mut each: impl FnMut(Line) -> Result<bool, E>,
    ) -> Result<(), E> {
        let LogsRequest { last, follow } = wanted;
        let path = format!("/v1/logs?last={last}&follow={follow}");
        let body = self.answered(Method::GET, &path, Bytes::new(), Some(self.quick)).await?.into_body();
        let mut lines = Lines { body, held: BytesMut::new() };
        while let Some(line) = lines.next(self).await? {
            if !each(line)? {
                break;
            }
        }
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Answered<T> {
        let response = self.answered(Method::GET, path, Bytes::new(), Some(self.quick)).await?;
        self.parsed(response).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Bytes,
        within: Option<Duration>,
    ) -> Answered<T> {
        let response = self.answered(Method::POST, path, body, within).await?;
        self.parsed(response).await
    }

    async fn parsed<T: DeserializeOwned>(&self, response: Response<Incoming>) -> Answered<T> {
        let body = self.in_time(Some(self.quick), self.whole(response)).await?;
        serde_json::from_slice(&body)
            .map_err(|error| self.other(format!("a server whose answer is none: {error}")))
    }

    async fn whole(&self, response: Response<Incoming>) -> Answered<Bytes> {
        read(response.into_body(), MAX_ANSWER_BYTES).await.map_err(|error| match error.code {
            Code::TooLarge => self.other("a server whose answer has no end".to_owned()),
            _ => self.hung_up(),
        })
    }

    /// The answer to one request, if it is none of an error.
    async fn answered(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        within: Option<Duration>,
    ) -> Answered<Response<Incoming>> {
        let request = Request::builder().method(method).uri(path).header(HOST, "airssys");
        let request = request.header(PROTOCOL_HEADER, PROTOCOL).body(Body::from(body));
        // Paths are made of names that need no escape.
        let request = request.map_err(|error| ControlError::invalid(error.to_string(), "report this"))?;
        let response = self.in_time(within, self.exchange(request)).await?;
        let theirs = response
            .headers()
            .get(PROTOCOL_HEADER)
            .map(|theirs| theirs.to_str().unwrap_or_default().to_owned());
        match theirs {
            Some(theirs) if theirs == PROTOCOL => {}
            Some(theirs) => return Err(self.other(format!("a server of version {}", theirs.escape_debug()))),
            None => return Err(self.other("no server of `airssys`".to_owned())),
        }
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let told: Told = self.parsed(response).await?;
        Err(told.error.into())
    }

    async fn exchange(&self, request: Request<Body>) -> Answered<Response<Incoming>> {
        let stream = connect_ambient(&self.path).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| self.hung_up())?;
        // Ends with the body of the answer.
        tokio::spawn(async move { drop(connection.await) });
        sender.send_request(request).await.map_err(|error| match error.is_parse() {
            true => self.other("no server of `airssys`".to_owned()),
            false => self.hung_up(),
        })
    }

    async fn in_time<T>(
        &self,
        within: Option<Duration>,
        work: impl Future<Output = Answered<T>>,
    ) -> Answered<T> {
        let Some(within) = within else { return work.await };
        let stalled = |_| ClientError::Stalled { path: self.path.clone(), seconds: within.as_secs() };
        timeout(within, work).await.map_err(stalled)?
    }

    fn hung_up(&self) -> ClientError {
        ClientError::HungUp { path: self.path.clone() }
    }

    fn other(&self, what: String) -> ClientError {
        ClientError::OtherVersion { path: self.path.clone(), what }
    }
}

fn json(value: &impl Serialize) -> Bytes {
    // Values of our own are always written.
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// Lines of a body that may never end.
struct Lines {
    body: Incoming,
    held: BytesMut,
}

impl Lines {
    async fn next(&mut self, client: &Client) -> Answered<Option<Line>> {
        use hyper::body::Body as _;
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(read_line(self.held.split_to(end + 1).freeze())));
            }
            if self.held.len() > MAX_LINE_BYTES {
                return Err(client.other("a server whose lines have no end".to_owned()));
            }
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(data) = frame.map_err(|_| client.hung_up())?.into_data() {
                self.held.extend_from_slice(&data);
            }
        }
    }
}

/// A line is a record, unless it says what became of one.
fn read_line(line: Bytes) -> Line {
    match serde_json::from_slice(&line) {
        Ok(LostLines::Missed(count)) => Line::Missed(count),
        Err(_) => Line::Record(line),
    }
}
