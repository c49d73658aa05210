//! Health and metrics, for whoever watches over the process.
//!
//! They are read by anybody who reaches the address, so they tell names of components and numbers, and nothing else.

use crate::serve::connection::{self, Patience, stopped};
use crate::serve::metrics::Metrics;
use crate::serve::run::System;
use airssys_osl::host_sockets::PlainListener;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// Connections at once. With one more, the oldest ends: nobody keeps others out by saying nothing.
const PLACES: usize = 16;

/// How long nothing is accepted after the system had no room for it.
const PAUSE: Duration = Duration::from_millis(100);

/// The type of the page of metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Watched {
    system: Arc<dyn System>,
    metrics: Metrics,
    stop: watch::Receiver<bool>,
}

/// Answers at that address until `stop` says so.
pub(super) async fn run(
    listener: PlainListener,
    system: Arc<dyn System>,
    metrics: Metrics,
    patience: Patience,
    stop: watch::Receiver<bool>,
    ended: watch::Receiver<bool>,
) {
    let router = router(Watched { system, metrics, stop });
    let mut places = VecDeque::new();
    let mut told = ended.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut told) => return,
        };
        let Ok(stream) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        places.retain(|place: &AbortHandle| !place.is_finished());
        if places.len() >= PLACES
            && let Some(oldest) = places.pop_front()
        {
            oldest.abort();
        }
        let answering = connection::serve(stream, router.clone(), patience, ended.clone());
        places.push_back(tokio::spawn(answering).abort_handle());
    }
}

fn router(watched: Watched) -> Router {
    Router::new()
        .route("/healthz", get(|| async { plain(StatusCode::OK, "alive\n") }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(watched)
}

async fn ready(State(watched): State<Watched>) -> Response {
    match watched.system.is_ready() && !*watched.stop.borrow() {
        true => plain(StatusCode::OK, "ready\n"),
        false => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}

async fn metrics(State(watched): State<Watched>) -> Response {
    let page = watched.metrics.page(watched.system.as_gauges());
    response(StatusCode::OK, OPEN_METRICS, page.into())
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    response(status, "text/plain; charset=utf-8", text.into())
}

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
