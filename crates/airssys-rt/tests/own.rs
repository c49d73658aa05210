//! An actor that reads from a source of its own, beside its mailbox.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use airssys_rt::{Actor, ActorSystem, Address, Context, ExitReason, Failure, Options, Shutdown};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};

#[derive(Clone)]
enum Word {
    Sent(u32),
    Own(u32),
    Hold(Arc<Semaphore>),
}

#[derive(Clone, Default)]
struct Heard(Arc<(Mutex<Vec<String>>, Notify)>);

impl Heard {
    fn note(&self, what: String) {
        self.0.0.lock().unwrap().push(what);
        self.0.1.notify_one();
    }

    fn all(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) -> Vec<String> {
        let enough = async {
            while self.all().len() < count {
                self.0.1.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), enough).await.expect("it is never heard");
        self.all()
    }
}

struct Reader {
    source: UnboundedReceiver<u32>,
    heard: Heard,
}

impl Actor for Reader {
    type Message = Word;

    async fn handle(&mut self, word: Word, _: &mut Context<Self>) -> Result<(), Failure> {
        match word {
            Word::Sent(n) => self.heard.note(format!("sent {n}")),
            Word::Own(n) => self.heard.note(format!("own {n}")),
            Word::Hold(gate) => {
                self.heard.note("holds".to_owned());
                gate.acquire().await.unwrap().forget();
            }
        }
        Ok(())
    }

    fn poll_own(&mut self, context: &mut std::task::Context<'_>) -> Poll<Word> {
        match self.source.poll_recv(context) {
            Poll::Ready(Some(n)) => Poll::Ready(Word::Own(n)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

fn reader() -> (Address<Word>, UnboundedSender<u32>, Heard) {
    let (own, source) = unbounded_channel();
    let heard = Heard::default();
    let reader = Reader { source, heard: heard.clone() };
    let options = Options::new().capacity(1_000);
    (ActorSystem::new().spawn_with(options, reader).unwrap(), own, heard)
}

/// A reader that holds, with much to do in both places.
async fn flooded() -> (Address<Word>, Arc<Semaphore>, Heard) {
    let (address, own, heard) = reader();
    let gate = Arc::new(Semaphore::new(0));
    address.send(Word::Hold(Arc::clone(&gate))).await.unwrap();
    heard.until(1).await;
    for n in 0..300 {
        address.send(Word::Sent(n)).await.unwrap();
        own.send(n).unwrap();
    }
    (address, gate, heard)
}

#[tokio::test]
async fn neither_the_mailbox_nor_its_own_source_keeps_the_other_waiting() {
    let (_address, gate, heard) = flooded().await;
    gate.add_permits(1);
    let heard = heard.until(601).await;
    let kinds: Vec<_> = heard[1..].iter().map(|word| word.split(' ').next().unwrap()).collect();
    assert!(kinds.chunks(2).all(|pair| pair[0] != pair[1]), "{kinds:?}");
    for kind in ["sent", "own"] {
        let of_kind: Vec<_> = heard.iter().filter(|word| word.starts_with(kind)).cloned().collect();
        let in_order: Vec<_> = (0..300).map(|n| format!("{kind} {n}")).collect();
        assert_eq!(of_kind, in_order, "each is in its order");
    }
}

#[tokio::test]
async fn an_actor_told_to_stop_does_what_it_was_sent_and_reads_nothing_of_its_own_any_more() {
    let (address, gate, heard) = flooded().await;
    address.actor().stop(Shutdown::Infinity);
    gate.add_permits(1);
    assert_eq!(address.actor().ended().await, ExitReason::Shutdown);
    let sent = heard.all().iter().filter(|word| word.starts_with("sent")).count();
    assert_eq!((sent, heard.all().len()), (300, 301));
}

#[tokio::test]
async fn what_comes_to_its_own_source_wakes_an_idle_actor_and_counts_nowhere() {
    let (address, own, heard) = reader();
    for n in 0..5 {
        own.send(n).unwrap();
        heard.until(n as usize + 1).await;
        assert_eq!((address.depth(), address.capacity()), (0, 1_000));
    }
    assert_eq!(heard.all(), ["own 0", "own 1", "own 2", "own 3", "own 4"]);
}
