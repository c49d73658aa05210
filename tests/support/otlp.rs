//! A collector of traces that understands as much of OTLP as the tests look at, by the format and not by a library.

use axum::body::{Body, to_bytes};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Collector {
    pub(crate) async fn listen() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, got) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Got>>>::default());
        let keep = Arc::clone(&got);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let keep = Arc::clone(&keep);
                let service = service_fn(move |request| taken(request, Arc::clone(&keep)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Collector { address, got }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

async fn taken(request: Request<Incoming>, keep: Arc<Mutex<Vec<Got>>>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap().to_vec();
    let content_type = parts.headers["content-type"].to_str().unwrap().to_owned();
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    keep.lock().unwrap().push(Got { method, path, content_type, body });
    Ok(Response::new(Body::empty()))
}

/// One span.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// The attributes of whoever sent them, and all spans.
pub(crate) fn read(got: &[Got]) -> (BTreeMap<String, String>, Vec<Span>) {
    let (mut resource, mut spans) = (BTreeMap::new(), Vec::new());
    for of_resource in got.iter().flat_map(|got| parts(&got.body, 1)) {
        for described in parts(of_resource, 1) {
            resource.extend(parts(described, 1).into_iter().map(attribute));
        }
        for of_scope in parts(of_resource, 2) {
            spans.extend(parts(of_scope, 2).into_iter().map(span));
        }
    }
    (resource, spans)
}

fn span(bytes: &[u8]) -> Span {
    let hex =
        |number| parts(bytes, number).concat().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Span {
        trace: hex(1),
        id: hex(2),
        parent: hex(4),
        name: text(parts(bytes, 5)[0]),
        attributes: parts(bytes, 9).into_iter().map(attribute).collect(),
    }
}

fn attribute(bytes: &[u8]) -> (String, String) {
    let value = parts(bytes, 2)[0];
    let shown = fields(value).into_iter().map(|(number, field)| match (number, field) {
        (1, Field::Bytes(bytes)) => text(bytes),
        (2, Field::Number(number)) => (number != 0).to_string(),
        (3, Field::Number(number)) => number.to_string(),
        (number, field) => format!("{number}: {field:?}"),
    });
    (text(parts(bytes, 1)[0]), shown.collect())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What protocol buffers are made of.
#[derive(Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// All fields of that number that hold bytes.
fn parts(bytes: &[u8], wanted: u64) -> Vec<&[u8]> {
    let held = |(number, field)| match field {
        Field::Bytes(bytes) if number == wanted => Some(bytes),
        Field::Bytes(_) | Field::Number(_) => None,
    };
    fields(bytes).into_iter().filter_map(held).collect()
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(number(&mut bytes)),
            1 => Field::Bytes(take(&mut bytes, 8)),
            2 => {
                let length = number(&mut bytes);
                Field::Bytes(take(&mut bytes, length as usize))
            }
            5 => Field::Bytes(take(&mut bytes, 4)),
            other => panic!("a field of kind {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}

fn number(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    unreachable!("a number ends")
}
