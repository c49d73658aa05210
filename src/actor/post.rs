//! How an instance comes by its messages: when it has nothing else to do, or in turns with its calls.

use crate::host::runtime::{handler, message};
use crate::kernel::{Failure, Function, Instance};
use airssys_osl::Session;
use airssys_osl::post::Inbox;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::Instrument;

/// Held until a message is dealt with.
pub(crate) type Turn = OwnedMutexGuard<()>;

/// A mailbox whose messages are handed to a function.
pub(crate) struct Post {
    inbox: Arc<Inbox>,
    handler: Function,
    /// Whose turn it is: that of a message, or of whoever pauses them.
    turn: Arc<Mutex<()>>,
    next: Option<Pin<Box<dyn Future<Output = Turn> + Send>>>,
}

impl Post {
    pub(crate) fn new(inbox: Arc<Inbox>, handler: Function, turn: Arc<Mutex<()>>) -> Post {
        Post { inbox, handler, turn, next: None }
    }

    /// The turn of a message, as soon as one waits and messages are not paused.
    ///
    /// It is not taken yet: until then it lies in the mailbox, and it is decided on behalf of nobody else.
    pub(crate) fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        let (inbox, turn) = (&self.inbox, &self.turn);
        let next = self.next.get_or_insert_with(|| {
            let (inbox, turn) = (Arc::clone(inbox), Arc::clone(turn));
            Box::pin(async move {
                inbox.news().await;
                turn.lock_owned().await
            })
        });
        let polled = next.as_mut().poll(context);
        if polled.is_ready() {
            self.next = None;
        }
        polled
    }

    /// Hands the next message over, if there is one that may be. False when nothing comes any more.
    pub(crate) async fn hand_over(
        &mut self,
        session: &Arc<Session>,
        instance: &mut Instance,
    ) -> Result<bool, Failure> {
        let Ok(taken) = self.inbox.take(session, handler::HANDLE).await else { return Ok(false) };
        let Some(delivery) = taken else { return Ok(true) };
        session.subject().serve(Arc::clone(&delivery.chain));
        let handled =
            instance.call_typed::<handler::Arguments, handler::Answer>(&self.handler, (message(&delivery),));
        let answer = handled.instrument(delivery.within.clone()).await?;
        handler::settle(&self.inbox, &delivery, answer).await;
        Ok(true)
    }
}
