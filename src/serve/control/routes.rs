//! The table of what can be asked, and the way from a request to its answer.

use crate::identity::{MAX_COMPONENT_BYTES, Name};
use crate::serve::ComponentName;
use crate::serve::connection::Patience;
use crate::serve::control::logs::LogBody;
use crate::serve::control::{
    Code, ControlError, Controls, LogsRequest, MAX_BODY_BYTES, MAX_LAST, MAX_POLICY_BYTES, Operator,
    PROTOCOL, PROTOCOL_HEADER, StopRequest, Told, read,
};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// Requests with a body of policies or a component at once.
const LARGE_BODIES: usize = 2;

/// Readers that follow the log at once.
const FOLLOWERS: usize = 8;

/// Calls at once. They may take long, and whoever is to stop them must find a place.
const CALLS: usize = 16;

/// What all connections share.
#[derive(Clone)]
pub(super) struct Desk {
    controls: Arc<dyn Controls>,
    pub(super) patience: Patience,
    large: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    calls: Arc<Semaphore>,
}

/// Who asks, and the place that the operation holds until it has ended.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) who: Operator,
    pub(super) place: Arc<OwnedSemaphorePermit>,
    pub(super) stop: watch::Receiver<bool>,
}

type Named = Result<Path<(String, String)>, PathRejection>;

/// What an operator can ask.
pub(super) fn of_operator(desk: Desk, caller: Caller) -> Router {
    Router::new()
        .route("/v1/status", only(get(status)))
        .route("/v1/components", only(get(ps)))
        .route("/v1/components/{publisher}/{name}", only(get(component)))
        .route("/v1/components/{publisher}/{name}/call", only(post(call)))
        .route("/v1/components/{publisher}/{name}/send", only(post(send)))
        .route("/v1/components/{publisher}/{name}/reload", only(post(reload)))
        .route("/v1/components/{publisher}/{name}/stop", only(post(stop)))
        .route("/v1/components/{publisher}/{name}/start", only(post(start)))
        .route("/v1/policy", only(post(policy)))
        .route("/v1/trust/reload", only(post(trust)))
        .route("/v1/keys/{id}/revoke", only(post(revoke)))
        .route("/v1/logs", only(get(logs)))
        .fallback(nowhere)
        .layer(middleware::from_fn_with_state(desk.clone(), settled))
        .layer(middleware::from_fn(same_protocol))
        .layer(Extension(caller))
        .with_state(desk)
}

/// What an operator is told of stands in the log's file by then.
async fn settled(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    desk.controls.settle();
    response
}

/// What everybody else is told.
pub(super) fn of_stranger() -> Router {
    let refused = || async {
        let help = "connect as the user who runs the server, or as one that `[[operator]]` names";
        said(ControlError::new(Code::NotAnOperator, "you are no operator of this server", help))
    };
    Router::new().fallback(refused).layer(middleware::from_fn(same_protocol))
}

/// Any other method is told so.
fn only(route: MethodRouter<Desk>) -> MethodRouter<Desk> {
    route.fallback(|| async {
        let error =
            ControlError::invalid("that is not the method for this", "queries are GET, all else is POST");
        with_status(StatusCode::METHOD_NOT_ALLOWED, error)
    })
}

async fn nowhere(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).flat_map(char::escape_debug).collect();
    let error = ControlError::invalid(format!("there is no `{path}` here"), "the paths begin with `/v1/`");
    with_status(StatusCode::NOT_FOUND, error)
}

/// Nothing is done for who speaks another version, and each answer says ours.
async fn same_protocol(request: Request, next: Next) -> Response {
    let theirs = request.headers().get(PROTOCOL_HEADER);
    let mut response = if theirs.is_some_and(|theirs| theirs == PROTOCOL) {
        next.run(request).await
    } else {
        let message =
            format!("this server speaks version {PROTOCOL} of the control protocol, and you another");
        said(ControlError::new(Code::Protocol, message, "use the `airssys` of the server's own version"))
    };
    response.headers_mut().insert(PROTOCOL_HEADER, HeaderValue::from_static(PROTOCOL));
    response
}

async fn status(State(desk): State<Desk>, Extension(caller): Extension<Caller>) -> Response {
    answer(desk.controls.status(caller.who).await)
}

async fn ps(State(desk): State<Desk>, Extension(caller): Extension<Caller>) -> Response {
    answer(desk.controls.ps(caller.who).await)
}

async fn component(State(desk): State<Desk>, Extension(caller): Extension<Caller>, path: Named) -> Response {
    let found = async { desk.controls.component(caller.who, named(path)?).await };
    answer(found.await)
}

async fn call(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let done = async {
        let (name, call) = (named(path)?, desk.json(request).await?);
        let (who, place) = (caller.who, desk.place_to_call()?);
        let work = async move {
            let _place = place;
            desk.controls.call(who, name, call).await
        };
        caller.finish(work).await
    };
    answer(done.await)
}

async fn send(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let done = async {
        let (name, message) = (named(path)?, desk.json(request).await?);
        let who = caller.who;
        caller.finish(async move { desk.controls.send(who, name, message).await }).await
    };
    answer(done.await)
}

async fn reload(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let done = async {
        let name = named(path)?;
        let (bytes, room) = desk.large(request, MAX_COMPONENT_BYTES).await?;
        let who = caller.who;
        let work = async move {
            let _room = room;
            desk.controls.reload(who, name, bytes).await
        };
        caller.finish(work).await
    };
    answer(done.await)
}

async fn stop(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let done = async {
        let (name, stop): (_, StopRequest) = (named(path)?, desk.json(request).await?);
        let who = caller.who;
        caller.finish(async move { desk.controls.stop(who, name, stop).await }).await
    };
    answer(done.await)
}

async fn start(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let done = async {
        let name = named(path)?;
        desk.nothing(request).await?;
        let who = caller.who;
        caller.finish(async move { desk.controls.start(who, name).await }).await
    };
    answer(done.await)
}

async fn policy(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let done = async {
        let (bytes, room) = desk.large(request, MAX_POLICY_BYTES).await?;
        let policy = parsed(&bytes)?;
        let who = caller.who;
        let work = async move {
            let _room = room;
            desk.controls.swap_policy(who, policy).await
        };
        caller.finish(work).await
    };
    answer(done.await)
}

async fn trust(State(desk): State<Desk>, Extension(caller): Extension<Caller>, request: Request) -> Response {
    let done = async {
        desk.nothing(request).await?;
        let who = caller.who;
        caller.finish(async move { desk.controls.reload_trust(who).await }).await
    };
    answer(done.await)
}

async fn revoke(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let done = async {
        let key_id = key_id(path)?;
        desk.nothing(request).await?;
        let who = caller.who;
        caller.finish(async move { desk.controls.revoke_key(who, key_id).await }).await
    };
    answer(done.await)
}

async fn logs(State(desk): State<Desk>, Extension(caller): Extension<Caller>, uri: Uri) -> Response {
    let begun = async {
        let wanted = wanted(uri.query().unwrap_or_default())?;
        let place = wanted.follow.then(|| desk.place_to_follow()).transpose()?;
        let logs = desk.controls.logs(caller.who, wanted).await?;
        Ok(LogBody::new(logs, place, caller.stop))
    };
    match begun.await {
        Ok(body) => response(StatusCode::OK, "application/x-ndjson", Body::new(body)),
        Err(error) => said(error),
    }
}

impl Desk {
    pub(super) fn new(controls: Arc<dyn Controls>, patience: Patience) -> Desk {
        let places = |most| Arc::new(Semaphore::new(most));
        let (large, followers, calls) = (places(LARGE_BODIES), places(FOLLOWERS), places(CALLS));
        Desk { controls, patience, large, followers, calls }
    }

    async fn json<T: DeserializeOwned>(&self, request: Request) -> Result<T, ControlError> {
        parsed(&in_time(self.patience.body, read(request.into_body(), MAX_BODY_BYTES)).await?)
    }

    async fn nothing(&self, request: Request) -> Result<(), ControlError> {
        let body = in_time(self.patience.body, read(request.into_body(), MAX_BODY_BYTES)).await?;
        let wrong = || ControlError::invalid("this takes no body", "send none");
        body.is_empty().then_some(()).ok_or_else(wrong)
    }

    /// A body that takes much room, of which there are few at once.
    async fn large(
        &self,
        request: Request,
        most: usize,
    ) -> Result<(Bytes, OwnedSemaphorePermit), ControlError> {
        let busy = |_| busy("other components and policies are being handed in");
        let room = Arc::clone(&self.large).try_acquire_owned().map_err(busy)?;
        Ok((in_time(self.patience.large_body, read(request.into_body(), most)).await?, room))
    }

    fn place_to_follow(&self) -> Result<OwnedSemaphorePermit, ControlError> {
        let busy = |_| busy(&format!("{FOLLOWERS} readers follow the log already"));
        Arc::clone(&self.followers).try_acquire_owned().map_err(busy)
    }

    fn place_to_call(&self) -> Result<OwnedSemaphorePermit, ControlError> {
        let busy = |_| busy(&format!("{CALLS} calls are under way already"));
        Arc::clone(&self.calls).try_acquire_owned().map_err(busy)
    }
}

impl Caller {
    /// Runs an operation to its end, whether or not anybody waits for it. It keeps its place for as long.
    async fn finish<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, ControlError>> + Send + 'static,
    ) -> Result<T, ControlError> {
        let place = self.place;
        let done = tokio::spawn(async move {
            let _place = place;
            work.await
        });
        let failed = |_| {
            let help = "look at the server's log, and report it";
            ControlError::new(Code::Internal, "the operation failed within the server", help)
        };
        done.await.map_err(failed)?
    }
}

fn busy(what: &str) -> ControlError {
    ControlError::new(Code::Busy, what, "try again")
}

async fn in_time<T>(
    most: Duration,
    work: impl Future<Output = Result<T, ControlError>>,
) -> Result<T, ControlError> {
    let late =
        |_| ControlError::new(Code::TimedOut, "the request did not come in time", "send it without pause");
    timeout(most, work).await.map_err(late)?
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ControlError> {
    let wrong = |error: serde_json::Error| {
        ControlError::invalid(
            format!("the request is not understood: {error}"),
            "see the documentation of the path",
        )
    };
    serde_json::from_slice(bytes).map_err(wrong)
}

fn named(path: Named) -> Result<ComponentName, ControlError> {
    let Path((publisher, name)) = path.map_err(|error| not_a_path(&error))?;
    let parsed = Name::parse(&publisher).zip(Name::parse(&name));
    let wrong = || ControlError::invalid("that names no component", "write `publisher/name`");
    parsed.map(|(publisher, name)| ComponentName::of(publisher, name)).ok_or_else(wrong)
}

fn key_id(path: Result<Path<String>, PathRejection>) -> Result<String, ControlError> {
    let Path(id) = path.map_err(|error| not_a_path(&error))?;
    let plain = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let wrong =
        || ControlError::invalid("that is no key's id", "`airssys keygen` and `airssys verify` print it");
    plain.then_some(id).ok_or_else(wrong)
}

fn not_a_path(error: &PathRejection) -> ControlError {
    ControlError::invalid(error.body_text(), "write the path in plain letters")
}

/// `last=N` and `follow=true`, each once at most.
fn wanted(query: &str) -> Result<LogsRequest, ControlError> {
    let wrong = || {
        let message = format!("the query is not `last=N&follow=true` with N up to {MAX_LAST}");
        ControlError::invalid(message, "leave out what is not wanted")
    };
    let mut wanted = LogsRequest::default();
    let mut seen = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
        if seen.contains(&key) {
            return Err(wrong());
        }
        seen.push(key);
        match key {
            "last" => wanted.last = value.parse().ok().filter(|last| *last <= MAX_LAST).ok_or_else(wrong)?,
            "follow" => wanted.follow = value.parse().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        }
    }
    Ok(wanted)
}

fn answer<T: Serialize>(done: Result<T, ControlError>) -> Response {
    match done.map(|done| serde_json::to_vec(&done)) {
        Ok(Ok(text)) => response(StatusCode::OK, "application/json", text.into()),
        Ok(Err(error)) => said(ControlError::new(
            Code::Internal,
            format!("the answer cannot be written: {error}"),
            "report it",
        )),
        Err(error) => said(error),
    }
}

fn said(error: ControlError) -> Response {
    with_status(error.code.status(), error)
}

fn with_status(status: StatusCode, error: ControlError) -> Response {
    let text = serde_json::to_vec(&Told { error }).unwrap_or_default();
    response(status, "application/json", text.into())
}

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
