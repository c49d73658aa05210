//! Traces for whoever collects them: the spans of calls and decisions, by OTLP over plain HTTP to one address.
//!
//! What the libraries would take from the environment has no say: where to, how often and under which name is said here,
//! and what is sent is sent by `Collector`, with no header but those that it writes itself. A collector that is slow or
//! gone costs spans, which are dropped when too many wait, and never a call.

use crate::kernel::SPANS;
use airssys_osl::host_sockets::connect_plain_ambient;
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

/// Where a collector takes traces, behind whatever path its address has.
const PATH: &str = "/v1/traces";
/// How long it may take to take some.
const MOST: Duration = Duration::from_secs(5);
/// How long what is left may take when nobody said.
const AT_LAST: Duration = Duration::from_secs(2);
/// How often some are sent, if not so many came that they are sent before.
const EACH: Duration = Duration::from_secs(2);
/// Most that wait; the rest is dropped.
const WAITING: usize = 8192;
/// Most at once.
const AT_ONCE: usize = 512;
/// The longest answer that is read, bytes.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// Not to there.
    #[error("traces cannot be sent to `{endpoint}`: {why}")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not at all.
    #[error("traces cannot be sent: {0}")]
    Exporter(String),
}

/// Spans on their way. What is left is sent when it is dropped, or by [`Traces::finish`].
#[derive(Debug)]
#[must_use = "nothing more is sent once it is dropped"]
pub struct Traces(SdkTracerProvider);

/// A layer that sends the spans at target [`SPANS`] to `http://HOST:PORT`, and no others, whatever else is logged.
///
/// # Errors
/// [`TelemetryError`].
pub fn traces<S>(
    endpoint: &str,
) -> Result<(impl Layer<S> + Send + Sync + 'static + use<S>, Traces), TelemetryError>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let provider = provider(Collector::at(endpoint)?)?;
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        // Where in the sources a span is made, and on which thread, says nothing of a component.
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false);
    let ours = Targets::new().with_target(SPANS, LevelFilter::DEBUG);
    Ok((layer.with_filter(ours), Traces(provider)))
}

fn provider(collector: Collector) -> Result<SdkTracerProvider, TelemetryError> {
    let uri = format!("http://{}{}", collector.authority, collector.path);
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(uri)
        .with_timeout(MOST)
        .build()
        .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(WAITING)
        .with_max_export_batch_size(AT_ONCE)
        .with_scheduled_delay(EACH)
        .build();
    let service = Resource::builder_empty()
        .with_service_name("airssys")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .with_sampler(Sampler::AlwaysOn)
        .with_span_limits(SpanLimits::default())
        .with_resource(service)
        .build())
}

impl Traces {
    /// Sends what is left and stops; false when that was not over in time. Holds its thread until then.
    pub fn finish(&self, most: Duration) -> bool {
        self.0.shutdown_with_timeout(most).is_ok()
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // Whoever has finished it before is not kept waiting again.
        self.finish(AT_LAST);
    }
}

/// Where they go.
#[derive(Debug)]
struct Collector {
    host: String,
    port: u16,
    authority: String,
    path: String,
    failing: AtomicBool,
}

impl Collector {
    fn at(endpoint: &str) -> Result<Collector, TelemetryError> {
        let refused = |why| TelemetryError::Endpoint { endpoint: endpoint.to_owned(), why };
        let uri: Uri = endpoint.parse().map_err(|_| refused("it is no address of the web"))?;
        if uri.scheme_str() != Some("http") {
            return Err(refused(
                "it does not begin with `http://`; a collector elsewhere is reached by a proxy",
            ));
        }
        let authority = uri.authority().ok_or_else(|| refused("it names no host"))?.as_str();
        if authority.contains('@') || uri.query().is_some() {
            return Err(refused("it is more than host, port and path"));
        }
        let host = authority_host(&uri).ok_or_else(|| refused("it names no host"))?;
        Ok(Collector {
            host,
            port: uri.port_u16().unwrap_or(80),
            authority: authority.to_owned(),
            path: format!("{}{PATH}", uri.path().trim_end_matches('/')),
            failing: AtomicBool::new(false),
        })
    }

    /// Sends, by an executor that lasts for this alone: on the thread that exports, which is nobody else's, and also while
    /// the server's own executor ends.
    fn send(&self, body: Bytes) -> Result<Response<Bytes>, HttpError> {
        let executor = Builder::new_current_thread().enable_all().build()?;
        let sent = executor.block_on(async { timeout(MOST, self.exchange(body)).await });
        // A name that is being looked up may take longer than anybody waits.
        executor.shutdown_background();
        sent?
    }

    async fn exchange(&self, body: Bytes) -> Result<Response<Bytes>, HttpError> {
        let stream = connect_plain_ambient(&self.host, self.port).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move { drop(connection.await) });
        let request = Request::post(&self.path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Body::from(body))?;
        let (parts, body) = sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(parts, to_bytes(Body::new(body), MAX_ANSWER_BYTES).await?))
    }

    /// Says once when it begins to fail, and once when it is well again.
    fn tell(&self, answered: &Result<Response<Bytes>, HttpError>) {
        let why = match answered {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let collector = &self.authority;
        match (why, self.failing.load(Ordering::Relaxed)) {
            (Some(why), false) => {
                tracing::warn!(target: "airssys::serve", %collector, why, "traces are not taken");
                self.failing.store(true, Ordering::Relaxed);
            }
            (None, true) => {
                tracing::info!(target: "airssys::serve", %collector, "traces are taken again");
                self.failing.store(false, Ordering::Relaxed);
            }
            (Some(_), true) | (None, false) => {}
        }
    }
}

/// The host as it is connected to: an IPv6 address without its brackets.
fn authority_host(uri: &Uri) -> Option<String> {
    let host = uri.host()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    (!bare.is_empty()).then(|| bare.to_owned())
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answered = self.send(request.into_body());
        self.tell(&answered);
        answered
    }
}
