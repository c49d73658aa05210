//! Records as a body: those that there are, then those that come.

use crate::serve::connection::stopped;
use crate::serve::control::LostLines;
use crate::serve::follow::{Followed, Line, Logs};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec::IntoIter;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// The body of an answer to `GET /v1/logs`.
pub(super) struct LogBody {
    past: IntoIter<Bytes>,
    live: Option<Live>,
}

struct Live {
    followed: Followed,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl LogBody {
    /// A body of these records; those that come hold a place until `stop` says so.
    pub(super) fn new(
        logs: Logs,
        place: Option<OwnedSemaphorePermit>,
        mut stop: watch::Receiver<bool>,
    ) -> LogBody {
        let live = logs.live.zip(place).map(|(followed, place)| {
            let stop = Box::pin(async move { stopped(&mut stop).await });
            Live { followed, stop, _place: place }
        });
        LogBody { past: logs.past.into_iter(), live }
    }
}

impl Body for LogBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(line) = self.past.next() {
            return Poll::Ready(Some(Ok(Frame::data(line))));
        }
        let Some(live) = &mut self.live else { return Poll::Ready(None) };
        if live.stop.as_mut().poll(context).is_ready() {
            self.live = None;
            return Poll::Ready(None);
        }
        let line = ready!(live.followed.poll_next(context)).map(written);
        Poll::Ready(line.map(|line| Ok(Frame::data(line))))
    }
}

fn written(line: Line) -> Bytes {
    let lost = |lost: &LostLines| Bytes::from(serde_json::to_string(lost).unwrap_or_default() + "\n");
    match line {
        Line::Record(line) => line,
        Line::Missed(count) => lost(&LostLines::Missed(count)),
    }
}
